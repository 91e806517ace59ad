import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type Database, query } from '../../store/database.ts'
import type { LastPoll } from '../../temporal/pollers.ts'
import type { ConfigurationFollower } from '../snapshot.ts'

const Check = z.object({ ok: z.boolean(), detail: z.string() })
const Readiness = z
  .object({
    ready: z.boolean(),
    checks: z.object({ postgres: Check, configuration: Check, temporal: Check, worker: Check }),
  })
  .meta({ id: 'Readiness' })

/** What `/readyz` asks of Temporal; see `temporal/pollers.ts`. */
export interface TemporalHealth {
  /** When workers last asked for tasks. Rejects when Temporal cannot be reached. */
  lastPoll(): Promise<LastPoll>
}

const CHECK_WITHIN_MS = 3_000

/** It looks once a second; who has not heard for so long may serve what is not true any more. */
const BEHIND_MS = 5_000

export function healthRoutes({
  db,
  configuration,
  temporal,
}: {
  db: Database
  configuration: ConfigurationFollower
  temporal: TemporalHealth
}): FastifyPluginAsyncZod {
  const checkConfiguration = () => {
    const age = configuration.age()
    if (age === undefined) return { ok: false, detail: 'has not been read yet' }
    const detail = `serves revision ${configuration.current().revision}, which was current ${(age / 1000).toFixed(1)} s ago`
    return { ok: age < BEHIND_MS, detail }
  }
  const checkPostgres = () =>
    check(async () => {
      await query(db, 'SELECT 1')
      return 'answers'
    })
  const checkTemporal = async () => {
    let lastPoll = { missing: 'unknown while Temporal does not answer' } as LastPoll
    const server = await check(async () => {
      lastPoll = await temporal.lastPoll()
      return 'answers'
    })
    const worker =
      'missing' in lastPoll
        ? { ok: false, detail: lastPoll.missing }
        : { ok: true, detail: `a worker asked for tasks ${Math.round(lastPoll.secondsAgo)} s ago` }
    return { temporal: server, worker }
  }

  return async (app) => {
    app.get('/healthz', {
      schema: {
        tags: ['health'],
        summary: 'Is this process alive?',
        response: { 200: z.object({ status: z.literal('ok') }) },
      },
      handler: async () => ({ status: 'ok' as const }),
    })
    app.get('/readyz', {
      schema: {
        tags: ['health'],
        summary:
          'Can changes be made, will they be applied, and do applications see them? Looks at Postgres, the configuration, Temporal and the workers',
        response: { 200: Readiness, 503: Readiness },
      },
      handler: async (_request, reply) => {
        const [postgres, { temporal, worker }] = await Promise.all([checkPostgres(), checkTemporal()])
        const checks = { postgres, configuration: checkConfiguration(), temporal, worker }
        const ready = Object.values(checks).every(({ ok }) => ok)
        return reply.code(ready ? 200 : 503).send({ ready, checks })
      },
    })
  }
}

async function check(look: () => Promise<string>): Promise<z.infer<typeof Check>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in 3 s')), CHECK_WITHIN_MS)
  })
  try {
    return { ok: true, detail: await Promise.race([look(), late]) }
  } catch (error) {
    return { ok: false, detail: (error as Error).message || 'does not answer' }
  } finally {
    clearTimeout(timer)
  }
}
