import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { documentOf } from '../helpers/gameplans.ts'
import { milestones } from '../helpers/release-plans.ts'
import { inMs } from '../helpers/schedules.ts'

const url = await createTestDatabase()
const { app, call, db } = await createTestApp(url)
const document = (await app.inject('/docs/json')).json()

const HOUR = 3_600_000
const environment = 'guarded'
const at = `?environment=${environment}`
const post = async (path: string, body?: unknown) => {
  const { status, body: made } = await call('POST', `${path}${path.includes('?') ? '' : at}`, body)
  expect(status, `${path} ${JSON.stringify(made)}`).toBeLessThan(300)
  return made
}

// Something of everything, made before the environment asks for change requests.
await call('PATCH', `environments/${environment}`, { releasePlanSync: false })
for (const key of ['f', 'other', 'third']) await post('flags', { key })
const own = await post('flags/f/strategies', { name: 'default' })
await post('segments', { key: 's' })
const updates = { enabled: true }
const schedule = (ms: number, key = 'f') => post(`flags/${key}/schedule`, { scheduledAt: inMs(ms), updates })
const pending = await schedule(HOUR)
const failed = await schedule(2 * HOUR)
await one(db, `UPDATE feature_flag_schedules SET status = 'failed', error_message = 'x' WHERE id = $1`, [failed.id])
const cancellable = await schedule(3 * HOUR)
const release = (key: string) =>
  post('releases', { scheduledAt: inMs(HOUR), changes: [{ flagKey: key, environment, updates }] })
const [moved, dropped] = [await release('other'), await release('other')]
const recurring = { recurrence: { cron: '0 9 * * *', timeZone: 'UTC' }, updates }
const [recurrence, ended] = [await post('flags/f/recurrences', recurring), await post('flags/f/recurrences', recurring)]
const plan = await post('flags/f/release-plans', {
  name: 'p',
  milestones: milestones(2, [{ approval: true, afterSeconds: 3600 }]),
})
const itsPlan = `flags/f/release-plans/${plan.id}`
const first = `${itsPlan}/milestones/${plan.milestones[0].id}`
await post(`${first}/start`)
const itsStrategy = `${itsPlan}/milestone-strategies/${plan.milestones[0].strategies[0].id}`
// The copies differ, so that there is something to repair.
await call('PATCH', `${itsStrategy}${at}`, { title: 'drifted' })
const safeguard = await post(`${itsPlan}/safeguards`, { metric: 'm', operator: '>', threshold: 1, action: 'rollback' })
const freeze = await post('freezes?reason=x', {
  environment: 'elsewhere',
  from: inMs(HOUR),
  to: inMs(2 * HOUR),
  reason: 'x',
  mode: 'refuse',
})
const made = await post(`environments/${environment}/change-requests?reason=x`, { title: 'draft' })
const graph = ['1 [INFRA] -> []', '2 [BEHAVIOR] -> [1]', '3 [INFRA] -> []']
const markdown = documentOf({ graph, activated: '2', criteria: ['it works'], questions: ['Who?'] })
const gameplan = await post('gameplans', { markdown })
const itsGameplan = `gameplans/${gameplan.id}`
await call('PATCH', `environments/${environment}`, { changeRequests: true })

type Write = [path: string, body?: unknown]
const flags = '/api/admin/flags'
const flag = `${flags}/{flagKey}`
const plans = `${flag}/release-plans/{planId}`
const milestone = `${plans}/milestones/{milestoneId}`

