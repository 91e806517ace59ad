import type { Part } from '../helpers/parts.ts'
import type { Caller } from './caller.ts'
import { type Load, makeSchedules } from './load.ts'
import type { Broken } from './oracle.ts'
import { brokenRecurring, makeRecurring, untilCaughtUp } from './recurring.ts'
import type { Stage } from './stage.ts'

/**
 * Everything but Postgres is down for an hour, across the due times of schedules and recurrences; then all starts. Time is
 * data: their due times are moved an hour back meanwhile. The schedules are added to the load, for the oracle.
 */
export async function hoursOutage(stage: Stage, caller: Caller, random: () => number, load: Load): Promise<Broken[]> {
  const name = `outage-${load.schedules.length}`
  const recurring = await Promise.all(
    (['all', 'latest', 'none'] as const).map((catchUp) =>
      makeRecurring(caller, `${load.name}-${name}-${catchUp}`, catchUp, 10),
    ),
  )
  await makeSchedules({ servers: stage, caller, random }, load, name, 5)
  const parts: Part[] = [...stage.workers, ...stage.apis, stage.temporal]
  await Promise.all(parts.map((part) => part.kill()))
  const flags = `${load.name}-${name}-%`
  // What has been applied before the outage is an hour older too.
  await stage.sql(
    `WITH flags AS (
       UPDATE feature_flags SET applied_through_at = applied_through_at - interval '1 hour' WHERE key LIKE $1 RETURNING id
     ), recurrences AS (
       UPDATE flag_schedule_recurrences SET through_at = through_at - interval '1 hour', before_at = before_at - interval '1 hour'
       WHERE flag_id IN (SELECT id FROM flags)
     ), applied AS (
       UPDATE feature_flag_schedules SET scheduled_at = scheduled_at - interval '1 hour', applied_at = applied_at - interval '1 hour'
       WHERE flag_id IN (SELECT id FROM flags) AND status = 'applied'
     )
     UPDATE feature_flag_schedules SET scheduled_at = scheduled_at - interval '1 hour'
     WHERE flag_id IN (SELECT id FROM flags) AND status = 'pending'`,
    [flags],
  )
  await stage.temporal.start()
  await Promise.all([...stage.workers, ...stage.apis].map((part) => part.start()))
  for (const one of recurring) await untilCaughtUp(stage, one, 60_000)
  return (await Promise.all(recurring.map((one) => brokenRecurring(stage, caller, one)))).flat()
}
