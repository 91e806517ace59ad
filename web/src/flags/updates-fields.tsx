import { NativeSelect, NumberInput, Text } from '@mantine/core'
import classes from './fields.module.css'
import { updatesText } from './updates-text.ts'

/** What is to change, as it is typed; `others` are updates that have no field here, and are kept. */
export interface UpdatesDraft {
  enabled: '' | 'true' | 'false'
  rolloutPercentage: number | string
  others: Record<string, unknown>
}

export const NO_UPDATES: UpdatesDraft = { enabled: '', rolloutPercentage: '', others: {} }

export function draftOfUpdates({ enabled, rolloutPercentage, ...others }: Record<string, unknown>): UpdatesDraft {
  return {
    enabled: typeof enabled === 'boolean' ? (`${enabled}` as const) : '',
    rolloutPercentage: typeof rolloutPercentage === 'number' ? rolloutPercentage : '',
    others,
  }
}

export function updatesOf({ enabled, rolloutPercentage, others }: UpdatesDraft) {
  return {
    ...(enabled && { enabled: enabled === 'true' }),
    ...(typeof rolloutPercentage === 'number' && { rolloutPercentage }),
    ...others,
  }
}

/** What changes at a time: the state, the rollout. */
export function UpdatesFields({
  draft,
  change,
  size = 'sm',
}: {
  draft: UpdatesDraft
  change: (changed: Partial<UpdatesDraft>) => void
  size?: 'xs' | 'sm'
}) {
  const kept = updatesText(draft.others)
  return (
    <div>
      <div className={classes.pair}>
        <NativeSelect
          size={size}
          label="State"
          value={draft.enabled}
          onChange={({ currentTarget: { value } }) => change({ enabled: value as UpdatesDraft['enabled'] })}
          data={[
            { value: '', label: 'Leave as it is then' },
            { value: 'true', label: 'On' },
            { value: 'false', label: 'Off' },
          ]}
        />
        <NumberInput
          size={size}
          label="Rollout"
          placeholder="Leave as it is then"
          suffix=" %"
          min={0}
          max={100}
          clampBehavior="strict"
          allowDecimal={false}
          value={draft.rolloutPercentage}
          onChange={(rolloutPercentage) => change({ rolloutPercentage })}
        />
      </div>
      {kept && (
        <Text size="xs" mt={4} className="quiet">
          And {kept}, as it says now.
        </Text>
      )}
    </div>
  )
}
