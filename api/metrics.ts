import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { LATENESS_BOUNDS, sloBucket } from '../domain/lateness.ts'
import type { Database } from '../store/database.ts'
import { readFigures, type StoreFigures } from '../store/health.ts'
import type { ConfigurationFollower } from './snapshot.ts'

/**
 * `/metrics` for Prometheus: this process and its HTTP, and from Postgres, exact for all processes together, what
 * schedules and policy runs do and wait for.
 */
export function registerMetrics(
  app: FastifyInstance,
  {
    db,
    configuration,
    backlogAlert,
    latenessSlo,
  }: { db: Database; configuration: ConfigurationFollower; backlogAlert: number; latenessSlo: number },
): void {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const requests = new Histogram({
    name: 'interlock_http_request_seconds',
    help: 'Requests by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers: [registry],
  })
  new Gauge({
    name: 'interlock_schedules_backlog_alert_threshold',
    help: 'Backlog from which somebody should be woken (INTERLOCK_BACKLOG_ALERT)',
    registers: [registry],
  }).set(backlogAlert)
  new Gauge({
    name: 'interlock_schedule_slo_target_seconds',
    help: 'Lateness that a schedule may have (INTERLOCK_LATENESS_SLO_SECONDS)',
    registers: [registry],
  }).set(latenessSlo)

  new Gauge({
    name: 'interlock_configuration_revision',
    help: 'Configuration revision that this process serves applications by; -1 before it has read one',
    registers: [registry],
    collect() {
      this.set(configuration.age() === undefined ? -1 : configuration.current().revision)
    },
  })
  new Gauge({
    name: 'interlock_configuration_age_seconds',
    help: 'Since Postgres last said that there is no newer one: how far behind this process may be',
    registers: [registry],
    collect() {
      this.set((configuration.age() ?? Number.POSITIVE_INFINITY) / 1000)
    },
  })

  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request
    requests.observe(
      { method, route: routeOptions.url ?? 'unknown', status: reply.statusCode },
      reply.elapsedTime / 1000,
    )
  })
  const up = new Gauge({
    name: 'interlock_postgres_up',
    help: 'Could the figures below be read from Postgres?',
    registers: [registry],
  })
  app.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    const figures = await readFigures(db).catch((error) => {
      request.log.warn({ err: error }, 'Metrics without Postgres')
    })
    up.set(figures ? 1 : 0)
    reply.type(registry.contentType)
    return `${await registry.metrics()}\n${figures ? renderFigures(figures, latenessSlo) : ''}`
  })
}

/** The figures in Prometheus' text format; its client library counts only what happened in its own process. */
function renderFigures(figures: StoreFigures, latenessSlo: number): string {
  const metric = (name: string, type: 'counter' | 'gauge', help: string, value: number) =>
    `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`
  const lateness = 'interlock_schedule_lateness_seconds'
  const buckets = LATENESS_BOUNDS.map(
    (bound, i) => `${lateness}_bucket{le="${bound}"} ${figures.latenessBuckets[i] ?? 0}`,
  )
  const slo = sloBucket(latenessSlo)
  return [
    metric('interlock_schedules_applied_total', 'counter', 'Schedules applied', figures.applied),
    metric(
      'interlock_schedules_within_slo_total',
      'counter',
      `Schedules applied at most ${slo.bound} s late: the target, or the next lower bound of the lateness histogram`,
      figures.latenessBuckets[slo.index] ?? 0,
    ),
    metric('interlock_schedules_failed_total', 'counter', 'Schedules that could not be applied', figures.failed),
    metric(
      'interlock_sweeps_total',
      'counter',
      'Transactions that applied schedules; applied / sweeps is schedules per sweep',
      figures.sweeps,
    ),
    metric('interlock_schedules_pending', 'gauge', 'Schedules that are pending', figures.pending),
    metric('interlock_schedules_backlog', 'gauge', 'Schedules that are due and not applied', figures.backlog),
    metric(
      'interlock_schedules_backlog_age_seconds',
      'gauge',
      'Since the oldest of the backlog was due',
      figures.backlogAgeSeconds,
    ),
    metric('interlock_outbox_waiting', 'gauge', 'Outbox rows that wait to be sent', figures.outboxWaiting),
    metric(
      'interlock_outbox_age_seconds',
      'gauge',
      'Since the oldest waiting outbox row was committed',
      figures.outboxAgeSeconds,
    ),
    metric('interlock_outbox_dead', 'gauge', 'Outbox rows that are dead-lettered', figures.outboxDead),
    metric(
      'interlock_policy_active_version',
      'gauge',
      'Policy version that the public sees',
      figures.activePolicyVersion,
    ),
    metric(
      'interlock_policy_evaluated_versions',
      'gauge',
      'Versions that every writer of an item evaluates',
      figures.evaluatedVersions,
    ),
    metric('interlock_policy_runs_running', 'gauge', 'Policy runs that are running', figures.runsRunning),
    metric('interlock_policy_runs_failing', 'gauge', 'Running policy runs whose batches fail', figures.runsFailing),
    metric('interlock_policy_evaluations', 'gauge', 'Items that all policy runs evaluated', figures.evaluations),
    metric('interlock_policy_evaluation_errors', 'gauge', 'Of them, errors', figures.evaluationErrors),
    `# HELP ${lateness} Applied − due\n# TYPE ${lateness} histogram\n${buckets.join('\n')}\n`,
    `${lateness}_bucket{le="+Inf"} ${figures.applied}\n${lateness}_sum ${figures.latenessSeconds}\n${lateness}_count ${figures.applied}\n`,
  ].join('')
}
