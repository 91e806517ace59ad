import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Database } from '../../store/database.ts'
import { previewRetention, type Retention, RetentionPreview } from '../../store/retention.ts'
import { ok } from '../openapi.ts'
import { readProblems } from '../problems.ts'

/** `scanDb`, because it reads what may be most of a table. */
export function retentionRoutes(deps: { scanDb: Database; retention: Retention }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get('/schedules/retention', {
      schema: {
        tags: ['schedules of many flags'],
        summary: 'What the retention would delete now, and its settings',
        description: 'It runs every day; now, by `temporal schedule trigger --schedule-id retention`.',
        response: { 200: ok(RetentionPreview), ...readProblems() },
      },
      handler: () => previewRetention(deps.scanDb, deps.retention),
    })
  }
}
