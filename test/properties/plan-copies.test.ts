import fc from 'fast-check'
import type { ClientBase } from 'pg'
import { expect, it } from 'vitest'
import { contextOf } from '../../domain/evaluation/context.ts'
import { evaluate } from '../../domain/evaluation/evaluate.ts'
import type { Origin } from '../../domain/event.ts'
import { Problem } from '../../domain/problems.ts'
import { NewStrategy } from '../../domain/strategy.ts'
import type { NewChange } from '../../store/change-request-actions.ts'
import { applyRequest } from '../../store/change-request-apply.ts'
import { approveRequest, submitRequest } from '../../store/change-request-review.ts'
import { addChange, createRequest } from '../../store/change-requests.ts'
import { applyChanges, NOTHING, readChanges, type Snapshot } from '../../store/configuration.ts'
import { type Database, isConnectionLost, sqlState } from '../../store/database.ts'
import { editSettings } from '../../store/environment-settings.ts'
import { createRelease } from '../../store/flag-releases.ts'
import { createSchedule } from '../../store/flag-schedules.ts'
import { createFlag } from '../../store/flags.ts'
import { removeMilestoneStrategy, updateMilestoneStrategy } from '../../store/milestone-strategies.ts'
import { startMilestone } from '../../store/milestones.ts'
import { advancePlan } from '../../store/release-plan-advance.ts'
import { pausePlan, resumePlan } from '../../store/release-plan-control.ts'
import { deletePlan } from '../../store/release-plans.ts'
import { createSchedules } from '../../store/schedule-bulk.ts'
import { createSegment } from '../../store/segments.ts'
import { addStrategy, removeStrategy, updateStrategy } from '../../store/strategies.ts'
import { listDrift } from '../../store/strategy-drift.ts'
import { reorderStrategies } from '../../store/strategy-order.ts'
import { repairDrift } from '../../store/strategy-repair.ts'
import { readCopies } from '../../store/strategy-rows.ts'
import { sweepDue } from '../../store/sweep.ts'
import { type Transaction, transaction } from '../../store/transaction.ts'
import { alice, asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { type MadePlan, makePlan, rollout } from '../helpers/release-plans.ts'
import { inMs } from '../helpers/schedules.ts'
import { doomed, type Step, step } from './plan-copies-steps.ts'

/** How many histories; more of them in a longer run. */
const RUNS = Number(process.env.PLAN_COPIES_RUNS ?? 8)

const url = await createTestDatabase()
const db = openTestDatabase(url, { connections: 8 })
const observer = openTestDatabase(url, { connections: 2 })

let flags = 0
async function newScene(environment: string): Promise<MadePlan> {
  const flag = { key: `f${++flags}`, description: '', enabled: true, rolloutPercentage: 100 }
  await asAlice(db, (tx) => createFlag(tx, environment, flag))
  const address = { environment, flagKey: flag.key }
  await asAlice(db, (tx) => addStrategy(tx, address, NewStrategy.parse(rollout(5))))
  const strategies = [0, 1].map((n) => rollout(n * 40, { segments: n ? ['at'] : [] }))
  const milestones = ['a', 'b', 'c'].map((name) => ({ name, strategies, progression: { afterSeconds: 3600 } }))
  const made = await makePlan(db, { milestones }, address)
  await made.start(0)
  return made
}

async function newEnvironment(name: string): Promise<void> {
  for (const [key, value] of [['at', 'AT'] as const, ['de', 'DE'] as const]) {
    const of = {
      contextName: 'country',
      operator: 'IN' as const,
      values: [value],
      inverted: false,
      caseInsensitive: false,
    }
    await asAlice(db, (tx) => createSegment(tx, name, { key, description: '', constraints: [of] }))
  }
}

/** Does what can be done; what is refused, or broken off, must leave the copies equal. */
async function take(made: MadePlan, { what, fate }: Step): Promise<void> {
  const on = fate ? doomed(db, observer, fate) : db
  try {
    await carryOut(on, made, what)
  } catch (error) {
    const broken =
      fate &&
      (/^(22012|25P02)$/.test(sqlState(error) ?? '') || isConnectionLost(error) || /rolled back/.test(String(error)))
    if (!broken && !(error instanceof Problem)) throw error
  }
}

async function carryOut(on: Database, made: MadePlan, what: Step['what']): Promise<unknown> {
  const { address, plan } = made
  const { environment, flagKey, planId } = address
  const { id: flagId } = await one<{ id: string }>(
    db,
    'SELECT id FROM feature_flags WHERE environment = $1 AND key = $2',
    [environment, flagKey],
  )
  const as = (actor: string, work: (tx: Transaction) => Promise<unknown>, door: Origin['door'] = 'http') =>
    transaction(on, work, { origin: { actor, door } })
  const request = async (change: object) => {
    const { result } = await transaction(
      db,
      (tx) => createRequest(tx, environment, { title: 'x', description: '', scheduledAt: null, latePolicy: 'ask' }),
      { origin: alice },
    )
    await asAlice(db, (tx) => addChange(tx, result, { flagKey, ...change } as NewChange))
    await asAlice(db, (tx) => submitRequest(tx, result))
    await transaction(db, (tx) => approveRequest(tx, result), { origin: { actor: 'bob', door: 'http' } })
    await as('carol', (tx) => applyRequest(tx, result))
  }
  const all = await readCopies(db, flagId)
  const activeIds = [...all].flatMap(([id, { runtime }]) => (runtime?.milestoneId ? [id] : []))
  // Two of three mean one that both copies are served of.
  const idOf = (n: number) => {
    const ids = (n % 3 > 0 && activeIds.length > 0 ? activeIds : [...all.keys()]).sort()
    return ids[n % ids.length] ?? plan.id
  }
  // Schedules from before change requests were asked for go on.
  const scheduled = (work: (tx: Transaction) => Promise<unknown>) =>
    transaction(db, work, { origin: { actor: 'alice', door: 'change-request' } })
  const milestoneId = 'place' in what && what.place !== null ? (plan.milestones[what.place]?.id as string) : undefined
  switch (what.do) {
    case 'edit': {
      const strategyId = idOf(what.nth)
      const change = { edit: what.edit }
      const due = { scheduledAt: inMs(-50), updates: { strategies: [{ id: strategyId, ...what.edit }] } }
      if (what.via === 'request')
        return await request({ action: 'updateStrategy', payload: { strategyId, ...what.edit } })
      if (what.via === 'strategy')
        return await as('alice', (tx) => updateStrategy(tx, { ...address, strategyId }, change, { door: 'strategy' }))
      if (what.via === 'milestone')
        return await as('alice', (tx) => updateMilestoneStrategy(tx, { ...address, strategyId }, change))
      if (what.via === 'schedule') await scheduled((tx) => createSchedule(tx, address, due))
      if (what.via === 'bulk')
        await scheduled((tx) => createSchedules(tx, { mode: 'all', items: [{ environment, flagKey, ...due }] }))
      if (what.via === 'release') {
        const { scheduledAt, updates } = due
        await scheduled((tx) => createRelease(tx, { scheduledAt, changes: [{ flagKey, updates }] }, environment))
      }
      return await sweepDue(on)
    }
    case 'remove': {
      const strategyId = idOf(what.nth)
      if (what.via === 'request') return await request({ action: 'deleteStrategy', payload: { strategyId } })
      return await as('alice', (tx) =>
        what.via === 'strategy'
          ? removeStrategy(tx, { ...address, strategyId }, { door: 'strategy' })
          : removeMilestoneStrategy(tx, { ...address, strategyId }),
      )
    }
    case 'add': {
      const input = NewStrategy.parse(rollout(30, { segments: ['de'] }))
      const of = milestoneId ? { milestoneId } : {}
      if (what.via === 'request') return await request({ action: 'addStrategy', payload: { ...input, ...of } })
      return await as('alice', (tx) => addStrategy(tx, address, input, of))
    }
    case 'reorder': {
      const [active] = [...all.values()].flatMap(({ runtime }) => runtime?.milestoneId ?? [])
      const of = what.of && active ? { milestoneId: active } : {}
      const listed = [...all.values()].flatMap(({ runtime, milestone }) =>
        what.of ? (milestone?.milestoneId === active ? (milestone ?? []) : []) : (runtime ?? []),
      )
      const ids = listed
        .toSorted((a, b) => Number(!a.milestoneId) - Number(!b.milestoneId) || (a.id < b.id ? 1 : -1))
        .map(({ id }) => id)
      if (what.via === 'request') return await request({ action: 'reorderStrategies', payload: { ids, ...of } })
      return await as('alice', (tx) => reorderStrategies(tx, address, ids, of))
    }
    case 'start': {
      const of = { planId, milestoneId: milestoneId as string }
      if (what.via === 'request') return await request({ action: 'startMilestone', payload: of })
      return await as('alice', (tx) => startMilestone(tx, { ...address, ...of }))
    }
    case 'delete': {
      const keepStrategies = what.keep
      if (what.via === 'request')
        return await request({ action: 'deleteReleasePlan', payload: { planId, keepStrategies } })
      return await as('alice', (tx) => deletePlan(tx, address, { keepStrategies }))
    }
    case 'repair':
      return await repairDrift(on, environment, { from: what.from, dryRun: false }, alice)
    case 'pause':
      return await as('alice', (tx) => pausePlan(tx, address))
    case 'resume':
      return await as('alice', (tx) => resumePlan(tx, address))
    case 'pass':
      await made.pass(4_000_000)
      return await advancePlan(on, planId)
  }
}

const COPY = `to_jsonb(s) - 'flag_id' - 'created_at' - 'updated_at'`
const linked = (table: string, link: string) =>
  `jsonb_build_object('segments', ARRAY(SELECT l.segment_id FROM ${table} l WHERE l.${link} = s.id ORDER BY 1))`

/** Ids of strategies that are served of a plan and not so defined in its active milestone, or the other way about: in one statement. */
async function differing({ address: { environment, flagKey } }: MadePlan): Promise<string[]> {
  const { ids } = await one<{ ids: string[] }>(
    observer,
    `WITH f AS (SELECT f.id, p.active_milestone_id FROM feature_flags f LEFT JOIN release_plans p ON p.flag_id = f.id
       WHERE f.environment = $1 AND f.key = $2),
     served AS (SELECT s.id, ${COPY} || ${linked('feature_strategy_segment', 'feature_strategy_id')} AS copy
       FROM feature_strategies s JOIN f ON f.id = s.flag_id WHERE s.milestone_id IS NOT NULL),
     defined AS (SELECT s.id, ${COPY} || ${linked('milestone_strategy_segments', 'milestone_strategy_id')} AS copy
       FROM milestone_strategies s JOIN f ON f.active_milestone_id = s.milestone_id)
     SELECT ARRAY(SELECT DISTINCT id FROM (
       (TABLE served EXCEPT TABLE defined) UNION ALL (TABLE defined EXCEPT TABLE served)) differing ORDER BY id) AS ids`,
    [environment, flagKey],
  )
  return ids
}

async function read(since: Snapshot = NOTHING): Promise<Snapshot> {
  const client = await observer.pool.connect()
  try {
    return applyChanges(since, await readChanges(client as ClientBase, since.revision))
  } finally {
    client.release()
  }
}

const CONTEXTS = Array.from({ length: 300 }, (_, i) =>
  contextOf({ userId: `user-${i}`, sessionId: `s${i % 7}`, country: ['AT', 'DE', 'CH'][i % 3] }),
)
function served({ environments }: Snapshot, { environment, flagKey }: MadePlan['address']) {
  const configuration = environments.get(environment)
  return configuration && CONTEXTS.map((context, i) => evaluate(configuration, flagKey, context, 0, i / 300))
}

/** Looks all the while that `work` takes. */
async function watching(work: Promise<unknown>, look: () => Promise<void>): Promise<void> {
  let done = false
  const watch = async () => {
    while (!done) await look()
  }
  for (const ended of await Promise.allSettled([work.finally(() => (done = true)), watch()]))
    if (ended.status === 'rejected') throw ended.reason
  await look()
}

const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 4, maxLength: 8, size: 'max' })

