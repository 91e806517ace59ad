import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { milestones, rollout } from '../helpers/release-plans.ts'
import { inMs } from '../helpers/schedules.ts'

// No worker runs here: what is scheduled stays pending.
const { call } = await createTestApp(await createTestDatabase())

const CONTEXTS = ['alice', 'bob', 'carol', 'dave'].map((userId) => ({ userId, plan: userId < 'c' ? 'pro' : 'free' }))

async function ok(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) {
  const answer = await call(method, path, body)
  expect(answer.status, `${method} ${path} ${JSON.stringify(answer.body)}`).toBeLessThan(300)
  return answer.body
}

/** What each context gets of a flag, and why, but for what only says when it was asked. */
async function answers(flagKey: string, at?: string) {
  return await Promise.all(
    CONTEXTS.map(async (context) => {
      const body = await ok('POST', `flags/${flagKey}/evaluate`, { context, ...(at && { at }) })
      const { enabled, reason, variant, strategies, dependencies, strategyId, rollout } = body
      return { enabled, reason, variant, strategies, dependencies, strategyId, rollout }
    }),
  )
}

describe('what a user gets', () => {
  it('at any past instant is what they got then, whatever was done since', async () => {
    const seen: { at: string; answers: Awaited<ReturnType<typeof answers>> }[] = []
    const remember = async () => {
      const { body } = await call('GET', 'events?limit=1')
      seen.push({ at: body[0].createdAt, answers: await answers('then') })
    }
    const steps: (() => Promise<unknown>)[] = []
    const made: Record<string, string> = {}
    const strategies = 'flags/then/strategies'
    const pro = { contextName: 'plan', operator: 'IN', values: ['pro'] }
    steps.push(
      () => ok('POST', 'flags', { key: 'then', enabled: true }),
      () => ok('POST', 'segments', { key: 'pros', constraints: [pro] }),
      async () => {
        made.first = (await ok('POST', strategies, rollout(30))).id
      },
      async () => {
        made.second = (await ok('POST', strategies, { name: 'default', title: 'Pros', segments: ['pros'] })).id
      },
      () => ok('POST', `${strategies}/reorder`, { ids: [made.second, made.first] }),
      () => ok('PATCH', 'segments/pros', { constraints: [{ ...pro, values: ['free'] }] }),
      () => ok('PATCH', `${strategies}/${made.first}`, { parameters: { rollout: '80', stickiness: 'userId' } }),
      () => ok('PATCH', 'flags/then', { rolloutPercentage: 60, variants: [{ name: 'a', weight: 1 }] }),
      () => ok('DELETE', `${strategies}/${made.second}`),
      () => ok('DELETE', 'segments/pros'),
      () => ok('POST', 'flags', { key: 'parent' }),
      () => ok('PATCH', 'flags/then', { dependencies: [{ flagKey: 'parent' }] }),
      () => ok('PATCH', 'flags/parent', { enabled: true }),
      async () => {
        const plan = await ok('POST', 'flags/then/release-plans', { name: 'plan', milestones: milestones(2) })
        made.plan = `flags/then/release-plans/${plan.id}`
        made.one = plan.milestones[0].id
        made.two = plan.milestones[1].id
      },
      () => ok('POST', `${made.plan}/milestones/${made.one}/start`),
      () => ok('POST', `${made.plan}/milestones/${made.two}/start`),
      () => ok('DELETE', `${made.plan}`),
      () => ok('PATCH', 'flags/then', { enabled: false, dependencies: [] }),
    )
    for (const step of steps) {
      await step()
      await remember()
    }
    for (const { at, answers: then } of seen) expect(await answers('then', at)).toEqual(then)
    expect(new Set(seen.map(({ answers }) => JSON.stringify(answers))).size).toBeGreaterThan(12)

    const { createdAt } = (await call('GET', 'flags/then')).body
    const before = new Date(Date.parse(createdAt) - 1).toISOString()
    expect(await call('POST', 'flags/then/evaluate', { context: {}, at: before })).toMatchObject({
      status: 404,
      body: { createdAt, errors: [{ field: 'at' }] },
    })
    const last = seen.at(-1)?.at
    await ok('DELETE', 'flags/then')
    const archived = (await call('GET', 'events?limit=1')).body[0].createdAt
    expect(await answers('then', last)).toEqual(seen.at(-1)?.answers)
    expect(await call('POST', 'flags/then/evaluate', { context: {}, at: archived })).toMatchObject({ status: 404 })
  })

  it('at a future instant is what pending schedules make it, and is not certain', async () => {
    await ok('POST', 'flags', { key: 'ahead' })
    const strategy = await ok('POST', 'flags/ahead/strategies', rollout(0))
    const due = inMs(3_600_000)
    const updates = { enabled: true, strategies: [{ id: strategy.id, parameters: { rollout: '100' } }] }
    await ok('POST', 'flags/ahead/schedule', { scheduledAt: due, updates })
    const at = async (instant?: string) =>
      await ok('POST', 'flags/ahead/evaluate', { context: { userId: 'alice' }, ...(instant && { at: instant }) })
    expect(await at()).toMatchObject({ enabled: false, at: null, certain: true })
    expect(await at(new Date(Date.parse(due) - 1).toISOString())).toMatchObject({ enabled: false, certain: false })
    expect(await at(due)).toMatchObject({ enabled: true, reason: 'strategy', at: due, certain: false })
  })
})

