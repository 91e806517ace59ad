import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, it } from 'vitest'
import { verifyOpenWorkflows } from '../../worker/verify.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { armed, makeSchedule } from '../helpers/made-schedule.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const app = await createTestApp(url)
await startTestWorker(app, url)
const { bundlePath } = inject('services')

it('replays what is open against a build, and says which workflows it would break', async () => {
  const schedules = await Promise.all([1, 2, 3].map(() => makeSchedule(app, 3_600_000)))
  for (const made of schedules) await armed(made)
  const query = `FlagKey IN (${schedules.map(({ flagKey }) => `"${flagKey}"`).join(', ')})`
  const verify = (codePath: string) =>
    verifyOpenWorkflows({ client: app.client, workflowBundle: { codePath }, limit: 100, query })
  await expect.poll(() => verify(bundlePath), { timeout: 10_000 }).toEqual({ replayed: 3, broken: [] })

  // A build whose workflow waits for nothing.
  const other = join(tmpdir(), `interlock-verify-${crypto.randomUUID()}.js`)
  await writeFile(other, (await readFile(bundlePath, 'utf8')).replaceAll('readFlagSchedule', 'readFlagScheduleAnew'))
  const { replayed, broken } = await verify(other)
  expect(replayed).toBe(3)
  expect(broken.map(({ workflowId }) => workflowId).sort()).toEqual(
    schedules.map(({ workflowId }) => workflowId).sort(),
  )
  expect(broken[0]?.error).toMatch(/TMPRL1100|[Nn]ondeterminism/)
})
