import type { Stack } from '../helpers/processes.ts'
import type { Caller } from './caller.ts'

export interface One {
  id: string
  path: string
  dueAt: number
}

/** Makes a flag and a schedule of it over HTTP, due in `dueInMs`. */
export async function makeOne(caller: Caller, dueInMs: number): Promise<One> {
  const key = `one-${crypto.randomUUID()}`
  await caller.call('POST', '/flags', { key })
  return await addOne(caller, key, dueInMs)
}

/** Adds a schedule to a flag. */
export async function addOne(caller: Caller, flagKey: string, dueInMs: number): Promise<One> {
  const dueAt = Date.now() + dueInMs
  const scheduledAt = new Date(dueAt).toISOString()
  const answer = await caller.call('POST', `/flags/${flagKey}/schedule`, { scheduledAt, updates: { enabled: true } })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  const id = String(answer.body.id)
  return { id, path: `/flags/${flagKey}/schedule/${id}`, dueAt }
}

export interface Fate {
  status: string
  applied_at: Date | null
  early: boolean | null
  /** How often it was applied, by the audit trail. */
  applied: number
  failed: number
}

/** What became of a schedule; undefined when there is no such row. */
export async function fateOf({ sql }: Stack, id: string): Promise<Fate | undefined> {
  const [fate] = await sql<Fate>(
    `SELECT status, applied_at, applied_at < scheduled_at AS early,
       (SELECT count(*) FROM events WHERE schedule_id = s.id AND type = 'schedule-applied') AS applied,
       (SELECT count(*) FROM events WHERE schedule_id = s.id AND type = 'schedule-failed') AS failed
     FROM feature_flag_schedules s WHERE id = $1`,
    [id],
  )
  return fate
}

/** What a schedule's fate has to be in the end. */
export const appliedOnce = { status: 'applied', early: false, applied: 1, failed: 0 }

/** For `until`: nothing when the schedule is applied and its workflow has completed. */
export async function notDone(stack: Stack, id: string): Promise<string | undefined> {
  const fate = await fateOf(stack, id)
  if (fate?.status !== 'applied') return `the schedule is ${fate?.status}`
  const { status } = await stack.client.workflow.getHandle(stack.names.flagSchedule(id)).describe()
  return status.name === 'COMPLETED' ? undefined : `the workflow is ${status.name}`
}
