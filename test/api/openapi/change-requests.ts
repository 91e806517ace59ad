import { inMs } from '../../helpers/schedules.ts'
import type { Visit } from './visit.ts'

export async function visitChangeRequests(visit: Visit): Promise<void> {
  const flags = '/api/admin/flags'
  const environments = '/api/admin/environments'
  const settings = `${environments}/{environment}`
  const requests = `${settings}/change-requests`
  const request = `${requests}/{id}`
  const itsRequests = `${environments}/reviewed/change-requests`
  const asked = async (payload: object, flagKey?: string) => {
    const made = await visit('POST', requests, itsRequests, 201, { title: 'x' })
    const itsRequest = `${itsRequests}/${made.body.id}`
    const change = { action: flagKey ? 'updateFlag' : 'createFlag', flagKey, payload }
    const { body } = await visit('POST', `${request}/changes`, `${itsRequest}/changes`, 200, change)
    return { itsRequest, change, itsChange: `${itsRequest}/changes/${body.changes[0].id}` }
  }
  await visit('PATCH', settings, `${environments}/reviewed`, 200, { changeRequests: true, selfApproval: true })
  await visit('POST', flags, `${flags}?environment=reviewed`, 403, { key: 'asked-for' })
  await visit('POST', requests, itsRequests, 400, { title: '' })
  const { itsRequest, change, itsChange } = await asked({ key: 'asked-for' })
  await visit('POST', `${request}/changes`, `${itsRequest}/changes`, 400, { action: 'nothing' })
  await visit('PUT', `${request}/changes/{changeId}`, itsChange, 200, change)
  await visit('DELETE', `${request}/changes/{changeId}`, itsChange, 200)
  await visit('DELETE', `${request}/changes/{changeId}`, itsChange, 404)
  await visit('POST', `${request}/submit`, `${itsRequest}/submit`, 422)
  await visit('POST', `${request}/changes`, `${itsRequest}/changes`, 200, change)
  await visit('PATCH', request, itsRequest, 200, { title: 'y' })
  await visit('PATCH', request, itsRequest, 412, { title: 'z' }, { 'if-match': '"0"' })
  await visit('POST', `${request}/submit`, `${itsRequest}/submit`, 200)
  await visit('POST', `${request}/rebase`, `${itsRequest}/rebase`, 200)
  await visit('POST', `${request}/apply`, `${itsRequest}/apply`, 409, {})
  await visit('POST', `${request}/approve`, `${itsRequest}/approve`, 200)
  await visit('POST', `${request}/schedule`, `${itsRequest}/schedule`, 200, { scheduledAt: inMs(3_600_000) })
  await visit('POST', `${request}/apply`, `${itsRequest}/apply`, 200, {})
  await visit('POST', `${request}/apply`, `${itsRequest}/apply`, 409, {})
  await visit('GET', request, itsRequest, 200)
  await visit('GET', requests, `${itsRequests}?state=applied`, 200)
  await visit('GET', requests, `${itsRequests}?state=x`, 400)
  const edited = await asked({ enabled: true }, 'asked-for')
  await visit('POST', `${request}/submit`, `${edited.itsRequest}/submit`, 200)
  await visit('POST', `${request}/reject`, `${edited.itsRequest}/reject`, 200)
  await visit('POST', `${request}/cancel`, `${edited.itsRequest}/cancel`, 200)
  const dropped = await asked({ key: 'never' })
  await visit('DELETE', request, dropped.itsRequest, 200)
  await visit('GET', request, dropped.itsRequest, 404)
}
