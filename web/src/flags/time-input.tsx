import { Text, TextInput } from '@mantine/core'
import { utc } from '../components/time.ts'
import { inWords, readWallClock, ZONE } from './wall-clock.ts'

/** A time by the user's clock, with what it is in UTC, and what a change of clocks does to it. */
export function TimeInput({
  label,
  value,
  onChange,
  required = false,
  size,
}: {
  label: string
  value: string
  onChange: (value: string) => void
  required?: boolean
  size?: 'xs'
}) {
  const read = readWallClock(value)
  return (
    <div>
      <TextInput
        type="datetime-local"
        step={1}
        size={size ?? 'sm'}
        label={label}
        description={`In your time zone, ${ZONE}`}
        required={required}
        withAsterisk={false}
        value={value}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      />
      {read && (
        <Text size="xs" mt={4} className="figure" role="status">
          {inWords(read.at)} · {utc(read.at)}
          {read.remark && (
            <Text span display="block" size="xs" fw={600}>
              {read.remark}
            </Text>
          )}
        </Text>
      )}
    </div>
  )
}
