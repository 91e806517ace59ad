import { expect } from 'vitest'
import { sweepDue } from '../../store/sweep.ts'
import { importItems, items, makePolicy, STRICTER } from '../helpers/catalog.ts'
import { one } from '../helpers/database.ts'
import { drive, goLive, openCatalogDatabases } from '../helpers/policy-runs.ts'
import { rollout } from '../helpers/release-plans.ts'
import { addAccounts } from './account-scene.ts'
import type { WebApp } from './browser.ts'
import { makeRunningGameplan } from './gameplans.ts'
import { makeRequest, makeWaitingPlan } from './plans-and-requests.ts'
import { addRelease } from './release-scene.ts'

const FLAGS = [
  { key: 'new-checkout', description: 'One page instead of three', enabled: true, rolloutPercentage: 25 },
  { key: 'recommendations', description: 'Films that others liked', enabled: true },
  { key: 'dark-mode', description: 'Follows the system' },
  { key: 'search-v2', description: 'Typos are forgiven', enabled: true, rolloutPercentage: 50 },
  { key: 'legacy-export' },
]

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Something to see on every page, of every kind. */
export async function setScene(app: WebApp): Promise<void> {
  for (const flag of FLAGS) await post(app, 'flags', flag)
  await addSchedules(app)
  await addStrategies(app)
  await makeWaitingPlan(app, 'player')
  const request = await makeRequest(app, 'search-v2')
  const due = { scheduledAt: inMs(6 * HOUR) }
  const planned = await app.call('PATCH', `environments/production/change-requests/${request.id}`, due)
  expect(planned.status).toBe(200)
  await addPolicyRuns(app)
  await addMigration(app)
  await addAccounts(app)
  await addRelease(app)
  await makeRunningGameplan(app)
  await one(
    app.db,
    `INSERT INTO outbox (key, task, payload, idempotency_key, state, attempts, next_at, last_error) VALUES ('schedule:1', 'nudge-flag-schedule',
       '{"scheduleId": "0198c0de-0000-7000-8000-000000000000"}', 'scene', 'dead', 20, now(), 'NOT_FOUND: namespace shop')`,
  )
}

async function post({ call }: Pick<WebApp, 'call'>, path: string, body?: object) {
  const answer = await call('POST', path, body)
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
  return answer.body
}

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString()

/** Applied, failed, late, pending, recurring; and a freeze. */
async function addSchedules(app: WebApp): Promise<void> {
  const schedule = (flagKey: string, ms: number, updates: object, comment?: string) =>
    post(app, `flags/${flagKey}/schedule`, { scheduledAt: inMs(ms), updates, comment })
  const earlier = (id: string, hours: number, more = '') =>
    one(
      app.db,
      `UPDATE feature_flag_schedules SET scheduled_at = scheduled_at - make_interval(hours => $2) ${more} WHERE id = $1`,
      [id, hours],
    )
  const applied = await schedule('recommendations', -MINUTE / 2, { enabled: true })
  const failed = await schedule('search-v2', -MINUTE / 2, { rolloutPercentage: 75 }, 'As agreed on Monday')
  await sweepDue(app.db)
  await earlier(applied.id, 3)
  await earlier(
    failed.id,
    1,
    `, status = 'failed', applied_at = NULL, applied_revision = NULL, error_message = 'too many users at once'`,
  )
  await schedule('legacy-export', -MINUTE / 2, { enabled: false })
  await schedule('dark-mode', 3 * HOUR, { enabled: true }, 'Launch')
  await schedule('new-checkout', HOUR, { rolloutPercentage: 50 })
  await schedule('new-checkout', 5 * HOUR, { rolloutPercentage: 100 }, 'Everybody, if the first half was quiet')
  await post(app, 'flags/dark-mode/recurrences', {
    recurrence: { cron: '0 7 * * *', timeZone: 'Europe/Berlin' },
    updates: { rolloutPercentage: 80 },
  })
  const freeze = { environment: 'production', reason: 'Nobody is in the office', mode: 'defer' }
  await post(app, 'freezes', { ...freeze, from: inMs(8 * HOUR), to: inMs(20 * HOUR) })
}

async function addStrategies(app: WebApp): Promise<void> {
  const constraints = [{ contextName: 'email', operator: 'STR_ENDS_WITH', values: ['@example.com'] }]
  await post(app, 'flags/dark-mode/strategies', { name: 'default', title: 'Staff', constraints })
  await post(app, 'flags/dark-mode/strategies', rollout(20, { title: 'A fifth of all' }))
}

/** A live version, and a run of another one in its middle. */
async function addPolicyRuns(app: WebApp): Promise<void> {
  await importItems(app, items(500))
  const dbs = openCatalogDatabases(app.databaseUrl)
  await goLive(dbs)
  const { id } = await makePolicy(app, STRICTER)
  const { runId } = await post(app, `catalog-policies/${id}/prepare`, { batchSize: 100, parallelism: 1 })
  await drive(dbs, runId, 3)
}

/** One that has stopped by itself. Only its row: no store of notes is here. */
async function addMigration({ db }: WebApp): Promise<void> {
  await one(
    db,
    `INSERT INTO account_migrations (name, cohorts, pause_between, batch_size, delay_ms, parallelism, status, reason, created_by, started_at)
     VALUES ('To the new store', '[{"percentage": 10}, {"percentage": 100}]', 0, 500, 0, 4, 'halted', 'the verifier found a difference', 'olivia', now() - interval '2 hours')`,
  )
}
