import { TextInput } from '@mantine/core'
import { draftOfUpdates, UpdatesFields, updatesOf } from '../flags/updates-fields.tsx'
import type { FieldsOf } from './change-fields.tsx'

/** State, rollout and description of a flag that is there or is made. */
export function FlagFields({ draft: { action, payload }, set }: FieldsOf) {
  const { key, description, enabled, rolloutPercentage } = payload
  const updates = draftOfUpdates({ enabled, rolloutPercentage })
  const made = action === 'createFlag'
  return (
    <>
      {made && (
        <TextInput
          label="Key"
          description="Letters, digits and . _ -; it cannot be changed"
          required
          withAsterisk={false}
          value={String(key ?? '')}
          onChange={({ currentTarget }) => set({ key: currentTarget.value })}
        />
      )}
      <UpdatesFields
        draft={updates}
        change={(changed) =>
          set({
            enabled: undefined,
            rolloutPercentage: undefined,
            ...updatesOf({ ...updates, ...changed, others: {} }),
          })
        }
      />
      <TextInput
        label="Description"
        placeholder={made ? undefined : 'Leave as it is then'}
        maxLength={2000}
        value={String(description ?? '')}
        onChange={({ currentTarget }) => set({ description: currentTarget.value || undefined })}
      />
    </>
  )
}
