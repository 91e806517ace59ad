import pLimit from 'p-limit'
import type { Servers } from '../helpers/processes.ts'
import type { Asked, Load } from './load.ts'
import { until } from './until.ts'

interface Final {
  id: string
  flag_key: string
  status: string
  due_us: number
  sequence: number
  updates: { enabled?: boolean; rolloutPercentage?: number }
  early: boolean
  applied_revision: number | null
  applied_ms: number | null
  endings: { type: string; revision: number | null }[]
}

interface AppliedEvent {
  schedule_id: string
  flag_key: string
  revision: number
  before: object
  after: object
}

/** As long as it goes on, a busy machine may take its time. */
const STANDSTILL_MS = 60_000

/**
 * Waits until nothing is left to do: no schedule is pending, no message under way, every workflow has completed.
 *
 * @throws when nothing has moved for a minute
 */
export async function untilSettled(servers: Servers, { name, schedules }: Load): Promise<void> {
  const left = `SELECT (SELECT count(*) FROM outbox WHERE state <> 'dispatched') AS messages, count(*) AS pending
    FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE f.key LIKE $1 || '-%' AND status = 'pending'`
  await untilNone('messages and pending schedules', async () => {
    const [row] = await servers.sql<{ pending: number; messages: number }>(left, [name])
    return Number(row?.pending) + Number(row?.messages)
  })
  const ids = schedules.map(({ id }) => id)
  await untilCompleted(servers, ids)
}

/** Waits until the workflows of schedules have completed. @throws when nothing has moved for a minute */
export async function untilCompleted({ client, names }: Servers, ids: string[]): Promise<void> {
  let open = ids
  await untilNone('open workflows', async () => {
    const states = await pLimit(10).map(open, async (id) => {
      const { status } = await client.workflow.getHandle(names.flagSchedule(id)).describe()
      return { id, isOpen: status.name !== 'COMPLETED' }
    })
    open = states.filter(({ isOpen }) => isOpen).map(({ id }) => id)
    return open.length
  })
}

async function untilNone(what: string, count: () => Promise<number>): Promise<void> {
  let least = Number.POSITIVE_INFINITY
  const fewer = async () => {
    const now = await count()
    if (now > 0 && now >= least) return `${now} ${what}`
    least = now
    return undefined
  }
  while (least > 0) await until(fewer, STANDSTILL_MS, 300)
}

/** The promises, as they are counted. */
export const PROMISES = ['lost', 'twice', 'early', 'out of order', 'false answers'] as const
/** One that was broken, and how. */
export interface Broken {
  promise: (typeof PROMISES)[number]
  what: string
}

/**
 * Looks, by SQL, whether every promise was kept: nothing lost, nothing twice, nothing early, in order, and no answer a lie.
 */
export async function broken(servers: Servers, load: Load): Promise<Broken[]> {
  const { name, schedules, asked, signalled } = load
  const finals = await servers.sql<Final>(
    `SELECT s.id, f.key AS flag_key, s.status, (extract(epoch FROM s.scheduled_at) * 1e6)::bigint AS due_us, s.sequence, s.updates,
       s.applied_at < s.scheduled_at AS early, s.applied_revision, floor(extract(epoch FROM s.applied_at) * 1e3)::bigint AS applied_ms,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('type', e.type, 'revision', e.revision)), '[]') FROM events e
        WHERE e.schedule_id = s.id AND e.type IN ('schedule-applied', 'schedule-failed', 'schedule-cancelled')) AS endings
     FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE f.key LIKE $1 || '-%' AND s.recurrence_id IS NULL ORDER BY f.key, s.scheduled_at, s.sequence`,
    [name],
  )
  const found: Broken[] = []
  const byId = new Map(finals.map((final) => [final.id, final]))
  const made = new Set(schedules.map(({ id }) => id))
  for (const { id } of finals) {
    if (!made.has(id)) found.push({ promise: 'twice', what: `${id} was made, and nobody was told` })
  }
  const cancelled = new Set(asked.filter(isCancelled).map(({ schedule }) => schedule.id))
  for (const { id } of schedules) {
    const final = byId.get(id)
    const may = signalled.has(id) ? ['applied', 'cancelled'] : [cancelled.has(id) ? 'cancelled' : 'applied']
    if (final) found.push(...endedBadly(final, may))
    else found.push({ promise: 'lost', what: `${id} is not there` })
  }
  for (const one of asked) {
    const final = byId.get(one.schedule.id)
    const what = final && lie(one, final)
    if (what) found.push({ promise: 'false answers', what: `${one.what} of ${final.id}: ${what}` })
  }
  const keys = await servers.sql<{ key: string }>(`SELECT key FROM feature_flags WHERE key LIKE $1 || '-%'`, [name])
  const there = new Set(keys.map(({ key }) => key))
  for (const key of load.flags) {
    if (!there.has(key)) found.push({ promise: 'lost', what: `the flag ${key} is not there` })
  }
  const order = [...(await outOfOrder(servers, name)), ...(await revisionGaps(servers))]
  return [...found, ...order.map((what) => ({ promise: 'out of order' as const, what }))]
}

function isCancelled({ what, answer }: Asked): boolean {
  return what === 'cancel' && answer.status === 200
}

