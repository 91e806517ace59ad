import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest'
import { type Stack, startStack } from '../helpers/processes.ts'
import { type Answer, createCaller } from './caller.ts'
import { addOne, appliedOnce, fateOf, makeOne, notDone } from './one-schedule.ts'
import { until } from './until.ts'

const TIMEOUT = 180_000
const OUTAGE_MS = 5_000
let stack: Stack

beforeAll(async () => {
  stack = await startStack()
}, TIMEOUT)
afterAll(async () => {
  await stack?.stop()
}, TIMEOUT)

/** Worker and API outlive the servers: nobody has to start them again. */
function expectSurvivors(): void {
  expect([stack.worker.isRunning(), stack.api.isRunning()]).toEqual([true, true])
}

test('an outage of Postgres across the due time is waited out, and the API says so', { timeout: TIMEOUT }, async () => {
  onTestFailed(() => console.error(stack.complaints()))
  const caller = await createCaller(stack.url)
  // Due at the beginning of the outage, two in the middle of it, and one after it. The first one's activity has read its
  // row and waits for the due time, so that it is the sweep that finds no Postgres; the others fail to read.
  const ones = await Promise.all([3_000, 5_500, 5_500, 9_500].map((dueInMs) => makeOne(caller, dueInMs)))
  const [first] = ones.map(({ path }) => path.split('/')[2])

  await wait((ones[0]?.dueAt as number) - 500 - Date.now())
  const stoppedAt = Date.now()
  await stack.postgres.stop()
  const underWay = addOne(caller, first as string, 60_000)
  const answers: Answer[] = []
  while (Date.now() < stoppedAt + OUTAGE_MS) {
    const asked = ones.map(({ path }) => caller.once('GET', path))
    asked.push(caller.once('POST', '/flags', { key: `unlucky-${answers.length}` }, crypto.randomUUID()))
    answers.push(...(await Promise.all(asked)))
    await wait(200)
  }
  const [alive, ready] = await Promise.all([fetch(`${stack.url}/healthz`), fetch(`${stack.url}/readyz`)])
  expect([alive.status, ready.status]).toEqual([200, 503])
  expect(await ready.json()).toMatchObject({
    ready: false,
    checks: { postgres: { ok: false }, temporal: { ok: true } },
  })
  await stack.postgres.start()

  expect(answers.length).toBeGreaterThan(10)
  expect(new Set(answers.map(({ status, code }) => `${status} ${code}`))).toEqual(new Set(['503 unavailable']))
  for (const { id } of ones) {
    await until(() => notDone(stack, id))
    expect(await fateOf(stack, id)).toMatchObject(appliedOnce)
  }
  // Sent again and again during the outage with one key, it was made once.
  const { id } = await underWay
  const made = `SELECT id FROM feature_flag_schedules WHERE flag_id = (SELECT id FROM feature_flags WHERE key = $1)`
  expect((await stack.sql(made, [first])).map((row) => row.id).sort()).toEqual([ones[0]?.id, id].sort())
  expect((await caller.call('GET', ones[0]?.path as string)).status).toBe(200)
  expect(caller.outrages).toEqual([])
  expectSurvivors()
})
