import { TextInput } from '@mantine/core'

/** Why somebody changes something; kept with the event. */
export function ReasonInput({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <TextInput
      label="Reason"
      description="Kept in the audit trail (optional)"
      maxLength={2000}
      value={value}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
    />
  )
}
