import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { makeGameplan, pullRequest } from '../helpers/gameplans.ts'

const SECRET = 'a secret that GitHub knows'
const url = await createTestDatabase()
const settings = { INTERLOCK_GITHUB_WEBHOOK_SECRET: SECRET }
const app = await createTestApp(url, { settings })
const NOBODY = '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D'

const { deliver, merge } = pullRequest(app, SECRET)

describe('the webhook of GitHub', () => {
  it('merges the patches that a merged pull request names, in the name of who merged it, once', async () => {
    const { id, read, events, revert } = await makeGameplan(app)
    const body = `Adds the flag.\r\n\r\nGameplan: ${id}/1\r\nand a sentence about Gameplan: ${id}/2`
    const delivery = crypto.randomUUID()
    const answer = await merge(11, body, { delivery })
    expect(answer).toMatchObject({ status: 200, body: { merged: [{ id, patchId: '1' }], reverted: [] } })
    const { patches, version } = await read()
    expect(patches[0]).toMatchObject({
      state: 'merged',
      pullRequest: 'acme/shop#11',
      decidedBy: 'github:olivia',
      reason: 'Pull request acme/shop#11',
    })
    expect(patches[1]).toMatchObject({ state: 'ready' })
    expect((await merge(11, body, { delivery })).body).toEqual(answer.body)
    expect((await merge(11, body)).status).toBe(200)
    expect((await read()).version).toBe(version)
    expect((await events()).filter((type: string) => type === 'gameplan-patch-merged')).toHaveLength(1)
    // Delivered once more, it does not undo what was decided since.
    await revert('1')
    expect((await merge(11, body, { delivery })).body).toEqual(answer.body)
    expect((await read()).patches[0]?.state).toBe('ready')
  })

  it('keeps a merge that comes before its dependencies, which has no effect before they are there', async () => {
    const { id, read, tick, flag, merge: say } = await makeGameplan(app)
    await say('1')
    await tick()
    await merge(21, `Gameplan: ${id}/4`)
    expect((await read()).patches[3]).toMatchObject({ state: 'merged', waitsFor: ['2', '3'] })
    await tick()
    expect((await flag()).enabled).toBe(false)
    await merge(22, `Gameplan: ${id}/2\nGameplan: ${id}/3`)
    await tick()
    expect((await flag()).enabled).toBe(true)
  })

  it('takes back what a reverted pull request merged', async () => {
    const { id, read } = await makeGameplan(app)
    await merge(31, `Gameplan: ${id}/1`)
    const answer = await merge(32, 'Reverts acme/shop#31')
    expect(answer.body).toEqual({ merged: [], reverted: [{ id, patchId: '1' }] })
    expect((await read()).patches[0]).toMatchObject({ state: 'ready', pullRequest: 'acme/shop#32' })
    expect((await merge(32, 'Reverts acme/shop#31')).body).toEqual({ merged: [], reverted: [] })
    expect((await merge(33, 'Reverts acme/shop#3')).body.reverted).toEqual([])
  })

  it('merges again what a reverted revert had taken back, unless somebody has decided about it since', async () => {
    const { id, read, patch } = await makeGameplan(app)
    await merge(34, `Gameplan: ${id}/1`)
    await merge(35, 'Reverts acme/shop#34')
    const again = await merge(36, 'Reverts acme/shop#35')
    expect(again.body).toEqual({ merged: [{ id, patchId: '1' }], reverted: [] })
    expect((await read()).patches[0]).toMatchObject({ state: 'merged', pullRequest: 'acme/shop#36' })
    // And so on; the pull requests before it have nothing to say any more.
    expect((await merge(37, 'Reverts acme/shop#34')).body).toEqual({ merged: [], reverted: [] })
    expect((await merge(38, 'Reverts acme/shop#36')).body.reverted).toEqual([{ id, patchId: '1' }])
    expect((await patch('1', 'skipped')).status).toBe(200)
    expect((await merge(39, 'Reverts acme/shop#38')).body).toEqual({ merged: [], reverted: [] })
    expect((await read()).patches[0]?.state).toBe('skipped')
  })

  it('refuses what Postgres cannot keep, and a delivery that is another one, by the name of its header', async () => {
    const pull = { number: 44, merged: true, body: null, merged_by: { login: 'a\0b' } }
    const nul = await deliver({ action: 'closed', pull_request: pull, repository: { full_name: 'acme/shop' } })
    expect(nul.body).toMatchObject({ status: 400, errors: [{ field: 'pull_request.merged_by.login' }] })
    const delivery = crypto.randomUUID()
    await merge(45, 'one', { delivery })
    expect((await merge(45, 'another', { delivery })).body).toMatchObject({
      status: 422,
      detail: expect.stringContaining('X-GitHub-Delivery'),
      errors: [{ field: 'header.x-github-delivery' }],
    })
  })

  it('notes nothing of one that names what is not there, or is not started', async () => {
    const { id, read } = await makeGameplan(app)
    expect((await merge(41, `Gameplan: ${id}/1\nGameplan: ${id}/9`)).body.type).toBe('/problems/patch-not-found')
    expect((await read()).patches[0]?.state).toBe('ready')
    expect((await merge(42, `Gameplan: ${NOBODY}/1`)).body.type).toBe('/problems/gameplan-not-found')
    const draft = await makeGameplan(app, { activation: null })
    expect((await merge(43, `Gameplan: ${draft.id}/1`)).body.type).toBe('/problems/gameplan-state')
  })

  it('lets be what is no merged pull request', async () => {
    const { id, read } = await makeGameplan(app)
    const nothing = { status: 200, body: { merged: [], reverted: [] } }
    expect(await merge(51, `Gameplan: ${id}/1`, { merged: false })).toMatchObject(nothing)
    expect(await merge(51, `Gameplan: ${id}/1`, { event: 'issues' })).toMatchObject(nothing)
    expect(await merge(51, null)).toMatchObject(nothing)
    expect(await deliver({ zen: 'Keep it logically awesome.' }, { event: 'ping' })).toMatchObject(nothing)
    expect((await read()).version).toBe(2)
  })

  it('believes only what is signed with its secret', async () => {
    const { id, read } = await makeGameplan(app)
    const refused = { status: 401, body: { type: '/problems/webhook-signature' } }
    const other = pullRequest(app, 'another secret, as long').merge
    expect(await other(61, `Gameplan: ${id}/1`)).toMatchObject(refused)
    for (const signature of ['', 'sha256=', `sha256=${'0'.repeat(64)}`, 'ü'.repeat(71), undefined]) {
      expect(await merge(61, `Gameplan: ${id}/1`, { signature: signature ?? null })).toMatchObject(refused)
    }
    // Of the same text, but for one byte.
    const signature = `sha256=${createHmac('sha256', SECRET).update('{} ').digest('hex')}`
    expect(await deliver({}, { signature })).toMatchObject(refused)
    expect((await read()).version).toBe(2)
    const raw = await app.app.inject({ method: 'POST', url: '/api/webhooks/github' })
    expect(raw.statusCode).toBe(400)
    expect((await deliver({}, { delivery: '?' })).body.errors[0].field).toBe('header.x-github-delivery')
  })

  it('is off without a secret', async () => {
    const bare = await createTestApp(url)
    expect(await pullRequest(bare, SECRET).merge(71, '')).toMatchObject({
      status: 503,
      body: { type: '/problems/webhook-not-configured' },
    })
  })
})
