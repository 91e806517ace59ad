import type { TestApp } from '../../helpers/app.ts'
import type { Visit } from './visit.ts'

/** The admin UI and its session. */
export async function visitSession(visit: Visit, token: TestApp['token']): Promise<void> {
  // Its messages have no end; test/api/stream.test.ts reads them.
  await visit('GET', '/api/admin/stream', '/api/admin/stream', 400, undefined, { 'last-event-id': 'x' })
  const page = { 'x-interlock-page': '1' }
  const opened = await visit('POST', '/api/session', '/api/session', 200, { token: await token('viewer') }, page)
  await visit('POST', '/api/session', '/api/session', 401, { token: 'x' }, page)
  const [cookie = ''] = String(opened.headers['set-cookie']).split(';')
  await visit('GET', '/api/session', '/api/session', 200, undefined, { cookie })
  await visit('DELETE', '/api/session', '/api/session', 200, undefined, page)
}
