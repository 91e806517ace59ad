import { setTimeout as wait } from 'node:timers/promises'
import type { Servers } from '../helpers/processes.ts'
import type { Caller } from './caller.ts'
import type { Broken } from './oracle.ts'
import { until } from './until.ts'

const MINUTE = 60_000

export interface Recurring {
  id: string
  path: string
  flagKey: string
  catchUp: 'all' | 'latest' | 'none'
  /** Milliseconds between two occurrences. */
  everyMs: number
  /** Skips that were answered 200. */
  skipped: number
}

/**
 * Makes a flag with a recurrence whose first occurrence is minutes away, so that its due times can be moved before.
 *
 * @param everyMinutes 5, 10, 15, 20, 30 or 60
 */
export async function makeRecurring(
  caller: Caller,
  flagKey: string,
  catchUp: Recurring['catchUp'],
  everyMinutes: number,
  count?: number,
): Promise<Recurring> {
  await caller.call('POST', '/flags', { key: flagKey, rolloutPercentage: 0 })
  const first = new Date(Date.now() + Math.min(everyMinutes / 2, 3) * MINUTE).getUTCMinutes() % everyMinutes
  const minutes = Array.from({ length: 60 / everyMinutes }, (_, n) => first + n * everyMinutes)
  const { status, body } = await caller.call('POST', `/flags/${flagKey}/recurrences`, {
    recurrence: { cron: `${minutes} * * * *`, timeZone: 'UTC', ...(count && { count }) },
    updates: { enabled: true },
    catchUp,
  })
  if (status !== 201) throw new Error(JSON.stringify(body))
  const id = String(body.id)
  return {
    id,
    path: `/flags/${flagKey}/recurrences/${id}`,
    flagKey,
    catchUp,
    everyMs: everyMinutes * MINUTE,
    skipped: 0,
  }
}

/** Time is data: as if the recurrence had been made, and its first occurrence been due, so many hours ago. */
export async function moveBack({ sql, client, names }: Servers, { id }: Recurring, hours: number): Promise<void> {
  const [moved] = await sql<{ id: string }>(
    `WITH locked AS (
       SELECT f.id FROM feature_flags f JOIN flag_schedule_recurrences r ON r.flag_id = f.id WHERE r.id = $1 FOR NO KEY UPDATE OF f
     ), r AS (
       UPDATE flag_schedule_recurrences SET through_at = through_at - $2 * interval '1 hour',
         before_at = before_at - $2 * interval '1 hour'
       WHERE id = $1 AND made = 1 AND EXISTS (SELECT 1 FROM locked) RETURNING id
     )
     UPDATE feature_flag_schedules s SET scheduled_at = scheduled_at - $2 * interval '1 hour' FROM r
     WHERE s.recurrence_id = r.id AND s.status = 'pending' RETURNING s.id`,
    [id, hours],
  )
  if (!moved) throw new Error('Its first occurrence is not pending any more')
  // Its workflow waits for the due time that was. Temporal may be down at the moment.
  const nudge = async () => {
    await client.workflow.getHandle(names.flagSchedule(moved.id)).signal('nudge')
    return undefined
  }
  await until(nudge, 60_000)
}

/** Skips pending occurrences now and then, until the recurrence has ended. */
export async function skipNowAndThen(caller: Caller, recurring: Recurring, random: () => number): Promise<void> {
  for (;;) {
    await wait(500 + random() * 1_000)
    const { status, code } = await caller.call('POST', `${recurring.path}/skip`)
    if (status === 200) recurring.skipped++
    else if (code === 'recurrence-ended') return
    else throw new Error(`A skip was answered ${status} ${code}`)
  }
}

interface Occurrence {
  id: string
  occurrence: number
  status: string
  due_ms: number
  created_ms: number
  early: boolean | null
  /** Ids of the events that made it and that ended it. */
  made: number[]
  ended: number[]
}