describe('an edit that is tried on', () => {
  it('says what each context gets before and after, and changes nothing', async () => {
    await ok('POST', 'flags', { key: 'tried', enabled: true })
    await ok('POST', 'flags/tried/strategies', { name: 'userWithId', parameters: { userIds: 'alice' } })
    const was = (await call('GET', 'flags/tried')).body
    const strategies = [{ name: 'userWithId', parameters: { userIds: 'bob' } }]
    const preview = async (draft: object) =>
      await call('POST', 'flags/tried/preview', { contexts: CONTEXTS.slice(0, 3), ...draft })
    const verdicts = async (draft: object) =>
      (await preview(draft)).body.map(({ before, after }: Record<string, { enabled: boolean }>) => [
        before?.enabled,
        after?.enabled,
      ])
    expect(await verdicts({ strategies })).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ])
    expect(await verdicts({ strategies: [] })).toEqual([
      [true, true],
      [false, true],
      [false, true],
    ])
    expect((await verdicts({ enabled: false })).flat()).toEqual([true, false, false, false, false, false])
    expect((await preview({ variants: [{ name: 'a', weight: 1 }] })).body[0]).toMatchObject({
      before: { variant: 'disabled' },
      after: { variant: 'a', reason: 'strategy' },
    })
    expect(await preview({ strategies: [{ name: 'flexibleRollout', parameters: { rollout: 101 } }] })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'strategies.0.parameters.rollout' }] },
    })
    expect((await call('GET', 'flags/tried')).body).toEqual(was)
  })

  it.each([
    ['daughter', { dependencies: [{ flagKey: 'daughter' }] }, 'dependencies.0.flagKey'],
    ['daughter', { dependencies: [{ flagKey: 'nowhere' }] }, 'dependencies.0.flagKey'],
    ['mother', { dependencies: [{ flagKey: 'tried' }] }, 'dependencies'],
    [
      'mother',
      { strategies: [{ name: 'default' }, { name: 'default', segments: ['ghosts'] }] },
      'strategies.1.segments',
    ],
  ])('of %s is refused as the write of it would be: %j', async (key, draft, field) => {
    await call('POST', 'flags', { key: 'mother' })
    await call('POST', 'flags', { key: 'daughter', dependencies: [{ flagKey: 'mother' }] })
    const refused = { status: 422, body: { errors: [{ field }] } }
    expect(await call('POST', `flags/${key}/preview`, { contexts: [{}], ...draft })).toMatchObject(refused)
    if ('dependencies' in draft) expect(await call('PATCH', `flags/${key}`, draft)).toMatchObject(refused)
  })
})
