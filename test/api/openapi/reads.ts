import type { Database } from '../../../store/database.ts'
import { one } from '../../helpers/database.ts'
import { inMs } from '../../helpers/schedules.ts'
import type { Visit } from './visit.ts'

/** What operators and applications read. Leaves a flag `read`. */
export async function visitReads(visit: Visit, db: Database): Promise<void> {
  const flags = '/api/admin/flags'
  const flag = `${flags}/{flagKey}`
  await visit('GET', '/api/admin/events', '/api/admin/events', 200)
  const audit = 'actor=alice&type=flag-created,flag-updated&from=2020-01-01T00:00:00Z&to=2120-01-01T00:00:00Z'
  await visit('GET', '/api/admin/events', `/api/admin/events?${audit}`, 200)
  const outbox = await visit('GET', '/api/admin/outbox', '/api/admin/outbox', 200)
  const requeue = '/api/admin/outbox/{outboxId}/requeue'
  const { id } = outbox.body[0]
  await visit('POST', requeue, `/api/admin/outbox/${id}/requeue`, 409)
  await visit('POST', requeue, '/api/admin/outbox/999999/requeue', 404)
  await one(db, `UPDATE outbox SET state = 'dead' WHERE id = $1`, [id])
  await visit('POST', requeue, `/api/admin/outbox/${id}/requeue`, 200)
  await visit('GET', '/healthz', '/healthz', 200)
  await visit('GET', '/readyz', '/readyz', 503)

  const keys = '/api/admin/api-keys'
  const reader = { name: 'shop', environment: 'production' }
  const apiKey = await visit('POST', keys, keys, 201, reader)
  await visit('POST', keys, keys, 400, { ...reader, expiresAt: '2020-01-01T00:00:00Z' })
  await visit('GET', keys, keys, 200)
  const question = { context: { targetingKey: 'user-17' } }
  await visit('POST', flags, flags, 201, { key: 'read', enabled: true })
  await visit('POST', `${flag}/evaluate`, `${flags}/read/evaluate`, 200, { ...question, at: inMs(60_000) })
  await visit('POST', `${flag}/evaluate`, `${flags}/unknown/evaluate`, 404, question)
  await visit('POST', `${flag}/evaluate`, `${flags}/read/evaluate`, 400, {})
  await visit('POST', `${flag}/preview`, `${flags}/read/preview`, 200, { contexts: [{ userId: 'a' }], enabled: false })
  await visit('POST', `${flag}/preview`, `${flags}/unknown/preview`, 404, { contexts: [{}] })
  await visit('POST', `${flag}/preview`, `${flags}/read/preview`, 400, { contexts: [] })
  const evaluate = '/ofrep/v1/evaluate/flags'
  const asApplication = { 'x-api-key': apiKey.body.key }
  await visit('POST', evaluate, evaluate, 200, question, asApplication)
  await visit('POST', evaluate, evaluate, 400, {}, asApplication)
  await visit('POST', evaluate, evaluate, 401, question, { 'x-api-key': 'x' })
  await visit('POST', evaluate, `${evaluate}?environment=x`, 403, question, asApplication)
  await visit('POST', `${evaluate}/{key}`, `${evaluate}/read`, 200, question, asApplication)
  await visit('POST', `${evaluate}/{key}`, `${evaluate}/unknown`, 404, question, asApplication)
  await visit('DELETE', `${keys}/{apiKeyId}`, `${keys}/${apiKey.body.id}`, 200)
  await visit('DELETE', `${keys}/{apiKeyId}`, `${keys}/${crypto.randomUUID()}`, 404)
}
