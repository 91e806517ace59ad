import type { FlagSchedule, NewSchedule } from '../../domain/flag-schedule.ts'
import type { Database } from '../../store/database.ts'
import { createSchedule, getSchedule } from '../../store/flag-schedules.ts'
import { createFlag } from '../../store/flags.ts'
import { asAlice } from './database.ts'

const ENVIRONMENT = 'production'

/** A moment relative to now. Negative ones must lie within the tolerance of a minute. */
export function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString()
}

let flags = 0

/** Makes a flag that is off, at 100 %, and returns its address. */
export async function newFlag(db: Database, key = `flag-${++flags}-${crypto.randomUUID().slice(0, 8)}`) {
  await asAlice(db, (tx) =>
    createFlag(tx, ENVIRONMENT, { key, description: '', enabled: false, rolloutPercentage: 100 }),
  )
  return { environment: ENVIRONMENT, flagKey: key }
}

export type Address = Awaited<ReturnType<typeof newFlag>>

export async function newSchedule(
  db: Database,
  address: Address,
  dueInMs: number,
  updates: NewSchedule['updates'] = { enabled: true },
): Promise<FlagSchedule> {
  return await asAlice(db, (tx) => createSchedule(tx, address, { scheduledAt: inMs(dueInMs), updates }))
}

export async function reread(
  db: Database,
  { flagKey, environment, id: scheduleId }: FlagSchedule,
): Promise<FlagSchedule> {
  return await getSchedule(db, { environment, flagKey, scheduleId })
}
