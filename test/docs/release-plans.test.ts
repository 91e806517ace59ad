import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { expect, it, vi } from 'vitest'
import { findTemporalCli } from '../../dev/temporal-cli.ts'
import type { ReleasePlan } from '../../domain/release-plan.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { milestones } from '../helpers/release-plans.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const test = await createTestApp(url)
const { app, call, client, names, token } = test
await app.listen({ port: 0, host: '127.0.0.1' })
await startTestWorker(test, url)

const document = await readFile('docs/release-plans.md', 'utf8')
const [tour, operate] = [...document.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code]) => code as string)

async function bash(script: string, variables: Record<string, string> = {}): Promise<string> {
  const env = { ...process.env, NO_COLOR: '1', ...variables }
  return (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { env })).stdout
}

it('the tour works as it stands, one command after the other', async () => {
  const readme = await readFile('README.md', 'utf8')
  const api = readme.split('\n').find((line) => line.startsWith('api() {'))
  const API = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/api/admin`
  const output = await bash(`${api}\n${tour}`, { API, TOKEN: await token('admin') })
  expect(output).not.toContain('/problems/')
  expect(output).toContain('"waitsFor":["time"]')
  expect(output).toContain('"waitsFor":["approval"]')
  expect(output).toContain('"pauseReason":"search-errors was 0.07, > 0.02"')
}, 60_000)

it('the commands of operators do what they say', async () => {
  const { body: flag } = await call('POST', 'flags', { key: 'operated', enabled: true })
  const body = { name: 'plan', milestones: milestones(2, [{ approval: true, afterSeconds: 3600 }]) }
  const { body: plan } = await call('POST', `flags/${flag.key}/release-plans`, body)
  const self = `flags/${flag.key}/release-plans/${plan.id}`
  const commands = (operate as string)
    .replaceAll(/\\\n\s*/g, '')
    .replaceAll('release-plan:$PLAN', plan.workflowId)
    .replace('--task-queue timers', `--task-queue ${names.queues.timers}`)
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
  const cli = `temporal() { "${await findTemporalCli()}" "$@"; }\n`
  const variables = { PLAN: plan.id, FLAG: flag.key, UNTIL: '2126-01-01T00:00:00Z', MILESTONE: plan.milestones[0].id }
  /** Runs the one that is left and contains this. */
  const run = async (part: string) => {
    const [at, ...others] = commands.flatMap((command, i) => (command.includes(part) ? [i] : []))
    expect([part, at, others]).toEqual([part, expect.any(Number), []])
    return await bash(cli + commands.splice(at as number, 1)[0], variables)
  }
  const seen = (wanted: Partial<ReleasePlan>) =>
    vi.waitFor(async () => expect((await call('GET', self)).body).toMatchObject(wanted), 20_000)

  await run('--name start')
  await seen({ status: 'running', waitsFor: ['time', 'approval'] })
  await run('--name approve')
  await seen({ waitsFor: ['time'] })
  // What was said of it a moment ago is found a moment later.
  const query = `FlagKey="${flag.key}" AND DueAt < "${variables.UNTIL}"`
  await vi.waitFor(async () => expect((await client.workflow.count(query)).count).toBe(1), 20_000)
  expect(await run('FlagKey')).toContain(plan.workflowId)
  expect(await run('DueAt')).toContain(plan.workflowId)
  expect(await run('metadata')).toContain('milestone 1 of 2')
  await run('--name pause')
  await seen({ status: 'paused', pauseReason: 'lunch' })
  await run('--name resume')
  await seen({ status: 'running' })
  await run('workflow cancel')
  await seen({ status: 'paused' })
  await call('POST', `${self}/milestones/${plan.milestones[1].id}/start`)
  const handle = client.workflow.getHandle(plan.workflowId)
  // Cancelled, when the workflow heard of the start before its own end.
  const ended = expect.stringMatching(/^(COMPLETED|CANCELLED)$/)
  await vi.waitFor(async () => expect((await handle.describe()).status.name).toEqual(ended), 20_000)
  await seen({ status: 'completed' })
  await run('signal-with-start')
  await seen({ status: 'running', activeMilestoneId: plan.milestones[0].id })
  expect(commands).toEqual([])
}, 60_000)
