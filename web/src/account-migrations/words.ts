import type { schemas } from '../api/schema.ts'
import type { StatusName } from '../components/status.tsx'

type Migration = schemas['AccountMigration']
type Cohort = Migration['cohorts'][number]

export const count = (many: number) => many.toLocaleString('en')

/** `1 account`, `1,200 accounts` */
export const accountsOf = (many: number) => `${count(many)} ${many === 1 ? 'account' : 'accounts'}`

export const nameOf = ({ name, id }: Migration) => name || `Migration ${id.slice(0, 8)}`

/** Of its progress. */
export const COLORS: Record<Migration['status'], string> = {
  running: 'blue',
  paused: 'yellow',
  halted: 'red',
  stopped: 'gray',
  done: 'teal',
  'rolled-back': 'gray',
}

export function statusOf({ status, direction }: Migration): StatusName {
  return status === 'running' && direction === 'back' ? 'going-back' : status
}

/** `10 % of all accounts`, `3 accounts by name` */
export function cohortWords({ accounts, percentage }: Cohort): string {
  return accounts ? `${accountsOf(accounts.length)} by name` : `${percentage} % of all accounts`
}

/** Accounts that this migration has begun, so that they are in both stores or in the current one. */
export const begunOf = ({ accounts: { moving, moved } }: Migration) => moving + moved
