import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Answer, PatchId } from '../../domain/gameplan/resource.ts'
import type { Database } from '../../store/database.ts'
import { answerQuestion, checkCriterion } from '../../store/gameplan-gates.ts'
import { mergePatch, revertPatch, skipPatch } from '../../store/gameplan-patches.ts'
import type { TemporalNames } from '../../temporal/ids.ts'
import { editHeaders, etag, expectedVersion, write } from '../requests.ts'
import { changed, ofGameplan, querystring, shownGameplan, tags } from './gameplans.ts'

const ofPatch = ofGameplan.extend({ patchId: PatchId })
const NUMBER_RULE = 'must be the place in the document, from 1'
const ofGate = ofGameplan.extend({
  number: z.coerce.number({ error: NUMBER_RULE }).int(NUMBER_RULE).min(1, NUMBER_RULE).max(10_000, NUMBER_RULE),
})

const PATCHES = [
  {
    name: 'merged',
    run: mergePatch,
    summary: 'Say that a patch is merged',
    description: 'What waits for it may be merged next; its part for the flag follows. Again, it changes nothing.',
    problem: 'patch-blocked',
  },
  {
    name: 'skipped',
    run: skipPatch,
    summary: 'Say that a patch is not needed',
    description: 'What waits for it does so no longer. The flag is neither made nor switched for it.',
    problem: 'patch-state',
  },
  {
    name: 'reverted',
    run: revertPatch,
    summary: 'Take back that a patch was merged, or skipped',
    description:
      'Without the patch that activates it, or one that this waits for, the flag is switched off again. The flag itself stays.',
    problem: 'patch-state',
  },
] as const

const CRITERIA = [
  { name: 'check', done: true, summary: 'Check an acceptance criterion' },
  { name: 'uncheck', done: false, summary: 'Uncheck an acceptance criterion' },
] as const

/** What happens to the patches of a gameplan, and what else has to be so before it is complete. */
export function gameplanPatchRoutes({ db, names }: { db: Database; names: TemporalNames }): FastifyPluginAsyncZod {
  const shown = shownGameplan(names)

  return async (app) => {
    for (const { name, run, summary, description, problem } of PATCHES) {
      app.post(`/gameplans/:id/patches/:patchId/${name}`, {
        schema: {
          tags,
          summary,
          description,
          params: ofPatch,
          querystring,
          headers: editHeaders,
          response: changed('patch-not-found', problem),
        },
        handler: async (request, reply) => {
          const expected = expectedVersion(request.headers)
          const done = await write(db, request, (tx) => run(tx, request.params, expected))
          return reply.headers(etag(done.version)).send(shown(done))
        },
      })
    }

    for (const { name, done, summary } of CRITERIA) {
      app.post(`/gameplans/:id/criteria/:number/${name}`, {
        schema: {
          tags,
          summary,
          params: ofGate,
          querystring,
          headers: editHeaders,
          response: changed('gate-not-found'),
        },
        handler: async (request, reply) => {
          const expected = expectedVersion(request.headers)
          const checked = await write(db, request, (tx) => checkCriterion(tx, request.params, done, expected))
          return reply.headers(etag(checked.version)).send(shown(checked))
        },
      })
    }

    app.post('/gameplans/:id/questions/:number/answer', {
      schema: {
        tags,
        summary: 'Answer an open question',
        params: ofGate,
        querystring,
        headers: editHeaders,
        body: Answer,
        response: changed('gate-not-found'),
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const { answer } = request.body
        const answered = await write(db, request, (tx) => answerQuestion(tx, request.params, answer, expected))
        return reply.headers(etag(answered.version)).send(shown(answered))
      },
    })

    app.post('/gameplans/:id/questions/:number/reopen', {
      schema: {
        tags,
        summary: 'Open a question again',
        params: ofGate,
        querystring,
        headers: editHeaders,
        response: changed('gate-not-found'),
      },
      handler: async (request, reply) => {
        const expected = expectedVersion(request.headers)
        const opened = await write(db, request, (tx) => answerQuestion(tx, request.params, null, expected))
        return reply.headers(etag(opened.version)).send(shown(opened))
      },
    })
  }
}
