import type { Visit } from './visit.ts'

/** Accounts that move, and their notes. */
export async function visitAccounts(visit: Visit): Promise<void> {
  const accounts = '/api/admin/accounts'
  const account = `${accounts}/{accountId}`
  await visit('POST', accounts, accounts, 201, { id: 'acme' })
  await visit('POST', accounts, accounts, 409, { id: 'acme' })
  await visit('POST', accounts, accounts, 400, { id: '?' })
  await visit('GET', accounts, accounts, 200)
  await visit('GET', account, `${accounts}/acme`, 200)
  await visit('GET', account, `${accounts}/nobody`, 404)
  await visit('PATCH', account, `${accounts}/acme`, 409, { mode: 'done' })
  await visit('PATCH', account, `${accounts}/acme`, 200, { isMigrating: true })
  await visit('PATCH', account, `${accounts}/acme`, 412, { name: 'x' }, { 'if-match': '"0"' })
  await visit('POST', accounts, accounts, 201, { id: 'moves' })
  const migrations = '/api/admin/account-migrations'
  const migration = `${migrations}/{migrationId}`
  const nowhere = `${migrations}/${crypto.randomUUID()}`
  await visit('GET', '/api/admin/instances', '/api/admin/instances', 200)
  const begun = await visit('POST', migrations, migrations, 202, { cohorts: [{ accounts: ['moves'] }] })
  const moving = `${migrations}/${begun.body.id}`
  await visit('POST', migrations, migrations, 400, { cohorts: [{ percentage: 101 }] })
  await visit('POST', migrations, migrations, 409, { cohorts: [{ accounts: ['moves'] }] })
  await visit('POST', migrations, migrations, 422, { cohorts: [{ accounts: ['nobody'] }] })
  await visit('GET', migrations, migrations, 200)
  await visit('GET', migration, moving, 200)
  await visit('GET', migration, nowhere, 404)
  await visit('GET', `${migration}/accounts`, `${moving}/accounts`, 200)
  await visit('PATCH', migration, moving, 200, { batchSize: 7 })
  await visit('PATCH', migration, moving, 400, {})
  await visit('POST', `${migration}/verify`, `${moving}/verify`, 200)
  await visit('POST', `${migration}/resume`, `${moving}/resume`, 409)
  await visit('POST', `${migration}/pause`, `${moving}/pause`, 202)
  await visit('POST', `${migration}/resume`, `${moving}/resume`, 202)
  await visit('POST', `${migration}/stop`, `${moving}/stop`, 202)
  await visit('POST', `${migration}/rollback`, `${moving}/rollback`, 202)
  await visit('POST', `${migration}/rollback`, `${moving}/rollback`, 409)
  const notes = '/api/accounts/{accountId}/notes'
  const itsNotes = '/api/accounts/acme/notes'
  const noted = await visit('POST', notes, itsNotes, 201, { title: 'x' })
  await visit('POST', notes, itsNotes, 400, { title: 1 })
  await visit('GET', notes, itsNotes, 200)
  await visit('GET', notes, itsNotes, 401, undefined, { authorization: '' })
  const itsNote = `${itsNotes}/${noted.body.id}`
  await visit('GET', `${notes}/{noteId}`, itsNote, 200)
  await visit('PATCH', `${notes}/{noteId}`, itsNote, 200, { body: 'y' })
  await visit('PATCH', `${notes}/{noteId}`, itsNote, 412, { body: 'y' }, { 'if-match': '"1"' })
  await visit('DELETE', `${notes}/{noteId}`, itsNote, 200)
  await visit('GET', `${notes}/{noteId}`, itsNote, 404)
}
