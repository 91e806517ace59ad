import { z } from 'zod'
import { DueTime } from './flag-schedule.ts'
import { strict } from './strict.ts'
import { Environment, Instant, textUpTo } from './text.ts'

/** What an application reads the flags of one environment with. The key itself is not kept, only its SHA-256. */
export const ApiKey = z
  .object({
    id: z.uuid(),
    name: z.string(),
    environment: Environment,
    expiresAt: Instant.nullable(),
    revokedAt: Instant.nullable(),
    createdBy: z.string(),
    createdAt: Instant,
  })
  .meta({ id: 'ApiKey' })
export type ApiKey = z.infer<typeof ApiKey>

export const NewApiKey = strict({
  name: textUpTo(200).min(1, 'must say what it is for'),
  environment: Environment,
  expiresAt: DueTime.optional(),
})
export type NewApiKey = z.infer<typeof NewApiKey>

/** The answer to its creation, the only one that has the key. */
export const CreatedApiKey = ApiKey.extend({
  key: z.string().nullable().meta({
    description:
      'Send it as `Authorization: Bearer …` or `X-API-Key`. Null when the request is a repeated one: it is shown once',
    example: 'il_production_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  }),
}).meta({ id: 'CreatedApiKey' })

/** What a key looks like: that of an environment, and 32 random bytes. */
export const API_KEY_PATTERN = /^il_[A-Za-z0-9._-]{1,100}_[A-Za-z0-9_-]{43}$/
