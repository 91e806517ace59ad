import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { changeRequests } from '../helpers/change-requests.ts'
import { createTestDatabase } from '../helpers/database.ts'

// The names are the steps and rows of the reference's lists.

const NOWHERE = '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D'
const STRATEGY = {
  name: 'flexibleRollout',
  title: 'before',
  parameters: { rollout: '10', stickiness: 'default', groupId: 'g' },
  constraints: [{ contextName: 'country', operator: 'IN', values: ['at'] }],
  segments: ['beta'],
}
const UPDATE = {
  title: 'after',
  parameters: { rollout: '77', stickiness: 'userId', groupId: 'h' },
  constraints: [{ contextName: 'plan', operator: 'NOT_IN', values: ['free'] }],
  variants: [
    { name: 'b', weight: 1 },
    { name: 'a', weight: 3 },
  ],
  segments: ['staff', 'testers'],
  sortOrder: 4,
}
/** Every column of either table but times, and the keys of its segments. */
const UPDATED = {
  name: 'flexibleRollout',
  title: 'after',
  parameters: UPDATE.parameters,
  constraints: [{ ...UPDATE.constraints[0], inverted: false, caseInsensitive: false }],
  variants: UPDATE.variants.map((variant) => ({ ...variant, stickiness: 'default' })),
  disabled: false,
  sort_order: 4,
  segments: ['staff', 'testers'],
}

const app = await createTestApp(await createTestDatabase())
const { call, db } = app
const required = await changeRequests(app)
await required.directly(async () => {
  for (const key of ['beta', 'staff', 'testers']) await call('POST', `segments${required.at}`, { key })
})
let flags = 0

/** A flag with a release plan of one strategy, its milestone activated or not. */
async function create({ activated }: { activated: boolean }) {
  const key = `flag-${++flags}`
  const { at, directly, newFlag } = required
  await newFlag(key)
  const plan = await directly(async () => {
    const body = { name: 'plan', milestones: [{ name: 'a', strategies: [STRATEGY] }] }
    const { body: made } = await call('POST', `flags/${key}/release-plans${at}`, body)
    const [{ id }] = made.milestones
    if (activated) await call('POST', `flags/${key}/release-plans/${made.id}/milestones/${id}/start${at}`)
    return made
  })
  const [{ id: milestoneId, strategies }] = plan.milestones
  return { key, milestoneId, id: strategies[0].id as string }
}

/** The row of each table with its segments, or undefined. */
async function rows(id: string) {
  const rowOf = async (table: string, links: string, link: string) => {
    const { rows } = await db.pool.query(
      `SELECT s.*, ARRAY(SELECT g.key FROM ${links} l JOIN segments g ON g.id = l.segment_id WHERE l.${link} = s.id
         ORDER BY g.key) AS segments FROM ${table} s WHERE s.id = $1`,
      [id],
    )
    return rows[0]
  }
  return {
    feature_strategies: await rowOf('feature_strategies', 'feature_strategy_segment', 'feature_strategy_id'),
    milestone_strategies: await rowOf('milestone_strategies', 'milestone_strategy_segments', 'milestone_strategy_id'),
  }
}

type Update = (key: string, id: string) => Promise<{ status: number; code: string | undefined }>

const doors: [string, Update][] = [
  [
    'without change requests',
    async (key, id) => {
      const path = `flags/${key}/strategies/${id}${required.at}`
      const { status, body } = await required.directly(() => call('PATCH', path, UPDATE))
      return { status, code: body.type }
    },
  ],
  [
    'with change requests',
    async (key, id) => {
      const direct = await call('PATCH', `flags/${key}/strategies/${id}${required.at}`, UPDATE)
      expect(direct).toMatchObject({ status: 403, body: { type: '/problems/change-request-required' } })
      const draft = await required.as('alice', 'POST', required.base, { title: 'update the strategy' })
      const path = `${required.base}/${draft.body.id}`
      const payload = { strategyId: id, ...UPDATE }
      const added = await required.as('alice', 'POST', `${path}/changes`, {
        action: 'updateStrategy',
        flagKey: key,
        payload,
      })
      if (added.status >= 300) return { status: added.status, code: added.body.type }
      await required.as('alice', 'POST', `${path}/submit`)
      await required.as('bob', 'POST', `${path}/approve`)
      const { status, body } = await required.as('carol', 'POST', `${path}/apply`, {})
      expect(body.state).toBe('applied')
      return { status, code: body.type }
    },
  ],
]

const updates = async (key: string) => {
  const { body } = await call('GET', `events?flagKey=${key}&environment=${required.environment}&limit=50`)
  return body.filter(({ type }: { type: string }) => type === 'feature-strategy-update')
}

