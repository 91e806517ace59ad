import { isUtf8 } from 'node:buffer'
import cookie from '@fastify/cookie'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { isJson } from '../domain/json.ts'
import { PROBLEMS, Problem, type ProblemCode } from '../domain/problems.ts'
import { type Config, scheduleSettings } from '../runtime/config.ts'
import type { Log } from '../runtime/log.ts'
import type { Database } from '../store/database.ts'
import type { TemporalNames } from '../temporal/ids.ts'
import { authorize, createVerifier, requireDryRun } from './auth.ts'
import { followLive } from './live.ts'
import { registerMetrics } from './metrics.ts'
import type { NoteAccess } from './notes.ts'
import { registerOpenapi } from './openapi.ts'
import { handleError, refuseConnection, sendProblem } from './problems.ts'
import { accountMigrationRoutes } from './routes/account-migrations.ts'
import { accountRoutes } from './routes/accounts.ts'
import { apiKeyRoutes } from './routes/api-keys.ts'
import { catalogRoutes } from './routes/catalog.ts'
import { catalogPolicyRoutes } from './routes/catalog-policies.ts'
import { changeRequestChangeRoutes } from './routes/change-request-changes.ts'
import { changeRequestRoutes } from './routes/change-requests.ts'
import { environmentRoutes } from './routes/environments.ts'
import { evaluationRoutes } from './routes/evaluation.ts'
import { eventRoutes } from './routes/events.ts'
import { flagReleaseRoutes } from './routes/flag-releases.ts'
import { flagScheduleRoutes } from './routes/flag-schedules.ts'
import { flagRoutes } from './routes/flags.ts'
import { freezeRoutes } from './routes/freezes.ts'
import { gameplanPatchRoutes } from './routes/gameplan-patches.ts'
import { gameplanRoutes } from './routes/gameplans.ts'
import { githubWebhookRoutes } from './routes/github-webhook.ts'
import { healthRoutes, type TemporalHealth } from './routes/health.ts'
import { mediaItemRoutes } from './routes/media-items.ts'
import { metricRoutes } from './routes/metrics.ts'
import { milestoneStrategyRoutes } from './routes/milestone-strategies.ts'
import { milestoneRoutes } from './routes/milestones.ts'
import { noteRoutes } from './routes/notes.ts'
import { ofrepRoutes } from './routes/ofrep.ts'
import { outboxRoutes } from './routes/outbox.ts'
import { policyRunRoutes } from './routes/policy-runs.ts'
import { recurrenceRoutes } from './routes/recurrences.ts'
import { releasePlanTemplateRoutes } from './routes/release-plan-templates.ts'
import { releasePlanRoutes } from './routes/release-plans.ts'
import { retentionRoutes } from './routes/retention.ts'
import { scheduleHealthRoutes } from './routes/schedule-health.ts'
import { scheduleRoutes } from './routes/schedules.ts'
import { segmentRoutes } from './routes/segments.ts'
import { sessionRoutes } from './routes/session.ts'
import { strategyRoutes } from './routes/strategies.ts'
import { streamRoutes } from './routes/stream.ts'
import { whatIfRoutes } from './routes/what-if.ts'
import type { ConfigurationFollower } from './snapshot.ts'
import { registerWeb } from './web.ts'

export interface AppOptions {
  config: Config
  log: Log
  db: Database
  /** A pool for reads of whole tables. */
  scanDb: Database
  /** What applications are served by; the caller stops it. */
  configuration: ConfigurationFollower
  /** Undefined without a note store; the caller stops it. */
  notes?: NoteAccess | undefined
  names: TemporalNames
  temporal: TemporalHealth
}

const BODY_LIMIT = 256 * 1024
/** Below the 30 s after which a stop is given up. */
const FINISH_WITHIN_MS = 10_000

