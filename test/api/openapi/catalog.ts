import { itemOf, POLICY, STRICTER } from '../../helpers/catalog.ts'
import { one } from '../../helpers/database.ts'
import { type CatalogDatabases, drive } from '../../helpers/policy-runs.ts'
import type { Visit } from './visit.ts'

/** Items, policies, and their runs. */
export async function visitCatalog(visit: Visit, catalog: CatalogDatabases): Promise<void> {
  const items = '/api/admin/media-items'
  const { id: itemId, ...content } = itemOf(1)
  await visit('PUT', `${items}/{id}`, `${items}/${itemId}`, 201, content)
  await visit('PUT', `${items}/{id}`, `${items}/${itemId}`, 200, content)
  await visit('PUT', `${items}/{id}`, `${items}/0`, 400, content)
  await visit('PATCH', `${items}/{id}`, `${items}/1`, 200, { title: 'x' })
  await visit('PATCH', `${items}/{id}`, `${items}/2`, 404, { title: 'x' })
  await visit('GET', `${items}/{id}`, `${items}/1`, 200)
  await visit('DELETE', `${items}/{id}`, `${items}/1`, 200)
  await visit('GET', `${items}/{id}`, `${items}/1`, 404)
  const ndjson = { 'content-type': 'application/x-ndjson' }
  const lines = [itemOf(2), { id: 'x' }, itemOf(3)].map((line) => JSON.stringify(line)).join('\n')
  await visit('POST', `${items}/import`, `${items}/import`, 200, lines, ndjson)
  await visit('POST', `${items}/import`, `${items}/import`, 415, {})

  const policies = '/api/admin/catalog-policies'
  const policy = `${policies}/{id}`
  const first = await visit('POST', policies, policies, 201, { name: 'One', document: POLICY })
  const second = await visit('POST', policies, policies, 201, { name: 'Two', document: STRICTER })
  await visit('POST', policies, policies, 400, { name: 'Three', document: { rules: [{}] } })
  await visit('POST', `${policies}/preview`, `${policies}/preview`, 200, { document: STRICTER, sample: 5 })
  await visit('POST', `${policies}/preview`, `${policies}/preview`, 400, { document: 1 })
  await visit('GET', policies, policies, 200)
  await visit('GET', policy, `${policies}/${first.body.id}`, 200)
  await visit('GET', policy, `${policies}/${crypto.randomUUID()}`, 404)

  const runs = '/api/admin/catalog-policy-runs'
  const run = `${runs}/{runId}`
  for (const { body: made } of [first, second]) {
    const { body } = await visit('POST', `${policy}/prepare`, `${policies}/${made.id}/prepare`, 202, {
      batchSize: 10,
    })
    await visit('POST', `${policy}/prepare`, `${policies}/${made.id}/prepare`, 409)
    const self = `${runs}/${body.runId}`
    await visit('GET', run, self, 200)
    await visit('PATCH', run, self, 200, { delayMs: 1 })
    await visit('GET', `${run}/diff`, `${self}/diff`, 409)
    await visit('POST', `${run}/resume`, `${self}/resume`, 409)
    await visit('POST', `${run}/promote`, `${self}/promote`, 400)
    await drive(catalog, body.runId)
    await visit('GET', run, self, 200)
    await visit('GET', `${run}/diff`, `${self}/diff`, 200)
    await visit('POST', `${run}/promote`, `${self}/promote`, 200, { maxErrors: 3 })
  }
  await visit('GET', '/api/catalog/items', '/api/catalog/items', 200)
  await visit('GET', '/api/catalog/items', '/api/catalog/items?limit=x', 400)
  const back = await visit('POST', `${policy}/rollback`, `${policies}/${first.body.id}/rollback`, 202)
  await visit('POST', `${policy}/rollback`, `${policies}/${second.body.id}/rollback`, 409)
  const self = `${runs}/${back.body.runId}`
  await one(catalog.db, `UPDATE catalog_evaluation_runs SET status = 'failed', finished_at = now() WHERE id = $1`, [
    back.body.runId,
  ])
  await visit('POST', `${run}/resume`, `${self}/resume`, 202)
  await visit('POST', `${run}/cancel`, `${self}/cancel`, 200)
  await visit('POST', `${run}/cancel`, `${self}/cancel`, 409)
  await visit('GET', runs, runs, 200)
  await visit('GET', '/api/admin/events', '/api/admin/events?type=policy-promoted', 200)
}
