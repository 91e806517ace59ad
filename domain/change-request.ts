import { z } from 'zod'
import { DueTime } from './flag-schedule.ts'
import { Ulid } from './strategy.ts'
import { oneOf, strict } from './strict.ts'
import { Environment, Instant, Text, textUpTo } from './text.ts'

export const ChangeRequestState = oneOf([
  'draft',
  'in-review',
  'approved',
  'scheduled',
  'suspended',
  'failed',
  'applied',
  'rejected',
  'cancelled',
])
export type ChangeRequestState = z.infer<typeof ChangeRequestState>

export const LatePolicy = z.enum(['apply', 'expire', 'ask'], { error: 'must be apply, expire or ask' }).meta({
  description:
    'What becomes of it when the last approval comes after its time: it is applied at once, it is cancelled, or it stays approved and somebody decides',
})
export type LatePolicy = z.infer<typeof LatePolicy>

const Title = textUpTo(200).min(1, 'must not be empty')

/** What a request is beside its changes. Each field is a part of what is approved. */
const fields = { title: Title, description: Text, scheduledAt: DueTime.nullable(), latePolicy: LatePolicy }

export const NewChangeRequest = strict({
  title: fields.title,
  description: fields.description.default(''),
  scheduledAt: fields.scheduledAt.default(null).meta({ description: 'When it is applied, once it is approved' }),
  latePolicy: fields.latePolicy.default('ask'),
})
export type NewChangeRequest = z.infer<typeof NewChangeRequest>

export const ChangeRequestEdit = strict({
  title: fields.title.optional(),
  description: fields.description.optional(),
  scheduledAt: fields.scheduledAt.optional().meta({ description: 'null: somebody applies it' }),
  latePolicy: fields.latePolicy.optional(),
}).refine((edit) => Object.keys(edit).length > 0, 'must name at least one field to change')
export type ChangeRequestEdit = z.infer<typeof ChangeRequestEdit>

export const ScheduleRequest = strict({
  scheduledAt: DueTime.optional().meta({ description: 'Another time than the one it has' }),
})

export const ApplyRequest = strict({
  force: z
    .boolean({ error: 'must be true or false' })
    .default(false)
    .meta({ description: 'Although what it is about was changed since. Needs a reason' }),
})

const Value = z.unknown()

/** Something that was changed since somebody decided about it. */
export const ChangeConflict = z
  .object({
    changeId: Ulid,
    target: z.string().meta({ example: 'flag new-checkout' }),
    kind: z
      .enum(['changed', 'gone', 'exists', 'archived'])
      .meta({ description: 'Only what was `changed` can be rebased, or forced' }),
    field: z.string().nullable(),
    before: Value.meta({ description: 'As it was when the change was added' }),
    now: Value,
    wanted: Value,
    event: z
      .object({ id: z.int(), type: z.string(), actor: z.string(), createdAt: Instant })
      .nullable()
      .meta({ description: 'The other change and who made it' }),
  })
  .meta({ id: 'ChangeConflict' })
export type ChangeConflict = z.infer<typeof ChangeConflict>

export const Change = z
  .object({
    id: Ulid,
    action: z.string(),
    flagKey: z.string().nullable(),
    payload: z.record(z.string(), z.unknown()),
    snapshot: z.record(z.string(), z.unknown()).nullable().meta({
      description: 'What it is about, as it was when the change was added or rebased; null: it was not there',
    }),
    snapshotAt: Instant,
    createdBy: z.string(),
    createdAt: Instant,
  })
  .meta({ id: 'Change' })
export type Change = z.infer<typeof Change>

const Approval = z
  .object({
    approver: z.string(),
    comment: z.string().nullable(),
    scheduledAt: Instant.nullable().meta({ description: 'The time that was approved; null: any' }),
    contentHash: z.string().meta({ description: 'SHA-256 of what was approved' }),
    revokedAt: Instant.nullable().meta({ description: 'When what was approved was changed' }),
    createdAt: Instant,
  })
  .meta({ id: 'ChangeRequestApproval' })
export type Approval = z.infer<typeof Approval>

export const ChangeRequestSummary = z
  .object({
    id: Ulid,
    environment: Environment,
    title: z.string(),
    description: z.string(),
    state: ChangeRequestState,
    stateReason: z.string().nullable().meta({ description: 'Why it is in this state, where that is not obvious' }),
    scheduledAt: Instant.nullable(),
    latePolicy: LatePolicy,
    authors: z.array(z.string()).meta({ description: 'All who had a hand in it: none of them approves it' }),
    version: z.int().meta({ description: 'Counts changes of it, other than approvals; also the ETag' }),
    appliedAt: Instant.nullable(),
    appliedRevision: z.int().nullable().meta({ description: 'null when applications see no difference' }),
    createdBy: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'ChangeRequestSummary' })
export type ChangeRequestSummary = z.infer<typeof ChangeRequestSummary>

export const ChangeRequest = ChangeRequestSummary.extend({
  contentHash: z.string().meta({ description: 'SHA-256 of what would be approved now' }),
  changes: z.array(Change),
  requiredApprovals: z.int(),
  approvals: z.array(Approval),
  conflicts: z.array(ChangeConflict),
  problem: z.record(z.string(), z.unknown()).nullable().meta({
    description: 'Of one that failed: `changeId` and what was refused. Of one that is suspended: `conflicts`',
  }),
  workflowId: z.string().meta({ description: 'Its workflow at Temporal, while it is scheduled or suspended' }),
}).meta({ id: 'ChangeRequest' })
export type ChangeRequest = Omit<z.infer<typeof ChangeRequest>, 'workflowId'>
