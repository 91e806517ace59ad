import type { Origin } from '../domain/event.ts'
import type { Database } from './database.ts'
import { type Transaction, transaction } from './transaction.ts'

/**
 * Does `work` as a transaction would, under the same locks, and takes everything back: no row, no event, no message.
 *
 * @throws whatever `work` throws
 */
export async function rehearse<T>(
  db: Database,
  work: (tx: Transaction) => Promise<T>,
  options: { origin: Origin },
): Promise<T> {
  const takeBack = new Error('A rehearsal is taken back')
  let result: T | undefined
  const rehearsal = transaction(
    db,
    async (tx) => {
      result = await work(tx)
      throw takeBack
    },
    options,
  )
  await rehearsal.catch((error) => {
    if (error !== takeBack) throw error
  })
  return result as T
}
