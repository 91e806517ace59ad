import { describe, expect, it } from 'vitest'
import type { Origin } from '../../domain/event.ts'
import type { NewChange } from '../../store/change-request-actions.ts'
import { applyDueRequest, applyRequest, suspendIfConflicted } from '../../store/change-request-apply.ts'
import { approveRequest, submitRequest } from '../../store/change-request-review.ts'
import { addChange, createRequest, editRequest, getRequest } from '../../store/change-requests.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { editFlag, getFlag } from '../../store/flags.ts'
import { bumpRevision } from '../../store/revision.ts'
import { createSegment } from '../../store/segments.ts'
import { sweepDue } from '../../store/sweep.ts'
import { type Transaction, transaction } from '../../store/transaction.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { type Address, inMs, newFlag, newSchedule } from '../helpers/schedules.ts'

const url = await createTestDatabase()
const db = openTestDatabase(url, { connections: 12 })
const as = async <T>(actor: string, work: (tx: Transaction) => Promise<T>, door: Origin['door'] = 'http') =>
  (await transaction(db, work, { origin: { actor, door } })).result

/** An approved request; due a while ago when `scheduled`. */
const approved = async (changes: NewChange[], { scheduled = false } = {}) => {
  const scheduledAt = scheduled ? inMs(3_600_000) : null
  const { id } = await asAlice(db, (tx) =>
    createRequest(tx, 'production', { title: 'x', description: '', scheduledAt, latePolicy: 'ask' }),
  )
  for (const change of changes) await asAlice(db, (tx) => addChange(tx, { id }, change))
  await asAlice(db, (tx) => submitRequest(tx, { id }))
  await as('bob', (tx) => approveRequest(tx, { id }))
  if (scheduled) {
    const earlier = `scheduled_at - interval '1 hour 1 second'`
    await one(db, `UPDATE change_requests SET scheduled_at = ${earlier} WHERE id = $1`, [id])
    await one(db, `UPDATE change_request_approvals SET scheduled_at = ${earlier} WHERE request_id = $1`, [id])
  }
  return { id, read: () => getRequest(db, { id }), apply: () => as('carol', (tx) => applyRequest(tx, { id })) }
}
const update = ({ flagKey }: Address, payload: object): NewChange => ({
  action: 'updateFlag',
  flagKey,
  payload: payload as Record<string, unknown>,
})
/** Holds what `work` has locked until it is told to end. */
const held = async (work: (tx: Transaction) => Promise<unknown>) => {
  const [locked, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const done = asAlice(db, async (tx) => {
    await work(tx)
    locked.resolve()
    await release.promise
  })
  await locked.promise
  return async () => {
    release.resolve()
    await done
  }
}
const untilWaiting = async (count = 1) => {
  for (;;) {
    const { n } = await one<{ n: number }>(
      db,
      `SELECT count(*)::integer AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
    if (n >= count) return
  }
}
const applications = async (id: string) =>
  (
    await one<{ n: number }>(
      db,
      `SELECT count(*)::integer AS n FROM events WHERE type = 'change-request-applied' AND data ->> 'changeRequestId' = $1`,
      [id],
    )
  ).n

describe('applying against others', () => {
  it('an edit that is under way when it comes is seen, under its lock', async () => {
    const flag = await newFlag(db)
    const made = await approved([update(flag, { rolloutPercentage: 50 })])
    const end = await held((tx) => editFlag(tx, flag, { rolloutPercentage: 10 }))
    const applying = made.apply().catch((error) => error)
    await untilWaiting()
    await end()
    expect(await applying).toMatchObject({ code: 'change-request-conflict', members: { conflicts: [{ now: 10 }] } })
    expect((await getFlag(db, flag)).rolloutPercentage).toBe(10)
  })

  it('an edit that comes while it is applied is made after it', async () => {
    const flag = await newFlag(db)
    const made = await approved([update(flag, { rolloutPercentage: 50 })])
    const end = await held((tx) => applyRequest(tx, { id: made.id }))
    const editing = asAlice(db, (tx) => editFlag(tx, flag, { description: 'after' }))
    await untilWaiting()
    await end()
    expect((await editing).rolloutPercentage).toBe(50)
  })

  it('a sweep and it make the same of a flag in either order, or it is suspended', async () => {
    for (let round = 0; round < 8; round++) {
      const flag = await newFlag(db)
      const made = await approved([update(flag, { rolloutPercentage: 50 })], { scheduled: true })
      await newSchedule(db, flag, -1_000, { rolloutPercentage: 10 })
      await Promise.all([sweepDue(db), applyDueRequest(db, made.id)])
      await sweepDue(db)
      const { state } = await made.read()
      const { rolloutPercentage } = await getFlag(db, flag)
      // Applied first, the schedule came after; else it saw what the schedule did.
      expect([
        ['applied', 10],
        ['suspended', 10],
      ]).toContainEqual([state, rolloutPercentage])
    }
  })

  it('by several at once happens once', async () => {
    const flag = await newFlag(db)
    const made = await approved([update(flag, { enabled: true })], { scheduled: true })
    const tries = await Promise.allSettled([
      made.apply(),
      applyDueRequest(db, made.id),
      made.apply(),
      applyDueRequest(db, made.id),
    ])
    expect(tries.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(2)
    expect((await made.read()).state).toBe('applied')
    expect(await applications(made.id)).toBe(1)
  })

  it('an edit of the request that is under way wins: nothing that nobody approved is applied', async () => {
    const flag = await newFlag(db)
    const made = await approved([update(flag, { enabled: true })])
    const end = await held((tx) => addChange(tx, { id: made.id }, update(flag, { rolloutPercentage: 1 })))
    const applying = made.apply().catch((error) => error)
    await untilWaiting()
    await end()
    expect(['busy', 'change-request-state']).toContain((await applying).code)
    expect(await getFlag(db, flag)).toMatchObject({ enabled: false, rolloutPercentage: 100 })
  })

  it('an edit that was approved meanwhile is not applied to flags that are not locked', async () => {
    const [flag, other] = [await newFlag(db), await newFlag(db)]
    const made = await approved([update(flag, { enabled: true })])
    const end = await held(async (tx) => {
      await addChange(tx, { id: made.id }, update(other, { enabled: true }))
      await approveRequest({ ...tx, origin: { actor: 'bob', door: 'http' } }, { id: made.id })
    })
    const applying = made.apply().catch((error) => error)
    await untilWaiting()
    await end()
    expect(await applying).toMatchObject({ code: 'busy' })
    expect((await made.read()).state).toBe('approved')
    expect((await made.apply()).state).toBe('applied')
    expect((await getFlag(db, other)).enabled).toBe(true)
  })

  it('requests that share flags in another order do not end in a deadlock', async () => {
    const [a, b] = [await newFlag(db), await newFlag(db)]
    for (let round = 0; round < 5; round++) {
      const text = { description: `round ${round}` }
      const requests = [
        await approved([update(a, text), update(b, text)]),
        await approved([update(b, text), update(a, text)]),
      ]
      await Promise.all(requests.map(({ apply }) => apply()))
      expect((await getFlag(db, a)).description).toBe(text.description)
    }
  })

  it('is never early, and a crash before the commit leaves nothing', async () => {
    const flag = await newFlag(db)
    const made = await approved([update(flag, { enabled: true })], { scheduled: true })
    const crash = as('carol', async (tx) => {
      await applyRequest(tx, { id: made.id })
      throw new Error('killed')
    })
    await expect(crash).rejects.toThrow('killed')
    expect([(await made.read()).state, (await getFlag(db, flag)).enabled]).toEqual(['scheduled', false])
    await one(db, `UPDATE change_requests SET scheduled_at = scheduled_at + interval '1 hour' WHERE id = $1`, [made.id])
    expect(await applyDueRequest(db, made.id)).toBe(false)
    await one(db, `UPDATE change_requests SET scheduled_at = scheduled_at - interval '1 hour' WHERE id = $1`, [made.id])
    expect(await applyDueRequest(db, made.id)).toBe(true)
    expect(await applyDueRequest(db, made.id)).toBe(false)
    expect(await applications(made.id)).toBe(1)
  })
})

it('what a sweep changes suspends it, with the schedule’s author’s event named', async () => {
  const flag = await newFlag(db)
  const made = await approved([update(flag, { rolloutPercentage: 50 })], { scheduled: true })
  await newSchedule(db, flag, -1_000, { rolloutPercentage: 10 })
  await sweepDue(db)
  expect(await suspendIfConflicted(db, made.id)).toBe(true)
  expect(await made.read()).toMatchObject({
    state: 'suspended',
    conflicts: [{ field: 'rolloutPercentage', now: 10, event: { type: 'schedule-applied' } }],
  })
})

it('an approval for a time does not count for another one, whoever wrote it', async () => {
  const flag = await newFlag(db)
  const made = await approved([update(flag, { enabled: true })], { scheduled: true })
  await one(db, `UPDATE change_requests SET scheduled_at = scheduled_at - interval '1 hour' WHERE id = $1`, [made.id])
  await applyDueRequest(db, made.id)
  expect(await made.read()).toMatchObject({ state: 'suspended', stateReason: expect.stringContaining('approvals') })
})

describe('a revision', () => {
  const current = async () =>
    (await one<{ revision: number }>(db, 'SELECT revision FROM configuration_revision')).revision

  it('is one of a transaction, however much it changes', async () => {
    const [a, b] = [await newFlag(db), await newFlag(db)]
    const before = await current()
    const revisions = await asAlice(db, async (tx) => [
      (await editFlag(tx, a, { enabled: true })).revision,
      (await archiveFlag(tx, b)).revision,
      (await createSegment(tx, 'production', { key: `s-${before}`, description: '', constraints: [] })).revision,
      await bumpRevision(tx),
    ])
    expect(revisions).toEqual([before + 1, before + 1, before + 1, before + 1])
    expect(await current()).toBe(before + 1)
    expect(await asAlice(db, bumpRevision)).toBe(before + 2)
  })

  it('is forgotten with the savepoint that made it, and made again after', async () => {
    const before = await current()
    const after = await asAlice(db, async (tx) => {
      const lost = tx.savepoint(async () => {
        expect(await bumpRevision(tx)).toBe(before + 1)
        throw new Error('taken back')
      })
      await expect(lost).rejects.toThrow('taken back')
      return await bumpRevision(tx)
    })
    expect([after, await current()]).toEqual([before + 1, before + 1])
  })
})

it('a title that is edited under way is not approved unseen', async () => {
  const flag = await newFlag(db)
  const made = await approved([update(flag, { enabled: true })])
  const { contentHash } = await made.read()
  await asAlice(db, (tx) => editRequest(tx, { id: made.id }, { title: 'y' }))
  expect((await made.read()).contentHash).not.toBe(contentHash)
})
