import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { FlagRelease, NewRelease, ReleaseEdit } from '../../domain/flag-release.ts'
import { ScheduleStatus } from '../../domain/flag-schedule.ts'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { cancelRelease, createRelease, editRelease, getRelease, listReleases } from '../../store/flag-releases.ts'
import type { ScheduleGuards } from '../../store/schedule-guards.ts'
import { created, ok, paged } from '../openapi.ts'
import { gatedProblems, readProblems, writeProblems } from '../problems.ts'
import {
  editHeaders,
  environmentQuery,
  etag,
  expectedVersion,
  idempotencyHeader,
  pageQuery,
  reasonQuery,
  sendPage,
  write,
} from '../requests.ts'
import { freezeQuery, guardsOf } from './flag-schedules.ts'

const tags = ['releases']
const ofRelease = z.object({ releaseId: z.uuid('must be the id of a release') })

export function flagReleaseRoutes({ db, guards }: { db: Database; guards: ScheduleGuards }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/releases', {
      schema: {
        tags,
        summary: 'Schedule changes of several flags, all or none',
        description:
          'Applied in one transaction, as one configuration revision. When one of them cannot be made, none is, and the release has failed. Each is a schedule of its flag, and keeps its place in the order of those.',
        querystring: strict({ ...environmentQuery, ...freezeQuery, ...reasonQuery }),
        headers: z.object(idempotencyHeader),
        body: NewRelease,
        response: {
          201: created(FlagRelease, { etag: true }),
          ...gatedProblems(
            'flag-not-found',
            'flag-archived',
            'unknown-strategy',
            'unknown-segment',
            'schedule-in-past',
            'schedule-out-of-order',
            'frozen',
            'too-many-schedules',
            'schedule-conflict',
          ),
        },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const release = await write(db, request, (tx) =>
          createRelease(tx, request.body, environment, guardsOf(guards, request.query)),
        )
        return reply
          .code(201)
          .headers({ location: `/api/admin/releases/${release.id}`, ...etag(release.version) })
          .send(release)
      },
    })

    app.get('/releases', {
      schema: {
        tags,
        summary: 'List releases, the newest first',
        querystring: strict({ status: ScheduleStatus.optional(), ...pageQuery }),
        response: { 200: paged(FlagRelease), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listReleases(db, request.query))),
    })

    app.get('/releases/:releaseId', {
      schema: {
        tags,
        summary: 'Read a release',
        params: ofRelease,
        response: { 200: ok(FlagRelease, { etag: true }), ...readProblems('release-not-found') },
      },
      handler: async (request, reply) => {
        const release = await getRelease(db, request.params.releaseId)
        return reply.headers(etag(release.version)).send(release)
      },
    })

    app.patch('/releases/:releaseId', {
      schema: {
        tags,
        summary: 'Move a pending release, or change its comment',
        params: ofRelease,
        querystring: strict({ ...freezeQuery, ...reasonQuery }),
        headers: editHeaders,
        body: ReleaseEdit,
        response: {
          200: ok(FlagRelease, { etag: true }),
          ...gatedProblems(
            'release-not-found',
            'release-applied',
            'release-failed',
            'release-cancelled',
            'schedule-in-past',
            'schedule-out-of-order',
            'revision-mismatch',
            'frozen',
            'schedule-conflict',
          ),
        },
      },
      handler: async (request, reply) => {
        const { releaseId } = request.params
        const expected = expectedVersion(request.headers)
        const release = await write(db, request, (tx) =>
          editRelease(tx, releaseId, request.body, expected, guardsOf(guards, request.query)),
        )
        return reply.headers(etag(release.version)).send(release)
      },
    })

    app.delete('/releases/:releaseId', {
      schema: {
        tags,
        summary: 'Cancel a pending release',
        description:
          'When this answers 200, none of its changes will ever be made; when it answers 409, it says when all of them were.',
        params: ofRelease,
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        response: {
          200: ok(FlagRelease, { etag: true }),
          ...writeProblems('release-not-found', 'release-applied', 'release-failed', 'release-cancelled'),
        },
      },
      handler: async (request, reply) => {
        const release = await write(db, request, (tx) => cancelRelease(tx, request.params.releaseId))
        return reply.headers(etag(release.version)).send(release)
      },
    })
  }
}
