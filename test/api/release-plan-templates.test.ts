import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { milestones, planScenes, rollout } from '../helpers/release-plans.ts'

// No worker runs here: nothing starts by itself.
const app = await createTestApp(await createTestDatabase())
const { call } = app
const scene = planScenes(app)

const NOBODY = '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D'

describe('templates', () => {
  const template = (name: string, more: object = {}) => ({ name, milestones: milestones(2), ...more })

  it('are created, listed, replaced and archived; a name is free again after that', async () => {
    const { status, body, headers } = await call('POST', 'release-plan-templates', template('canary'))
    expect(status).toBe(201)
    expect(headers.location).toBe(`/api/admin/release-plan-templates/${body.id}`)
    expect(body).toMatchObject({
      name: 'canary',
      description: '',
      version: 1,
      milestones: [
        {
          name: 'a',
          progression: { afterSeconds: 3600, approval: false },
          strategies: [{ parameters: { rollout: '10' } }],
        },
        {},
      ],
    })
    expect((await call('POST', 'release-plan-templates', template('canary'))).body).toMatchObject({
      status: 409,
      type: '/problems/template-exists',
      errors: [{ field: 'name' }],
    })
    const self = `release-plan-templates/${body.id}`
    const replaced = await call('PUT', self, template('slow', { description: 'x' }), { 'if-match': '"1"' })
    expect(replaced.body).toMatchObject({ name: 'slow', description: 'x', version: 2 })
    expect((await call('PUT', self, template('slow'), { 'if-match': '"1"' })).status).toBe(412)
    expect((await call('PUT', self, template('slow'))).body.description).toBe('')
    expect((await call('POST', 'release-plan-templates', template('canary'))).status).toBe(201)
    expect((await call('PUT', self, template('canary'))).status).toBe(409)
    expect((await call('GET', 'release-plan-templates')).body.map(({ name }: { name: string }) => name)).toEqual([
      'canary',
      'slow',
    ])
    expect((await call('DELETE', self)).body.archivedAt).toEqual(expect.any(String))
    expect((await call('GET', 'release-plan-templates?archived=true')).body).toMatchObject([{ name: 'slow' }])
    expect((await call('GET', self)).body.version).toBe(4)
    expect((await call('PUT', self, template('x'))).body).toMatchObject({
      status: 409,
      type: '/problems/template-archived',
    })
    expect((await call('POST', 'release-plan-templates', template('slow'))).status).toBe(201)
    expect((await call('GET', `release-plan-templates/${NOBODY}`)).status).toBe(404)
    const { body: events } = await call('GET', 'events?type=release-plan-template-updated')
    expect(events[0]).toMatchObject({ actor: 'alice', data: { before: { version: 2 }, after: { version: 3 } } })
  })

  it('become plans, with the key of the flag for its placeholder, and are not changed by them', async () => {
    const named = (groupId: string) => ({
      name: 'm',
      strategies: [rollout(5, { parameters: { rollout: '5', groupId } })],
    })
    const { body } = await call('POST', 'release-plan-templates', {
      name: 'placeholders',
      milestones: [named('{{featureName}}'), named('x-{{flagKey}}-{{flagKey}}')],
    })
    const { plan, flag } = await scene({ templateId: body.id, name: undefined, milestones: undefined })
    expect(plan).toMatchObject({ name: 'placeholders', templateId: body.id, status: 'draft', anchor: 'planned' })
    const groups = plan.milestones.map(
      ({ strategies }: { strategies: { parameters: object }[] }) => strategies[0]?.parameters,
    )
    expect(groups).toMatchObject([{ groupId: flag.key }, { groupId: `x-${flag.key}-${flag.key}` }])
    await call('DELETE', `release-plan-templates/${body.id}`)
    const refused = await scene({ templateId: body.id, name: undefined, milestones: undefined })
    expect(refused.made.body).toMatchObject({ status: 409, type: '/problems/template-archived' })
  })

  it.each([
    ['no milestones', { milestones: [] }, 'milestones'],
    ['a milestone without strategies', { milestones: [{ name: 'a', strategies: [] }] }, 'milestones.0.strategies'],
    ['a progression of nothing', { milestones: milestones(1, [{}]) }, 'milestones.0.progression'],
    [
      'a dwell time of nothing',
      { milestones: milestones(1, [{ afterSeconds: 0 }]) },
      'milestones.0.progression.afterSeconds',
    ],
    [
      'a dwell time for ever',
      { milestones: milestones(1, [{ afterSeconds: 1e10 }]) },
      'milestones.0.progression.afterSeconds',
    ],
    [
      'a strategy of no name',
      { milestones: [{ name: 'a', strategies: [{ name: 'magic' }] }] },
      'milestones.0.strategies.0.name',
    ],
    [
      'a rollout above all',
      { milestones: [...milestones(1), { name: 'b', strategies: [rollout(101)] }] },
      'milestones.1.strategies.0.parameters.rollout',
    ],
    ['a name of nothing', { name: '' }, 'name'],
    ['another field', { plan: 1 }, 'plan'],
  ])('are refused with %s, and so are plans', async (_, wrong, field) => {
    const template = await call('POST', 'release-plan-templates', template_(wrong))
    expect(template.body).toMatchObject({ status: 400, errors: [{ field }] })
    expect((await scene(wrong)).made.body).toMatchObject({ status: 400, errors: [{ field }] })
  })
  const template_ = (more: object) => template(`t-${crypto.randomUUID()}`, more)
})
