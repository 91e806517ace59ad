import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { loadDemoCatalog } from '../../dev/demo-catalog.ts'
import { loadDemoPlan } from '../../dev/demo-plan.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { startTestWorker } from '../helpers/worker.ts'

const databaseUrl = await createTestDatabase()
const app = await createTestApp(databaseUrl)
const baseUrl = await app.app.listen({ port: 0, host: '127.0.0.1' })
await startTestWorker(app, databaseUrl)
const readme = await readFile('README.md', 'utf8')

it("the README's two-minute tour works when pasted", async () => {
  const [, tour = ''] = /## Two minutes with curl.*?```sh\n(.*?)```/s.exec(readme) ?? []
  const script = tour
    .replace(/^API=.*$/m, `API=${baseUrl}/api/admin`)
    .replace(/^TOKEN=.*$/m, `TOKEN=${await app.token('admin')}`)
  expect(script).not.toContain('npm run')
  const { stdout } = await promisify(execFile)('bash', ['-euc', script])
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const [flags, flag, schedule, pending, applied, events, cancelled, twice, refused] = answers
  expect(flags).toEqual([])
  expect(flag).toMatchObject({ key: 'beta', enabled: false })
  expect(pending).toMatchObject([{ id: schedule.id, status: 'pending' }])
  expect(applied).toMatchObject({ enabled: true, rolloutPercentage: 25 })
  expect(events[0]).toMatchObject({
    type: 'schedule-applied',
    data: { before: { enabled: false }, after: { enabled: true } },
  })
  expect(cancelled).toMatchObject({ status: 'cancelled' })
  expect(twice).toMatchObject({ status: 409, type: '/problems/schedule-cancelled' })
  expect(refused).toMatchObject({ status: 400, errors: [{ field: 'scheduledAt' }, { field: 'updates' }] })
  expect(answers).toHaveLength(9)
})

/** Runs the commands below a heading, after those that set the tour up. Returns their answers. */
async function paste(heading: string) {
  const [, setUp = ''] = /## Two minutes with curl.*?```sh\n(.*?)\n\n/s.exec(readme) ?? []
  const [, tour = ''] = new RegExp(`### ${heading}\n\n\`\`\`sh\n(.*?)\`\`\``, 's').exec(readme) ?? []
  const script = `${setUp}\n${tour}`
    .replace(/^API=.*$/m, `API=${baseUrl}/api/admin`)
    .replace(/^TOKEN=.*$/m, `TOKEN=${await app.token('admin')}`)
    .replaceAll('http://127.0.0.1:3000', baseUrl)
  expect(script).not.toContain('npm run')
  const { stdout } = await promisify(execFile)('bash', ['-euc', script])
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

it("the README's tour of release plans and evaluation works when pasted", async () => {
  await loadDemoPlan({ url: baseUrl, token: await app.token('admin') })
  const [plans, answer, bulk] = await paste('What is it for this user, and why')
  expect(plans).toMatchObject([{ flagKey: 'recommendations', status: 'running', waitsFor: ['time'] }])
  const [{ rollout }] = answer.strategies
  expect(answer.enabled).toBe(rollout.bucket <= 10)
  expect(bulk.flags).toContainEqual(expect.objectContaining({ key: 'recommendations', value: answer.enabled }))
})

it("the README's tour of policies works when pasted", async () => {
  await loadDemoCatalog({ url: baseUrl, token: await app.token('admin') })
  const [run, diff, refused, promoted, items, back] = await paste('A policy, beside the live one')
  expect(run).toMatchObject({ status: 'success', processed: 3_201, coverage: 1, readyToPromote: true })
  expect(diff.samples.regressions).toHaveLength(2)
  expect(refused).toMatchObject({
    status: 400,
    blockingReasons: [`${diff.regressions} items would disappear, more than 100`],
  })
  expect(readme).toContain(`400: ${diff.regressions} films would disappear`)
  expect(promoted).toMatchObject({ success: true, policyVersion: 2, previousVersion: 1 })
  expect(items).toHaveLength(2)
  expect(back).toMatchObject({ status: 'running' })
  await expect
    .poll(async () => (await app.call('GET', `catalog-policy-runs/${back.runId}`)).body.status)
    .toBe('promoted')
})

it('the table of calls names every part of every path', async () => {
  const calls = readme.split('\n').flatMap((line) => (line.startsWith('| `') ? line.split(' | ')[0] : []))
  const named = new Set(calls.join().match(/[\w-]+/g))
  const { paths } = (await app.app.inject('/docs/json')).json()
  const parts = new Set(Object.keys(paths).flatMap((path) => path.match(/(?<=\/)[\w-]+/g) ?? []))
  expect([...parts].filter((part) => !named.has(part))).toEqual([])
})

it('the README names every setting, and no other', async () => {
  const code = await readFile('runtime/config.ts', 'utf8')
  const settings = [...code.matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name]) => name as string)
  const [, table = ''] = /## Configuration(.*?)\n## /s.exec(readme) ?? []
  for (const name of settings) expect(table).toContain(`\`${name}\``)
  const local = [
    'INTERLOCK_DATA_DIR',
    'INTERLOCK_DEMO',
    'INTERLOCK_POSTGRES_PORT',
    'INTERLOCK_TEMPORAL_PORT',
    'INTERLOCK_TEMPORAL_UI_PORT',
  ]
  const named = [...table.matchAll(/`(INTERLOCK_\w+)`/g)].map(([, name]) => name as string)
  expect(named.filter((name) => !settings.includes(name) && !local.includes(name))).toEqual([])
})
