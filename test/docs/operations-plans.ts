import { expect, vi } from 'vitest'
import { createToken } from '../../dev/token.ts'
import { documentOf } from '../helpers/gameplans.ts'
import { JWT_SECRET } from '../helpers/processes.ts'
import { inMs } from '../helpers/schedules.ts'
import { type Scene, scenario, WITHIN } from './scene.ts'

const REQUESTS = 'environments/production/change-requests'

/** What is done with change requests and gameplans. */
export function planScenarios(scene: Scene): void {
  const call: Scene['product']['call'] = (...asked) => scene.product.call(...asked)

  /** A request to change the flag's percentage, approved by somebody else, and due in an hour; then the flag is changed. */
  const suspended = async (flagKey: string, changedTo: number) => {
    const { body: request } = await call('POST', REQUESTS, { title: 'A tenth', scheduledAt: inMs(3_600_000) })
    const self = `${REQUESTS}/${request.id}`
    const change = { action: 'updateFlag', flagKey, payload: { rolloutPercentage: 10 } }
    await call('POST', `${self}/changes`, change)
    await call('POST', `${self}/submit`)
    const authorization = `Bearer ${await createToken({ secret: JWT_SECRET, subject: 'bob', role: 'admin' })}`
    expect((await call('POST', `${self}/approve`, undefined, { authorization })).body.state).toBe('scheduled')
    await call('PATCH', `flags/${flagKey}`, { rolloutPercentage: changedTo })
    const state = async () => (await call('GET', self)).body.state
    return { id: request.id as string, state }
  }

  scenario(scene, 'A change request is suspended, or failed', async ({ run, json }) => {
    await call('POST', 'flags', { key: 'reviewed' })
    const [one, two] = [await suspended('reviewed', 90), await suspended('reviewed', 80)]
    // It looks each minute.
    await scene.servers.client.schedule.getHandle('reconciler').trigger()
    for (const { state } of [one, two]) await vi.waitFor(async () => expect(await state()).toBe('suspended'), WITHIN)
    const listed = await json('?state=suspended')
    expect(listed.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining([one.id, two.id]))
    expect(await json(/REQUEST$/, { REQUEST: one.id })).toMatchObject({
      conflicts: [{ field: 'rolloutPercentage' }],
    })
    expect(await json('/rebase', { REQUEST: two.id })).toMatchObject({ state: 'in-review', conflicts: [] })
    await run('--name apply', { REQUEST: one.id })
    await vi.waitFor(async () => expect(await one.state()).toBe('applied'), WITHIN)
    expect((await call('GET', 'flags/reviewed')).body).toMatchObject({ rolloutPercentage: 10 })
    expect(await json('/cancel', { REQUEST: two.id })).toMatchObject({ state: 'cancelled' })
    expect(await json('{"changeRequests": false}')).toMatchObject({ changeRequests: false })
  })

  scenario(scene, 'A gameplan does not go on', async ({ run, json }) => {
    const markdown = documentOf({
      flag: 'ENABLE_STUCK',
      graph: ['1 [INFRA] -> []', '2 [BEHAVIOR] -> [1]'],
      activated: '2',
      criteria: ['it works'],
    })
    const { body: gameplan } = await call('POST', 'gameplans', { markdown })
    const self = `gameplans/${gameplan.id}`
    const GAMEPLAN = gameplan.id as string
    // Its flag is archived: neither made nor switched.
    await call('POST', 'flags', { key: 'ENABLE_STUCK' })
    await call('DELETE', 'flags/ENABLE_STUCK')
    await call('POST', `${self}/start`)
    await call('POST', `${self}/patches/1/merged`)
    const enabled = async () => (await call('GET', 'flags/ENABLE_STUCK')).body.enabled
    await vi.waitFor(async () => expect((await call('GET', self)).body.problem).not.toBeNull(), WITHIN)
    expect(await json(/GAMEPLAN$/, { GAMEPLAN })).toMatchObject({ problem: { step: 'create', code: 'flag-exists' } })
    expect(await json('events?type=')).toMatchObject([{ type: 'gameplan-flag-refused', flagKey: 'ENABLE_STUCK' }])
    await call('PATCH', 'flags/ENABLE_STUCK', { archived: false })
    expect(await json('/resume', { GAMEPLAN })).toMatchObject({ problem: null })
    await vi.waitFor(async () => expect((await call('GET', self)).body.flag.state).toBe('created'), WITHIN)
    await run('--name merged', { GAMEPLAN })
    await vi.waitFor(async () => expect(await enabled()).toBe(true), WITHIN)
    expect(await json('/reverted', { GAMEPLAN })).toMatchObject({ patches: [{}, { state: 'ready' }] })
    await vi.waitFor(async () => expect(await enabled()).toBe(false), WITHIN)
    await call('POST', `${self}/cancel`)
  })
}
