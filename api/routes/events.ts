import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { AccountId } from '../../domain/account.ts'
import { Event, EventType } from '../../domain/event.ts'
import { DueTime } from '../../domain/flag-schedule.ts'
import { Ulid } from '../../domain/strategy.ts'
import { listOf, strict, textBetween } from '../../domain/strict.ts'
import { Environment, FlagKey, Text } from '../../domain/text.ts'
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
          policyVersion: textBetween(1, 2_147_483_647).optional(),
          runId: z.uuid('must be the id of a run').optional(),
          accountId: AccountId.optional(),
          gameplanId: Ulid.optional(),
          actor: Text.min(1, 'must name somebody')
            .optional()
            .meta({ description: 'Subject of a token, identity of an operator, or `interlock`' }),
          type: z
            .preprocess(
              (value) => (typeof value === 'string' ? value.split(',') : value),
              listOf(EventType, 50, 'types'),
            )
            .optional()
            .meta({ description: 'One type or several: repeated, or with commas between them' }),
          from: DueTime.optional().meta({ description: 'Written at this instant or later' }),
          to: DueTime.optional().meta({ description: 'Written at this instant or earlier' }),
          ...pageQuery,
        }),
        response: { 200: paged(Event), ...readProblems() },
      },
      handler: async (request, reply) => {
        const { from, to, ...filter } = request.query
        const instant = (text: string | undefined) => (text === undefined ? undefined : new Date(text))
        const page = await listEvents(db, { ...filter, from: instant(from), to: instant(to) })
        return reply.send(sendPage(request, reply, page))
      },
    })
  }
}
