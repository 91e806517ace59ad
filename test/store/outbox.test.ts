import { expect, it } from 'vitest'
import { taskRef } from '../../store/effects.ts'
import { markDispatched } from '../../store/outbox.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'

const db = openTestDatabase(await createTestDatabase())

it('an outbox row that is marked again keeps the time when it was dispatched', async () => {
  const send = taskRef<{ n: number }>('send')
  await asAlice(db, async (tx) => tx.enqueueTriggerTask('task', send, { n: 1 }, { idempotencyKey: 'mark' }))
  const row = () => one<{ id: number; at: Date | null }>(db, 'SELECT id, dispatched_at AS at FROM outbox')
  const { id, at: before } = await row()
  expect(before).toBeNull()
  await markDispatched(db, [id])
  const { at } = await row()
  expect(at).toBeInstanceOf(Date)
  await markDispatched(db, [id])
  expect((await row()).at).toEqual(at)
})
