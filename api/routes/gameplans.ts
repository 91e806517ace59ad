import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { toMermaid } from '../../domain/gameplan/mermaid.ts'
import {
  Gameplan,
  GameplanDocument,
  GameplanGraph,
  GameplanLint,
  GameplanStart,
  GameplanStatus,
  GameplanSummary,
} from '../../domain/gameplan/resource.ts'
import { toSvg } from '../../domain/gameplan/svg.ts'
import { Problem, type ProblemCode } from '../../domain/problems.ts'
import { Ulid } from '../../domain/strategy.ts'
import { strict } from '../../domain/strict.ts'
import { Environment, FlagKey } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import {
  cancelGameplan,
  pauseGameplan,
  resumeGameplan,
  reviseGameplan,
  startGameplan,
} from '../../store/gameplan-control.ts'
import { lintDocument } from '../../store/gameplan-document.ts'
import { createGameplan, getGameplan, graphOfGameplan, listGameplans } from '../../store/gameplans.ts'
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
  writeQuery,
} from '../requests.ts'

export const tags = ['gameplans']
export const ofGameplan = z.object({ id: Ulid })
export const querystring = strict(reasonQuery)
const REFUSALS = ['gameplan-not-found', 'gameplan-state', 'revision-mismatch'] as const
export const changed = (...codes: ProblemCode[]) => ({
  200: ok(Gameplan, { etag: true }),
  ...writeProblems(...REFUSALS, ...codes),
})
/** 100,000 characters, each escaped in JSON. */
const bodyLimit = 1024 * 1024
const MARKDOWN = 'The Markdown in JSON, or by itself as `text/markdown`.'

/** A gameplan as answers have it. */
export const shownGameplan =
  (names: TemporalNames) =>
  <Shown extends { id: string }>(gameplan: Shown) => ({ ...gameplan, workflowId: names.gameplan(gameplan.id) })

const COMMANDS = [
  {
    name: 'pause',
    run: pauseGameplan,
    summary: 'Pause a gameplan',
    description:
      'It takes no further step with its flag until it is resumed; what is under way goes on, and what is merged is still noted.',
  },
  {
    name: 'resume',
    run: resumeGameplan,
    summary: 'Go on with a paused gameplan, or try again at once what was refused',
    description: 'A step whose change request was rejected, or whose schedule was cancelled, is taken anew.',
  },
  {
    name: 'cancel',
    run: cancelGameplan,
    summary: 'End a gameplan',
    description:
      'Its flag stays as it is. What would switch it is stopped: its change request and its schedule are cancelled, its release plan is paused.',
  },
] as const

