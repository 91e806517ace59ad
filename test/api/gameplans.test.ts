import { describe, expect, it } from 'vitest'
import { CLEAN, changed, TEMPLATE } from '../gameplan/corpus.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { makeGameplan } from '../helpers/gameplans.ts'

// No worker runs here: nothing follows by itself.
const app = await createTestApp(await createTestDatabase())
const { call, names, token } = app
const NOBODY = '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D'

describe('a gameplan', () => {
  it('is kept as the author wrote it, read, listed, judged and drawn', async () => {
    const made = await call('POST', 'gameplans?environment=staging', { markdown: CLEAN })
    expect(made.status).toBe(201)
    const { id } = made.body
    expect(made.headers).toMatchObject({ location: `/api/admin/gameplans/${id}`, etag: '"1"' })
    expect(made.body).toMatchObject({
      environment: 'staging',
      title: 'streamed-export',
      status: 'draft',
      markdown: CLEAN,
      revision: 1,
      workflowId: names.gameplan(id),
      flag: { key: 'ENABLE_STREAMED_EXPORT', introduced: '1', activated: '5', state: 'absent' },
      activation: null,
      progress: { patches: 7, done: 0, openGates: 3 },
      createdBy: 'alice',
    })
    const states = (list: { id: string; state: string }[]) =>
      Object.fromEntries(list.map((patch) => [patch.id, patch.state]))
    const wanted = { 1: 'ready', 2: 'ready', 3: 'ready', '3a': 'blocked', 4: 'blocked', 5: 'blocked', 6: 'blocked' }
    expect(states(made.body.patches)).toEqual(wanted)
    expect(made.body.patches[3]).toMatchObject({ id: '3a', class: 'GATED', waitsFor: ['1', '2', '3'], flagStep: null })
    expect(made.body.patches[4]).toMatchObject({ title: 'Stream from the route', dependencies: ['3a'] })
    expect(made.body.criteria.map(({ done }: { done: boolean }) => done)).toEqual([true, false, false, false])
    expect(made.body.questions).toMatchObject([{ number: 1, done: true, answer: null }])

    expect((await call('GET', `gameplans/${id}`)).body).toEqual(made.body)
    const { markdown: _, patches: __, criteria: ___, questions: ____, ...summary } = made.body
    expect((await call('GET', 'gameplans?environment=staging')).body).toEqual([summary])
    expect((await call('GET', 'gameplans?environment=staging&status=running')).body).toEqual([])
    expect((await call('GET', 'gameplans?flagKey=ENABLE_STREAMED_EXPORT')).body).toEqual([summary])

    expect((await call('GET', `gameplans/${id}/lint`)).body).toMatchObject({ findings: [], errors: 0, obstacles: [] })
    const graph = (await call('GET', `gameplans/${id}/graph`)).body
    expect(graph).toMatchObject({ layers: [['1', '2', '3'], ['3a'], ['4'], ['5'], ['6']], safeCount: 5 })
    expect(states(graph.patches)).toEqual(wanted)
    const mermaid = await call('GET', `gameplans/${id}/graph?format=mermaid`)
    expect([mermaid.headers['content-type'], mermaid.body]).toEqual([
      'text/plain; charset=utf-8',
      expect.stringMatching(/^flowchart/),
    ])
    const svg = await call('GET', `gameplans/${id}/graph?format=svg`)
    expect([svg.headers['content-type'], svg.body]).toEqual(['image/svg+xml', expect.stringMatching(/^<svg/)])
    expect((await call('GET', `gameplans/${id}/graph?format=pdf`)).body.errors).toEqual([
      { field: 'query.format', message: 'must be json, mermaid or svg' },
    ])
    expect((await call('GET', `gameplans/${NOBODY}`)).body.type).toBe('/problems/gameplan-not-found')
  })

  it('is taken as a file, too', async () => {
    const made = await app.app.inject({
      method: 'POST',
      url: '/api/admin/gameplans',
      headers: { authorization: `Bearer ${await token('admin')}`, 'content-type': 'text/markdown; charset=utf-8' },
      payload: CLEAN.replaceAll('\n', '\r\n'),
    })
    expect(made.statusCode).toBe(201)
    expect(made.json().markdown).toBe(CLEAN.replaceAll('\n', '\r\n'))
  })

  it('is refused, with the lint report, when nobody could say what waits for what; else what is wrong does not matter', async () => {
    const refused = await call('POST', 'gameplans', { markdown: changed(['-> [2, 4]', '-> [2, 6]']) })
    expect(refused).toMatchObject({
      status: 422,
      body: {
        type: '/problems/gameplan-refused',
        lint: {
          obstacles: ['graph-cycle'],
          findings: expect.arrayContaining([expect.objectContaining({ rule: 'graph-cycle' })]),
        },
      },
    })
    expect(refused.body.errors[0]).toMatchObject({
      field: 'markdown',
      message: expect.stringMatching(/^\d+:\d+ .*\[graph-cycle\]$/),
    })
    for (const markdown of [TEMPLATE, 'Nothing', changed(['- Patch 3a [GATED]', '- Patch 3b [GATED]'])]) {
      expect((await call('POST', 'gameplans', { markdown })).body.type).toBe('/problems/gameplan-refused')
      expect((await call('POST', 'gameplans/lint', { markdown })).body.obstacles).not.toEqual([])
    }
    const miscounted = changed(['5 of 7 patches', '4 of 7 patches'])
    expect((await call('POST', 'gameplans/lint', { markdown: miscounted })).body).toMatchObject({
      errors: 1,
      obstacles: [],
    })
    expect((await call('POST', 'gameplans', { markdown: miscounted })).status).toBe(201)
    const bad = async (markdown: unknown) => (await call('POST', 'gameplans', { markdown })).body.errors[0]?.message
    expect(await bad('x'.repeat(100_001))).toBe('must be at most 100000 characters')
    expect(await bad('\0')).toBe('must not contain the character NUL')
    expect(await bad(7)).toBe('must be a Markdown text')
  })

  it('is started, paused, resumed and cancelled, once each', async () => {
    const { post, self, patch, events } = await makeGameplan(app, { activation: null })
    expect((await patch('1', 'merged')).body).toMatchObject({
      type: '/problems/gameplan-state',
      detail: 'The gameplan is draft; this needs one that is running or paused.',
    })
    expect((await post('pause')).status).toBe(409)
    const afterSeconds = { how: 'schedule', afterSeconds: 60 }
    expect((await post('start', { activation: afterSeconds })).body).toMatchObject({
      status: 'running',
      activation: afterSeconds,
      startedBy: 'alice',
    })
    expect((await post('start')).body.gameplanStatus).toBe('running')
    expect((await call('POST', `${self}/pause?reason=lunch`)).body).toMatchObject({
      status: 'paused',
      pauseReason: 'lunch',
    })
    expect((await post('pause')).body.pauseReason).toBe('lunch')
    expect((await post('resume')).body).toMatchObject({ status: 'running', pauseReason: null })
    expect((await post('cancel')).body).toMatchObject({ status: 'cancelled', finishedAt: expect.any(String) })
    expect((await post('resume')).status).toBe(409)
    expect(await events()).toEqual(
      ['created', 'started', 'paused', 'resumed', 'cancelled'].map((what) => `gameplan-${what}`),
    )
  })

  it('says how its flag is to be switched in one of the ways there are', async () => {
    const { post } = await makeGameplan(app, { activation: null })
    const refused = async (activation: object) => (await post('start', { activation })).body
    expect((await refused({ how: 'soon' })).errors[0]).toMatchObject({ field: 'activation.how' })
    expect((await refused({ how: 'schedule' })).errors[0].message).toMatch(/^must name scheduledAt or afterSeconds/)
    expect((await refused({ how: 'release-plan', templateId: NOBODY })).type).toBe('/problems/template-not-found')
    const flagless = await makeGameplan(app, { activation: null, flag: null })
    const { body } = await flagless.post('start', { activation: { how: 'schedule', afterSeconds: 1 } })
    expect(body.errors).toEqual([{ field: 'activation', message: 'is for a gameplan with a flag' }])
  })

  it('has its flag for itself while it runs', async () => {
    const first = await makeGameplan(app)
    const second = await makeGameplan(app, { activation: null, flag: first.flagKey })
    expect((await second.post('start')).body.type).toBe('/problems/gameplan-flag-taken')
    const third = await makeGameplan(app)
    expect((await third.revise({ flag: first.flagKey })).body.type).toBe('/problems/gameplan-flag-taken')
    await first.post('cancel')
    expect((await second.post('start')).body.status).toBe('running')
  })

  it('is changed only as its reader knows it, and only by admins', async () => {
    const { self, post, revise } = await makeGameplan(app)
    expect((await call('POST', `${self}/pause`, undefined, { 'if-match': '"1"' })).body).toMatchObject({
      type: '/problems/revision-mismatch',
      version: 2,
    })
    expect((await revise({ title: 'other' }, { 'if-match': '"1"' })).status).toBe(412)
    const viewer = { authorization: `Bearer ${await token('viewer')}` }
    expect((await call('POST', `${self}/pause`, undefined, viewer)).status).toBe(403)
    expect((await call('GET', self, undefined, viewer)).status).toBe(200)
    expect((await post('pause')).status).toBe(200)
  })
})
