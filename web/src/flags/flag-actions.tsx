import { Text } from '@mantine/core'
import { useRef } from 'react'
import { client } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { EditFlag } from './edit-flag.tsx'
import { editFlag, parametersOf } from './flag-write.ts'
import { PENDING_SHOWN } from './schedules.tsx'

type Flag = schemas['Flag']

/** What can be done with the flag as a whole. What was changed meanwhile is not overwritten. */
export function FlagActions({ flag }: { flag: Flag }) {
  if (flag.archivedAt) return <Revive flag={flag} />
  return (
    <>
      <Switch flag={flag} />
      <EditFlag flag={flag} />
      <Archive flag={flag} />
    </>
  )
}

function Switch({ flag }: { flag: Flag }) {
  const read = useRef(flag.revision)
  const { key, enabled, rolloutPercentage, environment } = flag
  return (
    <ConfirmButton
      label={enabled ? 'Switch off' : 'Switch on'}
      title={`Switch ${key} ${enabled ? 'off' : 'on'}?`}
      danger={enabled}
      run={(confirmed) => editFlag(flag, read, { enabled: !enabled }, confirmed)}
    >
      <Text size="sm">
        {enabled
          ? `At once nobody in ${environment} has it any more.`
          : `At once it is on in ${environment}, for ${rolloutPercentage} % of those that its strategies match.`}{' '}
        What is scheduled stays scheduled.
      </Text>
      <AsRead version={flag.revision} read={read} />
    </ConfirmButton>
  )
}

function Archive({ flag }: { flag: Flag }) {
  const read = useRef(flag.revision)
  const { key: flagKey, environment } = flag
  const { data: pending } = useRead('/api/admin/flags/{flagKey}/schedule', {
    path: { flagKey },
    query: { environment, status: 'pending', limit: PENDING_SHOWN },
  })
  const count =
    pending === undefined ? 'all' : pending.length < PENDING_SHOWN ? pending.length : `${PENDING_SHOWN} or more`
  return (
    <ConfirmButton
      label="Archive"
      title={`Archive ${flagKey}?`}
      danger
      run={(confirmed) => client.DELETE('/api/admin/flags/{flagKey}', { params: parametersOf(flag, read, confirmed) })}
    >
      <Text size="sm">
        Applications in {environment} do not see it any more. Cancels its pending schedules ({count}) and ends its
        recurrences for good. It can be brought back, without them.
      </Text>
      <AsRead version={flag.revision} read={read} />
    </ConfirmButton>
  )
}

function Revive({ flag }: { flag: Flag }) {
  const read = useRef(flag.revision)
  return (
    <ConfirmButton
      label="Bring back"
      title={`Bring ${flag.key} back?`}
      run={(confirmed) => editFlag(flag, read, { archived: false }, confirmed)}
    >
      <Text size="sm">
        Applications in {flag.environment} see it again, {flag.enabled ? 'on' : 'off'} as it was. What was scheduled
        when it was archived stays cancelled.
      </Text>
      <AsRead version={flag.revision} read={read} />
    </ConfirmButton>
  )
}
