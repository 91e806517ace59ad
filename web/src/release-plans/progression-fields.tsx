import { Checkbox, Group, NativeSelect, NumberInput, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import type { schemas } from '../api/schema.ts'

type Progression = schemas['Milestone']['progression']

const UNITS = [
  { value: '86400', label: 'days' },
  { value: '3600', label: 'hours' },
  { value: '60', label: 'minutes' },
  { value: '1', label: 'seconds' },
]

/** What the next milestone waits for: a time, an approval, both, or somebody's hand. */
export function ProgressionFields({ value, onChange }: { value: Progression; onChange: (value: Progression) => void }) {
  const { afterSeconds, approval = false } = value ?? {}
  const [unit, setUnit] = useState(
    () =>
      UNITS.find((known) => afterSeconds !== undefined && afterSeconds % Number(known.value) === 0)?.value ?? '3600',
  )
  const set = (seconds: number | undefined, approved: boolean) => {
    const after = seconds === undefined ? {} : { afterSeconds: seconds }
    onChange(seconds === undefined && !approved ? null : { ...after, approval: approved })
  }
  return (
    <Stack gap={6}>
      <Group gap="xs" align="flex-end">
        <NumberInput
          size="xs"
          w={110}
          label="Goes on after"
          placeholder="no time"
          min={0}
          value={afterSeconds === undefined ? '' : afterSeconds / Number(unit)}
          onChange={(many) => set(many === '' ? undefined : Math.round(Number(many) * Number(unit)), approval)}
        />
        <NativeSelect
          size="xs"
          aria-label="Unit"
          value={unit}
          onChange={({ currentTarget }) => {
            setUnit(currentTarget.value)
            if (afterSeconds !== undefined) {
              set(Math.round((afterSeconds / Number(unit)) * Number(currentTarget.value)), approval)
            }
          }}
          data={UNITS}
        />
        <Checkbox
          size="xs"
          mb={6}
          label="and an approval"
          checked={approval}
          onChange={({ currentTarget }) => set(afterSeconds, currentTarget.checked)}
        />
      </Group>
      {value === null && (
        <Text size="xs" className="quiet">
          Neither: somebody starts the next one by hand.
        </Text>
      )}
    </Stack>
  )
}
