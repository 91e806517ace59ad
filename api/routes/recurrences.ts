import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { NewRecurrence, Recurrence, RecurrenceEdit, RecurrencePreview } from '../../domain/flag-recurrence.ts'
import { nextOccurrences, Occurrence } from '../../domain/recurrence.ts'
import { strict } from '../../domain/strict.ts'
import { FlagKey } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { getFlag } from '../../store/flags.ts'
import { editRecurrence } from '../../store/recurrence-edit.ts'
import {
  createRecurrence,
  deleteRecurrence,
  getRecurrence,
  listRecurrences,
  pauseRecurrence,
  resumeRecurrence,
  skipOccurrence,
} from '../../store/recurrences.ts'
import { created, ok, paged } from '../openapi.ts'
import { gatedProblems, readProblems, writeProblems } from '../problems.ts'
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

const tags = ['recurrences']
const ofFlag = z.object({ flagKey: FlagKey })
const ofRecurrence = ofFlag.extend({ recurrenceId: z.uuid('must be the id of a recurrence') })
const path = '/flags/:flagKey/recurrences/:recurrenceId'

const RecurrenceAhead = Recurrence.extend({ nextOccurrences: z.array(Occurrence) }).meta({ id: 'RecurrenceAhead' })

const COMMANDS = [
  {
    name: 'pause',
    run: pauseRecurrence,
    summary: 'Pause a recurrence',
    description: 'Its pending occurrence is cancelled. Pausing a paused one changes nothing.',
    problems: [],
  },
  {
    name: 'resume',
    run: resumeRecurrence,
    summary: 'Go on with a paused recurrence',
    description: 'What was missed is made as `catchUp` says. Resuming an active one changes nothing.',
    problems: ['flag-archived', 'change-request-required'],
  },
  {
    name: 'skip',
    run: skipOccurrence,
    summary: 'Skip the next occurrence',
    description: 'It is cancelled, and the one after it is made.',
    problems: ['recurrence-paused'],
  },
] as const

export function recurrenceRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/flags/:flagKey/recurrences', {
      schema: {
        tags,
        summary: 'Change a flag over and over, by the wall clock of a time zone',
        description:
          'Each occurrence is a schedule of its own, made when the one before is final; the first is after now and after what the flag has applied.',
        params: ofFlag,
        querystring: strict(writeQuery),
        headers: z.object(idempotencyHeader),
        body: NewRecurrence,
        response: {
          201: created(Recurrence, { etag: true }),
          ...gatedProblems(
            'flag-not-found',
            'flag-archived',
            'recurrence-empty',
            'unknown-strategy',
            'unknown-segment',
          ),
        },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const { flagKey } = request.params
        const made = await write(db, request, (tx) => createRecurrence(tx, { environment, flagKey }, request.body))
        const location = `/api/admin/flags/${flagKey}/recurrences/${made.id}?environment=${environment}`
        return reply
          .code(201)
          .headers({ location, ...etag(made.version) })
          .send(made)
      },
    })

    app.get('/flags/:flagKey/recurrences', {
      schema: {
        tags,
        summary: 'List the recurrences of a flag, oldest first',
        params: ofFlag,
        querystring: strict({ ...environmentQuery, ...pageQuery }),
        response: { 200: paged(Recurrence), ...readProblems('flag-not-found') },
      },
      handler: async (request, reply) => {
        const page = await listRecurrences(db, { ...request.params, ...request.query })
        return reply.send(sendPage(request, reply, page))
      },
    })

    app.post('/flags/:flagKey/recurrences/preview', {
      config: { changesNothing: true },
      schema: {
        tags,
        summary: 'See when something would occur; changes nothing',
        params: ofFlag,
        querystring: strict(environmentQuery),
        body: RecurrencePreview,
        response: {
          200: ok(z.array(Occurrence)),
          ...readProblems('malformed-body', 'body-too-large', 'unsupported-media-type', 'flag-not-found'),
        },
      },
      handler: async (request, reply) => {
        await getFlag(db, { ...request.params, ...request.query })
        const { recurrence, from, occurrences } = request.body
        const { until, count = null, ...rule } = recurrence
        const wanted = { ...rule, until: until ? new Date(until) : null, count, made: 0 }
        return reply.send(nextOccurrences(wanted, from ? new Date(from) : new Date(), occurrences))
      },
    })

    app.get(path, {
      schema: {
        tags,
        summary: 'Read a recurrence, with its next five occurrences',
        params: ofRecurrence,
        querystring: strict(environmentQuery),
        response: {
          200: ok(RecurrenceAhead, { etag: true }),
          ...readProblems('flag-not-found', 'recurrence-not-found'),
        },
      },
      handler: async (request, reply) => {
        const recurrence = await getRecurrence(db, { ...request.params, ...request.query })
        return reply.headers(etag(recurrence.version)).send(recurrence)
      },
    })

    app.patch(path, {
      schema: {
        tags,
        summary: 'Change a recurrence from here on',
        description:
          'The pending occurrence changes with it: with `cron`, `timeZone`, `gap` or `overlap` it moves to the first time after now that they give. `null` takes `until` or `count` away.',
        params: ofRecurrence,
        querystring: strict(writeQuery),
        headers: editHeaders,
        body: RecurrenceEdit,
        response: {
          200: ok(Recurrence, { etag: true }),
          ...gatedProblems(
            'flag-not-found',
            'recurrence-not-found',
            'recurrence-ended',
            'revision-mismatch',
            'frozen',
            'unknown-strategy',
            'unknown-segment',
          ),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const expected = expectedVersion(request.headers)
        const recurrence = await write(db, request, (tx) => editRecurrence(tx, address, request.body, expected))
        return reply.headers(etag(recurrence.version)).send(recurrence)
      },
    })

    app.delete(path, {
      schema: {
        tags,
        summary: 'End a recurrence and cancel its pending occurrence',
        params: ofRecurrence,
        querystring: strict(writeQuery),
        headers: z.object(idempotencyHeader),
        response: {
          200: ok(Recurrence, { etag: true }),
          ...writeProblems('flag-not-found', 'recurrence-not-found', 'recurrence-ended'),
        },
      },
      handler: async (request, reply) => {
        const address = { ...request.params, environment: request.query.environment }
        const recurrence = await write(db, request, (tx) => deleteRecurrence(tx, address))
        return reply.headers(etag(recurrence.version)).send(recurrence)
      },
    })

    for (const { name, run, summary, description, problems } of COMMANDS) {
      app.post(`${path}/${name}`, {
        schema: {
          tags,
          summary,
          description,
          params: ofRecurrence,
          querystring: strict(writeQuery),
          headers: z.object(idempotencyHeader),
          response: {
            200: ok(Recurrence, { etag: true }),
            ...writeProblems('flag-not-found', 'recurrence-not-found', 'recurrence-ended', ...problems),
          },
        },
        handler: async (request, reply) => {
          const address = { ...request.params, environment: request.query.environment }
          const recurrence = await write(db, request, (tx) => run(tx, address))
          return reply.headers(etag(recurrence.version)).send(recurrence)
        },
      })
    }
  }
}
