import { Writable } from 'node:stream'
import { pino } from 'pino'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../store/database.ts'
import { createEffectsAccumulator, type TriggerTask, taskRef } from '../../store/effects.ts'
import { isInsideTransaction, type Transaction, transaction } from '../../store/transaction.ts'
import { createDispatcher, createTaskRunner } from '../../temporal/dispatcher.ts'
import { alice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { createTestEffectsContext } from '../helpers/effects.ts'

const send = taskRef<{ n: number }>('send')
const url = await createTestDatabase()

const sent: { n: number; idempotencyKey: string }[] = []
let trigger: TriggerTask<{ n: number }>['trigger'] = async () => ({ id: '' })
beforeEach(() => {
  sent.length = 0
  trigger = async ({ n }, { idempotencyKey }) => {
    sent.push({ n, idempotencyKey })
    return { id: `sent-${n}` }
  }
})
const logged: string[] = []
const log = pino(
  { messageKey: 'message' },
  new Writable({
    write(line, _, done) {
      logged.push(String(line))
      done()
    },
  }),
)
const runner = createTaskRunner([
  { id: 'send', trigger: (payload: { n: number }, options) => trigger(payload, options) },
])
const dispatcher = createDispatcher(runner, () => db, log)
const db: Database = openTestDatabase(url, { dispatcher })

const outbox = (key: string) =>
  one<{ state: string; payload: unknown }>(db, 'SELECT state, payload FROM outbox WHERE idempotency_key = $1', [key])
const eventsOf = async (flagKey: string) =>
  (await db.pool.query('SELECT type, actor, door, reason, data FROM events WHERE flag_key = $1 ORDER BY id', [flagKey]))
    .rows
const note = (tx: Transaction, flagKey: string) => tx.emitEvent({ type: 'flag-created', flagKey, data: {} })

describe('enqueueTriggerTask', () => {
  it('should accumulate trigger tasks in effects with key', () => {
    const { effects, context } = createEffectsAccumulator()
    context.enqueueTriggerTask('first', send, { n: 1 }, { idempotencyKey: 'k1' })
    context.enqueueTriggerTask('second', send, { n: 2 })
    expect(effects.triggerTasks).toEqual([
      { key: 'first', task: send, payload: { n: 1 }, idempotencyKey: 'k1' },
      { key: 'second', task: send, payload: { n: 2 }, idempotencyKey: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    ])
  })

  it('should not dispatch tasks if transaction rolls back', async () => {
    const failing = transaction(
      db,
      async (tx) => {
        tx.enqueueTriggerTask('task', send, { n: 1 }, { idempotencyKey: 'rolled-back' })
        note(tx, 'rolled-back')
        throw new Error('no')
      },
      { origin: alice },
    )
    await expect(failing).rejects.toThrow('no')
    await dispatcher.drain()
    expect(sent).toEqual([])
    expect(await outbox('rolled-back')).toBeUndefined()
    expect(await eventsOf('rolled-back')).toEqual([])
  })

  it('should dispatch tasks after commit and return handles', async () => {
    let committedWhenSent: unknown
    trigger = async ({ n }) => {
      committedWhenSent = await outbox('after-commit')
      return { id: `sent-${n}` }
    }
    const { triggerHandles } = await transaction(
      db,
      async (tx) => {
        tx.enqueueTriggerTask('task', send, { n: 7 }, { idempotencyKey: 'after-commit' })
        expect(sent).toEqual([])
      },
      { origin: alice },
    )
    expect(committedWhenSent).toEqual({ state: 'pending', payload: { n: 7 } })
    expect(triggerHandles.get('task')?.id).toBe('sent-7')
    await dispatcher.drain()
    expect(await outbox('after-commit')).toMatchObject({ state: 'dispatched' })
  })

  it('should return handles keyed by user-provided key', async () => {
    const { triggerHandles } = await transaction(
      db,
      async (tx) => {
        tx.enqueueTriggerTask('one', send, { n: 1 })
        tx.enqueueTriggerTask('two', send, { n: 2 })
      },
      { origin: alice },
    )
    expect(Object.fromEntries(triggerHandles)).toEqual({ one: { id: 'sent-1' }, two: { id: 'sent-2' } })
  })

  it('refuses a key that is queued already, and an idempotency key with another payload', () => {
    const { context } = createEffectsAccumulator()
    context.enqueueTriggerTask('task', send, { n: 1 }, { idempotencyKey: 'k' })
    expect(() => context.enqueueTriggerTask('task', send, { n: 1 })).toThrow('"task" is queued already')
    expect(() => context.enqueueTriggerTask('other', send, { n: 2 }, { idempotencyKey: 'k' })).toThrow('already used')
  })

  it('sends an idempotency key once, ever, and refuses it with another payload before the commit', async () => {
    const enqueue = (n: number, flagKey: string) =>
      transaction(
        db,
        async (tx) => {
          note(tx, flagKey)
          tx.enqueueTriggerTask('task', send, { n }, { idempotencyKey: 'once' })
        },
        { origin: alice },
      )
    await enqueue(1, 'once-a')
    await enqueue(1, 'once-b')
    await expect(enqueue(2, 'once-c')).rejects.toThrow('"once" was already used for another task or payload')
    await dispatcher.drain()
    expect(sent).toEqual([{ n: 1, idempotencyKey: 'once' }])
    expect(await eventsOf('once-b')).toHaveLength(1)
    expect(await eventsOf('once-c')).toEqual([])
  })
})

describe('dispatchTriggerTasksAfterCommit', () => {
  it('should log errors but not throw, omit failed from handles', async () => {
    trigger = async ({ n }) => {
      if (n === 1) throw new Error('Temporal is down')
      return { id: `sent-${n}` }
    }
    const { triggerHandles } = await transaction(
      db,
      async (tx) => {
        tx.enqueueTriggerTask('bad', send, { n: 1 }, { idempotencyKey: 'bad' })
        tx.enqueueTriggerTask('good', send, { n: 2 }, { idempotencyKey: 'good' })
      },
      { origin: alice },
    )
    expect([...triggerHandles.keys()]).toEqual(['good'])
    expect(logged.join('')).toContain('Temporal is down')
    await dispatcher.drain()
    expect([await outbox('bad'), await outbox('good')]).toMatchObject([{ state: 'pending' }, { state: 'dispatched' }])
  })

  it('does not keep a request waiting for a slow dispatch, which goes on behind it', async () => {
    let finish = () => {}
    trigger = () => new Promise((resolve) => (finish = () => resolve({ id: 'late' })))
    const { triggerHandles } = await transaction(
      db,
      async (tx) => tx.enqueueTriggerTask('slow', send, { n: 1 }, { idempotencyKey: 'slow' }),
      { origin: alice },
    )
    expect(triggerHandles.size).toBe(0)
    finish()
    await dispatcher.drain()
    expect(await outbox('slow')).toMatchObject({ state: 'dispatched' })
  })
})

describe('transaction', () => {
  it('should return result and triggerHandles at same level', async () => {
    expect(await transaction(db, async () => 42, { origin: alice })).toEqual({ result: 42, triggerHandles: new Map() })
  })

  it('writes who, why and through which door into every event, in the order of the events', async () => {
    await transaction(
      db,
      async (tx) => {
        tx.emitEvent({ type: 'flag-created', flagKey: 'audited', data: { n: 1 } })
        tx.emitEvent({ type: 'flag-updated', flagKey: 'audited', data: { n: 2 } })
      },
      { origin: { actor: 'bob', door: 'signal', reason: 'launch' } },
    )
    const by = { actor: 'bob', door: 'signal', reason: 'launch' }
    expect(await eventsOf('audited')).toEqual([
      { type: 'flag-created', data: { n: 1 }, ...by },
      { type: 'flag-updated', data: { n: 2 }, ...by },
    ])
  })

  it('invalidates caches after the commit only', async () => {
    const heard: unknown[] = []
    const listening = { ...db, onInvalidate: (keys: unknown) => heard.push(keys) }
    await transaction(
      listening,
      async (tx) => {
        tx.invalidateCache(['flag', 'a'])
        expect(heard).toEqual([])
      },
      { origin: alice },
    )
    await transaction(
      listening,
      async (tx) => {
        tx.invalidateCache(['flag', 'b'])
        throw new Error('no')
      },
      {
        origin: alice,
      },
    ).catch(() => {})
    expect(heard).toEqual([[['flag', 'a']]])
  })

  it('drops the effects of a savepoint that is rolled back, and keeps the others', async () => {
    await transaction(
      db,
      async (tx) => {
        note(tx, 'kept')
        await tx
          .savepoint(async () => {
            note(tx, 'dropped')
            tx.enqueueTriggerTask('dropped', send, { n: 1 })
            tx.invalidateCache(['dropped'])
            await tx.query('SELECT 1 / 0')
          })
          .catch(() => {})
        tx.enqueueTriggerTask('kept', send, { n: 2 })
      },
      { origin: alice },
    )
    expect(sent.map(({ n }) => n)).toEqual([2])
    expect([(await eventsOf('kept')).length, (await eventsOf('dropped')).length]).toEqual([1, 0])
  })

  it.each(['40001', '40P01'])('retries %s from the top with fresh effects', async (code) => {
    let attempts = 0
    const { triggerHandles } = await transaction(
      db,
      async (tx) => {
        tx.enqueueTriggerTask('task', send, { n: ++attempts })
        note(tx, `retried-${code}`)
        if (attempts < 3) await tx.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '${code}'; END $$`)
      },
      { origin: alice },
    )
    expect([...triggerHandles.values()]).toEqual([{ id: 'sent-3' }])
    expect(sent.map(({ n }) => n)).toEqual([3])
    expect(await eventsOf(`retried-${code}`)).toHaveLength(1)
  })

  it('does not take a swallowed error for a commit', async () => {
    const swallowing = transaction(
      db,
      async (tx) => {
        await tx.query('SELECT 1 / 0').catch(() => {})
        return 'looks fine'
      },
      { origin: alice },
    )
    await expect(swallowing).rejects.toThrow('rolled back')
    expect(sent).toEqual([])
  })

  it('knows when code runs inside of it', async () => {
    expect(isInsideTransaction()).toBe(false)
    await transaction(db, async () => expect(isInsideTransaction()).toBe(true), { origin: alice })
    trigger = async () => {
      expect(isInsideTransaction()).toBe(false)
      return { id: 'outside' }
    }
    const { triggerHandles } = await transaction(db, async (tx) => tx.enqueueTriggerTask('task', send, { n: 1 }), {
      origin: alice,
    })
    expect(triggerHandles.get('task')?.id).toBe('outside')
  })
})

describe('createTestEffectsContext', () => {
  it('shows what was queued without making it real', async () => {
    const test = createTestEffectsContext(db)
    test.ctx.enqueueTriggerTask('task', send, { n: 1 }, { idempotencyKey: 'only-looked-at' })
    test.ctx.emitEvent({ type: 'flag-created', data: {} })
    test.ctx.invalidateCache(['flag'])
    expect(test.getQueuedTriggerTasks()).toHaveLength(1)
    expect(test.getQueuedTriggerTaskByKey('task')?.payload).toEqual({ n: 1 })
    expect(test.getQueuedTriggerTaskByKey('other')).toBeUndefined()
    expect([test.getEvents().length, test.getCacheInvalidations()]).toEqual([1, [['flag']]])
    expect(await outbox('only-looked-at')).toBeUndefined()
  })
})
