import { Radio, Stack, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { TimeInput } from '../flags/time-input.tsx'
import { readWallClock } from '../flags/wall-clock.ts'
import { useEnvironment } from '../shell/address.ts'
import { Overlap } from './overlap.tsx'
import { ALWAYS, MODES } from './words.ts'

type Mode = schemas['Freeze']['mode']

const EMPTY = { from: '', to: '', why: '', mode: 'refuse' as Mode }

export function NewFreeze() {
  const environment = useEnvironment()
  const [draft, setDraft] = useState(EMPTY)
  const change = (changed: Partial<typeof EMPTY>) => setDraft({ ...draft, ...changed })
  const [from, to] = [readWallClock(draft.from)?.at, readWallClock(draft.to)?.at]
  return (
    <ConfirmButton
      label="Freeze"
      title={`Freeze ${environment}`}
      variant="filled"
      run={async ({ reason, key }) => {
        await client.POST('/api/admin/freezes', {
          params: { query: { reason }, header: { 'idempotency-key': key } },
          body: {
            environment,
            from: from?.toISOString() ?? '',
            to: to?.toISOString() ?? '',
            reason: draft.why.trim(),
            mode: draft.mode,
          },
        })
        setDraft(EMPTY)
      }}
    >
      <Stack gap="sm">
        <TextInput
          label="Why it is frozen"
          description="Told to whoever is refused"
          maxLength={2000}
          required
          withAsterisk={false}
          value={draft.why}
          onChange={({ currentTarget }) => change({ why: currentTarget.value })}
        />
        <TimeInput label="From" required value={draft.from} onChange={(value) => change({ from: value })} />
        <TimeInput label="Until" required value={draft.to} onChange={(value) => change({ to: value })} />
        <Radio.Group
          label="What would be due inside"
          value={draft.mode}
          onChange={(mode) => change({ mode: mode as Mode })}
        >
          <Stack gap={6} mt={4}>
            {(Object.keys(MODES) as Mode[]).map((mode) => (
              <Radio key={mode} size="xs" value={mode} label={MODES[mode].label} description={MODES[mode].meanwhile} />
            ))}
          </Stack>
        </Radio.Group>
        <Text size="sm">{ALWAYS}</Text>
        {from && to && from < to && <Overlap environment={environment} from={from} to={to} mode={draft.mode} />}
      </Stack>
    </ConfirmButton>
  )
}
