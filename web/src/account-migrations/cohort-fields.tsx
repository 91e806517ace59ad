import { CloseButton, NativeSelect, NumberInput, Textarea } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import classes from './migrations.module.css'

export interface CohortDraft {
  kind: 'percentage' | 'accounts'
  percentage: string | number
  /** Ids, with spaces, commas or lines between them. */
  accounts: string
}

/** Which accounts are moved together: a share of all, or those that are named. */
export function CohortFields({
  place,
  value,
  onChange,
  onRemove,
}: {
  place: number
  value: CohortDraft
  onChange: (value: CohortDraft) => void
  onRemove: (() => void) | undefined
}) {
  return (
    <div className={classes.cohort}>
      <NativeSelect
        size="xs"
        aria-label={`Cohort ${place} is`}
        value={value.kind}
        onChange={({ currentTarget }) => onChange({ ...value, kind: currentTarget.value as CohortDraft['kind'] })}
        data={[
          { value: 'percentage', label: 'A share of all' },
          { value: 'accounts', label: 'Accounts by name' },
        ]}
      />
      {value.kind === 'percentage' ? (
        <NumberInput
          size="xs"
          aria-label={`Percentage of cohort ${place}`}
          suffix=" %"
          min={0.01}
          max={100}
          required
          value={value.percentage}
          onChange={(percentage) => onChange({ ...value, percentage })}
        />
      ) : (
        <Textarea
          size="xs"
          aria-label={`Accounts of cohort ${place}`}
          placeholder="acme, globex"
          autosize
          maxRows={6}
          required
          value={value.accounts}
          onChange={({ currentTarget }) => onChange({ ...value, accounts: currentTarget.value })}
        />
      )}
      <CloseButton size="sm" aria-label={`Remove cohort ${place}`} disabled={!onRemove} onClick={onRemove} />
    </div>
  )
}

/** A cohort as the API takes it. */
export function cohortOf({ kind, percentage, accounts }: CohortDraft): schemas['AccountMigration']['cohorts'][number] {
  if (kind === 'percentage') return { percentage: Number(percentage) }
  return { accounts: accounts.split(/[\s,]+/).filter((id) => id !== '') }
}
