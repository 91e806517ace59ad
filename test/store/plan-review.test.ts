import { expect, it } from 'vitest'
import type { Origin } from '../../domain/event.ts'
import { applyRequest } from '../../store/change-request-apply.ts'
import { approveRequest, submitRequest } from '../../store/change-request-review.ts'
import { addChange, createRequest } from '../../store/change-requests.ts'
import { editSettings, getSettings } from '../../store/environment-settings.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { createFlag, editFlag, getFlag } from '../../store/flags.ts'
import { resumePlan } from '../../store/release-plan-control.ts'
import { deletePlan } from '../../store/release-plans.ts'
import { addSafeguard, recordMetrics } from '../../store/safeguards.ts'
import { removeStrategy } from '../../store/strategies.ts'
import { type Transaction, transaction } from '../../store/transaction.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { HOUR, makePlan, milestones, rollout } from '../helpers/release-plans.ts'
import { newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase(), { connections: 12 })
const as = async <T>(actor: string, work: (tx: Transaction) => Promise<T>, door: Origin['door'] = 'http') =>
  (await transaction(db, work, { origin: { actor, door } })).result

/** A transaction that has done its work, and commits when it is told to. */
async function held(work: (tx: Transaction) => Promise<unknown>): Promise<() => Promise<void>> {
  const [done, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const result = asAlice(db, async (tx) => {
    await work(tx)
    done.resolve()
    await gate.promise
  })
  await Promise.race([done.promise, result])
  return async () => {
    gate.resolve()
    await result
  }
}

const untilWaiting = async () => {
  for (;;) {
    const { n } = await one<{ n: number }>(
      db,
      `SELECT count(*)::integer AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
    if (n > 0) return
  }
}

const flagNamed = (key: string) => ({ key, description: '', enabled: false, rolloutPercentage: 100 })

it.each([
  [
    'an edit',
    (tx: Transaction, environment: string) => editFlag(tx, { environment, flagKey: 'one' }, { enabled: true }),
  ],
  ['the making of a flag', (tx: Transaction, environment: string) => createFlag(tx, environment, flagNamed('two'))],
] as const)(
  'change requests are asked for the first time: %s that is under way ends before, and none passes after',
  async (_, work) => {
    const environment = `first-${crypto.randomUUID()}`
    await asAlice(db, (tx) => createFlag(tx, environment, flagNamed('one')))
    expect(await getSettings(db, environment)).toMatchObject({ version: 0, updatedAt: null })
    const end = await held((tx) => work(tx, environment))
    let asked = false
    const asking = asAlice(db, (tx) => editSettings(tx, environment, { changeRequests: true })).then(
      () => (asked = true),
    )
    await untilWaiting()
    expect(asked).toBe(false)
    await end()
    await asking
    const refused = asAlice(db, (tx) => createFlag(tx, environment, flagNamed('three')))
    await expect(refused).rejects.toMatchObject({ code: 'change-request-required' })
  },
)

it('the first flag of an environment waits for who asks for change requests there, and is refused', async () => {
  const environment = 'empty'
  const end = await held((tx) => editSettings(tx, environment, { changeRequests: true }))
  const refused = expect(asAlice(db, (tx) => createFlag(tx, environment, flagNamed('one')))).rejects.toMatchObject({
    code: 'change-request-required',
  })
  await untilWaiting()
  await end()
  await refused
})

it('archiving a flag pauses its plan at once, with its event; brought back, the plan waits to be resumed', async () => {
  const made = await makePlan(db, { milestones: milestones(3) })
  await made.start(0)
  await made.pass(HOUR / 2)
  await asAlice(db, (tx) =>
    addSafeguard(tx, made.address, { metric: 'm', operator: '>', threshold: 1, action: 'rollback' }),
  )
  await asAlice(db, (tx) => archiveFlag(tx, made.address))
  const paused = await made.read()
  expect(paused).toMatchObject({ status: 'paused', pauseReason: 'the flag is archived', nextAt: null })
  const { rows } = await db.pool.query('SELECT type FROM events WHERE flag_key = $1 ORDER BY id DESC LIMIT 2', [
    made.address.flagKey,
  ])
  expect(rows.map(({ type }) => type).sort()).toEqual(['flag-archived', 'release-plan-paused'])
  // Nothing is done to it by itself any more.
  await made.pass(2 * HOUR)
  expect(await made.tick()).toBe(0)
  const bad = [{ metric: 'm', value: 2 }]
  expect((await asAlice(db, (tx) => recordMetrics(tx, 'production', bad))).triggered).toEqual([])
  await asAlice(db, (tx) => editFlag(tx, made.address, { archived: false }))
  expect((await made.read()).status).toBe('paused')
  await asAlice(db, (tx) => resumePlan(tx, made.address))
  expect((await made.read()).status).toBe('running')
})

it('a plan whose active milestone lost its definitions is deleted as a new configuration: users had what is left of it', async () => {
  const environment = 'alone'
  await asAlice(db, (tx) => editSettings(tx, environment, { releasePlanSync: false }))
  await asAlice(db, (tx) => createFlag(tx, environment, flagNamed('drifted')))
  const address = { environment, flagKey: 'drifted' }
  const made = await makePlan(db, { milestones: milestones(1) }, address)
  await made.start(0)
  const [strategyId = ''] = await made.served()
  await asAlice(db, (tx) => removeStrategy(tx, { ...address, strategyId }, { door: 'milestone' }))
  expect(await made.served()).toEqual([strategyId])
  const { revision } = await getFlag(db, address)
  await asAlice(db, (tx) => deletePlan(tx, made.address))
  expect((await getFlag(db, address)).revision).toBe(revision + 1)
})

it('metrics that come while a plan is deleted are heard by the others', async () => {
  const [gone, other] = [
    await makePlan(db, { milestones: milestones(2) }),
    await makePlan(db, { milestones: milestones(2) }),
  ]
  for (const { address } of [gone, other])
    await asAlice(db, (tx) =>
      addSafeguard(tx, address, { metric: 'both', operator: '>', threshold: 1, action: 'pause' }),
    )
  await other.start(0)
  const end = await held((tx) => deletePlan(tx, gone.address))
  const heard = asAlice(db, (tx) => recordMetrics(tx, 'production', [{ metric: 'both', value: 2 }]))
  await untilWaiting()
  await end()
  expect(await heard).toMatchObject({ safeguards: 1, triggered: [{ planId: other.plan.id }] })
})

it('metrics that are bad for one reason take a plan back by one milestone, until somebody has looked', async () => {
  const made = await makePlan(db, { milestones: milestones(4) })
  for (const metric of ['errors', 'latency'])
    await asAlice(db, (tx) =>
      addSafeguard(tx, made.address, { metric, operator: '>', threshold: 1, action: 'rollback' }),
    )
  await made.start(0)
  await made.start(3)
  const { flagKey } = made.address
  const bad = (metric: string) => ({ metric, value: 2, flagKey })
  const measure = (...values: { metric: string; value: number; flagKey: string }[]) =>
    asAlice(db, (tx) => recordMetrics(tx, 'production', values))
  expect((await measure(bad('errors'), bad('latency'))).triggered).toHaveLength(1)
  expect((await measure(bad('latency'))).triggered).toEqual([])
  expect((await made.read()).activeMilestoneId).toBe(made.plan.milestones[2]?.id)
  await made.start(2)
  expect((await measure(bad('latency'))).triggered).toHaveLength(1)
  expect((await made.read()).activeMilestoneId).toBe(made.plan.milestones[1]?.id)
})

it('an approval of an author does not count any more when the environment takes self-approval back', async () => {
  const environment = 'self'
  await asAlice(db, (tx) => createFlag(tx, environment, flagNamed('one')))
  await asAlice(db, (tx) => editSettings(tx, environment, { changeRequests: true, selfApproval: true }))
  const request = await asAlice(db, (tx) =>
    createRequest(tx, environment, { title: 'x', description: '', scheduledAt: null, latePolicy: 'ask' }),
  )
  await asAlice(db, (tx) =>
    addChange(tx, request, { action: 'updateFlag', flagKey: 'one', payload: { enabled: true } }),
  )
  await asAlice(db, (tx) => submitRequest(tx, request))
  expect((await asAlice(db, (tx) => approveRequest(tx, request))).state).toBe('approved')
  await asAlice(db, (tx) => editSettings(tx, environment, { selfApproval: false }))
  await expect(as('carol', (tx) => applyRequest(tx, request))).rejects.toMatchObject({ code: 'approvals-missing' })
  await as('bob', (tx) => approveRequest(tx, request))
  expect((await as('carol', (tx) => applyRequest(tx, request))).state).toBe('applied')
})

it.each(['planned', 'actual'] as const)(
  'fifty milestones, each started late: anchored to %s, lateness is bounded or adds up',
  async (anchor) => {
    const [count, late] = [50, 7_000]
    const flag = await newFlag(db)
    const given = milestones(count).map((milestone, i) => ({ ...milestone, name: `m${i}`, strategies: [rollout(i)] }))
    const made = await makePlan(db, { anchor, milestones: given }, flag)
    await made.start(0)
    const from = Date.now()
    let passed = 0
    for (let i = 1; i < count; i++) {
      // Due when the plan says, and its workflow comes seven seconds after that.
      const wait = Date.parse((await made.read()).nextAt as string) - Date.now() + late
      await made.pass(wait)
      passed += wait
      expect(await made.tick()).toBe(1)
    }
    expect((await made.read()).status).toBe('completed')
    const lateness = Date.now() - from + passed - (count - 1) * HOUR
    if (anchor === 'planned') expect(lateness).toBeLessThan(2 * late)
    else expect(lateness).toBeGreaterThanOrEqual((count - 1) * late)
  },
  60_000,
)
