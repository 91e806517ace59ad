import { expect, inject, it } from 'vitest'
import { transaction } from '../../store/transaction.ts'
import { connectClient } from '../../temporal/connection.ts'
import { alice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'

const db = openTestDatabase(await createTestDatabase())
process.env.TEMPORAL_ADDRESS = inject('services').temporalAddress
const { client, connection } = connectClient()

it('Temporal cannot be called inside a transaction, even by code that no lint rule sees', async () => {
  const start = { workflowId: crypto.randomUUID(), taskQueue: 'nobody', args: [{ scheduleId: 'x' }] }
  const calls: (() => Promise<unknown>)[] = [
    () => client.workflow.start('flagSchedule', start),
    () => client.workflow.signalWithStart('flagSchedule', { ...start, signal: 'nudge', signalArgs: [] }),
    () => client.workflow.getHandle('any').signal('nudge'),
    () => client.workflow.getHandle('any').cancel(),
    () => client.workflow.getHandle('any').terminate(),
  ]
  for (const call of calls) {
    const inside = transaction(db, () => call(), { origin: alice })
    await expect(inside).rejects.toThrow('inside a transaction')
  }
  // Outside, the same client works.
  const handle = await client.workflow.start('flagSchedule', start)
  await handle.terminate()
  await connection.close()
})
