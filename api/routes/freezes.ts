import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Freeze, FreezeEdit, FreezeWithAffected, NewFreeze } from '../../domain/freeze.ts'
import { strict } from '../../domain/strict.ts'
import { Environment } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { createFreeze, deleteFreeze, editFreeze, getFreeze, listFreezes } from '../../store/freezes.ts'
import { created, ok, paged } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import {
  editHeaders,
  etag,
  expectedVersion,
  idempotencyHeader,
  pageQuery,
  reasonQuery,
  sendPage,
  write,
} from '../requests.ts'

const tags = ['freezes']
const ofFreeze = z.object({ freezeId: z.uuid('must be the id of a freeze') })

export function freezeRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/freezes', {
      schema: {
        tags,
        summary: 'Freeze an environment for a time',
        description:
          'Schedules that are created or moved into it are refused, or put off to its end (`mode`). Those that are pending inside are only reported, or moved to its end in the same transaction. Edits of flags are not held.',
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        body: NewFreeze,
        response: { 201: created(FreezeWithAffected, { etag: true }), ...writeProblems('freeze-in-past') },
      },
      handler: async (request, reply) => {
        const freeze = await write(db, request, (tx) => createFreeze(tx, request.body))
        return reply
          .code(201)
          .headers({ location: `/api/admin/freezes/${freeze.id}`, ...etag(freeze.version) })
          .send(freeze)
      },
    })

    app.get('/freezes', {
      schema: {
        tags,
        summary: 'List freezes, the newest first',
        querystring: strict({
          environment: Environment.optional(),
          active: z
            .enum(['true', 'false'], { error: 'must be true or false' })
            .optional()
            .meta({ description: 'Does it hold now?' }),
          ...pageQuery,
        }),
        response: { 200: paged(Freeze), ...readProblems() },
      },
      handler: async (request, reply) => {
        const { active, ...query } = request.query
        const found = await listFreezes(db, { ...query, ...(active && { active: active === 'true' }) })
        return reply.send(sendPage(request, reply, found))
      },
    })

    app.get('/freezes/:freezeId', {
      schema: {
        tags,
        summary: 'Read a freeze',
        params: ofFreeze,
        response: { 200: ok(Freeze, { etag: true }), ...readProblems('freeze-not-found') },
      },
      handler: async (request, reply) => {
        const freeze = await getFreeze(db, request.params.freezeId)
        return reply.headers(etag(freeze.version)).send(freeze)
      },
    })

    app.patch('/freezes/:freezeId', {
      schema: {
        tags,
        summary: 'Move the end of a freeze, or change its reason',
        description:
          'Time that is added is frozen as by a new freeze. Schedules that were put off stay where they are when the end moves back.',
        params: ofFreeze,
        querystring: strict(reasonQuery),
        headers: editHeaders,
        body: FreezeEdit,
        response: {
          200: ok(FreezeWithAffected, { etag: true }),
          ...writeProblems('freeze-not-found', 'revision-mismatch'),
        },
      },
      handler: async (request, reply) => {
        const { freezeId } = request.params
        const expected = expectedVersion(request.headers)
        const freeze = await write(db, request, (tx) => editFreeze(tx, freezeId, request.body, expected))
        return reply.headers(etag(freeze.version)).send(freeze)
      },
    })

    app.delete('/freezes/:freezeId', {
      schema: {
        tags,
        summary: 'Lift a freeze',
        description: 'Schedules that it put off stay where they are.',
        params: ofFreeze,
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        response: { 200: ok(Freeze), ...writeProblems('freeze-not-found') },
      },
      handler: (request) => write(db, request, (tx) => deleteFreeze(tx, request.params.freezeId)),
    })
  }
}
