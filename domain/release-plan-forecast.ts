import { type Freeze, firstFree } from './freeze.ts'
import type { PlanStatus, Progression, WaitsFor } from './release-plan.ts'

/** A milestone as far as time is concerned; instants in milliseconds since 1970. */
export interface MilestoneTimes {
  id: string
  progression: Progression | null
  plannedAt: number | null
  startedAt: number | null
  /** What its dwell time counts from. */
  dwellFrom: number | null
  approvedAt: number | null
}

/** A plan as far as time is concerned, with its milestones in order. */
export interface PlanTimes {
  status: PlanStatus
  anchor: 'planned' | 'actual'
  activeMilestoneId: string | null
  nextAt: number | null
  milestones: MilestoneTimes[]
}

export interface Forecast {
  /** When the plan has it start; null when that depends on more than time. */
  plannedAt: number | null
  /** The same, but not before now and not inside a freeze. */
  willStartAt: number | null
}

/** When the milestone after an active one is to start by itself; null when it waits for somebody, or is started by hand. */
export function dueAfter({ progression, dwellFrom, approvedAt }: MilestoneTimes): number | null {
  if (!progression || dwellFrom === null) return null
  const { afterSeconds, approval } = progression
  if (approval && approvedAt === null) return null
  const dwelt = afterSeconds === undefined ? Number.NEGATIVE_INFINITY : dwellFrom + afterSeconds * 1000
  return Math.max(dwelt, approval ? (approvedAt as number) : Number.NEGATIVE_INFINITY)
}

/** The milestone after the active one; the first before the start. */
export function nextOf<M extends { id: string }>(plan: { activeMilestoneId: string | null; milestones: M[] }) {
  const active = plan.milestones.findIndex(({ id }) => id === plan.activeMilestoneId)
  return { active: plan.milestones[active], next: plan.milestones[active + 1], rest: plan.milestones.slice(active + 1) }
}

/** What the next milestone waits for. */
export function waitsFor(plan: PlanTimes, now: number): WaitsFor {
  const { active, next } = nextOf(plan)
  if (!next || plan.status === 'completed') return []
  if (plan.status !== 'running' || !active?.progression) return ['hand']
  const { afterSeconds, approval } = active.progression
  const dwells = afterSeconds !== undefined && (active.dwellFrom as number) + afterSeconds * 1000 > now
  const unapproved = approval && active.approvedAt === null
  const waits: WaitsFor = [...(dwells ? ['time' as const] : []), ...(unapproved ? ['approval' as const] : [])]
  if (waits.length > 0) return waits
  // All that it was to wait for has come: without an instant, it is a metric that holds it.
  return plan.nextAt === null ? ['metric'] : ['time']
}

/** When the later milestones of a running plan start, as far as only time decides. */
export function forecast(plan: PlanTimes, freezes: Freeze[], now: number): Map<string, Forecast> {
  const { rest } = nextOf(plan)
  const forecasts = new Map<string, Forecast>()
  let due = plan.status === 'running' ? plan.nextAt : null
  for (const { id, progression } of rest) {
    if (due === null) {
      forecasts.set(id, { plannedAt: null, willStartAt: null })
      continue
    }
    const plannedAt = firstFree(freezes, due)
    const willStartAt = firstFree(freezes, Math.max(plannedAt, now))
    forecasts.set(id, { plannedAt, willStartAt })
    const from = plan.anchor === 'planned' ? plannedAt : willStartAt
    const timed = progression?.afterSeconds !== undefined && !progression.approval
    due = timed ? from + (progression.afterSeconds as number) * 1000 : null
  }
  return forecasts
}
