import { describe, expect, it } from 'vitest'
import type { AccountMigration } from '../../domain/account-migration.ts'
import { addAccounts, contentOfAccount, createNotesApp, startMigration } from '../helpers/accounts.ts'
import { one } from '../helpers/database.ts'
import { record } from '../helpers/histories.ts'
import { temporal } from '../helpers/temporal-cli.ts'
import { startTestWorker } from '../helpers/worker.ts'
import { createOlderBuild } from '../notes/stores.ts'

const { app, url, settings, databases } = await createNotesApp()
const { call, client, db, names } = app
await startTestWorker(app, url, { reverseWindowHours: 1 })

const read = async ({ id }: { id: string }): Promise<AccountMigration> =>
  (await call('GET', `account-migrations/${id}`)).body
const workflow = ({ workflowId }: { workflowId: string }) => client.workflow.getHandle(workflowId)
const post = async ({ id }: { id: string }, command: string) =>
  await call('POST', `account-migrations/${id}/${command}`)
const lastEvent = async ({ id }: { id: string }, type: string) =>
  (await call('GET', `events?runId=${id}&type=account-migration-${type}&limit=1`)).body[0]
const becomes = async (migration: { id: string }, expected: object) =>
  await expect.poll(() => read(migration), { timeout: 25_000, interval: 50 }).toMatchObject(expected)
const closed = async (migration: { workflowId: string }) =>
  await expect
    .poll(async () => (await workflow(migration).describe()).status.name, { timeout: 10_000 })
    .not.toBe('RUNNING')
const modes = async (accountIds: string[]) =>
  (await db.pool.query('SELECT DISTINCT mode FROM accounts WHERE id = ANY ($1) ORDER BY 1', [accountIds])).rows.map(
    ({ mode }) => mode,
  )
const signal = (migration: AccountMigration, name: string, input: object) =>
  temporal('workflow', 'signal', '-w', migration.workflowId, '--name', name, '--input', JSON.stringify(input))
const metadata = async ({ workflowId }: AccountMigration) =>
  (await temporal('workflow', 'metadata', '-w', workflowId)).replaceAll('\n', ' ')
/** Time is data: the way back closes now. */
const closeWindow = async (migration: AccountMigration) => {
  await one(db, `UPDATE account_migrations SET clean_after = clock_timestamp() WHERE id = $1`, [migration.id])
  await workflow(migration).signal('nudge')
}
const reconcile = async () => {
  const workflowId = `${names.reconciler}-${crypto.randomUUID()}`
  await client.workflow.execute('reconcile', { workflowId, taskQueue: names.queues.timers })
  return workflowId
}

let runs = 0
/** A migration that takes half a minute if nobody interferes, once it has begun. */
const slow = async () => {
  const accounts = await addAccounts(app, `slow${++runs}`, [400, 3, 0])
  const before = await Promise.all(accounts.map((id) => contentOfAccount(databases, id)))
  const migration = await startMigration(app, { cohorts: [{ accounts }], batchSize: 2, delayMs: 120, parallelism: 1 })
  await expect
    .poll(async () => (await read(migration)).notes.moved, { timeout: 10_000, interval: 20 })
    .toBeGreaterThan(2)
  return { migration, accounts, before: before.map(({ legacy }) => legacy) }
}
const isAt = async (store: 'legacy' | 'current', accounts: string[], before: string[][]) => {
  const now = await Promise.all(accounts.map((id) => contentOfAccount(databases, id)))
  expect(now.map((content) => content[store])).toEqual(before)
  expect(now.flatMap((content) => content[store === 'legacy' ? 'current' : 'legacy'])).toEqual([])
}

