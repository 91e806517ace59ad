import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { contextOf } from '../../domain/evaluation/context.ts'
import { evaluate } from '../../domain/evaluation/evaluate.ts'
import { explain } from '../../domain/evaluation/explain.ts'
import type { Configuration, FlagConfiguration } from '../../domain/evaluation/model.ts'
import { Comparison, Draft, draftOf } from '../../domain/evaluation-draft.ts'
import { Explanation } from '../../domain/explanation.ts'
import { DueTime } from '../../domain/flag-schedule.ts'
import { Problem } from '../../domain/problems.ts'
import { strict } from '../../domain/strict.ts'
import { FlagKey } from '../../domain/text.ts'
import { readConfigurationAt } from '../../store/configuration-then.ts'
import type { Database } from '../../store/database.ts'
import { ok } from '../openapi.ts'
import { writeProblems } from '../problems.ts'
import { environmentQuery } from '../requests.ts'
import type { ConfigurationFollower } from '../snapshot.ts'

const NeededContext = z
  .looseObject(
    { targetingKey: z.string({ error: 'must be text' }).nullish() },
    { error: 'is needed: an object such as {"targetingKey": "user-17"}' },
  )
  .meta({ example: { targetingKey: 'user-17', plan: 'premium' } })

const CONTEXTS_RULE = 'must be a list of 1 to 200 contexts'
const ofFlag = z.object({ flagKey: FlagKey })

interface Dependencies {
  db: Database
  configuration: ConfigurationFollower
}

/** Why is it on, or off, for this user? */
export function evaluationRoutes({ db, configuration }: Dependencies): FastifyPluginAsyncZod {
  /** What the flag is evaluated by now. */
  async function current(environment: string, flagKey: string) {
    const { revision, environments } = await configuration.refresh()
    const found = environments.get(environment)
    const flag = found?.flags.get(flagKey)
    if (!found || !flag) {
      throw new Problem('flag-not-found', `There is no flag "${flagKey}" in "${environment}" that is not archived.`)
    }
    return { revision, configuration: found as Configuration, flag }
  }

  return async (app) => {
    app.post('/flags/:flagKey/evaluate', {
      config: { changesNothing: true },
      schema: {
        tags: ['flags'],
        summary: 'Evaluate a flag for a context, now or at another instant, and say why. Changes nothing',
        description:
          'By everything that was committed before the request, whichever process committed it. With `at`, by the flag, its strategies, its segments and what it depends on as they were then; of the future, as pending schedules and recurrences would make them, and without what release plans and change requests will do.',
        params: ofFlag,
        querystring: strict(environmentQuery),
        body: strict({ context: NeededContext, at: DueTime.optional() }),
        response: { 200: ok(Explanation), ...writeProblems('flag-not-found') },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const { flagKey } = request.params
        const { context } = request.body
        const asked = new Map(contextOf(context))
        if (!request.body.at) {
          const { configuration, revision } = await current(environment, flagKey)
          const explained = explain(configuration, flagKey, asked, Date.now()) as Explanation
          return reply.send({ ...explained, environment, configurationRevision: revision, at: null, certain: true })
        }
        const at = new Date(request.body.at)
        const { revision } = await configuration.refresh()
        const then = await readConfigurationAt(db, { environment, flagKey }, at)
        asked.set('currentTime', at.toISOString())
        const explained = explain(then.configuration, flagKey, asked, at.getTime()) as Explanation
        const { certain } = then
        const about = { environment, configurationRevision: revision, revision: null, at: at.toISOString(), certain }
        return reply.send({ ...explained, ...about })
      },
    })

    app.post('/flags/:flagKey/preview', {
      config: { changesNothing: true },
      schema: {
        tags: ['flags'],
        summary: 'What would an edit of a flag or its strategies mean for some contexts? Changes nothing',
        description:
          'Answers one comparison a context, in their order. What the body does not name is as it is now; `strategies` are all that the flag would have.',
        params: ofFlag,
        querystring: strict(environmentQuery),
        body: Draft.extend({
          contexts: z.array(NeededContext, { error: CONTEXTS_RULE }).min(1, CONTEXTS_RULE).max(200, CONTEXTS_RULE),
        }),
        response: {
          200: ok(z.array(Comparison)),
          ...writeProblems('flag-not-found', 'dependency-refused', 'unknown-segment'),
        },
      },
      handler: async (request, reply) => {
        const { flagKey } = request.params
        const { environment } = request.query
        const { contexts, ...draft } = request.body
        const { configuration: before, flag } = await current(environment, flagKey)
        const edited: FlagConfiguration = draftOf({ ...before, environment }, flag, draft)
        const after = { ...before, flags: new Map(before.flags).set(flagKey, edited) }
        const now = Date.now()
        return reply.send(
          contexts.map((sent) => {
            const context = contextOf(sent)
            // One chance for both, or they would differ by it.
            const random = Math.random()
            const of = (configuration: Configuration) => {
              const { enabled, variant, reason } = evaluate(configuration, flagKey, context, now, random)
              return { enabled, variant, reason }
            }
            return { before: of(before), after: of(after) }
          }),
        )
      },
    })
  }
}