/** Every occurrence of a recurrence, the first one first. */
async function occurrencesOf({ sql }: Servers, { id }: Recurring): Promise<Occurrence[]> {
  return await sql<Occurrence>(
    `SELECT s.id, s.occurrence, s.status, floor(extract(epoch FROM s.scheduled_at) * 1e3)::bigint AS due_ms,
       floor(extract(epoch FROM s.created_at) * 1e3)::bigint AS created_ms,
       s.applied_at < s.scheduled_at AS early,
       (SELECT coalesce(jsonb_agg(e.id ORDER BY e.id), '[]') FROM events e WHERE e.schedule_id = s.id AND e.type = 'schedule-created') AS made,
       (SELECT coalesce(jsonb_agg(e.id ORDER BY e.id), '[]') FROM events e WHERE e.schedule_id = s.id
          AND e.type IN ('schedule-applied', 'schedule-failed', 'schedule-cancelled')) AS ended
     FROM feature_flag_schedules s WHERE s.recurrence_id = $1 ORDER BY s.occurrence, s.sequence`,
    [id],
  )
}

/** Waits until what was missed is made up for: it has ended, or its next occurrence lies ahead. */
export async function untilCaughtUp(servers: Servers, recurring: Recurring, withinMs: number): Promise<void> {
  await until(async () => {
    const occurrences = await occurrencesOf(servers, recurring)
    const last = occurrences.at(-1)
    const done = last && occurrences.length > 1 && (last.status !== 'pending' || last.due_ms > Date.now() + 5_000)
    return done ? undefined : `${recurring.flagKey} is at occurrence ${last?.occurrence}, ${last?.status}`
  }, withinMs)
}

/**
 * Ends a recurrence and looks whether each of its occurrences came exactly once, never two were pending, and what was missed
 * was made up for as its `catchUp` says.
 *
 * @param count how many there have to be, if that is known
 */
export async function brokenRecurring(
  servers: Servers,
  caller: Caller,
  recurring: Recurring,
  count?: number,
): Promise<Broken[]> {
  const { catchUp, everyMs, flagKey } = recurring
  await caller.call('DELETE', recurring.path)
  const all = await occurrencesOf(servers, recurring)
  const found: Broken[] = []
  const say = (promise: Broken['promise'], what: string) => found.push({ promise, what: `${flagKey}: ${what}` })
  if (count && all.length !== count) say(all.length < count ? 'lost' : 'twice', `${all.length} occurrences of ${count}`)
  for (const [index, { id, occurrence, status, due_ms, created_ms, early, made, ended }] of all.entries()) {
    if (occurrence !== index + 1) say('lost', `${id} is occurrence ${occurrence}, not ${index + 1}`)
    if (made.length > 1 || ended.length > 1) say('twice', `${id} was made ${made.length}, ended ${ended.length} times`)
    if (made.length < 1 || ended.length < 1) say('lost', `${id} is ${status}, and was not made or not ended`)
    if (early) say('early', `${id} was applied early`)
    const before = all[index - 1]
    if (!before) continue
    // The next one is made in the transaction that ends the one before.
    if ((before.ended[0] ?? 0) > (made[0] ?? 0)) say('twice', `${id} was made while ${before.id} was pending`)
    const next = before.due_ms + everyMs
    // Whether it was made before or after the instant, within the transaction, is told by the process's clock: a moment's grace.
    const ahead = due_ms - created_ms
    if ((due_ms - before.due_ms) % everyMs !== 0 || due_ms < next) say('out of order', `${id} is due at ${due_ms}`)
    if (catchUp === 'all' && due_ms !== next) say('lost', `${next} is missing before ${due_ms}`)
    if (catchUp === 'latest' && index === 1 && (ahead > 1_000 || ahead < -everyMs - 1_000)) {
      say('lost', `${due_ms} is not the latest one before ${created_ms}`)
    }
    if (catchUp === 'none' && (ahead < -1_000 || ahead > everyMs + 1_000)) {
      say('lost', `${due_ms} is not the next one after ${created_ms}`)
    }
  }
  const cancelled = all.filter(({ status }) => status === 'cancelled').length
  // The last one is cancelled with the recurrence, unless that has ended by itself.
  const expected = recurring.skipped + (count ? 0 : 1)
  if (cancelled !== expected) say('false answers', `${cancelled} occurrences were cancelled, ${expected} were answered`)
  return found
}
