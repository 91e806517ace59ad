import { expect, it } from 'vitest'
import { sweepDue } from '../../store/sweep.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

// No worker runs here: schedules stay pending until the test sweeps.
const { call, db } = await createTestApp(await createTestDatabase())

const scene = async () => {
  const { body: flag } = await call('POST', 'flags', { key: `flag-${crypto.randomUUID()}` })
  const path = `flags/${flag.key}`
  const parameters = { rollout: 10, stickiness: 'userId' }
  const { body: strategy } = await call('POST', `${path}/strategies`, { name: 'flexibleRollout', parameters })
  return { path, id: strategy.id as string, strategy: `${path}/strategies/${strategy.id}` }
}
const VARIANTS = [{ name: 'blue', weight: 1, stickiness: 'default', overrides: [] }]

it('a schedule of variants and strategies is made, shown and applied; defaults and numbers are as in PATCH', async () => {
  const { path, id, strategy } = await scene()
  const asked = { variants: [{ name: 'blue', weight: 1 }], strategies: [{ id, parameters: { rollout: 50 } }] }
  const { status, body } = await call('POST', `${path}/schedule`, { scheduledAt: inMs(-100), updates: asked })
  expect([status, body.updates]).toEqual([
    201,
    { variants: VARIANTS, strategies: [{ id, parameters: { rollout: '50' } }] },
  ])
  await sweepDue(db)
  expect((await call('GET', path)).body.variants).toEqual(VARIANTS)
  expect((await call('GET', strategy)).body.parameters).toEqual({ rollout: '50' })
})

it('an unknown strategy is a 422 that names it, two changes of one a 400', async () => {
  const { path, id } = await scene()
  const unknown = '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D'
  const make = (strategies: object[]) =>
    call('POST', `${path}/schedule`, { scheduledAt: inMs(60_000), updates: { strategies } })
  const title = 'x'
  expect(
    await make([
      { id, title },
      { id: unknown, title },
    ]),
  ).toMatchObject({
    status: 422,
    body: {
      type: '/problems/unknown-strategy',
      strategyIds: [unknown],
      errors: [{ field: 'updates.strategies.1.id' }],
    },
  })
  expect(
    await make([
      { id, title },
      { id, disabled: true },
    ]),
  ).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'updates.strategies', message: 'must name each strategy once' }] },
  })
})

it('a preview shows them before and after, with conflicts by their field; the state of the future what is set of them', async () => {
  const { path, id } = await scene()
  const [earlier, due] = [inMs(3_500_000), inMs(3_600_000)]
  const make = (scheduledAt: string, updates: object) => call('POST', `${path}/schedule`, { scheduledAt, updates })
  const { body: other } = await make(earlier, { strategies: [{ id, title: 'theirs', disabled: true }] })
  const updates = { variants: VARIANTS, strategies: [{ id, title: 'ours' }] }
  const preview = await call('POST', `${path}/schedule/preview`, { scheduledAt: due, updates })
  expect(preview.body).toMatchObject({
    valid: true,
    before: { variants: [], strategies: { [id]: { title: 'theirs', disabled: true, parameters: { rollout: '10' } } } },
    after: { variants: VARIANTS, strategies: { [id]: { title: 'ours', disabled: true } } },
    conflicts: [{ scheduleId: other.id, field: `strategies.${id}.title`, theirs: 'theirs', ours: 'ours' }],
    overrides: [{ field: `strategies.${id}.title` }],
  })
  await make(due, updates)
  const state = async (at: string) => (await call('GET', `${path}/state?at=${at}`)).body
  expect(await state(earlier)).toMatchObject({ state: { variants: [] }, strategies: { [id]: { title: 'theirs' } } })
  expect(await state(due)).toMatchObject({
    state: { variants: VARIANTS },
    strategies: { [id]: { title: 'ours', disabled: true } },
    reasons: { variants: { type: 'schedule-pending', at: due } },
  })
})
