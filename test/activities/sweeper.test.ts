import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createSweeper } from '../../activities/sweeper.ts'
import { readFigures } from '../../store/health.ts'
import { createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { newFlag, newSchedule } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())
const lines: Record<string, unknown>[] = []
const log = pino(
  { messageKey: 'message', formatters: { level: (level) => ({ level }) } },
  new Writable({
    write(line, _, done) {
      lines.push(JSON.parse(String(line)))
      done()
    },
  }),
)
const sweeper = createSweeper(db, log)

it('coalesces: whoever asks while a sweep runs shares the next one', async () => {
  const schedules = []
  for (let i = 0; i < 20; i++) schedules.push(await newSchedule(db, await newFlag(db), -1_000))
  const before = await readFigures(db)
  const answers = await Promise.all(schedules.map(() => sweeper.sweep()))
  expect((await readFigures(db)).sweeps - before.sweeps).toBe(1)
  expect(new Set(answers).size).toBe(2)
  expect(answers[0]?.size).toBe(20)
})

it('sees what became due while a sweep ran', async () => {
  const address = await newFlag(db)
  const first = sweeper.sweep()
  const { id } = await newSchedule(db, address, -1)
  const second = sweeper.sweep()
  expect([...(await first).keys(), ...(await second).keys()]).toContain(id)
})

it('survives a sweep that fails', async () => {
  await db.pool.query(`ALTER TABLE schedule_totals RENAME TO away`)
  const { id } = await newSchedule(db, await newFlag(db), -1)
  await expect(sweeper.sweep()).rejects.toThrow('schedule_totals')
  await db.pool.query(`ALTER TABLE away RENAME TO schedule_totals`)
  expect((await sweeper.sweep()).has(id)).toBe(true)
})

it('logs what it did, in the words that dashboards look for', async () => {
  const [address, other] = [await newFlag(db), await newFlag(db)]
  const good = await newSchedule(db, address, -1)
  const bad = await newSchedule(db, other, -1)
  await one(db, `UPDATE feature_flag_schedules SET updates = '{"rolloutPercentage": 101}' WHERE id = $1`, [bad.id])
  lines.length = 0
  await sweeper.sweep()
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 'info',
      message: 'Schedule applied',
      scheduleId: good.id,
      flagKey: address.flagKey,
    }),
  )
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 'error',
      message: 'Failed to apply schedule',
      scheduleId: bad.id,
      error: expect.stringContaining('check constraint'),
    }),
  )
})
