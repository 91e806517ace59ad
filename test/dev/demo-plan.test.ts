import { afterEach, expect, it, vi } from 'vitest'
import { loadDemoPlan } from '../../dev/demo-plan.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'

const installation = async () => {
  const app = await createTestApp(await createTestDatabase())
  const url = await app.app.listen({ port: 0, host: '127.0.0.1' })
  return { ...app, api: { url, token: await app.token('admin') } }
}

afterEach(() => vi.restoreAllMocks())

it('is a plan that has begun, made once', async () => {
  const { api, call, db } = await installation()
  expect(await loadDemoPlan(api)).toBe('recommendations')
  const { body: plans } = await call('GET', 'flags/recommendations/release-plans')
  expect(plans).toMatchObject([
    {
      status: 'running',
      milestones: [{ name: 'a tenth', status: 'running' }, { name: 'half' }, { name: 'everybody' }],
    },
  ])
  const { body: answer } = await call('POST', 'flags/recommendations/evaluate', { context: { userId: 'u1' } })
  expect(answer).toMatchObject({ strategies: [{ rollout: { percentage: 10, groupId: 'recommendations' } }] })
  const events = await one(db, 'SELECT count(*) AS count FROM events')
  expect(await loadDemoPlan(api)).toBeUndefined()
  expect(await one(db, 'SELECT count(*) AS count FROM events')).toEqual(events)
})

it('goes on where it was interrupted, and leaves the flag of somebody else alone', async () => {
  const { api, call } = await installation()
  const real = globalThis.fetch
  for (const path of [/flags$/, /templates$/, /release-plans$/]) {
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
      const answer = await real(input, init)
      if (init?.method === 'POST' && path.test(String(input))) throw new Error('killed')
      return answer
    })
    await expect(loadDemoPlan(api), String(path)).rejects.toThrow('killed')
    vi.restoreAllMocks()
  }
  expect(await loadDemoPlan(api)).toBe('recommendations')
  expect((await call('GET', 'release-plan-templates')).body).toHaveLength(1)

  const other = await installation()
  await other.call('POST', 'flags', { key: 'recommendations', description: 'Mine' })
  expect(await loadDemoPlan(other.api)).toBeUndefined()
})
