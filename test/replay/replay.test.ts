import { readdir, readFile } from 'node:fs/promises'
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { Worker } from '@temporalio/worker'
import { describe, expect, inject, it } from 'vitest'
import * as workflows from '../../workflows/index.ts'
import '../helpers/quiet-runtime.ts'
import { HISTORIES } from '../helpers/histories.ts'

const types = await readdir(HISTORIES)
const branches = Object.fromEntries(
  await Promise.all(types.map(async (type) => [type, await readdir(new URL(`${type}/`, HISTORIES))] as const)),
)
const { bundlePath: codePath } = inject('services')

const replay = async (type: string, file: string, change?: (history: Record<string, unknown>) => void) => {
  const json = JSON.parse(await readFile(new URL(`${type}/${file}`, HISTORIES), 'utf8'))
  change?.(json)
  await Worker.runReplayHistory({ workflowBundle: { codePath } }, historyFromJSON(json), 'replayed')
}

describe('histories of open workflows', () => {
  it.each(types.flatMap((type) => branches[type]?.map((file) => [type, file] as const) ?? []))(
    '%s/%s replays',
    async (type, file) => {
      await replay(type, file)
    },
  )

  it('are there for every workflow type', () => {
    expect(types.sort()).toEqual(Object.keys(workflows).sort())
  })

  it.each([
    ['accountMigration', ['nudge', 'pace', 'pause', 'resume', 'rollback', 'stop']],
    ['changeRequest', ['apply', 'cancel', 'nudge']],
    ['flagSchedule', ['cancel', 'nudge', 'reschedule']],
    ['gameplan', ['cancel', 'merged', 'nudge', 'pause', 'resume', 'reverted']],
    ['policyRun', ['cancel', 'nudge', 'pace', 'resume']],
    ['releasePlan', ['approve', 'nudge', 'pause', 'resume', 'start']],
  ])('of %s are there for every signal and every way to end', async (type, expected) => {
    const signals = new Set<string>()
    const ends = new Set<string>()
    for (const file of branches[type] ?? []) {
      const { events } = JSON.parse(await readFile(new URL(`${type}/${file}`, HISTORIES), 'utf8'))
      for (const event of events) {
        const signal = event.workflowExecutionSignaledEventAttributes?.signalName
        if (signal) signals.add(signal)
      }
      ends.add(events.at(-1).eventType)
    }
    expect([...signals].sort()).toEqual(expected)
    expect([...ends].sort()).toEqual([
      'EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED',
      'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
      'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW',
    ])
  })

  it('are refused when the workflow has become another', async () => {
    const renamed = replay('flagSchedule', 'applied.json', (history) => {
      for (const event of history.events as {
        activityTaskScheduledEventAttributes?: { activityType: { name: string } }
      }[]) {
        if (event.activityTaskScheduledEventAttributes)
          event.activityTaskScheduledEventAttributes.activityType.name = 'applyEverything'
      }
    })
    await expect(renamed).rejects.toThrow(/TMPRL1100|[Nn]ondeterminism/)
  })
})
