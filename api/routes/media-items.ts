import { Readable } from 'node:stream'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { MediaItem, MediaItemContent, MediaItemPatch } from '../../domain/media-item.ts'
import { Problem } from '../../domain/problems.ts'
import { strict, textBetween } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { deleteItem, getItem, patchItem, putItem } from '../../store/media-items.ts'
import { ImportReport, importItems } from '../media-import.ts'
import { ok } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import { editHeaders, etag, expectedVersion, idempotencyHeader, originOf, reasonQuery, write } from '../requests.ts'

const tags = ['media items']
const ofItem = z.object({ id: textBetween(1, Number.MAX_SAFE_INTEGER) })

export function mediaItemRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(importRoute(db))

    app.get('/media-items/:id', {
      schema: {
        tags,
        summary: 'Read an item',
        params: ofItem,
        querystring: strict({}),
        response: { 200: ok(MediaItem, { etag: true }), ...readProblems('media-item-not-found') },
      },
      handler: async (request, reply) => {
        const item = await getItem(db, request.params.id)
        return reply.headers(etag(item.version)).send(item)
      },
    })

    app.put('/media-items/:id', {
      schema: {
        tags,
        summary: 'Write a whole item; what is not given gets its default',
        description:
          'It is evaluated in the same transaction, for the active version and for every version that is being prepared or kept.',
        params: ofItem,
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        body: MediaItemContent,
        response: { 200: ok(MediaItem, { etag: true }), 201: ok(MediaItem, { etag: true }), ...writeProblems() },
      },
      handler: async (request, reply) => {
        const { item, created } = await write(db, request, (tx) => putItem(tx, request.params.id, request.body))
        return reply
          .code(created ? 201 : 200)
          .headers(etag(item.version))
          .send(item)
      },
    })

    app.patch('/media-items/:id', {
      schema: {
        tags,
        summary: 'Change the named fields of an item',
        params: ofItem,
        querystring: strict(reasonQuery),
        headers: editHeaders,
        body: MediaItemPatch,
        response: {
          200: ok(MediaItem, { etag: true }),
          ...writeProblems('media-item-not-found', 'revision-mismatch'),
        },
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const item = await write(db, request, (tx) => patchItem(tx, request.params.id, request.body, expected))
        return reply.headers(etag(item.version)).send(item)
      },
    })

    app.delete('/media-items/:id', {
      schema: {
        tags,
        summary: 'Delete an item; a PUT brings it back',
        params: ofItem,
        querystring: strict(reasonQuery),
        headers: editHeaders,
        response: { 200: ok(MediaItem), ...writeProblems('media-item-not-found', 'revision-mismatch') },
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        return reply.send(await write(db, request, (tx) => deleteItem(tx, request.params.id, expected)))
      },
    })
  }
}

// Apart, because its body is a stream of another type.
function importRoute(db: Database): FastifyPluginAsyncZod {
  return async (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload))

    app.post('/media-items/import', {
      schema: {
        tags,
        summary: 'Write many items: one JSON object a line (`application/x-ndjson`)',
        description:
          'A line is written as by PUT. Lines that are wrong are reported by number, the others are written, 500 in a transaction; sent again, they change nothing.',
        querystring: strict(reasonQuery),
        consumes: ['application/x-ndjson'],
        body: z.any().meta({ description: 'Lines, each a JSON object with an id and the fields of PUT' }),
        response: { 200: ok(ImportReport), ...writeProblems('import-interrupted') },
      },
      handler: async (request, reply) => {
        const { body } = request
        if (!(body instanceof Readable)) {
          throw new Problem('unsupported-media-type', 'Send lines of JSON, with the content type application/x-ndjson.')
        }
        return reply.send(await importItems(db, body, originOf(request)))
      },
    })
  }
}
