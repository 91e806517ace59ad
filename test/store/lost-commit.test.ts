import { describe, expect, it, onTestFinished } from 'vitest'
import { type Transaction, transaction } from '../../store/transaction.ts'
import { alice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { startLossyProxy, through } from '../helpers/lossy-proxy.ts'

const url = await createTestDatabase()
const db = openTestDatabase(url)
const note = (tx: Transaction, flagKey: string) => tx.emitEvent({ type: 'flag-created', flagKey, data: {} })
const eventsOf = async (flagKey: string) =>
  (await one<{ count: number }>(db, 'SELECT count(*) AS count FROM events WHERE flag_key = $1', [flagKey])).count

/** A pool of one connection, which breaks at its COMMIT. */
async function openLossy(when: 'before' | 'after') {
  const proxy = await startLossyProxy(Number(new URL(url).port))
  onTestFinished(proxy.close)
  return { lossy: openTestDatabase(through(proxy, url), { connections: 1 }), cut: proxy.cutAtCommit(when) }
}

describe('a lost reply to COMMIT', () => {
  it('is taken for what the transaction came to: committed', async () => {
    const { lossy, cut } = await openLossy('after')
    await transaction(lossy, async (tx) => note(tx, 'lost-after'), { origin: alice })
    await cut
    expect(await eventsOf('lost-after')).toBe(1)
  })

  it('is taken for what the transaction came to: rolled back, so it is done again', async () => {
    const { lossy, cut } = await openLossy('before')
    let attempts = 0
    await transaction(
      lossy,
      async (tx) => {
        attempts++
        note(tx, 'lost-before')
      },
      { origin: alice },
    )
    await cut
    expect(attempts).toBe(2)
    expect(await eventsOf('lost-before')).toBe(1)
  })
})
