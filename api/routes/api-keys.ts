import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { ApiKey, CreatedApiKey, NewApiKey } from '../../domain/api-key.ts'
import { strict } from '../../domain/strict.ts'
import { Environment } from '../../domain/text.ts'
import { createApiKey, generateApiKey, listApiKeys, revokeApiKey } from '../../store/api-keys.ts'
import type { Database } from '../../store/database.ts'
import { ok, paged } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import { idempotencyHeader, pageQuery, reasonQuery, sendPage, write } from '../requests.ts'

const tags = ['API keys']

/** Keys that applications read flags with. */
export function apiKeyRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/api-keys', {
      schema: {
        tags,
        summary: 'Make a key that an application reads the flags of an environment with',
        description:
          'The key is shown once, in this answer; only its SHA-256 is kept. Every process takes it as soon as it has seen the configuration revision that this makes.',
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        body: NewApiKey,
        response: { 201: { ...ok(CreatedApiKey), description: 'Created' }, ...writeProblems() },
      },
      handler: async (request, reply) => {
        // Made inside: what a repeated request is answered with is kept in the database, and must not have it.
        let key: string | null = null
        const apiKey = await write(db, request, (tx) => {
          key = generateApiKey(request.body.environment)
          return createApiKey(tx, request.body, key)
        })
        return reply.code(201).send({ ...apiKey, key })
      },
    })

    app.get('/api-keys', {
      schema: {
        tags,
        summary: 'List keys, the newest first',
        querystring: strict({ environment: Environment.optional(), ...pageQuery }),
        response: { 200: paged(ApiKey), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listApiKeys(db, request.query))),
    })

    app.delete('/api-keys/:apiKeyId', {
      schema: {
        tags,
        summary: 'Revoke a key, for ever',
        description:
          'Every process refuses it as soon as it has seen the configuration revision that this makes. Revoking it again changes nothing.',
        params: z.object({ apiKeyId: z.uuid('must be the id of an API key') }),
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        response: { 200: ok(ApiKey), ...writeProblems('api-key-not-found') },
      },
      handler: (request) => write(db, request, (tx) => revokeApiKey(tx, request.params.apiKeyId)),
    })
  }
}
