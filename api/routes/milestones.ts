import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { MilestoneEdit, ReleasePlan, StartMilestone } from '../../domain/release-plan.ts'
import { Ulid } from '../../domain/strategy.ts'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { approveMilestone, editMilestone, startMilestone } from '../../store/milestones.ts'
import type { TemporalNames } from '../../temporal/ids.ts'
import { ok } from '../openapi.ts'
import { gatedProblems } from '../problems.ts'
import { editHeaders, etag, expectedVersion, idempotencyHeader, write, writeQuery } from '../requests.ts'
import { freezeQuery, overridesFreeze } from './flag-schedules.ts'
import { ofPlan, planPath, shownPlan } from './release-plans.ts'

const tags = ['release plans']
const ofMilestone = ofPlan.extend({ milestoneId: Ulid })
const REFUSALS = ['flag-not-found', 'flag-archived', 'plan-not-found', 'milestone-not-found'] as const

export function milestoneRoutes({ db, names }: { db: Database; names: TemporalNames }): FastifyPluginAsyncZod {
  const shown = shownPlan(names)
  const path = `${planPath}/milestones/:milestoneId`

  return async (app) => {
    app.post(`${path}/start`, {
      schema: {
        tags,
        summary: 'Start a milestone now',
        description:
          'The next one before its time, an earlier one to go back, the active one to begin it again: users are served by its strategies from this revision on. A paused plan goes on. On a flag that is off nobody sees any of it (`flagEnabled`), unless `enable` switches it on as well.',
        params: ofMilestone,
        querystring: strict({ ...writeQuery, ...freezeQuery }),
        headers: editHeaders,
        body: StartMilestone.nullish(),
        response: {
          200: ok(ReleasePlan, { etag: true }),
          ...gatedProblems(...REFUSALS, 'revision-mismatch', 'frozen'),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const options = {
          enable: request.body?.enable ?? false,
          overrideFreeze: overridesFreeze(request.query),
          expectedVersion: expectedVersion(request.headers),
        }
        const plan = await write(db, request, (tx) => startMilestone(tx, address, options))
        return reply.headers(etag(plan.version)).send(shown(plan))
      },
    })

    app.post(`${path}/approve`, {
      schema: {
        tags,
        summary: 'Approve that the active milestone is followed by the next',
        description: 'It starts at once, or when the dwell time is over. Approving again changes nothing.',
        params: ofMilestone,
        querystring: strict(writeQuery),
        headers: z.object(idempotencyHeader),
        response: {
          200: ok(ReleasePlan, { etag: true }),
          ...gatedProblems(...REFUSALS, 'milestone-not-active', 'approval-not-needed'),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const plan = await write(db, request, (tx) => approveMilestone(tx, address))
        return reply.headers(etag(plan.version)).send(shown(plan))
      },
    })

    app.patch(path, {
      schema: {
        tags,
        summary: 'Change the name of a milestone, or what the next one waits for',
        description:
          'Of the active milestone it counts from now on: a dwell time that is over by the new one ends at once.',
        params: ofMilestone,
        querystring: strict(writeQuery),
        headers: editHeaders,
        body: MilestoneEdit,
        response: { 200: ok(ReleasePlan, { etag: true }), ...gatedProblems(...REFUSALS, 'revision-mismatch') },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const expected = expectedVersion(request.headers)
        const plan = await write(db, request, (tx) => editMilestone(tx, address, request.body, expected))
        return reply.headers(etag(plan.version)).send(shown(plan))
      },
    })
  }
}
