import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Part, type Stack, startStack } from '../helpers/processes.ts'
import { createCaller } from './caller.ts'
import { addOne } from './one-schedule.ts'
import { killAndRestart, strikeWhileDue } from './strike.ts'

const TIMEOUT = 180_000
let stack: Stack

beforeAll(async () => {
  stack = await startStack()
}, TIMEOUT)
afterAll(async () => {
  await stack?.stop()
}, TIMEOUT)

test('SIGKILL of the worker while 200 schedules fall due', { timeout: TIMEOUT }, async () => {
  await strikeWhileDue(stack, 'worker', () => killAndRestart(stack, 'worker'))
})

test('SIGKILL of the API while 200 schedules fall due, and while others are made', { timeout: TIMEOUT }, async () => {
  const caller = await createCaller(stack.url)
  const key = 'asked-again'
  await caller.call('POST', '/flags', { key })
  await strikeWhileDue(stack, 'api', async () => {
    // After COMMIT a request waits for its dispatch: some of these die with their work done, and are sent again.
    const requests = Promise.all(Array.from({ length: 40 }, () => addOne(caller, key, 3_600_000)))
    await wait(100)
    await killAndRestart(stack, 'api')
    const answered = (await requests).map(({ id }) => id)
    expect(caller.tally.get('no connection')).toBeGreaterThan(0)
    const made = 'SELECT s.id FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id WHERE f.key = $1'
    expect((await stack.sql(made, [key])).map(({ id }) => id).sort()).toEqual(answered.sort())
  })
})

test('SIGTERM of worker and API, with a second worker, while 200 schedules fall due', {
  timeout: TIMEOUT,
}, async () => {
  const second = stack.anotherWorker()
  await second.start()
  const stopped = async (part: Part) => {
    const from = performance.now()
    expect(await part.stop()).toEqual({ code: 0, signal: null })
    expect(performance.now() - from).toBeLessThan(15_000)
  }
  await strikeWhileDue(stack, 'graceful', async () => {
    await Promise.all([stopped(stack.worker), stopped(stack.api)])
    // The second worker goes on alone; what was asked of the first API and not answered is asked of the next.
    await stack.api.start()
  })
  expect(second.isRunning()).toBe(true)
  expect(stack.worker.isRunning()).toBe(false)
})
