import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { openCatalogDatabases } from '../helpers/policy-runs.ts'
import { createTestNoteStores } from '../notes/stores.ts'
import { visitAccounts } from './openapi/accounts.ts'
import { visitCatalog } from './openapi/catalog.ts'
import { visitChangeRequests } from './openapi/change-requests.ts'
import { visitFlags } from './openapi/flags.ts'
import { visitGameplans } from './openapi/gameplans.ts'
import { visitReads } from './openapi/reads.ts'
import { visitReleasePlans } from './openapi/release-plans.ts'
import { visitSchedules } from './openapi/schedules.ts'
import { visitSession } from './openapi/session.ts'
import { createVisit } from './openapi/visit.ts'

const url = await createTestDatabase()
const { legacy, current } = await createTestNoteStores()
const settings = { NOTES_LEGACY_URL: legacy.url, NOTES_CURRENT_URL: current.url }
const { app, call, db, token } = await createTestApp(url, { settings })
const catalog = openCatalogDatabases(url)
const document = (await app.inject('/docs/json')).json()

describe('the OpenAPI document', () => {
  it('is valid 3.1', async () => {
    expect(document.openapi).toBe('3.1.0')
    expect(await new Validator().validate(document)).toMatchObject({ valid: true })
  })

  it('asks for a token on every admin route and has a summary and all refusals for it', () => {
    for (const [path, methods] of Object.entries<
      Record<string, { security?: unknown; summary?: string; responses: object }>
    >(document.paths)) {
      if (!path.startsWith('/api/admin')) continue
      for (const operation of Object.values(methods)) {
        expect(operation).toMatchObject({ security: [{ token: [] }, { session: [] }], summary: expect.any(String) })
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403', '500', '503']))
      }
    }
  })

  it('asks for a body exactly where there must be one', () => {
    const bodies = Object.entries<Record<string, { requestBody?: { required: boolean } }>>(document.paths).flatMap(
      ([path, methods]) =>
        Object.values(methods).flatMap(({ requestBody }) => (requestBody ? [{ path, ...requestBody }] : [])),
    )
    const optional = bodies.filter(({ required }) => !required).map(({ path }) => path.split('/').at(-1))
    expect(optional.sort()).toEqual(['prepare', 'promote', 'rollback', 'start', 'start'])
    expect(bodies.length).toBeGreaterThan(optional.length)
    expect(JSON.stringify(document)).not.toContain('x-optional')
  })

  it("matches every route's answers", async () => {
    const { visit, visited } = createVisit(call, document)
    await visitFlags(visit)
    await visitSchedules(visit, db)
    await visitReads(visit, db)
    await visitReleasePlans(visit)
    await visitChangeRequests(visit)
    await visitGameplans(visit)
    await visitCatalog(visit, catalog)
    await visitSession(visit, token)
    await visitAccounts(visit)

    const documented = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect([...visited].sort()).toEqual(documented.sort())
  })
})
