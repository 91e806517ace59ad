import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Event, EventType } from '../../domain/event.ts'
import { Environment, FlagKey } from '../../domain/flag.ts'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { listEvents } from '../../store/events.ts'
import { paged } from '../openapi.ts'
import { readProblems } from '../problems.ts'
import { pageQuery, sendPage } from '../requests.ts'

export function eventRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get('/events', {
      schema: {
        tags: ['events'],
        summary: 'The audit trail, newest first',
        querystring: strict({
          environment: Environment.optional(),
          flagKey: FlagKey.optional(),
          scheduleId: z.uuid('must be the id of a schedule').optional(),
          policyVersion: z.coerce.number().int().min(1).max(2_147_483_647).optional(),
          runId: z.uuid('must be the id of a run').optional(),
          type: EventType.optional(),
          ...pageQuery,
        }),
        response: { 200: paged(Event), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listEvents(db, request.query))),
    })
  }
}
