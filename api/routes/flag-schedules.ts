import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { FlagSchedule, NewSchedule, ScheduleEdit, ScheduleStatus } from '../../domain/flag-schedule.ts'
import { strict } from '../../domain/strict.ts'
import { FlagKey } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { cancelSchedule, createSchedule, editSchedule, getSchedule, listSchedules } from '../../store/flag-schedules.ts'
import type { ScheduleGuards } from '../../store/schedule-guards.ts'
import { retrySchedule } from '../../store/schedule-retry.ts'
import type { TemporalNames } from '../../temporal/ids.ts'
import { created, ok, paged } from '../openapi.ts'
import { gatedProblems, readProblems, writeProblems } from '../problems.ts'
import {
  editHeaders,
  environmentQuery,
  etag,
  expectedVersion,
  idempotencyHeader,
  pageQuery,
  reasonQuery,
  sendPage,
  write,
  writeQuery,
} from '../requests.ts'

const tags = ['flag schedules']
const ofFlag = z.object({ flagKey: FlagKey })
const ofSchedule = ofFlag.extend({ scheduleId: z.uuid('must be the id of a schedule') })

export const Schedule = FlagSchedule.extend({
  workflowId: z.string().meta({ description: 'Its workflow in Temporal: `temporal workflow describe -w …`' }),
}).meta({ id: 'Schedule' })

const OVERLAP =
  'Overlapping schedules may leave a flag in a state that nobody expected: they are all applied, in the order in which they are due, and the last one wins. Avoid scheduling concurrent changes of one flag.'

export const freezeQuery = {
  overrideFreeze: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .optional()
    .meta({ description: 'Let it into a freeze all the same; needs a `reason`' }),
}

export function overridesFreeze({ overrideFreeze }: { overrideFreeze?: string | undefined }): boolean {
  return overrideFreeze === 'true'
}

export function guardsOf(guards: ScheduleGuards, query: Parameters<typeof overridesFreeze>[0]) {
  return { ...guards, overrideFreeze: overridesFreeze(query) }
}

interface Dependencies {
  db: Database
  names: TemporalNames
  guards: ScheduleGuards
}

export function flagScheduleRoutes({ db, names, guards }: Dependencies): FastifyPluginAsyncZod {
  const shown = (schedule: FlagSchedule) => ({ ...schedule, workflowId: names.flagSchedule(schedule.id) })

  return async (app) => {
    app.post('/flags/:flagKey/schedule', {
      schema: {
        tags,
        summary: 'Schedule a change of a flag',
        description: `Applied once, in the order (due time, creation), never early. ${OVERLAP}`,
        params: ofFlag,
        querystring: strict({ ...environmentQuery, ...freezeQuery, ...reasonQuery }),
        headers: z.object(idempotencyHeader),
        body: NewSchedule,
        response: {
          201: created(Schedule, { etag: true }),
          ...gatedProblems(
            'flag-not-found',
            'flag-archived',
            'unknown-strategy',
            'unknown-segment',
            'schedule-in-past',
            'schedule-out-of-order',
            'frozen',
            'too-many-schedules',
            'schedule-conflict',
          ),
        },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const { flagKey } = request.params
        const schedule = await write(db, request, (tx) =>
          createSchedule(tx, { environment, flagKey }, request.body, guardsOf(guards, request.query)),
        )
        const location = `/api/admin/flags/${flagKey}/schedule/${schedule.id}?environment=${environment}`
        return reply
          .code(201)
          .headers({ location, ...etag(schedule.version) })
          .send(shown(schedule))
      },
    })

    app.get('/flags/:flagKey/schedule', {
      schema: {
        tags,
        summary: 'List the schedules of a flag, in the order in which they are due',
        params: ofFlag,
        querystring: strict({ ...environmentQuery, status: ScheduleStatus.optional(), ...pageQuery }),
        response: {
          200: paged(Schedule),
          ...readProblems('flag-not-found'),
        },
      },
      handler: async (request, reply) => {
        const page = await listSchedules(db, { ...request.params, ...request.query })
        return reply.send(sendPage(request, reply, { ...page, items: page.items.map(shown) }))
      },
    })

    app.get('/flags/:flagKey/schedule/:scheduleId', {
      schema: {
        tags,
        summary: 'Read a schedule',
        params: ofSchedule,
        querystring: strict(environmentQuery),
        response: {
          200: ok(Schedule, { etag: true }),
          ...readProblems('flag-not-found', 'schedule-not-found'),
        },
      },
      handler: async (request, reply) => {
        const schedule = await getSchedule(db, { ...request.params, ...request.query })
        return reply.headers(etag(schedule.version)).send(shown(schedule))
      },
    })

    app.patch('/flags/:flagKey/schedule/:scheduleId', {
      schema: {
        tags,
        summary: 'Move or change a pending schedule',
        description: `Its workflow's timer moves with it. ${OVERLAP}`,
        params: ofSchedule,
        querystring: strict({ ...environmentQuery, ...freezeQuery, ...reasonQuery }),
        headers: editHeaders,
        body: ScheduleEdit,
        response: {
          200: ok(Schedule, { etag: true }),
          ...gatedProblems(
            'flag-not-found',
            'schedule-not-found',
            'schedule-applied',
            'schedule-failed',
            'schedule-cancelled',
            'schedule-part-of-release',
            'unknown-strategy',
            'unknown-segment',
            'schedule-in-past',
            'schedule-out-of-order',
            'revision-mismatch',
            'frozen',
            'schedule-conflict',
          ),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const expected = expectedVersion(request.headers)
        const schedule = await write(db, request, (tx) =>
          editSchedule(tx, address, request.body, expected, guardsOf(guards, request.query)),
        )
        return reply.headers(etag(schedule.version)).send(shown(schedule))
      },
    })

    app.post('/flags/:flagKey/schedule/:scheduleId/retry', {
      schema: {
        tags,
        summary: 'Try a failed schedule again, now',
        description:
          'Refused when a schedule that came later has set the same: a retry never undoes what was done since.',
        params: ofSchedule,
        querystring: strict({ ...environmentQuery, ...freezeQuery, ...reasonQuery }),
        headers: z.object(idempotencyHeader),
        response: {
          200: ok(Schedule, { etag: true }),
          ...gatedProblems(
            'flag-not-found',
            'flag-archived',
            'schedule-not-found',
            'schedule-not-failed',
            'schedule-applied',
            'schedule-cancelled',
            'schedule-superseded',
            'schedule-part-of-release',
            'schedule-out-of-order',
            'frozen',
            'too-many-schedules',
            'schedule-conflict',
          ),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const schedule = await write(db, request, (tx) => retrySchedule(tx, address, guardsOf(guards, request.query)))
        return reply.headers(etag(schedule.version)).send(shown(schedule))
      },
    })

    app.delete('/flags/:flagKey/schedule/:scheduleId', {
      schema: {
        tags,
        summary: 'Cancel a pending schedule',
        description: 'When this answers 200, the change will never be made; when it answers 409, it says when it was.',
        params: ofSchedule,
        querystring: strict(writeQuery),
        headers: z.object(idempotencyHeader),
        response: {
          200: ok(Schedule, { etag: true }),
          ...writeProblems(
            'flag-not-found',
            'schedule-not-found',
            'schedule-applied',
            'schedule-failed',
            'schedule-cancelled',
            'schedule-part-of-release',
          ),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const schedule = await write(db, request, (tx) => cancelSchedule(tx, address))
        return reply.headers(etag(schedule.version)).send(shown(schedule))
      },
    })
  }
}
