import { describe, expect, it } from 'vitest'
import { Problem } from '../../domain/problems.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { cancelSchedule, createSchedule, editSchedule, listSchedules } from '../../store/flag-schedules.ts'
import { getFlag } from '../../store/flags.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { createTestEffectsContext } from '../helpers/effects.ts'
import { inMs, newFlag, newSchedule, reread } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())

const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(Problem)
  return error as Problem
}

describe('createSchedule', () => {
  it('should queue the nudge of its workflow via enqueueTriggerTask', async () => {
    const address = await newFlag(db)
    const test = createTestEffectsContext(db)
    const schedule = await createSchedule(test.ctx, address, { scheduledAt: inMs(60_000), updates: { enabled: true } })
    expect(test.getQueuedTriggerTaskByKey('schedule')).toEqual({
      key: 'schedule',
      task: { id: 'nudge-flag-schedule' },
      payload: { scheduleId: schedule.id, ...address, scheduledAt: schedule.scheduledAt },
      idempotencyKey: `flag-schedule/${schedule.id}/1`,
    })
    expect(test.getEvents()).toMatchObject([{ type: 'schedule-created', scheduleId: schedule.id }])
  })

  it('keeps an instant of any zone as the same instant in UTC', async () => {
    const address = await newFlag(db)
    const make = (scheduledAt: string) =>
      asAlice(db, (tx) => createSchedule(tx, address, { scheduledAt, updates: { enabled: true } }))
    expect((await make('2126-03-01T10:30:00.250+05:30')).scheduledAt).toBe('2126-03-01T05:00:00.250Z')
  })

  it('refuses what is more than a minute past, and says what now is', async () => {
    const address = await newFlag(db)
    const problem = await refusal(newSchedule(db, address, -61_500))
    expect(problem.code).toBe('schedule-in-past')
    expect(Math.abs(Date.parse(String(problem.members.now)) - Date.now())).toBeLessThan(60_000)
    expect(problem.fields[0]?.field).toBe('scheduledAt')
    await newSchedule(db, address, -50_000)
  })

  it('refuses an archived flag', async () => {
    const address = await newFlag(db)
    await asAlice(db, (tx) => archiveFlag(tx, address))
    expect((await refusal(newSchedule(db, address, 1000))).code).toBe('flag-archived')
  })

  it('refuses to land before what was already applied, so that order holds for ever', async () => {
    const address = await newFlag(db)
    const applied = await newSchedule(db, address, -1_000)
    await sweepDue(db)
    const problem = await refusal(newSchedule(db, address, -30_000))
    expect([problem.code, problem.members.appliedThrough]).toEqual(['schedule-out-of-order', applied.scheduledAt])
    // The same instant is fine: created later, it comes after.
    const { scheduledAt } = applied
    await asAlice(db, (tx) => createSchedule(tx, address, { scheduledAt, updates: { rolloutPercentage: 5 } }))
  })
})

describe('editSchedule', () => {
  it('should queue the nudge of its workflow via enqueueTriggerTask, under a new key for each edit', async () => {
    const address = await newFlag(db)
    const { id } = await newSchedule(db, address, 60_000)
    for (const version of [2, 3]) {
      const test = createTestEffectsContext(db)
      const scheduledAt = inMs(version * 60_000)
      await editSchedule(test.ctx, { ...address, scheduleId: id }, { scheduledAt })
      expect(test.getQueuedTriggerTaskByKey('schedule')).toMatchObject({
        payload: { scheduleId: id, scheduledAt },
        idempotencyKey: `flag-schedule/${id}/${version}`,
      })
    }
  })

  it('changes only what it names, and says before and after', async () => {
    const address = await newFlag(db)
    const schedule = await newSchedule(db, address, 60_000, { enabled: true })
    const test = createTestEffectsContext(db)
    const edited = await editSchedule(
      test.ctx,
      { ...address, scheduleId: schedule.id },
      { updates: { rolloutPercentage: 10 } },
    )
    expect(edited).toMatchObject({ scheduledAt: schedule.scheduledAt, updates: { rolloutPercentage: 10 }, version: 2 })
    expect(test.getEvents()[0]?.data).toMatchObject({
      before: { updates: { enabled: true } },
      after: { updates: { rolloutPercentage: 10 } },
    })
  })

  it('refuses a stale version, a final schedule, and a move to before what was applied', async () => {
    const address = await newFlag(db)
    const [first, second] = [await newSchedule(db, address, -2_000), await newSchedule(db, address, 60_000)]
    const edit = (scheduleId: string, scheduledAt: string, version?: number) =>
      refusal(asAlice(db, (tx) => editSchedule(tx, { ...address, scheduleId }, { scheduledAt }, version)))
    expect((await edit(second.id, inMs(90_000), 7)).code).toBe('revision-mismatch')
    await sweepDue(db)
    expect((await edit(first.id, inMs(90_000))).code).toBe('schedule-applied')
    expect((await edit(second.id, inMs(-10_000))).code).toBe('schedule-out-of-order')
    expect((await edit(second.id, inMs(-90_000))).code).toBe('schedule-in-past')
    expect((await reread(db, second)).version).toBe(1)
  })
})

