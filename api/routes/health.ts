import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type Database, query } from '../../store/database.ts'

const Check = z.object({ ok: z.boolean(), detail: z.string() })
const Readiness = z
  .object({ ready: z.boolean(), checks: z.object({ postgres: Check, temporal: Check, worker: Check }) })
  .meta({ id: 'Readiness' })

/** What `/readyz` asks of Temporal; see `temporal/pollers.ts`. */
export interface TemporalHealth {
  /** Seconds since a worker last asked for tasks, undefined when none does. Rejects when Temporal cannot be reached. */
  lastPoll(): Promise<number | undefined>
}

const CHECK_WITHIN_MS = 3_000

export function healthRoutes({ db, temporal }: { db: Database; temporal: TemporalHealth }): FastifyPluginAsyncZod {
  const checkPostgres = () =>
    check(async () => {
      await query(db, 'SELECT 1')
      return 'answers'
    })
  const checkTemporal = async () => {
    let lastPoll: number | undefined
    const server = await check(async () => {
      lastPoll = await temporal.lastPoll()
      return 'answers'
    })
    const worker =
      lastPoll === undefined
        ? { ok: false, detail: server.ok ? 'no worker asks for tasks' : 'unknown while Temporal does not answer' }
        : { ok: true, detail: `a worker asked for tasks ${Math.round(lastPoll)} s ago` }
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
        summary: 'Can changes be made and will they be applied? Looks at Postgres, Temporal and the workers',
        response: { 200: Readiness, 503: Readiness },
      },
      handler: async (_request, reply) => {
        const [postgres, { temporal, worker }] = await Promise.all([checkPostgres(), checkTemporal()])
        const ready = postgres.ok && temporal.ok && worker.ok
        return reply.code(ready ? 200 : 503).send({ ready, checks: { postgres, temporal, worker } })
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