describe('a migration of accounts', () => {
  it('moves two cohorts, a huge account in ranges, closes the way back and ends', async () => {
    const [huge = '', ...small] = await addAccounts(app, 'moved', [12_000, 10, 1, 0])
    const accounts = [huge, ...small]
    const before = (await Promise.all(accounts.map((id) => contentOfAccount(databases, id)))).map(
      ({ legacy }) => legacy,
    )
    const migration = await startMigration(app, { name: 'First', cohorts: [{ accounts: small }, { accounts: [huge] }] })
    await becomes(migration, {
      status: 'done',
      progress: 1,
      accounts: { moved: 4 },
      notes: { total: 12_011, moved: 12_011 },
    })
    await isAt('current', accounts, before)
    expect(await modes(accounts)).toEqual(['done'])
    const { body } = await call('GET', `account-migrations/${migration.id}/accounts`)
    expect(body[0]).toMatchObject({ accountId: huge, cohort: 2, mode: 'done', ranges: 3, rangesDone: 3, moved: 12_000 })
    expect((await post(migration, 'verify')).body).toEqual({ accounts: 4, complete: true, findings: [] })
    const events = (await call('GET', `events?runId=${migration.id}`)).body.map(({ type }: { type: string }) => type)
    expect(events.reverse()).toEqual([
      'account-migration-started',
      'account-migration-cohort-started',
      'account-migration-cohort-moved',
      'account-migration-cohort-started',
      'account-migration-cohort-moved',
      'account-migration-done',
    ])
    await call('DELETE', `/api/accounts/${huge}/notes/${before[0]?.[0]?.split(' ')[0]}`)
    const tombstones = () =>
      one(databases.current, 'SELECT count(*) FROM note_tombstones WHERE account_id = $1', [huge])
    expect(await tombstones()).toEqual({ count: 1 })
    await closeWindow(migration)
    await closed(migration)
    expect(await read(migration)).toMatchObject({ status: 'done', cleanedAt: expect.any(String) })
    expect(await tombstones()).toEqual({ count: 0 })
    expect(await post(migration, 'rollback')).toMatchObject({
      status: 409,
      body: { type: '/problems/reverse-window-over' },
    })
    await record(app, migration.workflowId, 'done')
  })

  it('waits between cohorts', async () => {
    const accounts = await addAccounts(app, 'apart', [2, 2])
    const cohorts = accounts.map((id) => ({ accounts: [id] }))
    const migration = await startMigration(app, { cohorts, pauseBetween: 3_600 })
    await becomes(migration, { cohort: 2, accounts: { pending: 1, moved: 1 }, nextAt: expect.any(String) })
    await one(db, 'UPDATE account_migrations SET next_at = clock_timestamp() WHERE id = $1', [migration.id])
    await workflow(migration).signal('nudge')
    await becomes(migration, { status: 'done' })
    await workflow(migration).terminate()
  })

  it('is paused, paced and resumed, and shows where it stands', async () => {
    const { migration, accounts, before } = await slow()
    expect(await post(migration, 'pause')).toMatchObject({ status: 202, body: { status: 'paused' } })
    await closed(migration)
    expect(await post(migration, 'pause')).toMatchObject({ status: 409, body: { migrationStatus: 'paused' } })
    expect(await modes(accounts)).toContain('migrating')
    const paced = await call('PATCH', `account-migrations/${migration.id}`, { batchSize: 500, delayMs: 0 })
    expect(paced).toMatchObject({ status: 200, body: { batchSize: 500 } })
    await expect.poll(() => metadata(migration), { timeout: 10_000 }).toContain('**paused**')
    await post(migration, 'resume')
    await becomes(migration, { status: 'done' })
    await isAt('current', accounts, before)
    await workflow(migration).terminate()
  })

  it('is paced, paused, resumed and stopped by signals, by whoever sent them', async () => {
    const { migration, accounts } = await slow()
    await signal(migration, 'pace', { batchSize: 3, by: 'olivia' })
    await becomes(migration, { batchSize: 3 })
    const changed = await lastEvent(migration, 'changed')
    expect(changed).toMatchObject({ actor: 'olivia', door: 'signal' })
    const refusals: [string, object, string][] = [
      ['resume', {}, 'only one that is paused or halted'],
      ['pace', { by: 'olivia' }, 'must name at least one of batchSize, delayMs, parallelism'],
      ['pace', { batchsize: 5 }, 'batchsize: is not a field'],
    ]
    for (const [name, input, refusal] of refusals) {
      await signal(migration, name, input)
      await expect.poll(() => metadata(migration), { timeout: 10_000 }).toContain(refusal)
    }
    expect(await lastEvent(migration, 'changed')).toEqual(changed)
    await signal(migration, 'stop', { reason: 'not today' })
    await closed(migration)
    expect(await read(migration)).toMatchObject({ status: 'stopped', reason: 'not today' })
    await record(app, migration.workflowId, 'paced-and-stopped-by-signal')
    // Where they are, they are complete; another migration takes them on.
    const second = await startMigration(app, { cohorts: [{ accounts: accounts.slice(0, 1) }] })
    await becomes(second, { status: 'done', accounts: { moved: 1 } })
    await workflow(second).terminate()
  })

  it('goes back from the middle, and everything is as if it had never moved', async () => {
    const { migration, accounts, before } = await slow()
    await call('PATCH', `account-migrations/${migration.id}`, { batchSize: 500, delayMs: 0 })
    await signal(migration, 'rollback', { by: 'olivia', reason: 'slow' })
    await becomes(migration, { status: 'rolled-back', direction: 'back' })
    await isAt('legacy', accounts, before)
    expect(await modes(accounts)).toEqual(['off'])
    await closeWindow(migration)
    await closed(migration)
    await record(app, migration.workflowId, 'rolled-back')
  })

  it('goes back when it is done, in one call', async () => {
    const accounts = await addAccounts(app, 'back', [30, 5])
    const before = (await Promise.all(accounts.map((id) => contentOfAccount(databases, id)))).map(
      ({ legacy }) => legacy,
    )
    const migration = await startMigration(app, { cohorts: [{ accounts }] })
    await becomes(migration, { status: 'done' })
    expect(await post(migration, 'rollback')).toMatchObject({
      status: 202,
      body: { status: 'running', direction: 'back' },
    })
    await becomes(migration, { status: 'rolled-back', progress: 1, accounts: { returned: 2 } })
    await isAt('legacy', accounts, before)
    await workflow(migration).terminate()
  })

  it('halts with its findings when the stores differ, and goes on once that is mended', async () => {
    const [account = ''] = await addAccounts(app, 'planted', [20])
    const [id] = (await contentOfAccount(databases, account)).legacy[7]?.split(' ') ?? []
    await databases.current.pool.query(
      `INSERT INTO notes (account_id, id, title, body) VALUES ($1, $2, 'planted', '')`,
      [account, id],
    )
    const migration = await startMigration(app, { cohorts: [{ accounts: [account] }] })
    await becomes(migration, { status: 'halted', findings: [{ accountId: account, id, kind: 'differs' }] })
    expect(await modes([account])).toEqual(['migrating'])
    expect((await post(migration, 'verify')).body).toMatchObject({ findings: [{ id, kind: 'differs' }] })
    expect(await lastEvent(migration, 'halted')).toMatchObject({ data: { findings: [{ id }] } })
    await closed(migration)
    await record(app, migration.workflowId, 'halted')
    await databases.current.pool.query('DELETE FROM notes WHERE account_id = $1 AND id = $2', [account, id])
    await databases.legacy.pool.query('UPDATE notes SET version = version + 1 WHERE account_id = $1 AND id = $2', [
      account,
      id,
    ])
    await post(migration, 'resume')
    await becomes(migration, { status: 'done', findings: [], reason: null })
    await workflow(migration).terminate()
  })

  it('halts when an older build comes in on the way, names it, and goes on without it', async () => {
    const { migration, accounts, before } = await slow()
    const { client: older, role, create } = await createOlderBuild(settings.NOTES_LEGACY_URL, databases.legacy)
    const writing = setInterval(() => void create('elsewhere', crypto.randomUUID(), 'old').catch(() => {}), 100)
    await becomes(migration, { status: 'halted', reason: expect.stringContaining(role) })
    expect(await lastEvent(migration, 'halted')).toMatchObject({ actor: 'interlock' })
    clearInterval(writing)
    await older.end()
    await call('PATCH', `account-migrations/${migration.id}`, { batchSize: 500, delayMs: 0 })
    await post(migration, 'resume')
    await becomes(migration, { status: 'done' })
    await isAt('current', accounts, before)
    await workflow(migration).terminate()
  })

  it('is stopped with its workflow, also on its way back, which then goes on when it is asked for again', async () => {
    const { migration, accounts, before } = await slow()
    await temporal('workflow', 'cancel', '-w', migration.workflowId)
    await closed(migration)
    expect(await read(migration)).toMatchObject({ status: 'stopped' })
    expect(await lastEvent(migration, 'stopped')).toMatchObject({ door: 'temporal' })
    await record(app, migration.workflowId, 'workflow-cancelled')
    const { id } = migration
    const pause = (ms: number) => one(db, 'UPDATE account_migrations SET delay_ms = $2 WHERE id = $1', [id, ms])
    await pause(10_000)
    expect(await post(migration, 'rollback')).toMatchObject({ status: 202 })
    await temporal('workflow', 'cancel', '-w', migration.workflowId)
    await closed(migration)
    await becomes(migration, { status: 'stopped', direction: 'back' })
    await pause(0)
    expect(await post(migration, 'rollback')).toMatchObject({ status: 202, body: { status: 'running' } })
    await becomes(migration, { status: 'rolled-back' })
    await isAt('legacy', accounts, before)
    await workflow(migration).terminate()
  })

  it('brings an account to its end that was sent on its way back by hand', async () => {
    const [account = ''] = await addAccounts(app, 'by-hand', [3])
    await call('PATCH', `accounts/${account}`, { isMigrating: true })
    const { body: note } = await call('POST', `/api/accounts/${account}/notes`, { title: 'New', body: '' })
    await call('PATCH', `accounts/${account}`, { isMigrating: false })
    expect(await modes([account])).toEqual(['rollback'])
    const migration = await startMigration(app, { cohorts: [{ accounts: [account] }] })
    await post(migration, 'rollback')
    await becomes(migration, { status: 'rolled-back', accounts: { returned: 1 } })
    expect(await modes([account])).toEqual(['off'])
    const { legacy, current } = await contentOfAccount(databases, account)
    expect([legacy.length, legacy.join().includes(note.id), current]).toEqual([4, true, []])
    await workflow(migration).terminate()
  })

  it('whose workflow an operator terminated is paused, and one whose workflow is gone goes on', async () => {
    const { migration } = await slow()
    await temporal('workflow', 'terminate', '-w', migration.workflowId, '--reason', 'too busy')
    await record(app, await reconcile(), 'account-migration-paused')
    expect(await read(migration)).toMatchObject({ status: 'paused', reason: expect.stringContaining('too busy') })
    await one(db, `UPDATE account_migrations SET delay_ms = 0, batch_size = 500, status = 'running' WHERE id = $1`, [
      migration.id,
    ])
    await temporal('workflow', 'delete', '-w', migration.workflowId, '--yes')
    await expect
      .poll(
        async () => {
          await reconcile()
          return (await read(migration)).status
        },
        { timeout: 15_000 },
      )
      .toBe('done')
    await workflow(migration).terminate()
  })

  it('continues as new, with nothing but its id', async () => {
    const { migration } = await slow()
    const [before] = [(await workflow(migration).describe()).runId]
    await expect
      .poll(
        async () => {
          await workflow(migration).signal('nudge')
          return (await workflow(migration).describe()).runId
        },
        { timeout: 20_000, interval: 50 },
      )
      .not.toBe(before)
    await record(app, migration.workflowId, 'continued-as-new', before)
    await signal(migration, 'pause', { by: 'olivia', reason: 'lunch' })
    await closed(migration)
    expect(await read(migration)).toMatchObject({ status: 'paused', reason: 'lunch' })
    await record(app, migration.workflowId, 'paused-by-signal')
  })
})
