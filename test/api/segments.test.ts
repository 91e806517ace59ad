import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'

const { call } = await createTestApp(await createTestDatabase())

describe('segments', () => {
  it('are created, read, listed by key, changed and deleted', async () => {
    const created = await call('POST', 'segments?environment=seg', {
      key: 'staff',
      constraints: [{ contextName: 'email', operator: 'STR_ENDS_WITH', values: ['@example.com'] }],
    })
    expect(created).toMatchObject({
      status: 201,
      headers: { location: '/api/admin/segments/staff?environment=seg', etag: `"${created.body.revision}"` },
      body: { key: 'staff', environment: 'seg', createdBy: 'alice', constraints: [{ inverted: false }] },
    })
    const location = created.headers.location as string
    expect((await call('GET', location)).body).toEqual(created.body)
    await call('POST', 'segments?environment=seg', { key: 'aT' })
    const first = await call('GET', 'segments?environment=seg&limit=1')
    expect(first.body).toMatchObject([{ key: 'aT' }])
    const next = first.headers.link?.match(/<(.*)>/)?.[1] as string
    expect((await call('GET', next)).body).toEqual([created.body])
    const changed = await call('PATCH', location, { description: 'Us' }, { 'if-match': created.headers.etag as string })
    expect(changed.body).toMatchObject({ description: 'Us', constraints: created.body.constraints })
    expect((await call('DELETE', location, undefined, { 'if-match': created.headers.etag as string })).status).toBe(412)
    expect((await call('DELETE', location)).status).toBe(200)
    expect((await call('DELETE', location)).body.type).toBe('/problems/segment-not-found')
  })

  it('are refused with the field', async () => {
    await call('POST', 'segments', { key: 'taken' })
    expect(await call('POST', 'segments', { key: 'taken' })).toMatchObject({
      status: 409,
      body: { type: '/problems/segment-exists', errors: [{ field: 'key' }] },
    })
    const wrong = { constraints: [{ contextName: 'a', operator: 'SEMVER_GT', value: '1' }] }
    expect((await call('POST', 'segments', { key: 'x', ...wrong })).body.errors).toMatchObject([
      { field: 'constraints.0.value' },
    ])
    expect((await call('PATCH', 'segments/taken', wrong)).body.errors).toMatchObject([{ field: 'constraints.0.value' }])
    expect((await call('PATCH', 'segments/taken', {})).body.errors).toMatchObject([{ field: 'body' }])
    expect((await call('PATCH', 'segments/taken', { key: 'other' })).body.errors[0]).toMatchObject({ field: 'key' })
    expect((await call('GET', 'segments/nowhere')).status).toBe(404)
  })
})
