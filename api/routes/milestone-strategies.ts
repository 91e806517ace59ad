import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { NewStrategy, Strategy, StrategyEdit, Ulid } from '../../domain/strategy.ts'
import type { StrategyChange } from '../../domain/strategy-content.ts'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import {
  addMilestoneStrategy,
  getMilestoneStrategy,
  removeMilestoneStrategy,
  updateMilestoneStrategy,
} from '../../store/milestone-strategies.ts'
import { created, ok } from '../openapi.ts'
import { gatedProblems, readProblems } from '../problems.ts'
import { editHeaders, environmentQuery, etag, expectedVersion, write, writeQuery } from '../requests.ts'
import { ofPlan, planPath } from './release-plans.ts'

const tags = ['release plans']
const ofMilestone = ofPlan.extend({ milestoneId: Ulid })
const ofStrategy = ofPlan.extend({ strategyId: Ulid })
const path = `${planPath}/milestone-strategies/:strategyId`
const querystring = strict(writeQuery)
const REFUSALS = ['flag-not-found', 'flag-archived', 'plan-not-found', 'revision-mismatch'] as const
const SYNC =
  'Of the active milestone, what users are served by changes with it, unless the environment has turned that off.'

/** Strategies of a plan's milestones, started or not; the ETag of a strategy is that of its flag. */
export function milestoneStrategyRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post(`${planPath}/milestones/:milestoneId/strategies`, {
      schema: {
        tags,
        summary: 'Add a strategy to a milestone',
        description: SYNC,
        params: ofMilestone,
        querystring,
        headers: editHeaders,
        body: NewStrategy,
        response: {
          201: created(Strategy, { etag: true }),
          ...gatedProblems(...REFUSALS, 'milestone-not-found', 'unknown-segment', 'too-many-strategies'),
        },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const { flagKey, planId } = request.params
        const address = { ...request.params, environment }
        const expectedRevision = expectedVersion(request.headers)
        const made = await write(db, request, (tx) => addMilestoneStrategy(tx, address, request.body, expectedRevision))
        const self = `/api/admin/flags/${flagKey}/release-plans/${planId}/milestone-strategies/${made.strategy.id}`
        return reply
          .code(201)
          .headers({ location: `${self}?environment=${environment}`, ...etag(made.revision) })
          .send(made.strategy)
      },
    })

    app.get(path, {
      schema: {
        tags,
        summary: 'Read a strategy of a milestone',
        params: ofStrategy,
        querystring: strict(environmentQuery),
        response: {
          200: ok(Strategy, { etag: true }),
          ...readProblems('flag-not-found', 'plan-not-found', 'strategy-not-found'),
        },
      },
      handler: async (request, reply) => {
        const found = await getMilestoneStrategy(db, { ...request.params, ...request.query })
        return reply.headers(etag(found.revision)).send(found.strategy)
      },
    })

    const CHANGES = [
      {
        method: 'PUT',
        body: NewStrategy,
        summary: 'Replace a strategy of a milestone; what is not given gets its default',
        changeOf: (body: unknown): StrategyChange => ({ replace: body as NewStrategy }),
      },
      {
        method: 'PATCH',
        body: StrategyEdit,
        summary: 'Change a strategy of a milestone; what is not named stays',
        changeOf: (body: unknown): StrategyChange => ({ edit: body as StrategyEdit }),
      },
    ] as const
    for (const { method, body, summary, changeOf } of CHANGES) {
      app.route({
        method,
        url: path,
        schema: {
          tags,
          summary,
          description: SYNC,
          params: ofStrategy,
          querystring,
          headers: editHeaders,
          body,
          response: {
            200: ok(Strategy, { etag: true }),
            ...gatedProblems(...REFUSALS, 'strategy-not-found', 'unknown-segment'),
          },
        },
        handler: async (request, reply) => {
          const address = { ...request.params, environment: request.query.environment }
          const expectedRevision = expectedVersion(request.headers)
          const change = changeOf(request.body)
          const changed = await write(db, request, (tx) =>
            updateMilestoneStrategy(tx, address, change, expectedRevision),
          )
          return reply.headers(etag(changed.revision)).send(changed.strategy)
        },
      })
    }

    app.delete(path, {
      schema: {
        tags,
        summary: 'Remove a strategy from a milestone',
        description: SYNC,
        params: ofStrategy,
        querystring,
        headers: editHeaders,
        response: { 200: ok(Strategy, { etag: true }), ...gatedProblems(...REFUSALS, 'strategy-not-found') },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const expectedRevision = expectedVersion(request.headers)
        const removed = await write(db, request, (tx) => removeMilestoneStrategy(tx, address, expectedRevision))
        return reply.headers(etag(removed.revision)).send(removed.strategy)
      },
    })
  }
}
