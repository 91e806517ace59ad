import { expect, it, vi } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, client, names } = app
await startTestWorker(app, url)

it('an occurrence fires and the workflow of the next one waits', async () => {
  await call('POST', 'flags', { key: 'recurring' })
  const { body: made } = await call('POST', 'flags/recurring/recurrences', {
    recurrence: { cron: '0 9 * * *', timeZone: 'Europe/Berlin' },
    updates: { rolloutPercentage: 25 },
  })
  const first = made.pendingScheduleId
  await call('PATCH', `flags/recurring/schedule/${first}`, { scheduledAt: inMs(1_500) })
  expect(await client.workflow.getHandle(names.flagSchedule(first)).result()).toBe('applied')
  expect((await call('GET', 'flags/recurring')).body).toMatchObject({ rolloutPercentage: 25 })

  const { body: after } = await call('GET', `flags/recurring/recurrences/${made.id}`)
  expect(after).toMatchObject({ made: 2, pendingScheduleId: expect.not.stringContaining(first) })
  const next = client.workflow.getHandle(names.flagSchedule(after.pendingScheduleId))
  await vi.waitFor(async () => {
    expect((await next.describe()).status.name).toBe('RUNNING')
    const { events } = await next.fetchHistory()
    expect(events?.some((event) => event.timerStartedEventAttributes)).toBe(true)
  }, 10_000)

  await call('DELETE', `flags/recurring/recurrences/${made.id}`)
  expect(await next.result()).toBe('cancelled')
})
