import { describe, expect, it } from 'vitest'
import { ChangeRequestEdit } from '../../domain/change-request.ts'
import { createTestApp } from '../helpers/app.ts'
import { changeRequests, enable } from '../helpers/change-requests.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { HOUR } from '../helpers/release-plans.ts'
import { inMs } from '../helpers/schedules.ts'

const app = await createTestApp(await createTestDatabase())
const { call, db } = app
const { as, fresh, request } = await changeRequests(app)

describe('approvals', () => {
  it('need other eyes than those that wrote it, its creator and editors alike', async () => {
    const made = await request([enable(await fresh())])
    expect((await made.approve('alice')).body).toMatchObject({ status: 403, type: '/problems/four-eyes' })
    await as('mallory', 'PATCH', made.path, { description: 'mine now' })
    expect((await made.approve('mallory')).body.type).toBe('/problems/four-eyes')
    const [change] = (await made.read()).changes
    await as('eve', 'PUT', `${made.path}/changes/${change.id}`, {
      action: 'updateFlag',
      flagKey: change.flagKey,
      payload: { enabled: true, rolloutPercentage: 1 },
    })
    expect((await made.approve('eve')).body.type).toBe('/problems/four-eyes')
    expect((await made.approve('bob')).body.state).toBe('approved')
  })

  it('of one’s own count where the environment allows it', async () => {
    const own = await changeRequests(app, { selfApproval: true })
    await own.newFlag('f')
    expect((await (await own.request([enable('f')])).approve('alice')).body.state).toBe('approved')
  })

  it('are counted by person, and two at once are two', async () => {
    const two = await changeRequests(app, { requiredApprovals: 2 })
    await two.newFlag('f')
    const made = await two.request([enable('f')])
    const version = (await made.read()).version
    await made.approve('bob')
    expect((await made.approve('bob')).body).toMatchObject({ state: 'in-review', approvals: [{ approver: 'bob' }] })
    expect((await made.read()).version).toBe(version)
    const other = await two.request([enable('f')])
    const match = { 'if-match': `"${(await other.read()).version}"` }
    const answers = await Promise.all([other.approve('bob', match), other.approve('carol', match)])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(await other.read()).toMatchObject({ state: 'approved', approvals: [{}, {}] })
    await call('PATCH', `environments/${two.environment}`, { requiredApprovals: 3 })
    expect((await other.apply()).body).toMatchObject({ type: '/problems/approvals-missing', approvals: 2, required: 3 })
  })

  it('of a version that was edited meanwhile are refused', async () => {
    const made = await request([enable(await fresh())])
    const { version } = await made.read()
    await as('alice', 'PATCH', made.path, { title: 'something else' })
    expect((await made.approve('bob', { 'if-match': `"${version}"` })).status).toBe(412)
    expect((await made.read()).approvals).toEqual([])
  })

  // From the schema itself, so that no field that comes later is forgotten.
  const EDITS: Record<keyof typeof ChangeRequestEdit.shape, unknown> = {
    title: 'another title',
    description: 'another description',
    scheduledAt: inMs(2 * HOUR),
    latePolicy: 'expire',
  }
  it.each(Object.keys(ChangeRequestEdit.shape) as (keyof typeof EDITS)[])(
    'are revoked when %s is changed',
    async (field) => {
      const made = await request([enable(await fresh())], { scheduledAt: inMs(HOUR) })
      expect((await made.approve()).body.state).toBe('scheduled')
      const { body } = await as('alice', 'PATCH', made.path, { [field]: EDITS[field] })
      expect(body).toMatchObject({
        state: 'in-review',
        approvals: [{ approver: 'bob', revokedAt: expect.any(String) }],
      })
      expect((await made.apply()).body.type).toBe('/problems/change-request-state')
      expect((await made.approve('bob')).body.state).toBe('scheduled')
    },
  )

  it.each(['POST', 'PUT', 'DELETE'] as const)('are revoked by %s of a change', async (method) => {
    const key = await fresh()
    const made = await request([enable(key), { action: 'updateFlag', flagKey: key, payload: { rolloutPercentage: 5 } }])
    await made.approve()
    const [change] = (await made.read()).changes
    const path = method === 'POST' ? `${made.path}/changes` : `${made.path}/changes/${change.id}`
    const edit = { action: 'updateFlag', flagKey: key, payload: { enabled: true, description: 'more' } }
    const { body } = await as('alice', method, path, method === 'DELETE' ? undefined : edit)
    expect(body).toMatchObject({ state: 'in-review', approvals: [{ revokedAt: expect.any(String) }] })
  })

  it('stay when nothing is changed, and when one without a time gets one', async () => {
    const made = await request([enable(await fresh())])
    await made.approve()
    expect((await as('alice', 'PATCH', made.path, { title: 'a request' })).body.state).toBe('approved')
    const { body } = await made.post('schedule', { scheduledAt: inMs(HOUR) })
    expect(body).toMatchObject({ state: 'scheduled', approvals: [{ revokedAt: null, scheduledAt: null }] })
    expect((await made.post('schedule', { scheduledAt: inMs(2 * HOUR) })).body.state).toBe('scheduled')
  })

  it('for a time are for no other', async () => {
    const made = await request([enable(await fresh())], { scheduledAt: inMs(HOUR) })
    await made.approve()
    const { body } = await made.post('schedule', { scheduledAt: inMs(2 * HOUR) })
    expect(body).toMatchObject({ state: 'in-review', approvals: [{ revokedAt: expect.any(String) }] })
  })

  it('end with a rejection, which only its creator can answer with an edit', async () => {
    const made = await request([enable(await fresh())])
    await made.approve()
    expect((await as('carol', 'POST', `${made.path}/reject?reason=no`)).body).toMatchObject({
      state: 'rejected',
      stateReason: 'no',
    })
    for (const verb of ['approve', 'submit', 'apply'])
      expect((await made.post(verb, verb === 'apply' ? {} : undefined, 'bob')).body.type).toBe(
        '/problems/change-request-state',
      )
    expect((await as('bob', 'PATCH', made.path, { title: 'x' })).status).toBe(409)
    expect((await as('alice', 'PATCH', made.path, { title: 'better' })).body.state).toBe('draft')
    await made.post('submit')
    expect((await made.approve('bob')).body.state).toBe('approved')
  })

  it.each([
    ['apply', -1, 'scheduled'],
    ['apply', 1, 'scheduled'],
    ['expire', -1, 'cancelled'],
    ['expire', 1, 'scheduled'],
    ['ask', -1, 'approved'],
    ['ask', 1, 'scheduled'],
  ] as const)('with late policy %s, given %i h from the time, leave it %s', async (latePolicy, hours, state) => {
    const made = await request([enable(await fresh())], { latePolicy, scheduledAt: inMs(HOUR) })
    await one(db, `UPDATE change_requests SET scheduled_at = scheduled_at + $2 * interval '1 hour' WHERE id = $1`, [
      made.id,
      hours === 1 ? 1 : -2,
    ])
    const { body } = await made.approve()
    expect(body.state).toBe(state)
    expect(body.stateReason).toEqual(state === 'scheduled' ? null : expect.stringContaining('after its time'))
    if (state === 'approved') expect((await made.apply()).body.state).toBe('applied')
  })
})
