import { z } from 'zod'
import { Instant } from './flag.ts'

/** Who asks for a change, and through which door. */
export interface Origin {
  /** Subject of the token, identity of the operator, or `interlock` for what the product does by itself. */
  actor: string
  door: 'http' | 'signal' | 'temporal' | 'schedule'
  reason?: string | undefined
  requestId?: string | undefined
}

export const EventType = z.enum([
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
  'freeze-created',
  'freeze-updated',
  'freeze-deleted',
  'outbox-requeued',
  'policy-created',
  'policy-run-started',
  'policy-run-changed',
  'policy-run-cancelled',
  'policy-run-failed',
  'policy-run-resumed',
  'policy-run-succeeded',
  'policy-promoted',
])
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
    door: z.enum(['http', 'signal', 'temporal', 'schedule']),
    reason: z.string().nullable(),
    requestId: z.string().nullable(),
    revision: z.int().nullable(),
    data: z.record(z.string(), z.unknown()),
    createdAt: Instant,
  })
  .meta({ id: 'Event' })
export type Event = z.infer<typeof Event>
