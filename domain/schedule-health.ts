import { z } from 'zod'
import { Environment, FlagKey, Instant } from './text.ts'

const seconds = z.number().nullable()
const Lateness = z
  .object({ applied: z.int(), p50: seconds, p90: seconds, p99: seconds })
  .meta({ description: 'Applied − due in seconds, of what was applied in that time; null when nothing was' })

const Figures = z.object({
  pending: z.int(),
  backlog: z.int().meta({ description: 'Due, and not applied yet' }),
  failedLastDay: z.int(),
  latenessLastHour: Lateness,
  latenessLastDay: Lateness,
})

const Named = z.object({ scheduleId: z.uuid(), flagKey: FlagKey, environment: Environment, scheduledAt: Instant })

export const ScheduleHealth = z
  .object({
    at: Instant,
    ...Figures.shape,
    oldestDue: Named.extend({ ageSeconds: z.number() })
      .nullable()
      .meta({ description: 'The one of the backlog that waits longest' }),
    nextDue: Named.nullable(),
    environments: z.array(z.object({ environment: Environment, ...Figures.shape })),
    relay: z
      .object({ waiting: z.int(), ageSeconds: z.number(), dead: z.int() })
      .meta({ description: 'Messages to Temporal that wait, since when the oldest does, and dead letters' }),
  })
  .meta({ id: 'ScheduleHealth' })
export type ScheduleHealth = z.infer<typeof ScheduleHealth>
