import { describe, expect, it } from 'vitest'
import { advanceGameplan } from '../../store/gameplan-advance.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { makeGameplan } from '../helpers/gameplans.ts'

// No worker runs here: nothing follows by itself.
const app = await createTestApp(await createTestDatabase())
const { call } = app

describe('the patches of a gameplan', () => {
  it('are blocked until those that they wait for are merged or skipped', async () => {
    const { patch, read } = await makeGameplan(app)
    const states = async () => (await read()).patches.map(({ state }) => state).join()
    expect(await states()).toBe('ready,blocked,blocked,blocked')
    expect((await patch('4', 'merged')).body).toMatchObject({ type: '/problems/patch-blocked', waitsFor: ['2', '3'] })
    expect((await patch('9', 'merged')).body.type).toBe('/problems/patch-not-found')
    expect((await patch('x', 'merged')).body.errors[0]).toMatchObject({ field: 'path.patchId' })
    const merged = await patch('01', 'merged')
    expect(merged.body.patches[0]).toMatchObject({ state: 'merged', decidedBy: 'alice', decidedAt: expect.any(String) })
    expect((await patch('1', 'merged')).body).toEqual(merged.body)
    await patch('2', 'merged')
    expect(await states()).toBe('merged,merged,ready,blocked')
    await patch('3', 'skipped')
    expect(await states()).toBe('merged,merged,skipped,ready')
    expect((await patch('2', 'skipped')).body).toMatchObject({ type: '/problems/patch-state', patchState: 'merged' })
    expect((await patch('4', 'reverted')).body.type).toBe('/problems/patch-state')
    await patch('3', 'reverted')
    expect(await states()).toBe('merged,merged,ready,blocked')
  })

  it('that are merged stay so in a revision; one that contradicts them is refused, and says what', async () => {
    const { patch, merge, revise, read, tick } = await makeGameplan(app)
    await merge('1', '2')
    await tick()
    const graph = (...lines: string[]) => revise({ graph: lines })
    const [one, two, three, four] = [
      '1 [INFRA] -> []',
      '2 [GATED] -> [1]',
      '3 [GATED] -> [1]',
      '4 [BEHAVIOR] -> [2, 3]',
    ] as const
    const against = async (answer: ReturnType<typeof graph>) => {
      const { status, body } = await answer
      expect([status, body.type]).toEqual([409, '/problems/gameplan-contradicted'])
      return body.contradictions
    }
    expect(await against(graph(one, three, '4 [BEHAVIOR] -> [3]'))).toEqual([
      { patchId: '2', message: 'Patch 2 is merged, and the revision does not have it.' },
    ])
    expect(await against(graph(one, '2 [BEHAVIOR] -> [1]', three, four))).toEqual([
      { patchId: '2', message: 'Patch 2 was merged as [GATED]; the revision calls it [BEHAVIOR].' },
    ])
    expect(await against(graph(one, '2 [GATED] -> [3]', three, four))).toEqual([
      { patchId: '2', message: 'Patch 2 is merged; the revision has it wait for Patch 3, which is open.' },
    ])
    expect(await against(revise({ flag: 'OTHER' }))).toMatchObject([{ patchId: null }])
    expect(await against(revise({ introduced: '2' }))).toEqual([
      { patchId: null, message: 'The flag was introduced by Patch 1; the revision names Patch 2.' },
    ])
    expect((await read()).revision).toBe(1)

    // 3 is given up, 5 is new, and the flag is activated by it.
    const revised = await revise({ graph: [one, two, four.replace(', 3', ''), '5 [BEHAVIOR] -> [4]'], activated: '5' })
    expect(revised.body).toMatchObject({ revision: 2, flag: { activated: '5', state: 'created' } })
    expect(revised.body.patches.map((one: { id: string; state: string }) => `${one.id} ${one.state}`)).toEqual([
      '1 merged',
      '2 merged',
      '4 ready',
      '5 blocked',
    ])
    expect((await patch('3', 'merged')).status).toBe(404)
    expect((await revise({ graph: [one, two, four] })).body.type).toBe('/problems/gameplan-refused')
  })
})

