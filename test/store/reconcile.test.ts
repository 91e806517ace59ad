import { expect, it } from 'vitest'
import { cancelSchedule } from '../../store/flag-schedules.ts'
import { cancelRun } from '../../store/policy-run-control.ts'
import { failTerminated, nudgeAgain, nudgeRun, runsToCheck, schedulesToCheck } from '../../store/reconcile.ts'
import { sweepDue } from '../../store/sweep.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { addPolicy, startRun } from '../helpers/policy-runs.ts'
import { newFlag, newSchedule } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase())

it('takes a schedule that became final between the query and the look at its workflow for no orphan', async () => {
  const [due, called, orphan] = await Promise.all(
    [0, 60_000, 60_000].map(async (dueInMs) => newSchedule(db, await newFlag(db), dueInMs)),
  )
  if (!due || !called || !orphan) throw new Error('three were made')
  await one(db, `UPDATE outbox SET state = 'dispatched', dispatched_at = now()`)
  const { schedules } = await schedulesToCheck(db, { soon: 10, others: 10 })
  expect(schedules.map(({ id }) => id)).toEqual(expect.arrayContaining([due.id, called.id, orphan.id]))
  await sweepDue(db)
  await asAlice(db, (tx) => cancelSchedule(tx, { ...called, scheduleId: called.id }))

  expect(await nudgeAgain(db, schedules, 'a-run')).toEqual([orphan.id])
  const nudges = `SELECT array_agg(payload ->> 'scheduleId') AS of FROM outbox WHERE idempotency_key LIKE '%/a-run'`
  expect(await one(db, nudges)).toEqual({ of: [orphan.id] })
})

it('takes a policy run that ended meanwhile for no orphan either', async () => {
  const { runId } = await startRun(db, (await addPolicy(db)).id)
  await one(db, `UPDATE outbox SET state = 'dispatched', dispatched_at = now()`)
  const [run] = await runsToCheck(db)
  if (!run) throw new Error('it runs')
  expect(await nudgeRun(db, run, 'first')).toBe(true)
  await asAlice(db, (tx) => cancelRun(tx, runId))
  expect(await nudgeRun(db, run, 'second')).toBe(false)
  expect(await failTerminated(db, run, { identity: 'olivia' })).toBe(false)
  expect(await one(db, 'SELECT status FROM catalog_evaluation_runs WHERE id = $1', [runId])).toEqual({
    status: 'cancelled',
  })
  expect(await one(db, `SELECT count(*) AS n FROM outbox WHERE idempotency_key LIKE '%/second'`)).toEqual({ n: 0 })
})
