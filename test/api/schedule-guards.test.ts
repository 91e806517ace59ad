import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

const url = await createTestDatabase()
const allowing = await createTestApp(url)
const warning = await createTestApp(url, {
  settings: { INTERLOCK_CONFLICTS: 'warn', INTERLOCK_MAX_PENDING_PER_FLAG: '2' },
})
const refusing = await createTestApp(url, { settings: { INTERLOCK_CONFLICTS: 'refuse' } })

const newFlag = async () => {
  const { body } = await allowing.call('POST', 'flags', { key: `flag-${crypto.randomUUID()}` })
  return `flags/${body.key}/schedule`
}

describe('the limit of pending schedules', () => {
  it('counts what is pending on the flag, and names itself', async () => {
    const path = await newFlag()
    const make = async () => await warning.call('POST', path, { scheduledAt: inMs(1e6), updates: { enabled: true } })
    const first = await make()
    expect([first.status, (await make()).status]).toEqual([201, 201])
    expect((await make()).body).toMatchObject({ status: 422, type: '/problems/too-many-schedules', limit: 2 })
    const self = `${path}/${first.body.id}`
    expect((await warning.call('PATCH', self, { scheduledAt: inMs(2e6) })).status).toBe(200)
    await warning.call('DELETE', self)
    expect((await make()).status).toBe(201)
    expect((await allowing.call('POST', path, { scheduledAt: inMs(1e6), updates: { enabled: true } })).status).toBe(201)
  })
})

describe('the conflict policy', () => {
  const scheduledAt = inMs(1e6)
  const setUp = async () => {
    const path = await newFlag()
    const updates = { enabled: true, rolloutPercentage: 20 }
    const { body } = await allowing.call(
      'POST',
      path,
      { scheduledAt, updates },
      { authorization: `Bearer ${await allowing.token('admin', 'bob')}` },
    )
    return { path, rival: body.id as string }
  }
  const against = { enabled: true, rolloutPercentage: 30 }

  it('`allow` says nothing', async () => {
    const { path } = await setUp()
    const { status, body } = await allowing.call('POST', path, { scheduledAt, updates: against })
    expect(status).toBe(201)
    expect(body).not.toHaveProperty('warnings')
  })

  it('`warn` names schedule, field and author, when creating, moving and changing', async () => {
    const { path, rival } = await setUp()
    const warnings = [{ code: 'schedule-conflict', scheduleId: rival, field: 'rolloutPercentage', createdBy: 'bob' }]
    const { status, body } = await warning.call('POST', path, { scheduledAt, updates: against })
    expect(status).toBe(201)
    expect(body).toMatchObject({ warnings })
    const self = `${path}/${body.id}`
    expect((await warning.call('GET', self)).body).not.toHaveProperty('warnings')
    const away = { scheduledAt: inMs(2e6) }
    expect((await warning.call('PATCH', self, away)).body).not.toHaveProperty('warnings')
    expect((await warning.call('PATCH', self, { scheduledAt })).body).toMatchObject({ warnings })
    expect((await warning.call('PATCH', self, { updates: { enabled: true } })).body).not.toHaveProperty('warnings')
    expect((await warning.call('PATCH', self, { updates: against })).body).toMatchObject({ warnings })
  })

  it('`refuse` answers 409 with the same, and lets other values, instants and comments pass', async () => {
    const { path, rival } = await setUp()
    const conflict = {
      status: 409,
      type: '/problems/schedule-conflict',
      scheduleId: rival,
      field: 'rolloutPercentage',
      createdBy: 'bob',
      errors: [{ field: 'updates.rolloutPercentage' }],
    }
    expect((await refusing.call('POST', path, { scheduledAt, updates: against })).body).toMatchObject(conflict)
    const same = await refusing.call('POST', path, { scheduledAt, updates: { rolloutPercentage: 20 } })
    expect(same.status).toBe(201)
    const { status, body } = await refusing.call('POST', path, { scheduledAt: inMs(2e6), updates: against })
    expect(status).toBe(201)
    expect((await refusing.call('PATCH', `${path}/${body.id}`, { scheduledAt })).body).toMatchObject(conflict)
    expect((await refusing.call('PATCH', `${path}/${rival}`, { comment: 'mine' })).status).toBe(200)
    // Nor is it in conflict with itself.
    expect((await refusing.call('PATCH', `${path}/${body.id}`, { updates: { enabled: false } })).status).toBe(200)
  })
})
