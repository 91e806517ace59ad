import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { PublicItem } from '../../domain/public-catalog.ts'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { listPublicItems } from '../../store/public-catalog.ts'
import { paged } from '../openapi.ts'
import { openProblems } from '../problems.ts'
import { pageQuery, sendPage } from '../requests.ts'

/** What the public sees; no token is needed. */
export function catalogRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get('/items', {
      schema: {
        tags: ['public catalog'],
        summary: 'The items that the active policy version shows, what trends most first',
        description: 'Every answer is by one version, which is in the header `x-policy-version`.',
        querystring: strict(pageQuery),
        response: { 200: paged(PublicItem), ...openProblems() },
      },
      handler: async (request, reply) => {
        const { policyVersion, ...page } = await listPublicItems(db, request.query)
        if (policyVersion !== null) reply.header('x-policy-version', policyVersion)
        return reply.send(sendPage(request, reply, page))
      },
    })
  }
}
