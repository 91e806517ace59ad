import pLimit from 'p-limit'
import type { Stack } from '../helpers/processes.ts'
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

/** Waits until nothing is left to do: no schedule is pending, no message under way, every workflow has completed. */
export async function untilSettled(stack: Stack, { name, schedules }: Load, withinMs = 90_000): Promise<void> {
  const deadline = performance.now() + withinMs
  await until(async () => {
    const [left] = await stack.sql<{ pending: number; messages: number }>(
      `SELECT (SELECT count(*) FROM outbox WHERE state = 'pending') AS messages, count(*) AS pending
       FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE f.key LIKE $1 || '-%' AND status = 'pending'`,
      [name],
    )
    return left?.pending === 0 && left.messages === 0 ? undefined : JSON.stringify(left)
  }, withinMs)
  let open = schedules.map(({ id }) => id)
  await until(
    async () => {
      const states = await pLimit(10).map(open, async (id) => {
        const { status } = await stack.client.workflow.getHandle(stack.names.flagSchedule(id)).describe()
        return { id, status: status.name }
      })
      const still = states.filter(({ status }) => status !== 'COMPLETED')
      open = still.map(({ id }) => id)
      return still.length === 0 ? undefined : `${still.length} workflows did not complete: ${JSON.stringify(still[0])}`
    },
    deadline - performance.now(),
    500,
  )
}

/**
 * Counts, by SQL, whether every promise was kept: nothing lost, nothing twice, nothing early, in order, and no answer a
 * lie. Returns one line for each that was broken.
 */
export async function broken(stack: Stack, { name, schedules }: Load, asked: Asked[]): Promise<string[]> {
  const finals = await stack.sql<Final>(
    `SELECT s.id, f.key AS flag_key, s.status, (extract(epoch FROM s.scheduled_at) * 1e6)::bigint AS due_us, s.sequence, s.updates,
       s.applied_at < s.scheduled_at AS early, s.applied_revision, floor(extract(epoch FROM s.applied_at) * 1e3)::bigint AS applied_ms,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('type', e.type, 'revision', e.revision)), '[]') FROM events e
        WHERE e.schedule_id = s.id AND e.type IN ('schedule-applied', 'schedule-failed', 'schedule-cancelled')) AS endings
     FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE f.key LIKE $1 || '-%'
     ORDER BY f.key, s.scheduled_at, s.sequence`,
    [name],
  )
  const lines: string[] = []
  if (finals.length !== schedules.length) lines.push(`${finals.length} schedules of ${schedules.length}`)
  const byId = new Map(finals.map((final) => [final.id, final]))
  const cancelled = new Set(asked.filter(isCancelled).map(({ schedule }) => schedule.id))
  for (const { id } of schedules) {
    const final = byId.get(id)
    if (!final) lines.push(`${id} is lost`)
    else lines.push(...endedBadly(final, cancelled.has(id) ? 'cancelled' : 'applied').map((what) => `${id} ${what}`))
  }
  for (const one of asked) {
    const final = byId.get(one.schedule.id)
    if (final) lines.push(...lies(one, final).map((what) => `${one.what} of ${final.id}: ${what}`))
  }
  return [...lines, ...(await outOfOrder(stack, name, finals)), ...(await revisionGaps(stack))]
}

function isCancelled({ what, answer }: Asked): boolean {
  return what === 'cancel' && answer.status === 200
}

function endedBadly(final: Final, expected: 'applied' | 'cancelled'): string[] {
  const lines: string[] = []
  if (final.status !== expected) lines.push(`is ${final.status}, not ${expected}`)
  if (final.early) lines.push('was applied early')
  const [ending, ...more] = final.endings
  if (ending?.type !== `schedule-${expected}` || more.length > 0)
    lines.push(`ended as ${JSON.stringify(final.endings)}`)
  if ((ending?.revision ?? null) !== final.applied_revision) {
    lines.push(`was applied as ${final.applied_revision}, its event says ${ending?.revision}`)
  }
  return lines
}

/** Compares what was answered with what came of it. */
function lies({ what, schedule, answer }: Asked, final: Final): string[] {
  const { status, code, body } = answer
  const dueMs = final.due_us / 1_000
  if (code === 'schedule-applied') {
    const same =
      final.applied_revision === body.appliedRevision && final.applied_ms === Date.parse(String(body.appliedAt))
    return same ? [] : [`answered ${JSON.stringify(body)}, applied at ${final.applied_ms} as ${final.applied_revision}`]
  }
  if (what === 'move' && code === 'schedule-out-of-order') return dueMs === schedule.dueAt ? [] : ['refused, and moved']
  if (status !== 200) return [`answered ${status} ${JSON.stringify(body)}`]
  const matches =
    what === 'cancel' ||
    (what === 'move' && dueMs === Date.parse(String(body.scheduledAt)) && dueMs > schedule.dueAt) ||
    (what === 'change' && JSON.stringify(final.updates) === JSON.stringify(body.updates))
  return matches ? [] : ['answered 200 and did not happen']
}

async function outOfOrder(stack: Stack, name: string, finals: Final[]): Promise<string[]> {
  const events = await stack.sql<AppliedEvent>(
    `SELECT schedule_id, flag_key, revision, data->'before' AS before, data->'after' AS after FROM events
     WHERE type = 'schedule-applied' AND flag_key LIKE $1 || '-%' ORDER BY id`,
    [name],
  )
  const flags = await stack.sql<{ key: string; enabled: boolean; rolloutPercentage: number; revision: number }>(
    `SELECT key, enabled, rollout_percentage AS "rolloutPercentage", revision FROM feature_flags WHERE key LIKE $1 || '-%'`,
    [name],
  )
  const lines: string[] = []
  for (const { key, revision, ...now } of flags) {
    const due = finals.filter(({ flag_key, status }) => flag_key === key && status === 'applied')
    const applied = events.filter(({ flag_key }) => flag_key === key)
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
  }
  return lines
}

function same(one: object | undefined, other: object): boolean {
  const sorted = (state: object) => JSON.stringify(Object.entries(state).sort())
  return one !== undefined && sorted(one) === sorted(other)
}

/** Revisions are a gap-free order: events name each of them from 1 to the current one. */
async function revisionGaps(stack: Stack): Promise<string[]> {
  const [row] = await stack.sql<{ named: number; first: number; last: number; current: number }>(
    `SELECT count(DISTINCT e.revision) AS named, min(e.revision) AS first, max(e.revision) AS last,
       (SELECT revision FROM configuration_revision) AS current FROM events e`,
  )
  const whole = row && row.first === 1 && row.last === row.current && row.named === row.current
  return whole ? [] : [`revisions have gaps: ${JSON.stringify(row)}`]
}