/** What changes what applications see, or will see: each is refused. */
const REFUSED: Record<string, Write> = {
  [`POST ${flags}`]: ['flags', { key: 'new' }],
  [`PATCH ${flag}`]: ['flags/f', { enabled: true }],
  [`DELETE ${flag}`]: ['flags/third'],
  [`POST ${flag}/strategies`]: ['flags/f/strategies', { name: 'default' }],
  [`POST ${flag}/strategies/reorder`]: ['flags/f/strategies/reorder', { ids: [own.id] }],
  [`PUT ${flag}/strategies/{strategyId}`]: [`flags/f/strategies/${own.id}`, { name: 'default', title: 'x' }],
  [`PATCH ${flag}/strategies/{strategyId}`]: [`flags/f/strategies/${own.id}`, { title: 'x' }],
  [`DELETE ${flag}/strategies/{strategyId}`]: [`flags/f/strategies/${own.id}`],
  'POST /api/admin/segments': ['segments', { key: 'new' }],
  'PATCH /api/admin/segments/{segmentKey}': ['segments/s', { description: 'x' }],
  'DELETE /api/admin/segments/{segmentKey}': ['segments/s'],
  'POST /api/admin/environments/{environment}/release-plan-drift/repair': [
    `environments/${environment}/release-plan-drift/repair?reason=x`,
    { from: 'milestone', dryRun: false },
  ],
  [`POST ${flag}/schedule`]: ['flags/f/schedule', { scheduledAt: inMs(HOUR), updates }],
  [`PATCH ${flag}/schedule/{scheduleId}`]: [`flags/f/schedule/${pending.id}`, { comment: 'x' }],
  [`POST ${flag}/schedule/{scheduleId}/retry`]: [`flags/f/schedule/${failed.id}/retry`],
  'POST /api/admin/schedules/bulk': [
    'schedules/bulk?reason=x',
    { mode: 'all', items: [{ flagKey: 'f', environment, scheduledAt: inMs(HOUR), updates }] },
  ],
  'POST /api/admin/schedules/bulk-shift': ['schedules/bulk-shift?reason=x', { filter: { environment }, byMs: 1000 }],
  'POST /api/admin/releases': [
    'releases',
    { scheduledAt: inMs(HOUR), changes: [{ flagKey: 'third', environment, updates }] },
  ],
  'PATCH /api/admin/releases/{releaseId}': [`releases/${moved.id}?reason=x`, { comment: 'x' }],
  [`POST ${flag}/recurrences`]: ['flags/f/recurrences', recurring],
  [`PATCH ${flag}/recurrences/{recurrenceId}`]: [`flags/f/recurrences/${recurrence.id}`, { comment: 'x' }],
  [`POST ${flag}/recurrences/{recurrenceId}/resume`]: [`flags/f/recurrences/${recurrence.id}/resume`],
  [`POST ${flag}/release-plans`]: ['flags/other/release-plans', { name: 'p', milestones: milestones(1) }],
  [`DELETE ${plans}`]: [itsPlan],
  [`POST ${plans}/resume`]: [`${itsPlan}/resume`],
  [`POST ${milestone}/start`]: [`${first}/start`],
  [`POST ${milestone}/approve`]: [`${first}/approve`],
  [`PATCH ${milestone}`]: [first, { name: 'x' }],
  [`POST ${milestone}/strategies`]: [`${first}/strategies`, { name: 'default' }],
  [`PUT ${plans}/milestone-strategies/{strategyId}`]: [itsStrategy, { name: 'default' }],
  [`PATCH ${plans}/milestone-strategies/{strategyId}`]: [itsStrategy, { title: 'x' }],
  [`DELETE ${plans}/milestone-strategies/{strategyId}`]: [itsStrategy],
  [`POST ${plans}/safeguards`]: [
    `${itsPlan}/safeguards`,
    { metric: 'm', operator: '>', threshold: 1, action: 'pause' },
  ],
  [`DELETE ${plans}/safeguards/{safeguardId}`]: [`${itsPlan}/safeguards/${safeguard.id}`],
}

