import type { Database } from '../../../store/database.ts'
import { one } from '../../helpers/database.ts'
import { inMs } from '../../helpers/schedules.ts'
import type { Visit } from './visit.ts'

/** All that changes a flag later, and what holds it. Archives the flag `a`. */
export async function visitSchedules(visit: Visit, db: Database): Promise<void> {
  const flags = '/api/admin/flags'
  const flag = `${flags}/{flagKey}`
  const schedules = `${flag}/schedule`
  const schedule = `${schedules}/{scheduleId}`
  const body = { scheduledAt: inMs(60_000), updates: { enabled: true } }
  const created = await visit('POST', schedules, `${flags}/a/schedule`, 201, body)
  await visit('POST', schedules, `${flags}/a/schedule`, 422, { ...body, scheduledAt: inMs(-1e6) })
  await visit('GET', schedules, `${flags}/a/schedule`, 200)
  const against = { ...body, updates: { enabled: false } }
  await visit('POST', `${schedules}/preview`, `${flags}/a/schedule/preview`, 200, against)
  await visit('POST', `${schedules}/preview`, `${flags}/b/schedule/preview`, 404, body)
  await visit('GET', `${flag}/state`, `${flags}/a/state?at=${body.scheduledAt}`, 200)
  await visit('GET', `${flag}/state`, `${flags}/a/state?at=2020-01-01T00:00:00Z`, 404)
  await visit('GET', `${flag}/state`, `${flags}/a/state`, 400)
  await visit('GET', '/api/admin/schedules/health', '/api/admin/schedules/health', 200)
  const url = `${flags}/a/schedule/${created.body.id}`
  await visit('GET', schedule, url, 200)
  await visit('PATCH', schedule, url, 200, { updates: { rolloutPercentage: 3 } })
  await visit('DELETE', schedule, url, 200)
  await visit('DELETE', schedule, url, 409)
  await visit('PATCH', schedule, url, 409, body)
  const all = '/api/admin/schedules'
  const bulk = [
    { flagKey: 'a', ...body },
    { flagKey: 'nowhere', ...body },
  ]
  await visit('POST', `${all}/bulk`, `${all}/bulk`, 200, { mode: 'each', items: bulk })
  await visit('POST', `${all}/bulk`, `${all}/bulk`, 422, { mode: 'all', items: bulk })
  await visit('POST', `${all}/bulk`, `${all}/bulk`, 400, { mode: 'all', items: [] })
  await visit('GET', all, `${all}?status=pending&flagKey=a`, 200)
  await visit('GET', all, `${all}?dueFrom=tomorrow`, 400)
  const filter = { flagKeys: ['a'] }
  await visit('POST', `${all}/bulk-shift`, `${all}/bulk-shift`, 200, { filter, byMs: -1e9, dryRun: true })
  await visit('POST', `${all}/bulk-shift`, `${all}/bulk-shift`, 422, { filter, byMs: -1e9 })
  await visit('POST', `${all}/bulk-shift`, `${all}/bulk-shift`, 200, { filter, byMs: 1e9 })
  await visit('POST', `${all}/bulk-cancel`, `${all}/bulk-cancel`, 200, { filter })
  await visit('POST', `${all}/bulk-cancel`, `${all}/bulk-cancel`, 400, { filter: {} })

  const recurrences = `${flag}/recurrences`
  const recurrence = `${recurrences}/{recurrenceId}`
  const daily = { cron: '0 9 * * *', timeZone: 'Europe/Berlin' }
  await visit('POST', `${recurrences}/preview`, `${flags}/a/recurrences/preview`, 200, { recurrence: daily })
  await visit('POST', recurrences, `${flags}/a/recurrences`, 400, {
    recurrence: { ...daily, timeZone: 'Mars/Olympus' },
    updates: { enabled: true },
  })
  const recurring = await visit('POST', recurrences, `${flags}/a/recurrences`, 201, {
    recurrence: daily,
    updates: { enabled: true },
  })
  await visit('GET', recurrences, `${flags}/a/recurrences`, 200)
  const recurs = `${flags}/a/recurrences/${recurring.body.id}`
  await visit('GET', recurrence, recurs, 200)
  await visit('GET', recurrence, `${flags}/a/recurrences/${crypto.randomUUID()}`, 404)
  await visit('PATCH', recurrence, recurs, 200, { comment: 'daily' })
  await visit('POST', `${recurrence}/skip`, `${recurs}/skip`, 200)
  await visit('POST', `${recurrence}/pause`, `${recurs}/pause`, 200)
  await visit('POST', `${recurrence}/skip`, `${recurs}/skip`, 409)
  await visit('POST', `${recurrence}/resume`, `${recurs}/resume`, 200)
  await visit('DELETE', recurrence, recurs, 200)
  await visit('DELETE', recurrence, recurs, 409)
  const again = await visit('POST', schedules, `${flags}/a/schedule`, 201, body)
  const failing = `${flags}/a/schedule/${again.body.id}`
  await visit('POST', `${schedule}/retry`, `${failing}/retry`, 409)
  await one(db, `UPDATE feature_flag_schedules SET status = 'failed', error_message = 'x' WHERE id = $1`, [
    again.body.id,
  ])
  await visit('POST', `${schedule}/retry`, `${failing}/retry`, 200)
  await visit('GET', `${all}/retention`, `${all}/retention`, 200)
  const releases = '/api/admin/releases'
  const release = `${releases}/{releaseId}`
  const together = { scheduledAt: inMs(60_000), changes: [{ flagKey: 'a', updates: { enabled: true } }] }
  const released = await visit('POST', releases, releases, 201, together)
  await visit('POST', releases, releases, 400, { ...together, changes: [] })
  await visit('POST', releases, releases, 404, { ...together, changes: [{ ...together.changes[0], flagKey: 'b' }] })
  await visit('GET', releases, `${releases}?status=pending`, 200)
  const its = `${releases}/${released.body.id}`
  await visit('GET', release, its, 200)
  await visit('GET', release, `${releases}/${crypto.randomUUID()}`, 404)
  await visit('PATCH', release, its, 200, { comment: 'launch' })
  await visit('PATCH', release, its, 412, { comment: 'launch' }, { 'if-match': '"1"' })
  const part = `${flags}/a/schedule/${released.body.changes[0].scheduleId}`
  await visit('DELETE', schedule, part, 409)
  await visit('POST', `${all}/bulk-cancel`, `${all}/bulk-cancel`, 422, { filter: { flagKeys: ['a'] } })
  await visit('DELETE', flag, `${flags}/a`, 409)
  await visit('DELETE', release, its, 200)
  await visit('DELETE', release, its, 409)
  const freezes = '/api/admin/freezes'
  const freeze = `${freezes}/{freezeId}`
  const window = { environment: 'production', from: inMs(-1e3), to: inMs(1e6), reason: 'peak', mode: 'defer' }
  const frozen = await visit('POST', freezes, freezes, 201, window)
  await visit('POST', freezes, freezes, 422, { ...window, from: inMs(-2e3), to: inMs(-1e3) })
  await visit('POST', freezes, freezes, 400, { ...window, mode: 'maybe' })
  await visit('GET', freezes, `${freezes}?active=true`, 200)
  const current = `${freezes}/${frozen.body.id}`
  await visit('GET', freeze, current, 200)
  await visit('GET', schedule, failing, 200)
  await visit('PATCH', freeze, current, 200, { to: inMs(2e6) })
  await visit('PATCH', freeze, current, 412, { to: inMs(2e6) }, { 'if-match': '"1"' })
  await visit('DELETE', freeze, current, 200)
  await visit('DELETE', freeze, current, 404)
  await visit('DELETE', flag, `${flags}/a`, 200)
  await visit('PATCH', flag, `${flags}/a`, 422, { enabled: true })
  await visit('POST', schedules, `${flags}/a/schedule`, 422, body)
}
