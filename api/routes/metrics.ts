import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { MetricsAnswer, MetricValues, NewSafeguard, Safeguard } from '../../domain/safeguard.ts'
import { Ulid } from '../../domain/strategy.ts'
import { strict } from '../../domain/strict.ts'
import { Environment } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { addSafeguard, listSafeguards, recordMetrics, removeSafeguard } from '../../store/safeguards.ts'
import { created, ok } from '../openapi.ts'
import { gatedProblems, readProblems, writeProblems } from '../problems.ts'
import { environmentQuery, idempotencyHeader, reasonQuery, write, writeQuery } from '../requests.ts'
import { ofPlan, planPath } from './release-plans.ts'

const tags = ['safeguards']
const ofSafeguard = ofPlan.extend({ safeguardId: Ulid })
const querystring = strict(writeQuery)

/** Safeguards of release plans, and the metrics that they watch. */
export function metricRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(`${planPath}/safeguards`, {
      schema: {
        tags,
        summary: 'List the safeguards of a release plan, oldest first',
        params: ofPlan,
        querystring: strict(environmentQuery),
        response: { 200: ok(z.array(Safeguard)), ...readProblems('flag-not-found', 'plan-not-found') },
      },
      handler: async (request, reply) => reply.send(await listSafeguards(db, { ...request.params, ...request.query })),
    })

    app.post(`${planPath}/safeguards`, {
      schema: {
        tags,
        summary: 'Guard a release plan by a metric',
        description:
          'On a value on the wrong side of the threshold, the plan is paused, or goes back by a milestone and is paused there. With `freshSeconds`, no milestone starts by itself without a good value that is at most this old.',
        params: ofPlan,
        querystring,
        headers: z.object(idempotencyHeader),
        body: NewSafeguard,
        response: {
          201: created(Safeguard),
          ...gatedProblems('flag-not-found', 'plan-not-found', 'too-many-safeguards'),
        },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const address = { ...request.params, environment }
        const made = await write(db, request, (tx) => addSafeguard(tx, address, request.body))
        const { flagKey, planId } = request.params
        const location = `/api/admin/flags/${flagKey}/release-plans/${planId}/safeguards?environment=${environment}`
        return reply.code(201).header('location', location).send(made)
      },
    })

    app.delete(`${planPath}/safeguards/:safeguardId`, {
      schema: {
        tags,
        summary: 'Take a safeguard away',
        description: 'A plan that only waited for its metric goes on.',
        params: ofSafeguard,
        querystring,
        headers: z.object(idempotencyHeader),
        response: {
          200: ok(Safeguard),
          ...gatedProblems('flag-not-found', 'plan-not-found', 'safeguard-not-found'),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        return reply.send(await write(db, request, (tx) => removeSafeguard(tx, address)))
      },
    })

    app.post('/environments/:environment/metrics', {
      schema: {
        tags,
        summary: 'Say what metrics are now',
        description:
          'Safeguards of the environment hear of it, one value after the other; what they do is done when this answers, which names those that triggered.',
        params: z.object({ environment: Environment }),
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        body: MetricValues,
        response: { 200: ok(MetricsAnswer), ...writeProblems() },
      },
      handler: async (request, reply) => {
        const { environment } = request.params
        return reply.send(await write(db, request, (tx) => recordMetrics(tx, environment, request.body)))
      },
    })
  }
}
