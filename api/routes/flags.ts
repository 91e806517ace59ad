import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Flag, FlagEdit, NewFlag } from '../../domain/flag.ts'
import { strict } from '../../domain/strict.ts'
import { FlagKey, Text } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { createFlag, editFlag, getFlag, listFlags } from '../../store/flags.ts'
import { created, ok, paged } from '../openapi.ts'
import { gatedProblems, readProblems } from '../problems.ts'
import {
  editHeaders,
  environmentQuery,
  etag,
  expectedVersion,
  idempotencyHeader,
  pageQuery,
  sendPage,
  write,
  writeQuery,
} from '../requests.ts'

const tags = ['flags']
const params = z.object({ flagKey: FlagKey })

export function flagRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/flags', {
      schema: {
        tags,
        summary: 'Create a flag',
        querystring: strict(writeQuery),
        headers: z.object(idempotencyHeader),
        body: NewFlag,
        response: {
          201: created(Flag, { etag: true }),
          ...gatedProblems('flag-exists', 'dependency-refused'),
        },
      },
      handler: async (request, reply) => {
        const flag = await write(db, request, (tx) => createFlag(tx, request.query.environment, request.body))
        return reply
          .code(201)
          .headers({ location: addressOf(flag), ...etag(flag.revision) })
          .send(flag)
      },
    })

    app.get('/flags', {
      schema: {
        tags,
        summary: 'List the flags of an environment, by key',
        querystring: strict({
          ...environmentQuery,
          archived: z.stringbool({ error: 'must be true or false' }).default(false),
          search: Text.optional().meta({ description: 'Part of the key or the description, in whatever case' }),
          ...pageQuery,
        }),
        response: { 200: paged(Flag), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listFlags(db, request.query))),
    })

    app.get('/flags/:flagKey', {
      schema: {
        tags,
        summary: 'Read a flag',
        params,
        querystring: strict(environmentQuery),
        response: {
          200: ok(Flag, { etag: true }),
          ...readProblems('flag-not-found'),
        },
      },
      handler: async (request, reply) => {
        const flag = await getFlag(db, { ...request.params, ...request.query })
        return reply.headers(etag(flag.revision)).send(flag)
      },
    })

    app.patch('/flags/:flagKey', {
      schema: {
        tags,
        summary: 'Change a flag now',
        description: 'Changes the fields that the body names. `{"archived": false}` brings an archived flag back.',
        params,
        querystring: strict(writeQuery),
        headers: editHeaders,
        body: FlagEdit,
        response: {
          200: ok(Flag, { etag: true }),
          ...gatedProblems('flag-not-found', 'revision-mismatch', 'flag-archived', 'dependency-refused'),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const flag = await write(db, request, (tx) =>
          editFlag(tx, address, request.body, expectedVersion(request.headers)),
        )
        return reply.headers(etag(flag.revision)).send(flag)
      },
    })

    app.delete('/flags/:flagKey', {
      schema: {
        tags,
        summary: 'Archive a flag and cancel its pending schedules',
        params,
        querystring: strict(writeQuery),
        headers: editHeaders,
        response: {
          200: ok(Flag, { etag: true }),
          ...gatedProblems('flag-not-found', 'revision-mismatch', 'flag-in-release', 'flag-depended-on'),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const flag = await write(db, request, (tx) => archiveFlag(tx, address, expectedVersion(request.headers)))
        return reply.headers(etag(flag.revision)).send(flag)
      },
    })
  }
}

function addressOf({ key, environment }: Flag): string {
  return `/api/admin/flags/${key}?environment=${environment}`
}
