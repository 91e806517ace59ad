import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { findTemporalCli } from '../../dev/temporal-cli.ts'
import { makeAccounts } from '../../store/notes/import.ts'
import { addAccounts, createNotesApp, startMigration } from '../helpers/accounts.ts'
import { startTestWorker } from '../helpers/worker.ts'

const { app: test, url, databases } = await createNotesApp()
const { app, call, db, names, token } = test
await app.listen({ port: 0, host: '127.0.0.1' })
await startTestWorker(test, url)

const document = await readFile('docs/account-migration.md', 'utf8')
const [, operate = ''] = document.split('\n## Operate\n')
const [tour = '', commands = ''] = [...operate.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code]) => code as string)

async function bash(script: string, variables: Record<string, string> = {}): Promise<string> {
  const env = { ...process.env, NO_COLOR: '1', ...variables }
  return (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { env })).stdout
}

/** Sends a command again that came while the workflow of what is over was closing, as an operator would. */
async function send(script: string, MIGRATION: string): Promise<string> {
  for (;;) {
    try {
      return await bash(script, { MIGRATION })
    } catch (error) {
      if (!String(error).includes('workflow is closing')) throw error
    }
  }
}

it('the tour of a migration works as it stands, one command after the other', async () => {
  await makeAccounts(db, databases, [{ id: 'acme', notes: 400 }], 'alice')
  await addAccounts(test, 'other', [1, 2, 3])
  const API = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/api/admin`
  const output = await bash(tour, { API, TOKEN: await token('admin') })
  expect(output).not.toContain('/problems/')
  expect(output).toContain('"status":"paused"')
  expect(output).toContain('"complete":true')
  expect(output).toContain('"type":"account-migration-paused"')
  expect(output).toContain('"status":"stopped"')
  expect(output).toContain('"direction":"back"')
}, 60_000)

it('the commands of operators do what they say', async () => {
  const accounts = await addAccounts(test, 'operated', [600])
  const { id, workflowId } = await startMigration(test, { cohorts: [{ accounts }], batchSize: 2, delayMs: 100 })
  const cli = `temporal() { "${await findTemporalCli()}" "$@"; }\n`
  const lines = commands
    .replaceAll('account-migration:$MIGRATION', workflowId)
    .replaceAll('--task-queue batch', `--task-queue ${names.queues.batch}`)
    .split('\n')
    .filter(Boolean)
  const run = async (expected: object) => {
    const output = await send(cli + lines.shift(), id)
    await expect
      .poll(async () => (await call('GET', `account-migrations/${id}`)).body, { timeout: 20_000 })
      .toMatchObject(expected)
    return output
  }
  await run({ batchSize: 100, delayMs: 50 })
  await call('PATCH', `account-migrations/${id}`, { batchSize: 2, delayMs: 100 })
  await run({ status: 'paused', reason: 'store is slow' })
  await run({ status: 'running' })
  expect(await run({ status: 'running' })).toContain('600')
  await run({ status: 'stopped', reason: 'not today' })
  await run({ status: 'rolled-back' })
  expect(lines).toEqual([])
}, 90_000)
