import { describe, expect, it, vi } from 'vitest'
import { createReconcileActivities } from '../../activities/reconcile.ts'
import { ensureReconciler } from '../../temporal/periodic.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one, quiet } from '../helpers/database.ts'
import { record } from '../helpers/histories.ts'
import { inMs } from '../helpers/schedules.ts'
import { temporal } from '../helpers/temporal-cli.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, client, db, names } = app
await startTestWorker(app, url)

const schedule = async (dueInMs: number) => {
  const { body: flag } = await call('POST', 'flags', { key: `flag-${crypto.randomUUID()}` })
  const { body } = await call('POST', `flags/${flag.key}/schedule`, {
    scheduledAt: inMs(dueInMs),
    updates: { enabled: true },
  })
  const handle = client.workflow.getHandle(body.workflowId)
  await vi.waitFor(async () => expect((await handle.describe()).status.name).toBe('RUNNING'))
  const status = async () => (await call('GET', `flags/${flag.key}/schedule/${body.id}`)).body.status as string
  return { id: body.id as string, workflowId: body.workflowId as string, handle, status }
}

/** Starts the reconciler as its Temporal Schedule does, and waits for it. */
const reconcile = async () => {
  const workflowId = `${names.reconciler}-${crypto.randomUUID()}`
  await client.workflow.execute('reconcile', { workflowId, taskQueue: names.queues.timers })
  return workflowId
}

describe('the reconciler', () => {
  it.each(['terminate', 'delete'] as const)(
    'heals what `temporal workflow %s` leaves: nothing fires before',
    async (verb) => {
      const made = await schedule(1_500)
      await temporal('workflow', verb, '-w', made.workflowId, ...(verb === 'delete' ? ['--yes'] : []))
      await vi.waitFor(async () => {
        const status = await made.handle.describe().then(
          ({ status }) => status.name,
          () => 'gone',
        )
        expect(status).not.toBe('RUNNING')
      })
      // Not a wait for a condition, but for its absence: no poller may apply what has no workflow.
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      expect(await made.status()).toBe('pending')
      const workflowId = await reconcile()
      await vi.waitFor(async () => expect(await made.status()).toBe('applied'), 10_000)
      if (verb === 'terminate') await record(app, workflowId, 'healed')
    },
  )

  it('leaves workflows that run, rows that the relay has, and what is final alone', async () => {
    const running = await schedule(30_000)
    const waiting = await schedule(30_000)
    await waiting.handle.terminate()
    const key = `flag-schedule/${waiting.id}/1`
    await expect
      .poll(() => one(db, 'SELECT state FROM outbox WHERE idempotency_key = $1', [key]))
      .toEqual({ state: 'dispatched' })
    await one(
      db,
      `UPDATE outbox SET state = 'pending', next_at = now() + interval '1 hour' WHERE idempotency_key = $1`,
      [`flag-schedule/${waiting.id}/1`],
    )
    const [runBefore] = [(await running.handle.describe()).runId]
    await reconcile()
    expect(
      await one(db, `SELECT count(*) AS count FROM outbox WHERE idempotency_key LIKE 'flag-schedule/' || $1 || '/%'`, [
        running.id,
      ]),
    ).toEqual({ count: 1 })
    expect(
      await one(db, `SELECT count(*) AS count FROM outbox WHERE idempotency_key LIKE 'flag-schedule/' || $1 || '/%'`, [
        waiting.id,
      ]),
    ).toEqual({ count: 1 })
    expect((await running.handle.describe()).runId).toBe(runBefore)
  })

  it('goes round schedules that are due later, a part of them in each run', async () => {
    const far = await schedule(86_400_000)
    await far.handle.terminate()
    await reconcile()
    await vi.waitFor(async () => expect((await far.handle.describe()).status.name).toBe('RUNNING'), 10_000)
  })

  it('purges dispatched outbox rows and idempotency keys after a day, and keeps what waits', async () => {
    await schedule(86_400_000)
    await vi.waitFor(async () =>
      expect(
        await one(
          db,
          `SELECT count(*) AS n FROM outbox WHERE state = 'pending' AND next_at < now() + interval '1 minute'`,
        ),
      ).toEqual({ n: 0 }),
    )
    await one(db, `UPDATE outbox SET dispatched_at = now() - interval '25 hours' WHERE state = 'dispatched'`)
    await one(
      db,
      `INSERT INTO outbox (key, task, payload, idempotency_key, next_at, created_at) VALUES ('a', 'b', '{}', 'old', now() + interval '1 hour', now() - interval '3 days')`,
    )
    await one(
      db,
      `INSERT INTO idempotency_keys (actor, key, fingerprint, created_at) VALUES ('a', 'old', 'x', now() - interval '25 hours'), ('a', 'new', 'x', now())`,
    )
    await createReconcileActivities({ db, client, names, log: quiet }).purgeOldRows()
    const { rows } = await db.pool.query(
      `SELECT idempotency_key AS key FROM outbox WHERE state = 'dispatched' OR idempotency_key = 'old'`,
    )
    expect(rows).toEqual([{ key: 'old' }])
    expect(await one(db, 'SELECT count(*) AS n, min(key) AS key FROM idempotency_keys')).toEqual({ n: 1, key: 'new' })
  })

  it('is started every minute by a Temporal Schedule, which is made once and updated', async () => {
    await ensureReconciler(client, names)
    await ensureReconciler(client, names)
    const { spec, policies } = await client.schedule.getHandle(names.reconciler).describe()
    expect(spec.intervals).toMatchObject([{ every: 60_000 }])
    expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 60_000 })
    await client.schedule.getHandle(names.reconciler).delete()
  })
})
