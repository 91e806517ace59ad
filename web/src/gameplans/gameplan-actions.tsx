import { Stack, Text } from '@mantine/core'
import { useRef } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'

type Gameplan = schemas['Gameplan']

/** Parameters of a change to a gameplan; `version` for `If-Match`, where it is decided about as it was read. */
export function parametersOf({ id }: Gameplan, { reason, key }: Confirmed, version?: number) {
  const header = { 'idempotency-key': key, ...(version !== undefined && { 'if-match': `"${version}"` }) }
  return { path: { id }, query: { reason }, header }
}

export function PauseGameplan({ gameplan }: { gameplan: Gameplan }) {
  return (
    <ConfirmButton
      label="Pause"
      title={`Pause “${gameplan.title}”?`}
      run={(confirmed) => client.POST('/api/admin/gameplans/{id}/pause', { params: parametersOf(gameplan, confirmed) })}
    >
      <Text size="sm">
        Nothing is done with its flag until somebody resumes it. Patches that are merged meanwhile are noted, and have
        their effects then.
      </Text>
    </ConfirmButton>
  )
}

export function ResumeGameplan({ gameplan }: { gameplan: Gameplan }) {
  return (
    <ConfirmButton
      label="Resume"
      title={`Resume “${gameplan.title}”?`}
      variant="filled"
      run={(confirmed) =>
        client.POST('/api/admin/gameplans/{id}/resume', { params: parametersOf(gameplan, confirmed) })
      }
    >
      <Text size="sm">
        It goes on where it is: what was merged meanwhile has its effect on the flag within seconds. A change request
        that was rejected, or a schedule that was cancelled, is made anew.
      </Text>
    </ConfirmButton>
  )
}

export function CancelGameplan({ gameplan }: { gameplan: Gameplan }) {
  const { title, version, flag } = gameplan
  const read = useRef(version)
  return (
    <ConfirmButton
      label="Cancel"
      title={`Cancel “${title}”?`}
      danger
      run={(confirmed) =>
        client.POST('/api/admin/gameplans/{id}/cancel', { params: parametersOf(gameplan, confirmed, read.current) })
      }
    >
      <Stack gap="sm">
        <Text size="sm">
          It ends for good.{' '}
          {flag && flag.state !== 'absent'
            ? `The flag ${flag.key} stays as it is; what would switch it is stopped: its change request and its schedule are cancelled, its release plan is paused.`
            : 'Nothing is left behind but its history.'}
        </Text>
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
