import { z } from 'zod'
import { AccountId, AccountMode } from './account.ts'
import { between, oneOf, strict } from './strict.ts'
import { Instant, Text } from './text.ts'

/** The generation of the protocol of notes that this code speaks: epochs, versions, tombstones. */
export const NOTE_PROTOCOL = 1

const PERCENTAGE_RULE = 'must be a number above 0 and up to 100'
const Percentage = z
  .number({ error: PERCENTAGE_RULE })
  .gt(0, PERCENTAGE_RULE)
  .max(100, PERCENTAGE_RULE)
  .meta({ description: 'Of all accounts, by a hash of the id: a higher one has those of a lower one' })

const IDS_RULE = 'must be 1 to 5000 ids of accounts'
const COHORT_RULE = 'must have exactly one of accounts and percentage'
const Cohort = strict({
  accounts: z.array(AccountId, { error: IDS_RULE }).min(1, IDS_RULE).max(5_000, IDS_RULE).optional(),
  percentage: Percentage.optional(),
}).refine((cohort) => (cohort.accounts === undefined) !== (cohort.percentage === undefined), COHORT_RULE)
export type Cohort = z.infer<typeof Cohort>

const COHORTS_RULE = 'must be 1 to 100 cohorts, each with accounts or a percentage'

const batchSize = between(1, 2_000).meta({ description: 'Notes moved in one batch' })
const delayMs = between(0, 10_000).meta({ description: 'Pause after each batch, in milliseconds: slows it down' })
const parallelism = between(1, 8).meta({ description: 'Accounts, or ranges of a huge one, worked on side by side' })

export const NewAccountMigration = strict({
  name: Text.default(''),
  cohorts: z.array(Cohort, { error: COHORTS_RULE }).min(1, COHORTS_RULE).max(100, COHORTS_RULE),
  pauseBetween: between(0, 2_592_000).default(0).meta({ description: 'Seconds between two cohorts' }),
  batchSize: batchSize.default(500),
  delayMs: delayMs.default(0),
  parallelism: parallelism.default(4),
}).refine(
  ({ cohorts }) => {
    const ramp = cohorts.flatMap(({ percentage }) => percentage ?? [])
    return ramp.every((percentage, n) => n === 0 || percentage > (ramp[n - 1] as number))
  },
  { path: ['cohorts'], message: 'must have percentages that rise from cohort to cohort' },
)
export type NewAccountMigration = z.infer<typeof NewAccountMigration>

export const MigrationPace = strict({
  batchSize: batchSize.optional(),
  delayMs: delayMs.optional(),
  parallelism: parallelism.optional(),
}).refine((pace) => Object.keys(pace).length > 0, 'must name at least one of batchSize, delayMs, parallelism')
export type MigrationPace = z.infer<typeof MigrationPace>

export const MigrationStatus = z
  .enum(['running', 'paused', 'halted', 'stopped', 'done', 'rolled-back'])
  .meta({ description: 'halted: by itself, because something is not as it must be; see reason and findings' })
export type MigrationStatus = z.infer<typeof MigrationStatus>

export const MigrationFinding = z.object({
  accountId: AccountId,
  id: z.string().nullable().meta({ description: 'The note; null for a finding about the whole account' }),
  kind: z.enum(['behind', 'differs', 'left']).meta({
    description:
      'behind: not moved; differs: the stores hold different things of one version; left: in the store that the account has left',
  }),
  sourceVersion: z.int().nullable(),
  destinationVersion: z.int().nullable(),
})
export type MigrationFinding = z.infer<typeof MigrationFinding>

export const AccountMigration = z
  .object({
    id: z.uuid(),
    workflowId: z.string().meta({ description: 'Its workflow in Temporal' }),
    name: z.string(),
    status: MigrationStatus,
    direction: z.enum(['forward', 'back']),
    cohorts: z.array(Cohort),
    cohort: z.int().meta({ description: 'The cohort under way, from 1' }),
    nextAt: Instant.nullable().meta({ description: 'When the cohort begins, while it waits' }),
    pauseBetween: z.int(),
    batchSize: z.int(),
    delayMs: z.int(),
    parallelism: z.int(),
    accounts: z.object({ pending: z.int(), moving: z.int(), moved: z.int(), returned: z.int() }),
    notes: z.object({ total: z.int(), moved: z.int() }).meta({ description: 'Of the accounts that were counted' }),
    progress: z.number(),
    ratePerSecond: z.number().nullable(),
    etaSeconds: z.number().nullable(),
    reason: z.string().nullable().meta({ description: 'Why it is paused, halted or stopped' }),
    findings: z.array(MigrationFinding),
    failingSince: Instant.nullable(),
    lastError: z.string().nullable(),
    createdBy: z.string(),
    startedAt: Instant,
    finishedAt: Instant.nullable(),
    cleanAfter: Instant.nullable().meta({ description: 'When the way back closes' }),
    cleanedAt: Instant.nullable(),
  })
  .meta({ id: 'AccountMigration' })
export type AccountMigration = z.infer<typeof AccountMigration>

export const MigrationAccountStatus = oneOf(['pending', 'moving', 'moved', 'returned'])
export type MigrationAccountStatus = z.infer<typeof MigrationAccountStatus>

export const MigrationAccount = z
  .object({
    accountId: AccountId,
    cohort: z.int(),
    status: MigrationAccountStatus,
    mode: AccountMode,
    epoch: z.int(),
    total: z.int().nullable(),
    moved: z.int(),
    ranges: z.int(),
    rangesDone: z.int(),
  })
  .meta({ id: 'MigrationAccount' })
export type MigrationAccount = z.infer<typeof MigrationAccount>

export const MigrationVerification = z
  .object({
    accounts: z.int().meta({ description: 'Accounts that were looked at' }),
    complete: z.boolean().meta({ description: 'false: the time was over before all of them' }),
    findings: z.array(MigrationFinding),
  })
  .meta({ id: 'MigrationVerification' })
export type MigrationVerification = z.infer<typeof MigrationVerification>

export const NoteInstance = z
  .object({
    id: z.uuid(),
    kind: z.enum(['api', 'worker']),
    host: z.string(),
    build: z.string(),
    protocol: z.int(),
    role: z.string(),
    behind: z
      .int()
      .meta({ description: 'Accounts that it believes to be of an older epoch; the stores refuse it there' }),
    startedAt: Instant,
    seenAt: Instant,
    leaseUntil: Instant,
    live: z.boolean(),
  })
  .meta({ id: 'NoteInstance' })
export type NoteInstance = z.infer<typeof NoteInstance>

/** Somebody who could write notes without knowing of epochs, as a refusal names them. */
export interface OldInstance {
  instance: string
  build: string
  lastSeen: string
  /** How it is known: by its lease, or by its connection to a store. */
  where: 'registry' | 'legacy' | 'current'
}
