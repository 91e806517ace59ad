import { describe, expect, it } from 'vitest'
import { makeAccounts } from '../../store/notes/import.ts'
import { addAccounts, createNotesApp, startMigration } from '../helpers/accounts.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'

const { app, databases } = await createNotesApp()
const { call, db } = app
const post = (body: unknown) => call('POST', 'account-migrations', body)
const GONE = '01890000-0000-7000-8000-000000000000'

describe('a migration over HTTP', () => {
  it('is refused with the field that is wrong, and what it must be', async () => {
    const [a = ''] = await addAccounts(app, 'bad', [0])
    const cases: [unknown, string, string][] = [
      [{}, 'cohorts', 'must be 1 to 100 cohorts'],
      [{ cohorts: [] }, 'cohorts', 'must be 1 to 100 cohorts'],
      [{ cohorts: [{}] }, 'cohorts.0', 'exactly one of accounts and percentage'],
      [{ cohorts: [{ accounts: [a], percentage: 5 }] }, 'cohorts.0', 'exactly one of'],
      [{ cohorts: [{ accounts: ['a/b'] }] }, 'cohorts.0.accounts.0', 'must be 1 to 100 of'],
      [{ cohorts: [{ accounts: [] }] }, 'cohorts.0.accounts', 'must be 1 to 5000 ids'],
      [{ cohorts: [{ percentage: 0 }] }, 'cohorts.0.percentage', 'above 0 and up to 100'],
      [{ cohorts: [{ percentage: 50 }, { percentage: 10 }] }, 'cohorts', 'percentages that rise'],
      [{ cohorts: [{ percentage: 5 }], batchSize: 0 }, 'batchSize', 'from 1 to 2000'],
      [{ cohorts: [{ percentage: 5 }], pauseBetween: 1.5 }, 'pauseBetween', 'must be an integer'],
      [{ cohorts: [{ percentage: 5 }], speed: 1 }, 'speed', 'is not a field of this request'],
    ]
    for (const [body, field, message] of cases) {
      const answer = await post(body)
      expect([JSON.stringify(body), answer.status]).toEqual([JSON.stringify(body), 400])
      expect(answer.body.errors).toContainEqual({ field, message: expect.stringContaining(message) })
    }
    expect((await call('GET', 'account-migrations')).body).toEqual([])
  })

  it('is refused when an account is not there, has left already, or is moved by another one', async () => {
    const [moving = '', gone = ''] = await addAccounts(app, 'taken', [1, 1])
    expect(await post({ cohorts: [{ accounts: [moving, 'nobody'] }] })).toMatchObject({
      ...{ status: 422, body: { errors: [{ field: 'cohorts.0.accounts.1' }] } },
    })
    await one(db, `UPDATE accounts SET mode = 'done' WHERE id = $1`, [gone])
    expect(await post({ cohorts: [{ accounts: [gone] }] })).toMatchObject({
      status: 409,
      body: { type: '/problems/account-mode' },
    })
    const first = await startMigration(app, { name: 'First', cohorts: [{ accounts: [moving] }] })
    expect(await post({ cohorts: [{ accounts: [moving] }] })).toMatchObject({
      status: 409,
      body: {
        ...{ type: '/problems/account-in-migration', accountId: moving, migrationId: first.id },
        detail: expect.stringContaining(`"First" (${first.id})`),
        errors: [{ field: 'cohorts.0' }],
      },
    })
    await call('POST', `account-migrations/${first.id}/stop`)
    const second = await startMigration(app, { cohorts: [{ accounts: [moving] }] })
    await call('POST', `account-migrations/${second.id}/stop`)
    await one(db, `UPDATE account_migration_accounts SET status = 'moving' WHERE account_id = $1`, [moving])
    await call('POST', `account-migrations/${second.id}/rollback`)
    expect(await call('POST', `account-migrations/${first.id}/rollback`)).toMatchObject({
      status: 409,
      body: { type: '/problems/account-in-migration', migrationId: second.id, errors: [{ field: 'id' }] },
    })
    await call('POST', `account-migrations/${second.id}/stop`)
  })

  it('takes a percentage of all accounts, the same ones every time, and a higher one has those of a lower one', async () => {
    const many = Array.from({ length: 1_000 }, (_, n) => ({ id: `many-${n}`, notes: 0 }))
    await makeAccounts(db, databases, many, 'alice')
    const of = async (...percentages: number[]) => {
      const { id } = await startMigration(app, { cohorts: percentages.map((percentage) => ({ percentage })) })
      await call('POST', `account-migrations/${id}/stop`)
      const { rows } = await db.pool.query(
        'SELECT account_id AS id, cohort FROM account_migration_accounts WHERE migration_id = $1 ORDER BY 1',
        [id],
      )
      return rows as { id: string; cohort: number }[]
    }
    const tenth = (await of(10)).map(({ id }) => id)
    expect(tenth.length).toBeGreaterThan(60)
    expect(tenth.length).toBeLessThan(140)
    const ramp = await of(10, 50, 100)
    expect(ramp.filter(({ cohort }) => cohort === 1).map(({ id }) => id)).toEqual(tenth)
    expect(ramp.length).toBeGreaterThanOrEqual(1_000)
    expect(new Set(ramp.map(({ id }) => id)).size).toBe(ramp.length)
  })

  it('answers commands by the state that it is in', async () => {
    const accounts = await addAccounts(app, 'states', [1])
    const { id } = await startMigration(app, { cohorts: [{ accounts }] })
    const command = async (name: string) => {
      const { status, body } = await call('POST', `account-migrations/${id}/${name}?reason=because`)
      return [status, body.status, body.reason]
    }
    expect(await command('resume')).toEqual([409, 409, undefined])
    expect(await command('pause')).toEqual([202, 'paused', 'because'])
    expect(await command('resume')).toEqual([202, 'running', null])
    expect(await command('stop')).toEqual([202, 'stopped', 'because'])
    expect(await command('pause')).toEqual([409, 409, undefined])
    expect(await command('rollback')).toEqual([202, 'running', null])
    expect(await command('rollback')).toEqual([409, 409, undefined])
    expect(await command('stop')).toEqual([202, 'stopped', 'because'])
    expect(await command('resume')).toEqual([409, 409, undefined])
    expect(await command('rollback')).toEqual([202, 'running', null])
    const { body } = await call('GET', `events?runId=${id}`)
    expect(body[0]).toMatchObject({ type: 'account-migration-rollback', actor: 'alice', reason: 'because' })
    expect(await call('POST', `account-migrations/${GONE}/pause`)).toMatchObject({ status: 404 })
    expect(await call('GET', `account-migrations/${GONE}/accounts`)).toMatchObject({ status: 404 })
  })

  it('a repeated request with an Idempotency-Key begins one', async () => {
    const accounts = await addAccounts(app, 'once', [1])
    const send = () => call('POST', 'account-migrations', { cohorts: [{ accounts }] }, { 'idempotency-key': 'k1' })
    const [first, second] = [await send(), await send()]
    expect(second.body.id).toBe(first.body.id)
  })
})

it('needs a second store, and any at all', async () => {
  const bare = await createTestApp(await createTestDatabase())
  const answer = await bare.call('POST', 'account-migrations', { cohorts: [{ percentage: 1 }] })
  expect(answer).toMatchObject({ status: 503, body: { type: '/problems/notes-not-configured' } })
})
