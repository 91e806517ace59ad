import { Group, NumberInput } from '@mantine/core'

export interface Pace {
  batchSize: string | number
  delayMs: string | number
  parallelism: string | number
}

/** How fast accounts are moved. */
export function PaceFields({ value, onChange }: { value: Pace; onChange: (value: Pace) => void }) {
  return (
    <Group grow gap="xs" align="flex-end">
      <NumberInput
        label="Notes a batch"
        min={1}
        max={2_000}
        allowDecimal={false}
        required
        withAsterisk={false}
        value={value.batchSize}
        onChange={(batchSize) => onChange({ ...value, batchSize })}
      />
      <NumberInput
        label="Pause (ms)"
        min={0}
        max={10_000}
        allowDecimal={false}
        required
        withAsterisk={false}
        value={value.delayMs}
        onChange={(delayMs) => onChange({ ...value, delayMs })}
      />
      <NumberInput
        label="Side by side"
        min={1}
        max={8}
        allowDecimal={false}
        required
        withAsterisk={false}
        value={value.parallelism}
        onChange={(parallelism) => onChange({ ...value, parallelism })}
      />
    </Group>
  )
}

export const paceOf = ({ batchSize, delayMs, parallelism }: Pace) => ({
  batchSize: Number(batchSize),
  delayMs: Number(delayMs),
  parallelism: Number(parallelism),
})
