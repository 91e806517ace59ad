import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createSweeper } from '../../activities/sweeper.ts'
import { getFlag } from '../../store/flags.ts'
import { readFigures } from '../../store/health.ts'
import { createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { newFlag, newSchedule, reread } from '../helpers/schedules.ts'

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

it('runs one sweep at a time, also when somebody asks just as one ends', async () => {
  let [inUse, most] = [0, 0]
  const acquired = () => (most = Math.max(most, ++inUse))
  const released = () => inUse--
  db.pool.on('acquire', acquired).on('release', released)
  for (let microtasks = 0; microtasks < 12; microtasks++) {
    const [first, second] = [sweeper.sweep(), sweeper.sweep()]
    await first
    for (let i = 0; i < microtasks; i++) await null
    await Promise.all([second, sweeper.sweep()])
  }
  db.pool.off('acquire', acquired).off('release', released)
  expect(most).toBe(1)
})

const refuseWith = (state: string, key: string) =>
  db.pool.query(
    `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.key = '${key}' THEN RAISE EXCEPTION 'refused' USING ERRCODE = '${state}'; END IF; RETURN NEW; END $$;
     CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE ON feature_flags FOR EACH ROW EXECUTE FUNCTION refuse()`,
  )

it('survives an outage', async () => {
  const address = await newFlag(db)
  const { id } = await newSchedule(db, address, -1)
  await refuseWith('53100', address.flagKey)
  await expect(sweeper.sweep()).rejects.toThrow('refused')
  await refuseWith('53100', 'nobody')
  expect((await sweeper.sweep()).has(id)).toBe(true)
})

it('leaves a flag that Postgres refuses for now pending, tells its own activity why, and keeps nobody else waiting', async () => {
  const [address, other] = [await newFlag(db), await newFlag(db)]
  const [first, second] = [await newSchedule(db, address, -20), await newSchedule(db, address, -10)]
  const bystander = await newSchedule(db, other, -5)
  await refuseWith('42501', address.flagKey)
  expect([...(await sweeper.sweep()).keys()]).toEqual([bystander.id])
  const { id: flagId } = await getFlag(db, address)
  await expect(sweeper.sweepFlag(flagId)).rejects.toThrow('refused')
  for (const schedule of [first, second]) expect((await reread(db, schedule)).status).toBe('pending')
  await refuseWith('42501', 'nobody')
  expect([...(await sweeper.sweep()).keys()]).toEqual([first.id, second.id])
})

it('does not wait for a schedule that somebody holds by hand', async () => {
  const [address, other] = [await newFlag(db), await newFlag(db)]
  const [held, bystander] = [await newSchedule(db, address, -20), await newSchedule(db, other, -10)]
  const client = await db.pool.connect()
  await client.query('BEGIN')
  await client.query('SELECT 1 FROM feature_flag_schedules WHERE id = $1 FOR UPDATE', [held.id])
  expect([...(await sweeper.sweep()).keys()]).toEqual([bystander.id])
  await client.query('COMMIT')
  client.release()
  expect((await sweeper.sweep()).has(held.id)).toBe(true)
})

it('waits for one locked flag with one connection, however many of its schedules are due', async () => {
  const address = await newFlag(db)
  const { id } = await newSchedule(db, address, -10)
  const { id: flagId } = await getFlag(db, address)
  const client = await db.pool.connect()
  await client.query('BEGIN')
  await client.query('SELECT 1 FROM feature_flags WHERE id = $1 FOR UPDATE', [flagId])
  const waiting = Array.from({ length: 30 }, () => sweeper.sweepFlag(flagId))
  await expect.poll(() => one(db, 'SELECT count(*) AS count FROM pg_locks WHERE NOT granted')).toEqual({ count: 1 })
  expect(db.pool.waitingCount).toBe(0)
  await client.query('COMMIT')
  client.release()
  await Promise.all(waiting)
  expect((await sweeper.sweep()).has(id)).toBe(false)
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
