import { Group, NativeSelect, NumberInput, Stack, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { TimeInput } from '../flags/time-input.tsx'
import { readWallClock } from '../flags/wall-clock.ts'
import { parametersOf } from './gameplan-actions.tsx'
import { counted, patchesNamed } from './words.ts'

type Gameplan = schemas['Gameplan']
type Activation = schemas['GameplanActivationInput']

const HOWS = [
  { value: 'at-once', label: 'at once' },
  { value: 'after', label: 'some time later, by a schedule' },
  { value: 'at', label: 'at a time, by a schedule' },
  { value: 'release-plan', label: 'by a release plan, milestone by milestone' },
]

const HOUR = 3_600

/** Starts a draft, and says how its flag is to be switched when it comes to that. */
export function StartGameplan({ gameplan }: { gameplan: Gameplan }) {
  const { title, version, flag, patches } = gameplan
  const read = useRef(version)
  const [how, setHow] = useState('at-once')
  const [hours, setHours] = useState<string | number>(24)
  const [time, setTime] = useState('')
  const [chosen, setChosen] = useState('')
  const templates = useRead('/api/admin/release-plan-templates', { query: { limit: 100 } }).data
  const templateId = chosen || templates?.[0]?.id
  const first = patches.filter(({ dependencies }) => dependencies.length === 0).map(({ id }) => id)

  const activation = (): Activation => {
    if (how === 'after') return { how: 'schedule', afterSeconds: Math.round(Number(hours) * HOUR) }
    if (how === 'at') return { how: 'schedule', scheduledAt: readWallClock(time)?.at.toISOString() ?? '' }
    return how === 'release-plan' ? { how, templateId: templateId ?? '' } : { how: 'at-once' }
  }

  return (
    <ConfirmButton
      label="Start"
      title={`Start “${title}”?`}
      variant="filled"
      run={(confirmed) =>
        client.POST('/api/admin/gameplans/{id}/start', {
          params: parametersOf(gameplan, confirmed, read.current),
          body: flag ? { activation: activation() } : {},
        })
      }
    >
      <Stack gap="sm">
        <Text size="sm">
          {counted(patches.length, 'patch', 'patches')} are followed from now on; {patchesNamed(first)} can be merged
          first.{' '}
          {flag
            ? `The flag ${flag.key} is created, off, when Patch ${flag.introduced} is merged, and switched when Patch ${flag.activated} is.`
            : 'It has no flag.'}
        </Text>
        {flag && (
          <NativeSelect
            label={`When Patch ${flag.activated} is merged, ${flag.key} is switched`}
            value={how}
            onChange={({ currentTarget }) => setHow(currentTarget.value)}
            data={HOWS}
          />
        )}
        {how === 'after' && (
          <Group gap="xs" align="flex-end">
            <NumberInput label="Hours after the merge" min={0.001} max={87_600} value={hours} onChange={setHours} />
          </Group>
        )}
        {how === 'at' && <TimeInput label="At" required value={time} onChange={setTime} />}
        {how === 'release-plan' && (
          <NativeSelect
            label="Template of the plan"
            required
            withAsterisk={false}
            description={
              templates?.length === 0 ? 'There is none. Write one under Release plans.' : 'The plan is made of it then'
            }
            value={templateId ?? ''}
            onChange={({ currentTarget }) => setChosen(currentTarget.value)}
            data={(templates ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          />
        )}
        <AsRead version={version} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
