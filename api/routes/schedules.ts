import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { DueTime, type FlagSchedule, ScheduleStatus } from '../../domain/flag-schedule.ts'
import { Problem } from '../../domain/problems.ts'
import { BULK_ITEMS, BulkCancel, BulkCreate, BulkShift, CreatedBy } from '../../domain/schedule-bulk.ts'
import { strict } from '../../domain/strict.ts'
import { Environment, FlagKey } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { type BulkOutcome, cancelSchedules, createSchedules, shiftSchedules } from '../../store/schedule-bulk.ts'
import type { ScheduleGuards } from '../../store/schedule-guards.ts'
import { searchSchedules } from '../../store/schedule-search.ts'
import type { TemporalNames } from '../../temporal/ids.ts'
import { ok, paged } from '../openapi.ts'
import { describeRefusal, gatedProblems, RefusalDocument, readProblems, writeProblems } from '../problems.ts'
import { idempotencyHeader, pageQuery, reasonQuery, sendPage, write } from '../requests.ts'
import { freezeQuery, guardsOf, Schedule } from './flag-schedules.ts'

const tags = ['schedules of many flags']

/** 1,000 items with the longest names and comments are 6.4 MB: a comment's 2,000 characters are at most 6 KB. */
const BULK_BODY_LIMIT = 8 * 1024 * 1024

const BulkResults = z.array(
  z.union([z.object({ index: z.int(), schedule: Schedule }), z.object({ index: z.int(), problem: RefusalDocument })]),
)

const Outcome = z
  .object({
    dryRun: z.boolean(),
    matched: z.int().meta({ description: 'Pending schedules that the filter means' }),
    changed: z.int().meta({ description: 'Of them, those that were changed; in a dry run, those that would be' }),
    schedules: z.array(Schedule).meta({ description: 'The first 100 of them as they are then' }),
    refused: z.int().meta({ description: 'Schedules because of which nothing would be changed; in a dry run' }),
    refusals: z
      .array(
        z.object({
          scheduleId: z.uuid(),
          environment: Environment,
          flagKey: FlagKey,
          code: z.string().meta({ example: 'schedule-out-of-order' }),
          detail: z.string(),
        }),
      )
      .meta({ description: 'The first 100 of them, and why' }),
  })
  .meta({ id: 'BulkOutcome' })

interface Dependencies {
  db: Database
  names: TemporalNames
  guards: ScheduleGuards
}

/** Of all flags at once. */
export function scheduleRoutes({ db, names, guards }: Dependencies): FastifyPluginAsyncZod {
  const shown = (schedule: FlagSchedule) => ({ ...schedule, workflowId: names.flagSchedule(schedule.id) })
  const shownOutcome = (outcome: BulkOutcome) => ({ ...outcome, schedules: outcome.schedules.map(shown) })

  return async (app) => {
    app.get('/schedules', {
      schema: {
        tags,
        summary: 'List schedules of all flags, in the order in which they are due',
        querystring: strict({
          environment: Environment.optional().meta({ description: 'All environments when it is not named' }),
          flagKey: FlagKey.optional(),
          status: ScheduleStatus.optional(),
          createdBy: CreatedBy.optional(),
          dueFrom: DueTime.optional().meta({ description: 'Due at this instant or later' }),
          dueTo: DueTime.optional().meta({ description: 'Due before this instant' }),
          ...pageQuery,
        }),
        response: { 200: paged(Schedule), ...readProblems() },
      },
      handler: async (request, reply) => {
        const { flagKey, ...query } = request.query
        const page = await searchSchedules(db, { ...query, ...(flagKey && { flagKeys: [flagKey] }) })
        return reply.send(sendPage(request, reply, { ...page, items: page.items.map(shown) }))
      },
    })

    app.post('/schedules/bulk', {
      bodyLimit: BULK_BODY_LIMIT,
      schema: {
        tags,
        summary: 'Schedule changes of many flags',
        description:
          'Up to 1,000, in one transaction. Answers one result an item, in the order of the request: its `schedule`, or the `problem` because of which it was not made.',
        querystring: strict({ ...freezeQuery, ...reasonQuery }),
        headers: z.object(idempotencyHeader),
        body: BulkCreate,
        response: { 200: ok(BulkResults), ...gatedProblems('bulk-refused') },
      },
      // Each wrong item is reported; of a body with a million of them nobody wants to know more than this.
      preValidation: async ({ body }) => {
        const items = (body as { items?: unknown } | null | undefined)?.items
        if (!Array.isArray(items) || items.length <= BULK_ITEMS) return
        throw new Problem('validation-failed', `One request makes at most ${BULK_ITEMS} schedules.`, {
          fields: [{ field: 'items', message: `must be a list of 1 to ${BULK_ITEMS} schedules` }],
        })
      },
      handler: async (request, reply) => {
        const results = await write(db, request, (tx) =>
          createSchedules(tx, request.body, guardsOf(guards, request.query)),
        )
        return reply.send(
          results.map((result) =>
            'schedule' in result
              ? { index: result.index, schedule: shown(result.schedule) }
              : { index: result.index, problem: describeRefusal(result.problem) },
          ),
        )
      },
    })

    app.post('/schedules/bulk-cancel', {
      config: { changesNothing: 'with-dry-run' },
      schema: {
        tags,
        summary: 'Cancel the pending schedules that a filter means',
        description:
          'All of them or none, in one transaction; at most 10,000 may match. See what it would do with `dryRun`.',
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        body: BulkCancel,
        response: { 200: ok(Outcome), ...writeProblems('bulk-refused', 'filter-too-wide') },
      },
      handler: async (request, reply) =>
        reply.send(shownOutcome(await write(db, request, (tx) => cancelSchedules(tx, request.body)))),
    })

    app.post('/schedules/bulk-shift', {
      config: { changesNothing: 'with-dry-run' },
      schema: {
        tags,
        summary: 'Move the pending schedules that a filter means',
        description:
          'All of them or none, in one transaction; at most 10,000 may match. See what it would do with `dryRun`.',
        querystring: strict({ ...freezeQuery, ...reasonQuery }),
        headers: z.object(idempotencyHeader),
        body: BulkShift,
        response: { 200: ok(Outcome), ...gatedProblems('bulk-refused', 'filter-too-wide') },
      },
      handler: async (request, reply) =>
        reply.send(
          shownOutcome(
            await write(db, request, (tx) => shiftSchedules(tx, request.body, guardsOf(guards, request.query))),
          ),
        ),
    })
  }
}