describe.each(doors)('the scenario matrix, %s', (_, update) => {
  it('Feature strategy found, no milestoneId: Update feature_strategies only', async () => {
    const key = `flag-${++flags}`
    await required.newFlag(key)
    const { body } = await required.directly(() => call('POST', `flags/${key}/strategies${required.at}`, STRATEGY))
    expect(await update(key, body.id)).toMatchObject({ status: 200 })
    expect(await rows(body.id)).toMatchObject({
      feature_strategies: { ...UPDATED, milestone_id: null },
      milestone_strategies: undefined,
    })
  })

  it('Feature strategy found, has milestoneId: Update both in transaction', async () => {
    const { key, id, milestoneId } = await create({ activated: true })
    expect(await update(key, id)).toMatchObject({ status: 200 })
    expect(await rows(id)).toMatchObject({
      feature_strategies: { ...UPDATED, id, milestone_id: milestoneId },
      milestone_strategies: { ...UPDATED, id, milestone_id: milestoneId },
    })
    // Event emission: FEATURE_STRATEGY_UPDATE is emitted for both activated and non-activated milestone strategy updates.
    expect(await updates(key)).toMatchObject([
      { revision: expect.any(Number), data: { strategyId: id, activated: true, copies: ['runtime', 'milestone'] } },
    ])
  })

  it('Feature strategy not found, milestone exists: Update milestone_strategies only', async () => {
    const { key, id, milestoneId } = await create({ activated: false })
    expect(await update(key, id)).toMatchObject({ status: 200 })
    expect(await rows(id)).toMatchObject({
      feature_strategies: undefined,
      milestone_strategies: { ...UPDATED, id, milestone_id: milestoneId },
    })
    expect(await updates(key)).toMatchObject([
      { revision: null, data: { strategyId: id, activated: false, copies: ['milestone'] } },
    ])
  })

  it('Strategy not found anywhere: NotFoundError', async () => {
    const { key } = await create({ activated: true })
    expect(await update(key, NOWHERE)).toEqual({ status: 404, code: '/problems/strategy-not-found' })
    expect(await updates(key)).toEqual([])
  })
})

it('Testing: edit the strategy via the regular strategy edit endpoint; both have the updated values, segments tables too', async () => {
  const { at, directly } = required
  // 1. Create a release plan with a strategy
  // 2. Activate the milestone (strategy copied to `feature_strategies`)
  const { key, id, milestoneId } = await create({ activated: true })
  const copied = await rows(id)
  for (const row of [copied.feature_strategies, copied.milestone_strategies])
    expect(row).toMatchObject({ id, milestone_id: milestoneId, title: 'before', segments: ['beta'] })
  // 3. Edit the strategy via the regular strategy edit endpoint
  const { name } = STRATEGY
  const edited = await directly(() => call('PUT', `flags/${key}/strategies/${id}${at}`, { name, ...UPDATE }))
  expect(edited).toMatchObject({ status: 200, body: { id, milestoneId, active: true, title: 'after' } })
  // 4. Verify both `feature_strategies` and `milestone_strategies` have the updated values
  // 5. Verify both segments tables are in sync
  expect(await rows(id)).toMatchObject({ feature_strategies: UPDATED, milestone_strategies: UPDATED })
})

it.each([
  ['CR Testing (Activated Milestone): verify both tables are updated', true],
  [
    'CR Testing (Non-Activated Milestone): verify `milestone_strategies` is updated (no `feature_strategies` entry should exist)',
    false,
  ],
])('%s', async (_, activated) => {
  // 1. Enable change requests for an environment  2. Create a release plan with a strategy (and activate milestone)
  const { key, id } = await create({ activated })
  // 3. Create a CR to update the (milestone) strategy (using its ID)
  const payload = { strategyId: id, ...UPDATE }
  const request = await required.request([{ action: 'updateStrategy', flagKey: key, payload }])
  // Nothing before its application; another one about the same field is told by the event of this one.
  const other = await required.request([
    { action: 'updateStrategy', flagKey: key, payload: { strategyId: id, title: 'x' } },
  ])
  await request.approve()
  expect((await rows(id)).milestone_strategies).toMatchObject({ title: 'before', segments: ['beta'] })
  // 4. Approve and apply the CR
  const { body } = await request.apply()
  expect(body).toMatchObject({ state: 'applied', appliedRevision: activated ? expect.any(Number) : null })
  // 5. Verify
  expect(await rows(id)).toMatchObject({
    feature_strategies: activated ? UPDATED : undefined,
    milestone_strategies: UPDATED,
  })
  const [event] = await updates(key)
  expect(event).toMatchObject({ door: 'change-request', data: { changeRequestId: request.id, activated } })
  expect((await other.read()).conflicts).toMatchObject([
    {
      field: 'title',
      before: 'before',
      now: 'after',
      wanted: 'x',
      event: { id: event.id, type: 'feature-strategy-update' },
    },
  ])
})
