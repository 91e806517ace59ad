import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import {
  EnvironmentSettings,
  EnvironmentSettingsEdit,
  EnvironmentSettingsWithDrift,
} from '../../domain/environment-settings.ts'
import { DriftRepair, DriftRepaired, StrategyDrift } from '../../domain/strategy-drift.ts'
import { strict } from '../../domain/strict.ts'
import { Environment } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { editSettings, getSettings, listSettings } from '../../store/environment-settings.ts'
import { listDrift } from '../../store/strategy-drift.ts'
import { repairDrift } from '../../store/strategy-repair.ts'
import { ok, paged } from '../openapi.ts'
import { gatedProblems, readProblems, writeProblems } from '../problems.ts'
import { editHeaders, etag, expectedVersion, originOf, pageQuery, reasonQuery, sendPage, write } from '../requests.ts'

const tags = ['environments']
const ofEnvironment = z.object({ environment: Environment })

export function environmentRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get('/environments', {
      schema: {
        tags,
        summary: 'List environments that have flags, segments or settings, by name',
        querystring: strict(pageQuery),
        response: { 200: paged(EnvironmentSettings), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listSettings(db, request.query))),
    })

    app.get('/environments/:environment', {
      schema: {
        tags,
        summary: 'Read the settings of an environment',
        params: ofEnvironment,
        querystring: strict({}),
        response: { 200: ok(EnvironmentSettings, { etag: true }), ...readProblems() },
      },
      handler: async (request, reply) => {
        const settings = await getSettings(db, request.params.environment)
        return reply.headers(etag(settings.version)).send(settings)
      },
    })

    app.patch('/environments/:environment', {
      schema: {
        tags,
        summary: 'Change the settings of an environment',
        description:
          "While `releasePlanSync` is false, edits of an active milestone's strategy change one of its copies. Turning it on again leaves those that differ by then; `drift` says how many.",
        params: ofEnvironment,
        querystring: strict(reasonQuery),
        headers: editHeaders,
        body: EnvironmentSettingsEdit,
        response: { 200: ok(EnvironmentSettingsWithDrift, { etag: true }), ...writeProblems('revision-mismatch') },
      },
      handler: async (request, reply) => {
        const { environment } = request.params
        const expected = expectedVersion(request.headers)
        const settings = await write(db, request, (tx) => editSettings(tx, environment, request.body, expected))
        return reply.headers(etag(settings.version)).send(settings)
      },
    })

    app.get('/environments/:environment/release-plan-drift', {
      schema: {
        tags,
        summary: 'List strategies of active milestones whose two copies differ, by flag',
        params: ofEnvironment,
        querystring: strict(pageQuery),
        response: { 200: paged(StrategyDrift), ...readProblems() },
      },
      handler: async (request, reply) => {
        const found = await listDrift(db, { ...request.params, ...request.query })
        return reply.send(sendPage(request, reply, found))
      },
    })

    app.post('/environments/:environment/release-plan-drift/repair', {
      config: { changesNothing: 'with-dry-run' },
      schema: {
        tags,
        summary: 'Make copies that differ equal again',
        description:
          'Each flag in a transaction of its own. Doing it again repairs what is left, so it takes no `Idempotency-Key`.',
        params: ofEnvironment,
        querystring: strict(reasonQuery),
        body: DriftRepair,
        response: { 200: ok(DriftRepaired), ...gatedProblems() },
      },
      handler: (request) => repairDrift(db, request.params.environment, request.body, originOf(request)),
    })
  }
}