function endedBadly({ id, ...final }: Final, may: string[]): Broken[] {
  const found: Broken[] = []
  const say = (promise: Broken['promise'], what: string) => found.push({ promise, what: `${id} ${what}` })
  const [ending, ...more] = final.endings
  if (!may.includes(final.status)) say('lost', `is ${final.status}, not ${may.join(' or ')}`)
  if (final.early) say('early', 'was applied early')
  if (more.length > 0) say('twice', `ended as ${JSON.stringify(final.endings)}`)
  else if (ending?.type !== `schedule-${final.status}`) say('lost', `is ${final.status}, its event ${ending?.type}`)
  if ((ending?.revision ?? null) !== final.applied_revision) {
    say('out of order', `was applied as ${final.applied_revision}, its event says ${ending?.revision}`)
  }
  return found
}

/** Compares what was answered with what came of it. */
function lie({ what, schedule, answer }: Asked, final: Final): string | undefined {
  const { status, code, body } = answer
  const dueMs = final.due_us / 1_000
  if (code === 'schedule-applied') {
    const same =
      final.applied_revision === body.appliedRevision && final.applied_ms === Date.parse(String(body.appliedAt))
    if (same) return undefined
    return `answered ${JSON.stringify(body)}, applied at ${final.applied_ms} as ${final.applied_revision}`
  }
  if (what === 'move' && /^schedule-(out-of-order|in-past)$/.test(code)) {
    return dueMs === schedule.dueAt ? undefined : 'refused, and moved'
  }
  if (status !== 200) return `answered ${status} ${JSON.stringify(body)}`
  const matches =
    what === 'cancel' ||
    (what === 'move' && dueMs === Date.parse(String(body.scheduledAt)) && dueMs > schedule.dueAt) ||
    (what === 'change' && JSON.stringify(final.updates) === JSON.stringify(body.updates))
  return matches ? undefined : 'answered 200 and did not happen'
}

interface Flag {
  key: string
  enabled: boolean
  rolloutPercentage: number
  revision: number
}

type Due = Pick<Final, 'id' | 'flag_key' | 'updates'>

/** Of all flags of a name, also of what recurs on them: their events in the order of due times, and what they come to. */
async function outOfOrder({ sql }: Servers, name: string): Promise<string[]> {
  const due = await sql<Due>(
    `SELECT s.id, f.key AS flag_key, s.updates FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE f.key LIKE $1 || '-%' AND s.status = 'applied' ORDER BY s.scheduled_at, s.sequence`,
    [name],
  )
  const events = await sql<AppliedEvent>(
    `SELECT schedule_id, flag_key, revision, data->'before' AS before, data->'after' AS after FROM events
     WHERE type = 'schedule-applied' AND flag_key LIKE $1 || '-%' ORDER BY id`,
    [name],
  )
  const flags = await sql<Flag>(
    `SELECT key, enabled, rollout_percentage AS "rolloutPercentage", revision FROM feature_flags WHERE key LIKE $1 || '-%'`,
    [name],
  )
  const dueOf = Map.groupBy(due, ({ flag_key }) => flag_key)
  const eventsOf = Map.groupBy(events, ({ flag_key }) => flag_key)
  return flags.flatMap((flag) => historyErrors(flag, dueOf.get(flag.key) ?? [], eventsOf.get(flag.key) ?? []))
}

function historyErrors({ key, revision, ...now }: Flag, due: Due[], applied: AppliedEvent[]): string[] {
  const lines: string[] = []
  const order = applied.map(({ schedule_id }) => schedule_id)
  if (order.join() !== due.map(({ id }) => id).join()) lines.push(`${key} was changed in the order ${order}`)
  if (applied.some((event, index) => index > 0 && event.revision < (applied[index - 1]?.revision ?? 0))) {
    lines.push(`${key}: its revisions go back`)
  }
  // Made disabled, at 0 %: each change leaves what it does not name.
  let state = { enabled: false, rolloutPercentage: 0 }
  for (const [index, { updates }] of due.entries()) {
    const before = state
    state = { ...state, ...updates }
    const event = applied[index]
    if (!same(event?.before, before) || !same(event?.after, state)) {
      lines.push(`${key}: change ${index} from ${JSON.stringify(before)} is told as ${JSON.stringify(event)}`)
    }
  }
  if (!same(now, state)) lines.push(`${key} is ${JSON.stringify(now)}, its schedules make ${JSON.stringify(state)}`)
  if (due.length > 0 && revision !== applied.at(-1)?.revision) lines.push(`${key} is at revision ${revision}`)
  return lines
}

function same(one: object | undefined, other: object): boolean {
  const sorted = (state: object) => JSON.stringify(Object.entries(state).sort())
  return one !== undefined && sorted(one) === sorted(other)
}

/** Revisions are a gap-free order: events name each of them from 1 to the current one. */
async function revisionGaps({ sql }: Servers): Promise<string[]> {
  const [row] = await sql<{ named: number; first: number; last: number; current: number }>(
    `SELECT count(DISTINCT e.revision) AS named, min(e.revision) AS first, max(e.revision) AS last,
       (SELECT revision FROM configuration_revision) AS current FROM events e`,
  )
  const whole = row && row.first === 1 && row.last === row.current && row.named === row.current
  return whole ? [] : [`revisions have gaps: ${JSON.stringify(row)}`]
}
