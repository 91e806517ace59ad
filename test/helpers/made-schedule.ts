import { expect, vi } from 'vitest'
import type { FlagSchedule } from '../../domain/flag-schedule.ts'
import type { TestApp } from './app.ts'
import { inMs } from './schedules.ts'

type Schedule = FlagSchedule & { workflowId: string }

/** Makes a flag and a schedule over HTTP; returns the schedule with ways to look at it, its flag and its workflow. */
export async function makeSchedule(
  { call, client }: Pick<TestApp, 'call' | 'client'>,
  dueInMs: number,
  updates: object = { enabled: true },
) {
  const { body: flag } = await call('POST', 'flags', { key: `flag-${crypto.randomUUID()}` })
  const path = `flags/${flag.key}/schedule`
  const { body } = await call('POST', path, { scheduledAt: inMs(dueInMs), updates })
  const made = body as Schedule
  const self = `${path}/${made.id}`
  return {
    ...made,
    self,
    handle: client.workflow.getHandle(made.workflowId),
    reread: async () => (await call('GET', self)).body as Schedule,
    flag: async () => (await call('GET', `flags/${flag.key}`)).body,
    lastEvent: async () => (await call('GET', `events?scheduleId=${made.id}&limit=1`)).body[0],
  }
}

export type MadeSchedule = Awaited<ReturnType<typeof makeSchedule>>

/** Waits until the workflow has read its row and armed its timer. */
export async function armed({ handle }: MadeSchedule): Promise<void> {
  await vi.waitFor(async () => {
    const { events } = await handle.fetchHistory()
    expect(events?.some((event) => event.timerStartedEventAttributes)).toBe(true)
  }, 10_000)
}