describe('cancelSchedule', () => {
  it('should queue the nudge of its workflow via enqueueTriggerTask', async () => {
    const address = await newFlag(db)
    const { id } = await newSchedule(db, address, 60_000)
    const test = createTestEffectsContext(db)
    expect((await cancelSchedule(test.ctx, { ...address, scheduleId: id })).status).toBe('cancelled')
    expect(test.getQueuedTriggerTaskByKey('schedule')).toMatchObject({
      task: { id: 'nudge-flag-schedule' },
      idempotencyKey: `flag-schedule/${id}/2`,
    })
  })

  it('says when and at which revision it was too late', async () => {
    const address = await newFlag(db)
    const { id } = await newSchedule(db, address, -10)
    await sweepDue(db)
    const problem = await refusal(asAlice(db, (tx) => cancelSchedule(tx, { ...address, scheduleId: id })))
    const { revision } = await getFlag(db, address)
    expect(problem).toMatchObject({
      code: 'schedule-applied',
      members: { appliedRevision: revision, appliedAt: expect.any(String) },
    })
  })

  it('finds a schedule only at its own flag', async () => {
    const [address, other] = [await newFlag(db), await newFlag(db)]
    const { id } = await newSchedule(db, address, 60_000)
    expect((await refusal(asAlice(db, (tx) => cancelSchedule(tx, { ...other, scheduleId: id })))).code).toBe(
      'schedule-not-found',
    )
  })

  it('and apply race 1,000 times: each ends in exactly one of the two, and the reply told the truth', async () => {
    const address = await newFlag(db)
    const told: Record<string, 'cancelled' | 'applied'> = {}
    const ROUNDS = 1_000
    for (let round = 0; round < ROUNDS; round++) {
      const { id } = await newSchedule(db, address, -1, { rolloutPercentage: round % 101 })
      const cancelling = asAlice(db, (tx) => cancelSchedule(tx, { ...address, scheduleId: id })).then(
        () => {
          told[id] = 'cancelled'
        },
        (error: Problem) => {
          expect(error.code).toBe('schedule-applied')
          told[id] = 'applied'
        },
      )
      // The sweep skips a locked flag, so the race is lost more evenly when it starts a little earlier or later.
      const sweeping = sweepDue(db)
      await Promise.all([cancelling, sweeping])
      await sweepDue(db)
    }
    const { rows } = await db.pool.query<{ id: string; status: string; applied: number }>(
      `SELECT s.id, s.status, (SELECT count(*) FROM events e WHERE e.schedule_id = s.id AND e.type = 'schedule-applied') AS applied
       FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE f.key = $1`,
      [address.flagKey],
    )
    expect(rows).toHaveLength(ROUNDS)
    const wrong = rows.filter(
      (row) => row.status !== told[row.id] || row.applied !== (row.status === 'applied' ? 1 : 0),
    )
    expect(wrong).toEqual([])
    // Both must have happened, or this was no race.
    const outcomes = Object.values(told)
    expect(outcomes.filter((outcome) => outcome === 'applied').length).toBeGreaterThan(0)
    expect(outcomes.filter((outcome) => outcome === 'cancelled').length).toBeGreaterThan(0)
  }, 60_000)
})

describe('archiving a flag', () => {
  it('cancels what is pending in the same transaction and nudges each workflow', async () => {
    const address = await newFlag(db)
    const schedules = [await newSchedule(db, address, 60_000), await newSchedule(db, address, 120_000)]
    const test = createTestEffectsContext(db)
    await archiveFlag(test.ctx, address)
    expect(test.getQueuedTriggerTasks().map(({ idempotencyKey }) => idempotencyKey)).toEqual(
      schedules.map(({ id }) => `flag-schedule/${id}/2`),
    )
    expect(test.getEvents().map(({ type }) => type)).toEqual([
      'schedule-cancelled',
      'schedule-cancelled',
      'flag-archived',
    ])
    for (const schedule of schedules) expect((await reread(db, schedule)).status).toBe('cancelled')
  })
})

describe('listSchedules', () => {
  it('pages in the order of due time and creation, without gaps or repetitions', async () => {
    const address = await newFlag(db)
    const at = inMs(60_000)
    const make = (scheduledAt: string) =>
      asAlice(db, (tx) => createSchedule(tx, address, { scheduledAt, updates: { enabled: true } }))
    const [later, same1, same2] = [await make(inMs(120_000)), await make(at), await make(at)]
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await listSchedules(db, { ...address, limit: 1, cursor })
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.next ?? undefined
    } while (cursor)
    expect(seen).toEqual([same1.id, same2.id, later.id])
  })
})

it('keeps events append-only, in the database', async () => {
  await newFlag(db)
  for (const statement of ['UPDATE events SET actor = NULL', 'DELETE FROM events', 'TRUNCATE events']) {
    await expect(one(db, statement)).rejects.toThrow('append-only')
  }
})
