import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { Ulid } from '../../domain/strategy.ts'
import { strict } from '../../domain/strict.ts'
import { NewChange } from '../../store/change-request-actions.ts'
import { addChange, removeChange, replaceChange } from '../../store/change-requests.ts'
import type { Database } from '../../store/database.ts'
import type { TemporalNames } from '../../temporal/ids.ts'
import { editHeaders, etag, expectedVersion, reasonQuery, write } from '../requests.ts'
import { base, changed, ofRequest, shownRequest, tags } from './change-requests.ts'

const ofChange = ofRequest.extend({ changeId: Ulid })
const querystring = strict(reasonQuery)
const TARGETS = [
  'flag-not-found',
  'flag-archived',
  'flag-exists',
  'strategy-not-found',
  'segment-not-found',
  'segment-exists',
  'plan-not-found',
  'milestone-not-found',
  'too-many-changes',
] as const

/** The changes that a change request asks for, in their order. */
export function changeRequestChangeRoutes({
  db,
  names,
}: {
  db: Database
  names: TemporalNames
}): FastifyPluginAsyncZod {
  const shown = shownRequest(names)

  return async (app) => {
    app.post(`${base}/:id/changes`, {
      schema: {
        tags,
        summary: 'Add a change to a change request',
        description:
          'The payload is the body of the call that makes the change directly, with the ids of its path. Its target is kept as it is now, so that what others change until then is noticed.',
        params: ofRequest,
        querystring,
        headers: editHeaders,
        body: NewChange,
        response: changed(...TARGETS),
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const edited = await write(db, request, (tx) => addChange(tx, request.params, request.body, expected))
        return reply.headers(etag(edited.version)).send(shown(edited))
      },
    })

    app.put(`${base}/:id/changes/:changeId`, {
      schema: {
        tags,
        summary: 'Replace a change, in its place',
        params: ofChange,
        querystring,
        headers: editHeaders,
        body: NewChange,
        response: changed('change-not-found', ...TARGETS),
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const edited = await write(db, request, (tx) => replaceChange(tx, request.params, request.body, expected))
        return reply.headers(etag(edited.version)).send(shown(edited))
      },
    })

    app.delete(`${base}/:id/changes/:changeId`, {
      schema: {
        tags,
        summary: 'Take a change out of a change request',
        params: ofChange,
        querystring,
        headers: editHeaders,
        response: changed('change-not-found'),
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const edited = await write(db, request, (tx) => removeChange(tx, request.params, expected))
        return reply.headers(etag(edited.version)).send(shown(edited))
      },
    })
  }
}
