import { describe, expect, it, vi } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
const { call, db } = app

const metric = (text: string, name: string) =>
  Number(new RegExp(`^${name.replaceAll(/[{}"+.]/g, '\\$&')} (.+)$`, 'm').exec(text)?.[1])

describe('health', () => {
  it('readyz says what is missing: first the worker, then nothing', async () => {
    expect(await call('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    const without = await call('GET', '/readyz')
    expect(without).toMatchObject({
      status: 503,
      body: {
        ready: false,
        checks: {
          postgres: { ok: true },
          temporal: { ok: true },
          worker: { ok: false, detail: 'no worker asks for tasks' },
        },
      },
    })
    const worker = await startTestWorker(app, url)
    await vi.waitFor(
      async () => expect(await call('GET', '/readyz')).toMatchObject({ status: 200, body: { ready: true } }),
      10_000,
    )
    await worker.stop()
  })

  it('metrics count schedules by lateness, and what waits', async () => {
    const worker = await startTestWorker(app, url)
    await call('POST', 'flags', { key: 'measured' })
    const path = 'flags/measured/schedule'
    const updates = { enabled: true }
    await call('POST', path, { scheduledAt: inMs(-20_000), updates })
    await call('POST', path, { scheduledAt: inMs(3_600_000), updates })
    await vi.waitFor(async () => expect((await call('GET', `${path}?status=applied`)).body).toHaveLength(1), 10_000)
    const { body: text } = await call('GET', '/metrics')
    expect(metric(text, 'interlock_schedules_applied_total')).toBe(1)
    expect(metric(text, 'interlock_schedules_pending')).toBe(1)
    expect(metric(text, 'interlock_schedules_backlog')).toBe(0)
    expect(metric(text, 'interlock_schedules_backlog_alert_threshold')).toBe(500)
    const le = (bound: string) => metric(text, `interlock_schedule_lateness_seconds_bucket{le="${bound}"}`)
    expect([le('5'), le('60'), le('+Inf')]).toEqual([0, 1, 1])
    expect(metric(text, 'interlock_schedule_lateness_seconds_sum')).toBeGreaterThan(20)
    expect(text).toMatch(
      /interlock_http_request_seconds_count\{method="POST",route="\/api\/admin\/flags",status="201"\} 1/,
    )
    await worker.stop()
  })

  it('a request id of the caller is in the answer, the problem and the event', async () => {
    const headers = { 'x-request-id': 'caller-17' }
    const refused = await call('POST', 'flags', { key: '?' }, headers)
    expect([refused.headers['x-request-id'], refused.body.instance]).toEqual(['caller-17', 'caller-17'])
    await call('POST', 'flags', { key: 'traced' }, headers)
    expect((await call('GET', 'events?flagKey=traced')).body[0].requestId).toBe('caller-17')
    const odd = await call('GET', 'flags', undefined, { 'x-request-id': 'a b\u00e9' })
    expect(odd.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('without Postgres answers 503 problems, says so, and still has metrics of its own', async () => {
    const gone = await createTestApp('postgres://nobody@127.0.0.1:1/nothing')
    expect((await gone.call('GET', 'flags')).body).toMatchObject({ status: 503, type: '/problems/unavailable' })
    expect((await gone.call('POST', 'flags', { key: 'a' })).headers['retry-after']).toBe('1')
    expect((await gone.call('GET', '/readyz')).body.checks.postgres).toMatchObject({ ok: false })
    expect(metric((await gone.call('GET', '/metrics')).body, 'interlock_postgres_up')).toBe(0)
    expect(metric((await call('GET', '/metrics')).body, 'interlock_postgres_up')).toBe(1)
    expect(db.pool.waitingCount).toBe(0)
  })
})
