import { afterEach, expect, it, vi } from 'vitest'
import { loadDemoGameplan } from '../../dev/demo-gameplan.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'

const installation = async () => {
  const app = await createTestApp(await createTestDatabase())
  const url = await app.app.listen({ port: 0, host: '127.0.0.1' })
  return { ...app, api: { url, token: await app.token('admin') } }
}

afterEach(() => vi.restoreAllMocks())

it('is a gameplan that has begun, with nothing wrong in it, made once', async () => {
  const { api, call, db } = await installation()
  const id = await loadDemoGameplan(api)
  expect((await call('GET', `gameplans/${id}`)).body).toMatchObject({
    title: 'watch-later',
    status: 'running',
    flag: { key: 'ENABLE_WATCH_LATER' },
    progress: { patches: 5, done: 2, openGates: 3 },
  })
  expect((await call('GET', `gameplans/${id}/lint`)).body).toMatchObject({ errors: 0, warnings: 0 })
  const events = await one(db, 'SELECT count(*) AS count FROM events')
  expect(await loadDemoGameplan(api)).toBeUndefined()
  expect(await one(db, 'SELECT count(*) AS count FROM events')).toEqual(events)
})

it('goes on where it was interrupted, and leaves one that somebody cancelled alone', async () => {
  const { api, call } = await installation()
  const real = globalThis.fetch
  for (const path of [/gameplans$/, /start$/, /1\/merged$/]) {
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
      const answer = await real(input, init)
      if (init?.method === 'POST' && path.test(String(input))) throw new Error('killed')
      return answer
    })
    await expect(loadDemoGameplan(api), String(path)).rejects.toThrow('killed')
    vi.restoreAllMocks()
  }
  const id = await loadDemoGameplan(api)
  expect((await call('GET', 'gameplans')).body).toMatchObject([{ id, progress: { done: 2 } }])
  await call('POST', `gameplans/${id}/patches/1/reverted`)
  await call('POST', `gameplans/${id}/cancel`)
  expect(await loadDemoGameplan(api)).toBeUndefined()
  expect((await call('GET', 'gameplans')).body).toMatchObject([{ id, status: 'cancelled' }])
})
