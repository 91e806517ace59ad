import { expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs, newFlag } from '../helpers/schedules.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, client, names, db } = app
await startTestWorker(app, url)

const make = async (count: number, dueInMs: number) => {
  const flags = await Promise.all(Array.from({ length: count }, () => newFlag(db)))
  const changes = flags.map(({ flagKey }) => ({ flagKey, updates: { enabled: true } }))
  const { status, body } = await call('POST', 'releases', { scheduledAt: inMs(dueInMs), changes })
  expect(status).toBe(201)
  const handles = (body.changes as { scheduleId: string }[]).map(({ scheduleId }) =>
    client.workflow.getHandle(names.flagSchedule(scheduleId)),
  )
  return { flags, handles, self: `releases/${body.id}` }
}

it('a release of three flags fires through the workflows of its schedules, at its new time when it was moved', async () => {
  const { flags, handles, self } = await make(3, 3_600_000)
  expect((await call('PATCH', self, { scheduledAt: inMs(2_500) })).status).toBe(200)
  expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(['applied', 'applied', 'applied'])
  const { body } = await call('GET', self)
  expect(body).toMatchObject({ status: 'applied', version: 2 })
  expect(Date.parse(body.appliedAt)).toBeGreaterThanOrEqual(Date.parse(body.scheduledAt))
  for (const { flagKey } of flags)
    expect((await call('GET', `flags/${flagKey}`)).body).toMatchObject({
      enabled: true,
      revision: body.appliedRevision,
    })
}, 30_000)

it('is not cancelled or moved by a command to one of its workflows, and ends them all when it is cancelled', async () => {
  const { handles, self } = await make(2, 3_600_000)
  const [first] = handles as [(typeof handles)[number]]
  await first.signal('reschedule', { scheduledAt: inMs(7_200_000), by: 'olivia' })
  await first.signal('cancel', { by: 'olivia' })
  const answered = async () => {
    const events = (await first.fetchHistory()).events ?? []
    const asked = new Map(
      events.map(({ eventId, activityTaskScheduledEventAttributes: asked }) => [
        `${eventId}`,
        asked?.activityType?.name,
      ]),
    )
    return events.flatMap(({ activityTaskCompletedEventAttributes: done }) =>
      done ? [asked.get(`${done.scheduledEventId}`)] : [],
    )
  }
  await expect
    .poll(answered, { timeout: 10_000 })
    .toEqual(expect.arrayContaining(['rescheduleFlagSchedule', 'cancelFlagSchedule']))
  expect((await call('GET', self)).body).toMatchObject({ status: 'pending', version: 1 })
  expect((await call('DELETE', `${self}?reason=no`)).status).toBe(200)
  expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(['cancelled', 'cancelled'])
}, 30_000)
