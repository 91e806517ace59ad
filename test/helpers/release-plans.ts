import { NewReleasePlan, type ReleasePlan } from '../../domain/release-plan.ts'
import type { Database } from '../../store/database.ts'
import { startMilestone } from '../../store/milestones.ts'
import { advancePlan, readPlanProgress } from '../../store/release-plan-advance.ts'
import { createPlan, getPlan } from '../../store/release-plans.ts'
import { readCopies } from '../../store/strategy-rows.ts'
import type { TestApp } from './app.ts'
import { asAlice, one } from './database.ts'
import { type Address, newFlag } from './schedules.ts'

export const HOUR = 3_600_000

/** A strategy for a share of the users. */
export const rollout = (percentage: number, more: object = {}) => ({
  name: 'flexibleRollout' as const,
  parameters: { rollout: String(percentage), stickiness: 'default', groupId: '{{featureName}}' },
  ...more,
})

/** Milestones named a, b, c …, each of an hour, or as `progressions` say. */
export const milestones = (count: number, progressions: (object | null)[] = []) =>
  Array.from({ length: count }, (_, i) => ({
    name: String.fromCharCode(97 + i),
    strategies: [rollout((i + 1) * 10)],
    progression: progressions[i] === undefined ? { afterSeconds: 3600 } : progressions[i],
  }))

/** Plans over HTTP: each call makes one of three milestones, or what `body` says, on a flag of its own. */
export function planScenes({ call }: Pick<TestApp, 'call'>) {
  let flags = 0
  return async (body: object = {}, environment = 'production') => {
    const { body: flag } = await call('POST', `flags?environment=${environment}`, { key: `flag-${++flags}` })
    const path = `flags/${flag.key}/release-plans`
    const made = await call('POST', `${path}?environment=${environment}`, {
      name: 'plan',
      milestones: milestones(3),
      ...body,
    })
    const self = `${path}/${made.body.id}`
    return { flag, path, made, plan: made.body, self, first: made.body.milestones?.[0]?.id as string }
  }
}

export interface MadePlan {
  address: Address & { planId: string }
  plan: ReleasePlan
  read(): Promise<ReleasePlan>
  /** Starts the n-th milestone by hand. */
  start(n: number, options?: Parameters<typeof startMilestone>[2]): Promise<ReleasePlan>
  /** Lets time pass for this plan: everything that it has of instants is that much earlier. */
  pass(ms: number): Promise<void>
  /** Does what its workflow does when it fires: all that is due. Returns how many times it did something. */
  tick(): Promise<number>
  /** Ids of what users are served by, of the plan. */
  served(): Promise<string[]>
}

/** A plan on a flag of its own. */
export async function makePlan(db: Database, body: object, at?: Address): Promise<MadePlan> {
  const flag = at ?? (await newFlag(db))
  const plan = await asAlice(db, (tx) => createPlan(tx, flag, NewReleasePlan.parse({ name: 'plan', ...body })))
  const address = { ...flag, planId: plan.id }
  const read = () => getPlan(db, address)
  return {
    address,
    plan,
    read,
    start: (n, options) => {
      const milestoneId = plan.milestones[n]?.id as string
      return asAlice(db, (tx) => startMilestone(tx, { ...address, milestoneId }, options))
    },
    pass: async (ms) => {
      const earlier = (column: string) => `${column} = ${column} - $2 * interval '1 millisecond'`
      await one(db, `UPDATE release_plans SET ${earlier('next_at')}, ${earlier('paused_at')} WHERE id = $1`, [
        plan.id,
        ms,
      ])
      const times = ['planned_at', 'started_at', 'dwell_from', 'approved_at'].map(earlier).join(', ')
      await one(db, `UPDATE milestones SET ${times} WHERE plan_id = $1`, [plan.id, ms])
      await one(db, `UPDATE release_plan_safeguards SET ${earlier('last_at')} WHERE plan_id = $1`, [plan.id, ms])
    },
    tick: async () => {
      for (let done = 0; ; done++) {
        const progress = await readPlanProgress(db, plan.id)
        if (progress?.dueInMs == null || progress.dueInMs > 0 || !(await advancePlan(db, plan.id))) return done
      }
    },
    served: async () => {
      const { rows } = await db.pool.query<{ id: string }>(
        `SELECT s.id FROM feature_strategies s JOIN feature_flags f ON f.id = s.flag_id
         WHERE f.key = $1 AND f.environment = $2 AND milestone_id IS NOT NULL ORDER BY s.sort_order, s.id`,
        [address.flagKey, address.environment],
      )
      return rows.map(({ id }) => id)
    },
  }
}

/** Strategies of the flag's plan that differ from their definition, or should not be served, or should be and are not. */
export async function divergences(
  db: Database,
  { flagKey, environment, planId }: MadePlan['address'],
): Promise<unknown[]> {
  const { flagId, active } = await one<{ flagId: string; active: string | null }>(
    db,
    `SELECT f.id AS "flagId", p.active_milestone_id AS active FROM release_plans p JOIN feature_flags f ON f.id = p.flag_id
     WHERE p.id = $1 AND f.key = $2 AND f.environment = $3`,
    [planId, flagKey, environment],
  )
  const copies = [...(await readCopies(db, flagId)).values()]
  return copies.filter(({ runtime, milestone }) =>
    milestone && milestone.milestoneId === active
      ? JSON.stringify(runtime?.content) !== JSON.stringify(milestone.content) || runtime?.milestoneId !== active
      : runtime?.milestoneId != null,
  )
}