it.each([false, true])(
  'both copies are equal, during and after any changes through any doors, at once and broken off; change requests: %s',
  async (changeRequests) => {
    const environment = `synced-${changeRequests}`
    await newEnvironment(environment)
    let follower = await read()
    await fc.assert(
      fc.asyncProperty(batches, async (batches) => {
        await asAlice(db, (tx) => editSettings(tx, environment, { changeRequests: false }))
        const made = await newScene(environment)
        await asAlice(db, (tx) => editSettings(tx, environment, { changeRequests }))
        const look = async () => expect(await differing(made)).toEqual([])
        for (const batch of batches) {
          await watching(Promise.all(batch.map((step) => take(made, step))), look)
          follower = await read(follower)
        }
        // Whoever followed change by change has the same as who reads it now.
        const before = await read()
        const of = ({ environments }: Snapshot) => environments.get(environment)?.flags.get(made.address.flagKey)
        expect(of(follower)?.strategies).toEqual(of(before)?.strategies)
        const [active] = await db.pool
          .query<{ id: string }>('SELECT active_milestone_id AS id FROM release_plans WHERE id = $1', [made.plan.id])
          .then(({ rows }) => rows)
        if (!active) return
        // As a change request does, so that it is let through.
        const again = (tx: Transaction) => startMilestone(tx, { ...made.address, milestoneId: active.id })
        await transaction(db, again, { origin: { actor: 'alice', door: 'change-request' } })
        expect(served(await read(), made.address)).toEqual(served(before, made.address))
        await look()
      }),
      { numRuns: RUNS },
    )
  },
  600_000,
)

it('while the sync is off they drift at most, which is reported exactly, and of the plan nothing else is served', async () => {
  const environment = 'alone'
  await newEnvironment(environment)
  await asAlice(db, (tx) => editSettings(tx, environment, { releasePlanSync: false }))
  await fc.assert(
    fc.asyncProperty(batches, async (batches) => {
      const made = await newScene(environment)
      for (const batch of batches) await Promise.all(batch.map((step) => take(made, step)))
      const { items } = await listDrift(db, { environment, limit: 200 })
      const reported = items.filter(({ flagKey }) => flagKey === made.address.flagKey)
      expect(reported.map(({ strategyId }) => strategyId)).toEqual(await differing(made))
      await repairDrift(db, environment, { from: 'milestone', dryRun: false }, alice)
      expect(await differing(made)).toEqual([])
    }),
    { numRuns: RUNS },
  )
}, 600_000)
