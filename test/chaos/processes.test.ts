import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Part, type Stack, startStack } from '../helpers/processes.ts'
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

test('SIGKILL of the API while 200 schedules fall due', { timeout: TIMEOUT }, async () => {
  await strikeWhileDue(stack, 'api', () => killAndRestart(stack, 'api'))
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
