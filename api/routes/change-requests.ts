import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import {
  ApplyRequest,
  ChangeRequest,
  ChangeRequestEdit,
  ChangeRequestState,
  ChangeRequestSummary,
  NewChangeRequest,
  ScheduleRequest,
} from '../../domain/change-request.ts'
import { DueTime } from '../../domain/flag-schedule.ts'
import { Problem, type ProblemCode } from '../../domain/problems.ts'
import { Ulid } from '../../domain/strategy.ts'
import { strict } from '../../domain/strict.ts'
import { Environment, FlagKey, Text } from '../../domain/text.ts'
import { applyRequest } from '../../store/change-request-apply.ts'
import {
  approveRequest,
  cancelRequest,
  rebaseRequest,
  rejectRequest,
  scheduleRequest,
  submitRequest,
} from '../../store/change-request-review.ts'
import { createRequest, deleteRequest, editRequest, getRequest, listRequests } from '../../store/change-requests.ts'
import type { Database } from '../../store/database.ts'
import type { ScheduleGuards } from '../../store/schedule-guards.ts'
import type { TemporalNames } from '../../temporal/ids.ts'
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
import { freezeQuery, overridesFreeze } from './flag-schedules.ts'

export const tags = ['change requests']
export const base = '/environments/:environment/change-requests'
const ofEnvironment = z.object({ environment: Environment })
export const ofRequest = ofEnvironment.extend({ id: Ulid })
const querystring = strict(reasonQuery)
const REFUSALS = ['change-request-not-found', 'change-request-state', 'revision-mismatch'] as const
export const changed = (...codes: ProblemCode[]) => ({
  200: ok(ChangeRequest, { etag: true }),
  ...writeProblems(...REFUSALS, ...codes),
})

/** A request as answers have it. */
export const shownRequest = (names: TemporalNames) => (request: ChangeRequest) => ({
  ...request,
  workflowId: names.changeRequest(request.id),
})

const DECISIONS = [
  {
    name: 'submit',
    run: submitRequest,
    summary: 'Hand a change request to its reviewers',
    description: 'Submitting one that is in review changes nothing.',
    problems: ['change-request-empty'],
  },
  {
    name: 'approve',
    run: approveRequest,
    summary: 'Approve a change request as it is now',
    description:
      'The approval is for its content, and for its time if it has one: an edit of either revokes it. Send `If-Match` with the version that you have read. `reason` is kept as the comment. With the last approval needed it is approved, or scheduled when it has a time.',
    problems: ['four-eyes'],
  },
  {
    name: 'reject',
    run: rejectRequest,
    summary: 'Reject a change request',
    description: 'Final, unless its creator edits it, which makes it a draft again. `reason` says why.',
    problems: [],
  },
  {
    name: 'cancel',
    run: cancelRequest,
    summary: 'Cancel a change request',
    description: 'When this answers, none of it will ever be applied.',
    problems: [],
  },
  {
    name: 'rebase',
    run: rebaseRequest,
    summary: 'Look again at what a change request is about',
    description:
      'Takes new snapshots. Where reviewers now see something else than they approved, their approvals are revoked and it is reviewed again. What is gone or archived cannot be healed so.',
    problems: ['change-request-conflict'],
  },
] as const

