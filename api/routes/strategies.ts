import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { NewStrategy, Strategy, StrategyEdit, Ulid } from '../../domain/strategy.ts'
import type { StrategyChange } from '../../domain/strategy-content.ts'
import { strict } from '../../domain/strict.ts'
import { FlagKey } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import {
  addStrategy,
  getStrategy,
  listStrategies,
  removeStrategy,
  type StrategyAddress,
  updateStrategy,
} from '../../store/strategies.ts'
import { reorderStrategies } from '../../store/strategy-order.ts'
import { created, ok } from '../openapi.ts'
import { gatedProblems, readProblems } from '../problems.ts'
import { editHeaders, environmentQuery, etag, expectedVersion, write, writeQuery } from '../requests.ts'

const tags = ['strategies']
const ofFlag = z.object({ flagKey: FlagKey })
const ofStrategy = z.object({ flagKey: FlagKey, strategyId: Ulid })
const REFUSALS = ['flag-not-found', 'revision-mismatch', 'flag-archived'] as const
const SYNC = 'Of an active milestone both copies change together, unless the environment has turned that off.'

const ORDER_RULE = 'must name each of the strategies once'

const Order = strict({
  ids: z
    .array(Ulid, { error: ORDER_RULE })
    .max(1000, ORDER_RULE)
    .meta({ description: "All of the flag's strategies, those of its milestone first" }),
})

/** The ETag of a strategy is that of its flag. */
export function strategyRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get('/flags/:flagKey/strategies', {
      schema: {
        tags,
        summary: 'List the strategies that a flag is served by, in the order in which they are asked',
        params: ofFlag,
        querystring: strict(environmentQuery),
        response: { 200: ok(z.array(Strategy), { etag: true }), ...readProblems('flag-not-found') },
      },
      handler: async (request, reply) => {
        const found = await listStrategies(db, { ...request.params, ...request.query })
        return reply.headers(etag(found.revision)).send(found.strategies)
      },
    })

    app.post('/flags/:flagKey/strategies', {
      schema: {
        tags,
        summary: "Add a strategy of the flag's own",
        params: ofFlag,
        querystring: strict(writeQuery),
        headers: editHeaders,
        body: NewStrategy,
        response: {
          201: created(Strategy, { etag: true }),
          ...gatedProblems(...REFUSALS, 'unknown-segment', 'too-many-strategies'),
        },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const address = { ...request.params, environment }
        const expectedRevision = expectedVersion(request.headers)
        const made = await write(db, request, (tx) => addStrategy(tx, address, request.body, { expectedRevision }))
        const location = `/api/admin/flags/${address.flagKey}/strategies/${made.strategy.id}?environment=${environment}`
        return reply
          .code(201)
          .headers({ location, ...etag(made.revision) })
          .send(made.strategy)
      },
    })

    app.post('/flags/:flagKey/strategies/reorder', {
      schema: {
        tags,
        summary: 'Put the strategies of a flag in another order',
        description: SYNC,
        params: ofFlag,
        querystring: strict(writeQuery),
        headers: editHeaders,
        body: Order,
        response: {
          200: ok(z.array(Strategy), { etag: true }),
          ...gatedProblems(...REFUSALS, 'strategies-incomplete'),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const expectedRevision = expectedVersion(request.headers)
        const { ids } = request.body
        const placed = await write(db, request, (tx) => reorderStrategies(tx, address, ids, { expectedRevision }))
        return reply.headers(etag(placed.revision)).send(placed.strategies)
      },
    })

    app.get('/flags/:flagKey/strategies/:strategyId', {
      schema: {
        tags,
        summary: 'Read a strategy; one of a milestone that is not active, as it is defined there',
        params: ofStrategy,
        querystring: strict(environmentQuery),
        response: { 200: ok(Strategy, { etag: true }), ...readProblems('flag-not-found', 'strategy-not-found') },
      },
      handler: async (request, reply) => {
        const found = await getStrategy(db, { ...request.params, ...request.query })
        return reply.headers(etag(found.revision)).send(found.strategy)
      },
    })

    const change = (
      request: Parameters<typeof write>[1] & { params: Omit<StrategyAddress, 'environment'> },
      environment: string,
      headers: Parameters<typeof expectedVersion>[0],
      wanted: StrategyChange,
    ) =>
      write(db, request, (tx) =>
        updateStrategy(tx, { ...request.params, environment }, wanted, {
          door: 'strategy',
          expectedRevision: expectedVersion(headers),
        }),
      )
    const changed = {
      200: ok(Strategy, { etag: true }),
      ...gatedProblems(...REFUSALS, 'strategy-not-found', 'unknown-segment'),
    }

    app.put('/flags/:flagKey/strategies/:strategyId', {
      schema: {
        tags,
        summary: 'Replace a strategy; what is not given gets its default',
        description: SYNC,
        params: ofStrategy,
        querystring: strict(writeQuery),
        headers: editHeaders,
        body: NewStrategy,
        response: changed,
      },
      handler: async (request, reply) => {
        const { query, headers, body } = request
        const written = await change(request, query.environment, headers, { replace: body })
        return reply.headers(etag(written.revision)).send(written.strategy)
      },
    })

    app.patch('/flags/:flagKey/strategies/:strategyId', {
      schema: {
        tags,
        summary: 'Change the named fields of a strategy',
        description: SYNC,
        params: ofStrategy,
        querystring: strict(writeQuery),
        headers: editHeaders,
        body: StrategyEdit,
        response: changed,
      },
      handler: async (request, reply) => {
        const { query, headers, body } = request
        const written = await change(request, query.environment, headers, { edit: body })
        return reply.headers(etag(written.revision)).send(written.strategy)
      },
    })

    app.delete('/flags/:flagKey/strategies/:strategyId', {
      schema: {
        tags,
        summary: 'Remove a strategy',
        description: SYNC,
        params: ofStrategy,
        querystring: strict(writeQuery),
        headers: editHeaders,
        response: { 200: ok(Strategy, { etag: true }), ...gatedProblems(...REFUSALS, 'strategy-not-found') },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const expectedRevision = expectedVersion(request.headers)
        const removed = await write(db, request, (tx) =>
          removeStrategy(tx, address, { door: 'strategy', expectedRevision }),
        )
        return reply.headers(etag(removed.revision)).send(removed.strategy)
      },
    })
  }
}
