import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LossyProxy } from '../helpers/lossy-proxy.ts'
import { type AccountScene, startAccountScene } from './account-scene.ts'
import { ACCOUNT_STRIKES, runAccountRound } from './account-storm.ts'
import { randomOf } from './random.ts'

let scene: AccountScene
let current: LossyProxy

beforeAll(async () => {
  scene = await startAccountScene()
}, 60_000)
afterAll(() => scene?.stop())

it('a note store that is not there at the start costs its own notes alone, until it is there', async () => {
  const { caller, urls, token } = scene
  expect(await caller.once('GET', '/flags')).toMatchObject({ status: 200 })
  expect(await caller.once('GET', '/instances')).toMatchObject({ status: 200, body: expect.any(Array) })
  expect(await caller.once('POST', '/accounts', { id: 'early' })).toMatchObject({ status: 503, code: 'unavailable' })
  const list = () =>
    fetch(`${urls[1]}/api/accounts/early/notes`, { headers: { authorization: `Bearer ${token}` } }).then(
      ({ status }) => status,
    )
  expect(await list()).toBe(503)
  current = await scene.openCurrentStore()
  // Whoever comes next completes what the first request has begun.
  await expect.poll(list, { timeout: 10_000 }).toBe(200)
})

it('accounts hold what ones that never moved hold, whatever happens to APIs, workers, a store and the migration', async () => {
  const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 1e9))
  const random = randomOf(seed)
  const strikes = [...ACCOUNT_STRIKES]
    .map((strike) => ({ strike, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ strike }) => strike)
  const outcome = await runAccountRound({ ...scene, current }, 'storm', strikes, random).catch((error) => {
    throw new Error(`seed ${seed}: ${error.message}\n${scene.servers.complaints()}`, { cause: error })
  })
  console.log(`seed ${seed}: ${strikes.join(', ')}; acknowledged ${outcome.acknowledged}, failed ${outcome.failed}`)
  expect(outcome.broken, `seed ${seed}`).toEqual([])
  expect(outcome.acknowledged).toBeGreaterThan(50)
}, 240_000)
