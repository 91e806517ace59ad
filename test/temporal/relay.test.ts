import { ServiceError } from '@temporalio/client'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { taskRef } from '../../store/effects.ts'
import { listOutbox, requeueOutboxRow } from '../../store/outbox.ts'
import type { TaskRunner } from '../../temporal/dispatcher.ts'
import { backoffMs, relayOnce, startRelay } from '../../temporal/relay.ts'
import { asAlice, createTestDatabase, one, openTestDatabase, quiet } from '../helpers/database.ts'

// No dispatcher: whatever is committed is left to the relay.
const db = openTestDatabase(await createTestDatabase())
const send = taskRef<{ n: number }>('send')

const enqueue = async (n = 1) => {
  const idempotencyKey = crypto.randomUUID()
  await asAlice(db, async (tx) => tx.enqueueTriggerTask('task', send, { n }, { idempotencyKey }))
  return idempotencyKey
}
const row = (key: string) =>
  one<{ id: number; state: string; attempts: number; last_error: string }>(
    db,
    'SELECT * FROM outbox WHERE idempotency_key = $1',
    [key],
  )
const dueNow = (key: string) => one(db, 'UPDATE outbox SET next_at = now() WHERE idempotency_key = $1', [key])
const refuse =
  (error: Error): TaskRunner =>
  async () => {
    throw error
  }

describe('the relay', () => {
  it('leaves fresh rows to the in-process dispatch, and sends them later', async () => {
    const sent: string[] = []
    const run: TaskRunner = async ({ idempotencyKey }) => {
      sent.push(idempotencyKey)
      return { id: 'x' }
    }
    const key = await enqueue()
    expect(await relayOnce(db, run, quiet)).toBe(0)
    await dueNow(key)
    expect(await relayOnce(db, run, quiet)).toBe(1)
    expect(sent).toEqual([key])
    expect(await row(key)).toMatchObject({ state: 'dispatched' })
  })

  it('shares the work with other relays: each row is sent by one of them', async () => {
    const keys = await Promise.all(Array.from({ length: 250 }, (_, n) => enqueue(n)))
    await one(db, `UPDATE outbox SET next_at = now() WHERE state = 'pending'`)
    const sent: string[] = []
    const run: TaskRunner = async ({ idempotencyKey }) => {
      sent.push(idempotencyKey)
      return { id: 'x' }
    }
    const work = async () => {
      while ((await relayOnce(db, run, quiet)) > 0);
    }
    await Promise.all([work(), work(), work()])
    expect(sent.sort()).toEqual(keys.sort())
  })

  it('backs off, and dead-letters a row that Temporal refuses ten times', async () => {
    const key = await enqueue()
    for (let attempt = 1; attempt <= 10; attempt++) {
      await dueNow(key)
      await relayOnce(db, refuse(new Error('no such search attribute')), quiet)
      expect(await row(key)).toMatchObject({
        state: attempt < 10 ? 'pending' : 'dead',
        attempts: attempt,
        last_error: 'no such search attribute',
      })
      expect(await relayOnce(db, refuse(new Error('too early')), quiet)).toBe(0)
    }
    const { items } = await listOutbox(db, { state: 'dead', limit: 10 })
    expect(items.map(({ idempotencyKey }) => idempotencyKey)).toEqual([key])

    const { id } = await row(key)
    await asAlice(db, (tx) => requeueOutboxRow(tx, id))
    expect(await relayOnce(db, async () => ({ id: 'x' }), quiet)).toBe(1)
    expect(await row(key)).toMatchObject({ state: 'dispatched' })
  })

  it('never dead-letters because of an outage', async () => {
    const unavailable = new ServiceError('Failed to signal', {
      cause: Object.assign(new Error('14 UNAVAILABLE'), { code: 14, details: '', metadata: {} }),
    })
    const key = await enqueue()
    for (let attempt = 1; attempt <= 15; attempt++) {
      await dueNow(key)
      await relayOnce(db, refuse(unavailable), quiet)
    }
    expect(await row(key)).toMatchObject({
      state: 'pending',
      attempts: 0,
      last_error: 'Failed to signal: 14 UNAVAILABLE',
    })
    // Nor because of what comes after it: ten refusals are counted, not attempts.
    await dueNow(key)
    await relayOnce(db, refuse(new Error('internal')), quiet)
    expect(await row(key)).toMatchObject({ state: 'pending', attempts: 1 })
    await dueNow(key)
    await relayOnce(db, async () => ({ id: 'x' }), quiet)
  })

  it('takes over what another relay claimed and never finished', async () => {
    const key = await enqueue()
    await dueNow(key)
    let finish = () => {}
    const stuck = relayOnce(db, () => new Promise((resolve) => (finish = () => resolve({ id: 'x' }))), quiet)
    await expect.poll(async () => (await row(key)).attempts).toBe(1)
    await dueNow(key)
    expect(await relayOnce(db, async () => ({ id: 'x' }), quiet)).toBe(1)
    finish()
    await stuck
    expect(await row(key)).toMatchObject({ state: 'dispatched' })
  })

  it('starts and stops', async () => {
    const key = await enqueue()
    await dueNow(key)
    const stop = startRelay(db, async () => ({ id: 'x' }), quiet)
    await expect.poll(async () => (await row(key)).state).toBe('dispatched')
    await stop()
  })
})

it('waits longer after each failure, with jitter, and never longer than a minute', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempts, random) => {
      const ms = backoffMs(attempts, random)
      expect(ms).toBeGreaterThanOrEqual(Math.min(60_000, 500 * 2 ** attempts) / 2)
      expect(ms).toBeLessThanOrEqual(60_000)
    }),
  )
})