/** What only stops something, with why it passes. */
const STOPS: Record<string, { why: string; write: Write }> = {
  [`DELETE ${flag}/schedule/{scheduleId}`]: {
    why: 'a change that was to come does not come',
    write: [`flags/f/schedule/${cancellable.id}`],
  },
  'DELETE /api/admin/releases/{releaseId}': {
    why: 'changes that were to come do not come',
    write: [`releases/${dropped.id}?reason=x`],
  },
  [`POST ${flag}/recurrences/{recurrenceId}/skip`]: {
    why: 'one change does not come',
    write: [`flags/f/recurrences/${recurrence.id}/skip`],
  },
  [`POST ${flag}/recurrences/{recurrenceId}/pause`]: {
    why: 'no change comes until it is resumed, which is refused',
    write: [`flags/f/recurrences/${recurrence.id}/pause`],
  },
  [`DELETE ${flag}/recurrences/{recurrenceId}`]: {
    why: 'no change comes any more',
    write: [`flags/f/recurrences/${ended.id}`],
  },
  [`POST ${plans}/pause`]: {
    why: 'users keep what they have until it is resumed, which is refused',
    write: [`${itsPlan}/pause`],
  },
  'POST /api/admin/environments/{environment}/metrics': {
    why: 'says what is; what a plan does about it was let through with the plan',
    write: [`environments/${environment}/metrics?reason=x`, [{ metric: 'm', value: 0 }]],
  },
  'POST /api/admin/freezes': {
    why: 'stops schedules for a time',
    write: ['freezes?reason=x', { environment, from: inMs(5 * HOUR), to: inMs(6 * HOUR), reason: 'x', mode: 'refuse' }],
  },
  'PATCH /api/admin/freezes/{freezeId}': {
    why: 'freezes only stop',
    write: [`freezes/${freeze.id}?reason=x`, { reason: 'y' }],
  },
  'DELETE /api/admin/freezes/{freezeId}': {
    why: 'what was let through is not stopped any more',
    write: [`freezes/${freeze.id}?reason=x`],
  },
  'POST /api/admin/schedules/bulk-cancel': {
    why: 'changes that were to come do not come',
    write: ['schedules/bulk-cancel?reason=x', { filter: { environment, flagKeys: ['f'] } }],
  },
  [`POST ${flag}/schedule/preview`]: {
    why: 'changes nothing; it says that the schedule itself would be refused',
    write: ['flags/f/schedule/preview', { scheduledAt: inMs(HOUR), updates }],
  },
  [`POST ${flag}/recurrences/preview`]: {
    why: 'changes nothing',
    write: ['flags/f/recurrences/preview', { recurrence: recurring.recurrence }],
  },
  [`POST ${flag}/evaluate`]: { why: 'changes nothing', write: ['flags/f/evaluate', { context: {} }] },
  [`POST ${flag}/preview`]: { why: 'changes nothing', write: ['flags/f/preview', { contexts: [{}], enabled: true }] },
  'POST /api/admin/gameplans': { why: 'a draft changes nothing', write: ['gameplans', { markdown }] },
  'POST /api/admin/gameplans/lint': { why: 'changes nothing', write: ['gameplans/lint?', { markdown }] },
  ...gameplanCalls(),
  'PATCH /api/admin/environments/{environment}': {
    why: 'decides whether change requests are asked for; it is in the audit trail',
    write: [`environments/${environment}?reason=x`, { releasePlanSync: true }],
  },
}

/** Of a gameplan, in an order in which each can be made: what it does with its flag, it asks for by a change request. */
function gameplanCalls(): typeof STOPS {
  const path = '/api/admin/gameplans/{id}'
  const why = 'says what is; the flag is changed by a change request that the gameplan makes'
  const call = (route: string, verb: string, body?: unknown) => [
    `${route} ${path}${verb.replace(/^(\/patches)\/\d/, '$1/{patchId}').replace(/^(\/(?:criteria|questions))\/\d/, '$1/{number}')}`,
    { why, write: [`${itsGameplan}${verb}?reason=x`, body] },
  ]
  return Object.fromEntries([
    call('POST', '/start'),
    call('POST', '/patches/1/merged'),
    call('POST', '/patches/1/reverted'),
    call('POST', '/patches/3/skipped'),
    call('POST', '/criteria/1/check'),
    call('POST', '/criteria/1/uncheck'),
    call('POST', '/questions/1/answer', { answer: 'We do' }),
    call('POST', '/questions/1/reopen'),
    call('PUT', '', { markdown }),
    call('POST', '/pause'),
    call('POST', '/resume'),
    call('POST', '/cancel'),
  ])
}