describe('its flag', () => {
  it('is created when the patch that introduces it merges, and switched when the one that activates it does: once', async () => {
    const { merge, tick, flag, read, events } = await makeGameplan(app)
    expect(await tick()).toBe(0)
    expect((await flag()).type).toBe('/problems/flag-not-found')
    await merge('1')
    expect(await tick()).toBe(1)
    expect(await flag()).toMatchObject({ enabled: false, rolloutPercentage: 100 })
    await merge('2', '3')
    expect(await tick()).toBe(0)
    expect((await flag()).enabled).toBe(false)
    await merge('4')
    expect(await tick()).toBe(2)
    const { enabled, revision, key } = await flag()
    expect(enabled).toBe(true)
    expect(await read()).toMatchObject({ status: 'completed', flag: { state: 'switched' } })
    expect(await tick()).toBe(0)
    expect((await flag()).revision).toBe(revision)
    expect(await events()).toEqual([
      'gameplan-created',
      'gameplan-started',
      'gameplan-patch-merged',
      'gameplan-flag-changed',
      'gameplan-patch-merged',
      'gameplan-patch-merged',
      'gameplan-patch-merged',
      'gameplan-flag-changed',
      'gameplan-completed',
    ])
    const ofFlag = (await call('GET', `events?flagKey=${key}&type=flag-created,flag-updated`)).body
    expect(ofFlag).toMatchObject([
      { type: 'flag-updated', actor: 'alice', door: 'gameplan' },
      { type: 'flag-created', actor: 'alice', door: 'gameplan' },
    ])
  })

  it('is changed once, however many do it at the same time', async () => {
    const { merge, id, flagKey, events } = await makeGameplan(app, { criteria: ['it works'] })
    const rush = async () => await Promise.all(Array.from({ length: 5 }, () => advanceGameplan(app.db, id)))
    await merge('1')
    expect((await rush()).filter(Boolean)).toHaveLength(1)
    await Promise.all(['2', '3'].map((patch) => merge(patch)))
    await merge('4')
    expect((await rush()).filter(Boolean)).toHaveLength(1)
    const ofFlag = (await call('GET', `events?flagKey=${flagKey}&type=flag-created,flag-updated`)).body
    expect(ofFlag.map(({ type }: { type: string }) => type)).toEqual(['flag-updated', 'flag-created'])
    expect((await events()).filter((type: string) => type === 'gameplan-flag-changed')).toHaveLength(2)
  })

  it('that is there already is taken over', async () => {
    const { merge, tick, flagKey, read } = await makeGameplan(app)
    await call('POST', 'flags', { key: flagKey, enabled: true })
    await merge('1', '2', '3', '4')
    await tick()
    expect(await read()).toMatchObject({ status: 'completed', flag: { state: 'switched' } })
    expect((await call('GET', `events?flagKey=${flagKey}&type=flag-created,flag-updated`)).body).toHaveLength(1)
  })

  it('is switched off again when the patch that activates it is reverted, and on when it is merged once more', async () => {
    const { merge, tick, flag, revert, read } = await makeGameplan(app, { criteria: ['it works'] })
    await merge('1', '2', '3', '4')
    await tick()
    expect((await flag()).enabled).toBe(true)
    await revert('2')
    await tick()
    expect((await flag()).enabled).toBe(false)
    expect((await read()).patches.map(({ state }) => state).join()).toBe('merged,ready,merged,merged')
    await merge('2')
    await tick()
    expect((await flag()).enabled).toBe(true)
    await revert('1')
    await tick()
    expect(await read()).toMatchObject({ status: 'running', flag: { state: 'created' } })
    expect((await flag()).enabled).toBe(false)
  })

  it('is left alone while the gameplan is paused, and once it is cancelled', async () => {
    const { merge, tick, flag, post } = await makeGameplan(app)
    await post('pause')
    await merge('1')
    expect(await tick()).toBe(0)
    expect((await flag()).status).toBe(404)
    await post('resume')
    await tick()
    expect((await flag()).enabled).toBe(false)
    await merge('2', '3', '4')
    await post('cancel')
    expect(await tick()).toBe(0)
    expect((await flag()).enabled).toBe(false)
  })

  it('that cannot be changed is a problem that is said, and tried again when something happened', async () => {
    const { merge, tick, read, flagKey, post, events } = await makeGameplan(app)
    await merge('1')
    await tick()
    await call('DELETE', `flags/${flagKey}`)
    await merge('2', '3', '4')
    expect(await tick()).toBe(1)
    expect(await read()).toMatchObject({
      status: 'running',
      problem: { step: 'switch', code: 'flag-archived', detail: expect.any(String) },
    })
    expect((await events()).at(-1)).toBe('gameplan-flag-refused')
    await call('PATCH', `flags/${flagKey}`, { archived: false })
    // Not before the minute is over, unless somebody asks for it.
    expect(await tick()).toBe(0)
    expect((await post('resume')).body.problem).toBeNull()
    await tick()
    expect(await read()).toMatchObject({ status: 'completed', problem: null })
  })
})

describe('what else has to be so', () => {
  it('criteria and questions keep a gameplan from its end', async () => {
    const criteria = ['fast', 'safe']
    const gameplan = await makeGameplan(app, { flag: null, criteria, questions: ['Who?'], graph: ['1 [INFRA] -> []'] })
    const { merge, tick, post, read, revise, events } = gameplan
    await merge('1')
    expect(await tick()).toBe(0)
    expect((await post('criteria/1/check')).body.criteria[0]).toMatchObject({ done: true, doneBy: 'alice' })
    await post('criteria/2/check')
    expect((await post('criteria/2/uncheck')).body.progress.openGates).toBe(2)
    expect((await post('criteria/3/check')).body.type).toBe('/problems/gate-not-found')
    expect((await post('criteria/x/check')).body.errors[0]).toMatchObject({ field: 'path.number' })
    expect((await post('questions/1/answer', { answer: '' })).status).toBe(400)
    expect((await post('questions/1/answer', { answer: 'We do' })).body.questions).toMatchObject([
      { number: 1, text: 'Who?', done: true, answer: 'We do', doneBy: 'alice' },
    ])
    await post('questions/1/reopen')
    await post('questions/1/answer', { answer: 'They do' })

    // What was answered is known by its text.
    const revised = (await revise({ criteria: ['new', 'fast'] })).body
    expect(revised.criteria).toMatchObject([
      { number: 1, text: 'new', done: false },
      { number: 2, text: 'fast', done: true, doneBy: 'alice' },
    ])
    expect(revised.questions).toMatchObject([{ answer: 'They do' }])
    await tick()
    expect((await read()).status).toBe('running')
    await post('criteria/1/check')
    expect(await tick()).toBe(1)
    expect((await read()).status).toBe('completed')
    expect((await post('criteria/1/uncheck')).body.type).toBe('/problems/gameplan-state')
    expect((await events()).filter((type: string) => type.endsWith('-changed'))).toHaveLength(7)
  })

  it('is nothing for a document without gates, flag or order', async () => {
    const { merge, tick, read } = await makeGameplan(app, { flag: null, graph: ['1 [INFRA] -> []'] })
    await merge('1')
    await tick()
    expect((await read()).status).toBe('completed')
  })
})
