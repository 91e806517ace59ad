import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { contextOf } from '../../domain/evaluation/context.ts'
import { explain } from '../../domain/evaluation/explain.ts'
import { Explanation } from '../../domain/explanation.ts'
import { FlagKey } from '../../domain/flag.ts'
import { DueTime } from '../../domain/flag-schedule.ts'
import { Problem } from '../../domain/problems.ts'
import { strict } from '../../domain/strict.ts'
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

/** Why is it on, or off, for this user? */
export function evaluationRoutes({ configuration }: { configuration: ConfigurationFollower }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/flags/:flagKey/evaluate', {
      schema: {
        tags: ['flags'],
        summary: 'Evaluate a flag for a context, and say why. Changes nothing',
        description:
          'By everything that was committed before the request, whichever process committed it. `at` is the time that constraints on the time are evaluated at; the configuration is the one of now.',
        params: z.object({ flagKey: FlagKey }),
        querystring: strict(environmentQuery),
        body: strict({ context: NeededContext, at: DueTime.optional() }),
        response: { 200: ok(Explanation), ...writeProblems('flag-not-found') },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const { flagKey } = request.params
        const { revision, environments } = await configuration.refresh()
        const found = environments.get(environment)
        if (!found?.flags.has(flagKey)) {
          throw new Problem('flag-not-found', `There is no flag "${flagKey}" in "${environment}" that is not archived.`)
        }
        const { context, at } = request.body
        const asked = new Map(contextOf(context))
        if (at) asked.set('currentTime', new Date(at).toISOString())
        const explained = explain(found, flagKey, asked, Date.now()) as Omit<Explanation, 'environment'>
        return reply.send({ ...explained, environment, configurationRevision: revision })
      },
    })
  }
}