/** Builds the API; the caller listens, or injects. */
export async function build({
  config,
  log,
  db,
  scanDb,
  configuration,
  notes,
  names,
  temporal,
}: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    bodyLimit: BODY_LIMIT,
    // A reason of 2,000 characters is up to 18 KB of the address, percent-encoded; Node allows 16 KB, and answers with its own 431.
    http: { maxHeaderSize: 32 * 1024 },
    // An import may take minutes.
    requestTimeout: 300_000,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id']
      return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : crypto.randomUUID()
    },
    // One line a request, written below, is enough.
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: 'idle',
    // What still comes on an open connection is served: Fastify's own 503 is no problem document.
    return503OnClosing: false,
    // Longer than any key, so that one that is too long is told so.
    routerOptions: { maxParamLength: 500 },
    frameworkErrors: handleError,
    clientErrorHandler: refuseConnection,
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.removeContentTypeParser('text/plain')
  // Clients send their content type with every request; one without a body is then no broken JSON.
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // Read as a string, what is no UTF-8 would be kept as question marks.
    if (!isUtf8(body as Buffer)) return done(new Problem('malformed-body', 'The body is not valid UTF-8.'))
    const text = body.toString()
    if (text === '') return done(null, undefined)
    parseJson(request, text, (error, json) => done(error && isJson(text) ? forbiddenKey() : error, json))
  })
  app.setErrorHandler(handleError)
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new Problem('not-found', `There is no ${request.method} ${request.url.split('?')[0]}. See /docs.`),
      request.id,
    ),
  )
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  // Requests under way are finished; what a browser keeps open after that would hold the stop up.
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), FINISH_WITHIN_MS).unref()
  })
  app.addHook('onResponse', async (request, reply) => {
    if (!request.url.startsWith('/api/')) return
    const { method, url, principal } = request
    request.log.info(
      { method, url, status: reply.statusCode, ms: Math.round(reply.elapsedTime), actor: principal?.subject },
      'Request answered',
    )
  })

  await app.register(cookie)
  await registerOpenapi(app)
  const { guards, retention } = scheduleSettings(config)
  const { INTERLOCK_BACKLOG_ALERT: backlogAlert, INTERLOCK_LATENESS_SLO_SECONDS: latenessSlo } = config
  registerMetrics(app, { db, configuration, backlogAlert, latenessSlo })
  await app.register(healthRoutes({ db, configuration, temporal }))
  const verify = createVerifier(config)
  await app.register(sessionRoutes({ verify, temporalUiUrl: config.INTERLOCK_TEMPORAL_UI_URL }), { prefix: '/api' })
  await app.register(
    async (admin) => {
      admin.addHook('onRequest', authorize(verify))
      admin.addHook('preValidation', requireDryRun)
      await admin.register(flagRoutes({ db }))
      await admin.register(strategyRoutes({ db }))
      await admin.register(segmentRoutes({ db }))
      await admin.register(environmentRoutes({ db }))
      await admin.register(changeRequestRoutes({ db, names, guards }))
      await admin.register(changeRequestChangeRoutes({ db, names }))
      await admin.register(flagScheduleRoutes({ db, names, guards }))
      await admin.register(scheduleRoutes({ db, names, guards }))
      await admin.register(flagReleaseRoutes({ db, guards }))
      await admin.register(recurrenceRoutes({ db }))
      await admin.register(freezeRoutes({ db }))
      await admin.register(releasePlanTemplateRoutes({ db }))
      await admin.register(releasePlanRoutes({ db, names }))
      await admin.register(milestoneRoutes({ db, names }))
      await admin.register(milestoneStrategyRoutes({ db }))
      await admin.register(metricRoutes({ db }))
      await admin.register(retentionRoutes({ scanDb, retention }))
      await admin.register(eventRoutes({ db }))
      await admin.register(streamRoutes({ db, live: followLive({ db, configuration, log }) }))
      await admin.register(whatIfRoutes({ db, guards }))
      await admin.register(scheduleHealthRoutes({ db }))
      await admin.register(outboxRoutes({ db }))
      await admin.register(gameplanRoutes({ db, names }))
      await admin.register(gameplanPatchRoutes({ db, names }))
      await admin.register(catalogPolicyRoutes({ db }))
      await admin.register(policyRunRoutes({ db, scanDb, names }))
      await admin.register(mediaItemRoutes({ db }))
      await admin.register(apiKeyRoutes({ db }))
      await admin.register(accountRoutes({ db, notes }))
      await admin.register(accountMigrationRoutes({ db, notes, names }))
      await admin.register(evaluationRoutes({ db, configuration }))
    },
    { prefix: '/api/admin' },
  )
  await app.register(
    async (accounts) => {
      accounts.addHook('onRequest', authorize(verify))
      await accounts.register(noteRoutes({ notes }))
    },
    { prefix: '/api/accounts' },
  )
  await app.register(githubWebhookRoutes({ db, secret: config.INTERLOCK_GITHUB_WEBHOOK_SECRET }), {
    prefix: '/api/webhooks',
  })
  await app.register(catalogRoutes({ db }), { prefix: '/api/catalog' })
  await app.register(ofrepRoutes({ configuration }), { prefix: '/ofrep/v1' })
  await registerWeb(app)
  // What the `type` of a problem points to.
  app.get<{ Params: { code: string } }>('/problems/:code', { schema: { hide: true } }, async ({ params }) => {
    if (!Object.hasOwn(PROBLEMS, params.code)) throw new Problem('not-found', `There is no problem "${params.code}".`)
    return { type: `/problems/${params.code}`, ...PROBLEMS[params.code as ProblemCode] }
  })
  return app
}

function forbiddenKey(): Problem {
  const message = 'must not have the key __proto__ at any depth, nor constructor with prototype in it'
  return new Problem('malformed-body', `The body ${message}.`, { fields: [{ field: 'body', message }] })
}
