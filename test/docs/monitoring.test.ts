import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { LATENESS_BOUNDS, sloBucket } from '../../domain/lateness.ts'
import { readConfig } from '../../runtime/config.ts'
import { sweepDue } from '../../store/sweep.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { inMs } from '../helpers/schedules.ts'

const { call, db } = await createTestApp(await createTestDatabase())
const metrics = async () => (await call('GET', '/metrics')).body as string
const namesIn = (expression: string) => expression.match(/\binterlock_\w+/g) ?? []

const exposed = async () => {
  await call('GET', 'flags')
  return new Set([...(await metrics()).matchAll(/^(interlock_\w+)[{ ]/gm)].map(([, name]) => name))
}

it('the alert rules are rules of Prometheus, over metrics that there are', async () => {
  const { groups } = parse(await readFile('docs/alerts.yml', 'utf8'))
  const rules = groups.flatMap(({ rules }: { rules: object[] }) => rules)
  const names = await exposed()
  expect(rules.length).toBeGreaterThan(5)
  for (const { alert, expr, annotations, labels, ...others } of rules) {
    expect({ alert, severity: labels.severity }).toEqual({
      alert: expect.stringMatching(/^Interlock\w+$/),
      severity: expect.stringMatching(/^(page|ticket)$/),
    })
    expect(Object.keys(others).filter((key) => key !== 'for')).toEqual([])
    expect(annotations).toMatchObject({ summary: expect.any(String), runbook: expect.any(String) })
    expect(namesIn(expr).length).toBeGreaterThan(0)
    expect([alert, namesIn(expr).filter((name) => !names.has(name))]).toEqual([alert, []])
  }
})

it('the dashboard shows metrics that there are, all of those of schedules and the outbox', async () => {
  const { panels } = JSON.parse(await readFile('docs/grafana.json', 'utf8'))
  const names = await exposed()
  const shown = new Set<string>()
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      expect(namesIn(expr).length).toBeGreaterThan(0)
      expect([title, namesIn(expr).filter((name) => !names.has(name))]).toEqual([title, []])
      for (const name of namesIn(expr)) shown.add(name)
    }
  }
  const promised = [...names].filter((name) => /^interlock_(schedules|sweeps|outbox)_/.test(name as string))
  expect(promised.filter((name) => !shown.has(name as string))).toEqual([])
})

it('counts schedules within the target by the bound at it, or the next one below', async () => {
  await call('POST', 'flags', { key: 'slo' })
  const schedule = (ms: number) =>
    call('POST', 'flags/slo/schedule', { scheduledAt: inMs(ms), updates: { enabled: true } })
  await schedule(-20_000)
  await schedule(-2_000)
  await sweepDue(db)
  const text = await metrics()
  expect(text).toMatch(/^interlock_schedule_slo_target_seconds 5$/m)
  expect(text).toMatch(/^# HELP interlock_schedules_within_slo_total Schedules applied at most 5 s late/m)
  expect(text).toMatch(/^interlock_schedules_within_slo_total 1$/m)
  expect(text).toMatch(/^interlock_schedules_applied_total 2$/m)

  for (const bound of LATENESS_BOUNDS) expect(sloBucket(bound).bound).toBe(bound)
  expect(sloBucket(4.99)).toEqual({ index: LATENESS_BOUNDS.indexOf(1), bound: 1 })
  expect(sloBucket(3_000).bound).toBe(600)
  const wrong = { DATABASE_URL: 'postgres://a/b', INTERLOCK_LATENESS_SLO_SECONDS: '0.001' }
  expect(() => readConfig(wrong)).toThrow('INTERLOCK_LATENESS_SLO_SECONDS')
})
