import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { ScheduleHealth } from '../../domain/schedule-health.ts'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { readScheduleHealth } from '../../store/schedule-health.ts'
import { ok } from '../openapi.ts'
import { readProblems } from '../problems.ts'

export function scheduleHealthRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get('/schedules/health', {
      schema: {
        tags: ['flag schedules'],
        summary: 'Are the promises kept? Backlog, lateness of the last hour and day, failures, what is next, the relay',
        querystring: strict({}),
        response: { 200: ok(ScheduleHealth), ...readProblems() },
      },
      handler: async (_request, reply) => reply.send(await readScheduleHealth(db)),
    })
  }
}