export function changeRequestRoutes({
  db,
  names,
  guards,
}: {
  db: Database
  names: TemporalNames
  guards: ScheduleGuards
}): FastifyPluginAsyncZod {
  const shown = shownRequest(names)

  return async (app) => {
    app.post(base, {
      schema: {
        tags,
        summary: 'Make a change request, as a draft without changes',
        params: ofEnvironment,
        querystring,
        headers: z.object(idempotencyHeader),
        body: NewChangeRequest,
        response: { 201: created(ChangeRequest, { etag: true }), ...writeProblems('schedule-in-past') },
      },
      handler: async (request, reply) => {
        const { environment } = request.params
        const made = await write(db, request, (tx) => createRequest(tx, environment, request.body))
        const location = `/api/admin/environments/${environment}/change-requests/${made.id}`
        return reply
          .code(201)
          .headers({ location, ...etag(made.version) })
          .send(shown(made))
      },
    })

    app.get(base, {
      schema: {
        tags,
        summary: 'List the change requests of an environment, the newest first',
        params: ofEnvironment,
        querystring: strict({
          state: z
            .preprocess(
              (value) => (typeof value === 'string' ? value.split(',') : value),
              z.array(ChangeRequestState).max(9),
            )
            .optional()
            .meta({ description: 'One state or several: repeated, or with commas between them' }),
          from: DueTime.optional().meta({
            description: 'Applied at this instant or later; what is not applied is to be applied then',
          }),
          to: DueTime.optional().meta({ description: 'The same, before this instant' }),
          createdBy: Text.optional(),
          flagKey: FlagKey.optional(),
          ...pageQuery,
        }),
        response: { 200: paged(ChangeRequestSummary), ...readProblems() },
      },
      handler: async (request, reply) => {
        const { from, to, ...filter } = request.query
        const instant = (text: string | undefined) => (text === undefined ? undefined : new Date(text))
        const within = { from: instant(from), to: instant(to) }
        const found = await listRequests(db, { ...request.params, ...filter, ...within })
        return reply.send(sendPage(request, reply, found))
      },
    })

    app.get(`${base}/:id`, {
      schema: {
        tags,
        summary: 'Read a change request: changes, approvals, and what stands against it now',
        params: ofRequest,
        querystring: strict({}),
        response: { 200: ok(ChangeRequest, { etag: true }), ...readProblems('change-request-not-found') },
      },
      handler: async (request, reply) => {
        const found = await getRequest(db, request.params)
        return reply.headers(etag(found.version)).send(shown(found))
      },
    })

    app.patch(`${base}/:id`, {
      schema: {
        tags,
        summary: 'Change title, description, time or late policy of a change request',
        description:
          'Each is a part of what is approved: approvals of something else, or of another time, are revoked. An approval of a request without a time covers any.',
        params: ofRequest,
        querystring,
        headers: editHeaders,
        body: ChangeRequestEdit,
        response: changed('schedule-in-past'),
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const edited = await write(db, request, (tx) => editRequest(tx, request.params, request.body, expected))
        return reply.headers(etag(edited.version)).send(shown(edited))
      },
    })

    app.delete(`${base}/:id`, {
      schema: {
        tags,
        summary: 'Delete a draft',
        params: ofRequest,
        querystring,
        headers: editHeaders,
        response: { 200: ok(ChangeRequest), ...writeProblems(...REFUSALS) },
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        return reply.send(shown(await write(db, request, (tx) => deleteRequest(tx, request.params, expected))))
      },
    })

    for (const { name, run, summary, description, problems } of DECISIONS) {
      app.post(`${base}/:id/${name}`, {
        schema: {
          tags,
          summary,
          description,
          params: ofRequest,
          querystring,
          headers: editHeaders,
          response: changed(...problems),
        },
        handler: async (request, reply) => {
          const expected = expectedVersion(request.headers)
          const decided = await write(db, request, (tx) => run(tx, request.params, expected))
          return reply.headers(etag(decided.version)).send(shown(decided))
        },
      })
    }

    app.post(`${base}/:id/schedule`, {
      schema: {
        tags,
        summary: 'Give an approved change request a time, or another one',
        description: 'One that was approved for another time is reviewed again.',
        params: ofRequest,
        querystring: strict({ ...reasonQuery, ...freezeQuery }),
        headers: editHeaders,
        body: ScheduleRequest,
        response: changed('schedule-in-past', 'frozen', 'change-request-conflict'),
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const options = { ...request.body, overrideFreeze: overridesFreeze(request.query) }
        const scheduled = await write(db, request, (tx) => scheduleRequest(tx, request.params, options, expected))
        return reply.headers(etag(scheduled.version)).send(shown(scheduled))
      },
    })

    app.post(`${base}/:id/apply`, {
      schema: {
        tags,
        summary: 'Apply an approved change request now: all of its changes, or none',
        params: ofRequest,
        querystring: strict({ ...reasonQuery, ...freezeQuery }),
        headers: editHeaders,
        body: ApplyRequest,
        response: changed('approvals-missing', 'frozen', 'change-request-conflict', 'change-request-failed'),
      },
      handler: async (request, reply) => {
        const { force } = request.body
        const options = { force, guards, overrideFreeze: overridesFreeze(request.query) }
        const expected = expectedVersion(request.headers)
        const applied = await write(db, request, (tx) => applyRequest(tx, request.params, options, expected))
        if (applied.state === 'failed') {
          throw new Problem('change-request-failed', `${applied.stateReason} Nothing was changed.`, {
            members: { problem: applied.problem },
          })
        }
        return reply.headers(etag(applied.version)).send(shown(applied))
      },
    })
  }
}
