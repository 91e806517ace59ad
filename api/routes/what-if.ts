import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { FlagHistoryState } from '../../domain/flag-history.ts'
import { DueTime, SchedulePreviewed } from '../../domain/flag-schedule.ts'
import { SchedulePreview } from '../../domain/schedule-conflicts.ts'
import { strict } from '../../domain/strict.ts'
import { FlagKey } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { readFlagState } from '../../store/flag-state.ts'
import type { ScheduleGuards } from '../../store/schedule-guards.ts'
import { previewSchedule } from '../../store/schedule-preview.ts'
import { ok } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import { environmentQuery, optionsOf, reasonQuery } from '../requests.ts'
import { freezeQuery, guardsOf } from './flag-schedules.ts'

const ofFlag = z.object({ flagKey: FlagKey })

/** Questions about what was, and what would be. */
export function whatIfRoutes({ db, guards }: { db: Database; guards: ScheduleGuards }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/flags/:flagKey/schedule/preview', {
      config: { changesNothing: true },
      schema: {
        tags: ['flag schedules'],
        summary: 'Would this schedule be accepted, what would it do, and whom does it contradict? Changes nothing',
        description: 'Of a new one, or of a pending one that is moved or changed (`scheduleId`).',
        params: ofFlag,
        querystring: strict({ ...environmentQuery, ...freezeQuery, ...reasonQuery }),
        body: SchedulePreviewed,
        response: { 200: ok(SchedulePreview), ...writeProblems('flag-not-found') },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const asked = guardsOf(guards, request.query)
        return reply.send(await previewSchedule(db, address, request.body, asked, optionsOf(request).origin))
      },
    })

    app.get('/flags/:flagKey/state', {
      schema: {
        tags: ['flags'],
        summary: 'The flag at any instant, and what gave each field its value',
        description:
          'Of the past by its events, to the millisecond; of the future by the schedules that are pending now and the occurrences that recurrences would make, all of which may still be changed.',
        params: ofFlag,
        querystring: strict({ ...environmentQuery, at: DueTime }),
        response: { 200: ok(FlagHistoryState), ...readProblems('flag-not-found') },
      },
      handler: async (request, reply) => {
        const { environment, at } = request.query
        return reply.send(await readFlagState(db, { ...request.params, environment }, new Date(at)))
      },
    })
  }
}