/** Nothing of these belongs to an environment; or it is the way in. */
const ELSEWHERE =
  /^\w+ (\/ofrep\/|\/api\/session|\/api\/accounts\/|\/api\/webhooks\/|\/api\/admin\/(outbox|catalog-polic|media-items|api-keys|accounts|account-migrations|release-plan-templates|environments\/\{environment\}\/change-requests))/

const query = (path: string) => (path.includes('?') ? path : `${path}${at}`)

describe('an environment that asks for change requests', () => {
  const routes = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => method !== 'get')
      .map((method) => `${method.toUpperCase()} ${path}`),
  )

  it('every route that writes is known: refused, let through for a reason, or of no environment', () => {
    const known = [...Object.keys(REFUSED), ...Object.keys(STOPS)]
    expect(routes.filter((route) => !ELSEWHERE.test(route)).sort()).toEqual(known.sort())
  })

  it.each(Object.entries(REFUSED))('%s is refused, with the way in', async (route, [path, body]) => {
    const before = await one(db, 'SELECT revision, (SELECT count(*) FROM events) AS events FROM configuration_revision')
    const [method = '', documented = ''] = route.split(' ')
    const { status, body: answer } = await call(method as 'POST', query(path), body)
    expect(document.paths[documented][method.toLowerCase()].responses[403].description).toContain(
      'change-request-required',
    )
    expect(answer).toMatchObject({
      type: '/problems/change-request-required',
      href: `/api/admin/environments/${environment}/change-requests`,
    })
    expect(status).toBe(403)
    expect(
      await one(db, 'SELECT revision, (SELECT count(*) FROM events) AS events FROM configuration_revision'),
    ).toEqual(before)
  })

  it('the refusal names the action that would be the same', async () => {
    expect((await call('PATCH', `flags/f${at}`, { enabled: true })).body.action).toBe('updateFlag')
    expect((await call('DELETE', `segments/s${at}`)).body.action).toBe('deleteSegment')
    const ofMilestone = await call('POST', `${first}/strategies${at}`, { name: 'default' })
    expect(ofMilestone.body.action).toBe('addStrategy')
    for (const one of [`flags/f/strategies/${own.id}`, itsStrategy]) {
      expect((await call('PATCH', `${one}${at}`, { title: 'x' })).body.action).toBe('updateStrategy')
      expect((await call('PUT', `${one}${at}`, { name: 'default' })).body.action).toBe('updateStrategy')
      expect((await call('DELETE', `${one}${at}`)).body.action).toBe('deleteStrategy')
    }
    expect((await call('POST', `flags/f/recurrences${at}`, recurring)).body.action).toBeNull()
  })

  it.each(Object.entries(STOPS))('%s passes', async (route, { write: [path, body] }) => {
    const [method = ''] = route.split(' ')
    const { status, body: answer } = await call(method as 'POST', query(path), body)
    expect(status, JSON.stringify(answer)).toBeLessThan(300)
  })

  it('a preview says that the schedule would be refused', async () => {
    const { body } = await call('POST', `flags/f/schedule/preview${at}`, { scheduledAt: inMs(HOUR), updates })
    expect(body).toMatchObject({ valid: false, problems: [{ code: 'change-request-required' }] })
  })

  it('other environments take direct writes', async () => {
    expect((await call('POST', 'flags', { key: 'free' })).status).toBe(201)
    expect((await call('GET', `environments/${environment}/change-requests/${made.id}`)).body.state).toBe('draft')
  })
})
