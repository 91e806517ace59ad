import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'

// A tree of its own with the repository's rules, so that no broken file ever stands among the real ones.
const directory = mkdtempSync(join(tmpdir(), 'interlock-lint-'))
const { vcs: _, ...rules } = JSON.parse(readFileSync('biome.json', 'utf8'))
writeFileSync(join(directory, 'biome.json'), JSON.stringify(rules))
cpSync('lint', join(directory, 'lint'), { recursive: true })
afterAll(() => rmSync(directory, { recursive: true }))

/** Lints `code` as if it stood in `path`; returns what Biome says. */
function lint(path: string, code: string): string {
  const file = join(directory, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, code)
  const { stdout, stderr } = spawnSync('biome', ['lint', path], { cwd: directory, encoding: 'utf8' })
  return stdout + stderr
}

const inTransaction = (call: string) => `
import { transaction } from './transaction.ts'
export const work = (db, client, task) => transaction(db, async (tx) => {
  await tx.query('SELECT 1')
  await ${call}
}, { origin: { actor: 'a', door: 'http' } })`

it.each([
  `client.workflow.start('flagSchedule', {})`,
  `client.workflow.getHandle('id').signal('nudge')`,
  `client.workflow.signalWithStart('flagSchedule', {})`,
  `client.schedule.create({})`,
  `task.trigger({}, {})`,
  `fetch('http://127.0.0.1')`,
])('sending inside a transaction does not pass the lint: %s', (call) => {
  expect(lint('activities/example.ts', inTransaction(call))).toContain('Nothing may be sent inside a transaction')
})

it('nor inside the write of a route', () => {
  const route = `export const handler = (db, request, client) => write(db, request, (tx) => client.workflow.start('a', tx))`
  expect(lint('api/routes/example.ts', route)).toContain('Nothing may be sent inside a transaction')
})

it('queueing inside a transaction does', () => {
  const queued = inTransaction(`tx.enqueueTriggerTask('key', task, {})`)
  expect(lint('activities/example.ts', queued)).not.toContain('Nothing may be sent')
})

it('the store cannot import what reaches Temporal', () => {
  for (const module of ['@temporalio/client', '../temporal/connection.ts']) {
    const imports = `import * as sent from '${module}'\nexport { sent }`
    expect(lint('store/example.ts', imports)).toContain('queues tasks with enqueueTriggerTask')
    expect(lint('worker/example.ts', imports)).not.toContain('enqueueTriggerTask')
  }
})
