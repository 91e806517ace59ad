import { z } from 'zod'
import { Instant } from './text.ts'

const Door = z.enum(['http', 'signal', 'temporal', 'schedule', 'change-request', 'gameplan'])

/** Who asks for a change, and through which door. */
export interface Origin {
  /** Subject of the token, identity of the operator, or `interlock` for what the product does by itself. */
  actor: string
  door: z.infer<typeof Door>
  reason?: string | undefined
  requestId?: string | undefined
}

/** Of what the product does by itself, when its time has come. */
export const BY_ITSELF: Origin = { actor: 'interlock', door: 'schedule' }

export const EventType = z.enum(
  [
    'flag-created',
    'flag-updated',
    'flag-archived',
    'flag-revived',
    'schedule-created',
    'schedule-updated',
    'schedule-cancelled',
    'schedule-applied',
    'schedule-failed',
    'recurrence-created',
    'recurrence-updated',
    'recurrence-paused',
    'recurrence-resumed',
    'recurrence-ended',
    'schedule-retried',
    'schedules-purged',
    'release-created',
    'release-updated',
    'release-cancelled',
    'release-applied',
    'release-failed',
    'freeze-created',
    'freeze-updated',
    'freeze-deleted',
    'feature-strategy-add',
    'feature-strategy-update',
    'feature-strategy-remove',
    'feature-strategies-reordered',
    'segment-created',
    'segment-updated',
    'segment-deleted',
    'environment-updated',
    'release-plan-template-created',
    'release-plan-template-updated',
    'release-plan-template-archived',
    'release-plan-added',
    'release-plan-removed',
    'release-plan-started',
    'release-plan-paused',
    'release-plan-resumed',
    'release-plan-completed',
    'milestone-started',
    'milestone-approved',
    'milestone-updated',
    'safeguard-added',
    'safeguard-removed',
    'safeguard-triggered',
    'change-request-created',
    'change-request-updated',
    'change-request-deleted',
    'change-request-submitted',
    'change-request-approved',
    'change-request-rejected',
    'change-request-scheduled',
    'change-request-suspended',
    'change-request-rebased',
    'change-request-applied',
    'change-request-failed',
    'change-request-cancelled',
    'gameplan-created',
    'gameplan-revised',
    'gameplan-started',
    'gameplan-paused',
    'gameplan-resumed',
    'gameplan-cancelled',
    'gameplan-completed',
    'gameplan-patch-merged',
    'gameplan-patch-skipped',
    'gameplan-patch-reverted',
    'gameplan-criterion-changed',
    'gameplan-question-changed',
    'gameplan-flag-changed',
    'gameplan-flag-refused',
    'outbox-requeued',
    'policy-created',
    'policy-run-started',
    'policy-run-changed',
    'policy-run-cancelled',
    'policy-run-failed',
    'policy-run-resumed',
    'policy-run-succeeded',
    'policy-promoted',
    'account-created',
    'account-updated',
    'account-mode-changed',
    'account-migration-started',
    'account-migration-changed',
    'account-migration-paused',
    'account-migration-resumed',
    'account-migration-halted',
    'account-migration-stopped',
    'account-migration-rollback',
    'account-migration-cohort-started',
    'account-migration-cohort-moved',
    'account-migration-done',
    'account-migration-rolled-back',
    'account-migration-cleaned',
    'api-key-created',
    'api-key-revoked',
  ],
  { error: 'must be types of events, such as flag-created' },
)
export type EventType = z.infer<typeof EventType>

/** What a store function says about its change; who and why are added by the transaction. */
export interface NewEvent {
  type: EventType
  environment?: string
  flagKey?: string
  flagId?: string
  scheduleId?: string
  policyVersion?: number
  runId?: string
  revision?: number | null
  /** Another one than the transaction's: that of the change request that a change is part of. */
  door?: Origin['door']
  data: Record<string, unknown>
}

export const Event = z
  .object({
    id: z.int(),
    type: EventType,
    environment: z.string().nullable(),
    flagKey: z.string().nullable(),
    scheduleId: z.uuid().nullable(),
    policyVersion: z.int().nullable(),
    runId: z.uuid().nullable(),
    actor: z.string(),
    door: Door,
    reason: z.string().nullable(),
    requestId: z.string().nullable(),
    revision: z.int().nullable(),
    data: z.record(z.string(), z.unknown()),
    createdAt: Instant,
  })
  .meta({ id: 'Event' })
export type Event = z.infer<typeof Event>
