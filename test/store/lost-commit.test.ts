import { describe, expect, it } from 'vitest'
import { type Transaction, transaction } from '../../store/transaction.ts'
import { alice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { startLossyProxy } from '../helpers/lossy-proxy.ts'

const url = await createTestDatabase()
const db = openTestDatabase(url)
const note = (tx: Transaction, flagKey: string) => tx.emitEvent({ type: 'flag-created', flagKey, data: {} })
const eventsOf = async (flagKey: string) =>
  (await one<{ count: number }>(db, 'SELECT count(*) AS count FROM events WHERE flag_key = $1', [flagKey])).count

describe('a lost reply to COMMIT', () => {
  it('is taken for what the transaction came to: committed', async () => {
    const proxy = await startLossyProxy(url, 'after')
    const lossy = openTestDatabase(proxy.url, { connections: 1 })
    await transaction(lossy, async (tx) => note(tx, 'lost-after'), { origin: alice })
    expect(proxy.cut()).toBe(1)
    expect(await eventsOf('lost-after')).toBe(1)
  })

  it('is taken for what the transaction came to: rolled back, so it is done again', async () => {
    const proxy = await startLossyProxy(url, 'before')
    const lossy = openTestDatabase(proxy.url, { connections: 1 })
    let attempts = 0
    await transaction(
      lossy,
      async (tx) => {
        attempts++
        note(tx, 'lost-before')
      },
      { origin: alice },
    )
    expect([proxy.cut(), attempts]).toEqual([1, 2])
    expect(await eventsOf('lost-before')).toBe(1)
  })
})
