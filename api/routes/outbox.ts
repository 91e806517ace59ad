import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { listOutbox, OutboxRow, OutboxState, requeueOutboxRow } from '../../store/outbox.ts'
import { ok, paged } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import { idempotencyHeader, pageQuery, reasonQuery, sendPage, write } from '../requests.ts'

const tags = ['outbox']

export function outboxRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get('/outbox', {
      schema: {
        tags,
        summary: 'What was sent, waits to be sent, or could not be sent to Temporal',
        querystring: strict({ state: OutboxState.optional(), ...pageQuery }),
        response: { 200: paged(OutboxRow), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listOutbox(db, request.query))),
    })

    app.post('/outbox/:outboxId/requeue', {
      schema: {
        tags,
        summary: 'Send a dead-lettered row again',
        params: z.object({
          outboxId: z.coerce
            .number({ error: 'must be the id of an outbox row' })
            .int()
            .positive()
            .max(Number.MAX_SAFE_INTEGER),
        }),
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        response: {
          200: ok(OutboxRow),
          ...writeProblems('outbox-row-not-found', 'outbox-row-not-dead'),
        },
      },
      handler: (request) => write(db, request, (tx) => requeueOutboxRow(tx, request.params.outboxId)),
    })
  }
}
