import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { NewSegment, Segment, SegmentEdit } from '../../domain/segment.ts'
import { SegmentKey } from '../../domain/strategy.ts'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { createSegment, deleteSegment, editSegment, getSegment, listSegments } from '../../store/segments.ts'
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

const tags = ['segments']
const ofSegment = z.object({ segmentKey: SegmentKey })

export function segmentRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/segments', {
      schema: {
        tags,
        summary: 'Create a segment',
        description: 'A group of users that strategies share: who meets all of its constraints.',
        querystring: strict(writeQuery),
        headers: z.object(idempotencyHeader),
        body: NewSegment,
        response: { 201: created(Segment, { etag: true }), ...gatedProblems('segment-exists') },
      },
      handler: async (request, reply) => {
        const segment = await write(db, request, (tx) => createSegment(tx, request.query.environment, request.body))
        const location = `/api/admin/segments/${segment.key}?environment=${segment.environment}`
        return reply
          .code(201)
          .headers({ location, ...etag(segment.revision) })
          .send(segment)
      },
    })

    app.get('/segments', {
      schema: {
        tags,
        summary: 'List the segments of an environment, by key',
        querystring: strict({ ...environmentQuery, ...pageQuery }),
        response: { 200: paged(Segment), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listSegments(db, request.query))),
    })

    app.get('/segments/:segmentKey', {
      schema: {
        tags,
        summary: 'Read a segment',
        params: ofSegment,
        querystring: strict(environmentQuery),
        response: { 200: ok(Segment, { etag: true }), ...readProblems('segment-not-found') },
      },
      handler: async (request, reply) => {
        const segment = await getSegment(db, { ...request.params, ...request.query })
        return reply.headers(etag(segment.revision)).send(segment)
      },
    })

    app.patch('/segments/:segmentKey', {
      schema: {
        tags,
        summary: 'Change a segment, for all strategies that use it',
        params: ofSegment,
        querystring: strict(writeQuery),
        headers: editHeaders,
        body: SegmentEdit,
        response: { 200: ok(Segment, { etag: true }), ...gatedProblems('segment-not-found', 'revision-mismatch') },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const expected = expectedVersion(request.headers)
        const segment = await write(db, request, (tx) => editSegment(tx, address, request.body, expected))
        return reply.headers(etag(segment.revision)).send(segment)
      },
    })

    app.delete('/segments/:segmentKey', {
      schema: {
        tags,
        summary: 'Delete a segment that no strategy uses',
        params: ofSegment,
        querystring: strict(writeQuery),
        headers: editHeaders,
        response: {
          200: ok(Segment),
          ...gatedProblems('segment-not-found', 'revision-mismatch', 'segment-in-use'),
        },
      },
      handler: (request) => {
        const address = { ...request.params, environment: request.query.environment }
        return write(db, request, (tx) => deleteSegment(tx, address, expectedVersion(request.headers)))
      },
    })
  }
}