export function gameplanRoutes({ db, names }: { db: Database; names: TemporalNames }): FastifyPluginAsyncZod {
  const shown = shownGameplan(names)

  return async (app) => {
    takeMarkdown(app)

    app.post('/gameplans', {
      bodyLimit,
      schema: {
        tags,
        summary: 'Keep a gameplan, as a draft',
        description: `${MARKDOWN} What makes it impossible to run is refused, with the lint report; what else is found does not stand in its way.`,
        querystring: strict(writeQuery),
        headers: z.object(idempotencyHeader),
        body: GameplanDocument,
        response: { 201: created(Gameplan, { etag: true }), ...writeProblems('gameplan-refused') },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const made = await write(db, request, (tx) => createGameplan(tx, environment, request.body.markdown))
        return reply
          .code(201)
          .headers({ location: `/api/admin/gameplans/${made.id}`, ...etag(made.version) })
          .send(shown(made))
      },
    })

    app.post('/gameplans/lint', {
      bodyLimit,
      config: { changesNothing: true },
      schema: {
        tags,
        summary: 'Judge a document, without keeping it',
        description: MARKDOWN,
        querystring: strict({}),
        body: GameplanDocument,
        response: { 200: ok(GameplanLint), ...writeProblems() },
      },
      handler: async (request, reply) => reply.send(lintDocument(request.body.markdown)),
    })

    app.get('/gameplans', {
      schema: {
        tags,
        summary: 'List gameplans, the newest first',
        querystring: strict({
          environment: Environment.optional(),
          status: GameplanStatus.optional(),
          flagKey: FlagKey.optional(),
          ...pageQuery,
        }),
        response: { 200: paged(GameplanSummary), ...readProblems() },
      },
      handler: async (request, reply) => {
        const { items, next } = await listGameplans(db, request.query)
        return reply.send(sendPage(request, reply, { items: items.map(shown), next }))
      },
    })

    app.get('/gameplans/:id', {
      schema: {
        tags,
        summary: 'Read a gameplan: its patches, its flag, what it waits for, and its document',
        params: ofGameplan,
        querystring: strict({}),
        response: { 200: ok(Gameplan, { etag: true }), ...readProblems('gameplan-not-found') },
      },
      handler: async (request, reply) => {
        const found = await getGameplan(db, request.params)
        return reply.headers(etag(found.version)).send(shown(found))
      },
    })

    app.put('/gameplans/:id', {
      bodyLimit,
      schema: {
        tags,
        summary: 'Revise a gameplan',
        description: `${MARKDOWN} What is merged stays merged: a revision that contradicts it is refused, with what it contradicts. Criteria and questions whose text is the same stay checked and answered.`,
        params: ofGameplan,
        querystring,
        headers: editHeaders,
        body: GameplanDocument,
        response: changed('gameplan-refused', 'gameplan-contradicted', 'gameplan-flag-taken'),
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const { markdown } = request.body
        const revised = await write(db, request, (tx) => reviseGameplan(tx, request.params, markdown, expected))
        return reply.headers(etag(revised.version)).send(shown(revised))
      },
    })

    app.get('/gameplans/:id/lint', {
      schema: {
        tags,
        summary: 'What is wrong with its document',
        params: ofGameplan,
        querystring: strict({}),
        response: { 200: ok(GameplanLint), ...readProblems('gameplan-not-found') },
      },
      handler: async (request, reply) => reply.send(lintDocument((await getGameplan(db, request.params)).markdown)),
    })

    app.get('/gameplans/:id/graph', {
      schema: {
        tags,
        summary: 'Its dependency graph',
        description: 'As JSON with the state of each patch, as a Mermaid flowchart, or as an SVG that stands alone.',
        params: ofGameplan,
        querystring: strict({
          format: z.enum(['json', 'mermaid', 'svg'], { error: 'must be json, mermaid or svg' }).default('json'),
        }),
        response: {
          200: {
            description: 'OK',
            content: {
              'application/json': { schema: GameplanGraph },
              'text/plain': { schema: z.string() },
              'image/svg+xml': { schema: z.string() },
            },
          },
          ...readProblems('gameplan-not-found'),
        },
      },
      handler: async (request, reply) => {
        const graph = await graphOfGameplan(db, request.params)
        const { format } = request.query
        if (format === 'json') return reply.send(graph)
        if (format === 'mermaid') return reply.type('text/plain; charset=utf-8').send(toMermaid(graph))
        return reply.type('image/svg+xml').send(toSvg(graph))
      },
    })

    app.post('/gameplans/:id/start', {
      schema: {
        tags,
        summary: 'Start a gameplan',
        description:
          'From now on its patches can be merged: its flag is created with the one that introduces it, and switched with the one that activates it — at once, by a schedule, or by a release plan.',
        params: ofGameplan,
        querystring,
        headers: editHeaders,
        body: GameplanStart.nullish(),
        response: changed('gameplan-flag-taken', 'template-not-found', 'template-archived'),
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const activation = request.body?.activation
        const started = await write(db, request, (tx) => startGameplan(tx, request.params, activation, expected))
        return reply.headers(etag(started.version)).send(shown(started))
      },
    })

    for (const { name, run, summary, description } of COMMANDS) {
      app.post(`/gameplans/:id/${name}`, {
        schema: {
          tags,
          summary,
          description,
          params: ofGameplan,
          querystring,
          headers: editHeaders,
          response: changed(),
        },
        handler: async (request, reply) => {
          const expected = expectedVersion(request.headers)
          const done = await write(db, request, (tx) => run(tx, request.params, expected))
          return reply.headers(etag(done.version)).send(shown(done))
        },
      })
    }
  }
}

/** A file as it is, so that nobody has to wrap it in JSON. */
function takeMarkdown(app: FastifyInstance): void {
  app.addContentTypeParser('text/markdown', { parseAs: 'buffer' }, (_request, body, done) => {
    // Read as a string, what is no UTF-8 would be kept as question marks.
    if (!isUtf8(body as Buffer)) return done(new Problem('malformed-body', 'The body is not valid UTF-8.'))
    done(null, { markdown: body.toString() })
  })
}
