import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { expect, it, vi } from 'vitest'
import { findTemporalCli } from '../../dev/temporal-cli.ts'
import { RULES } from '../../domain/gameplan/lint.ts'
import { REPOSITORY_RULES } from '../../domain/gameplan/repository.ts'
import { NEEDED } from '../../domain/gameplan/runnable.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { makeGameplan } from '../helpers/gameplans.ts'
import { startTestWorker } from '../helpers/worker.ts'

const url = await createTestDatabase()
const test = await createTestApp(url)
await test.app.listen({ port: 0, host: '127.0.0.1' })
await startTestWorker(test, url)
const document = await readFile('docs/gameplans.md', 'utf8')
const scripts = [...document.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code]) => code as string)

async function bash(script: string, variables: Record<string, string>): Promise<string> {
  const env = { ...process.env, NO_COLOR: '1', ...variables }
  return (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { env })).stdout
}

it('the tour works as it stands, one command after the other', async () => {
  const tour = scripts.find((script) => script.includes('/start'))
  const readme = await readFile('README.md', 'utf8')
  const api = readme.split('\n').find((line) => line.startsWith('api() {'))
  const API = `http://127.0.0.1:${(test.app.server.address() as AddressInfo).port}/api/admin`
  const output = await bash(`${api}\n${tour}`, { API, TOKEN: await test.token('admin') })
  const answers = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const [started, refused, , , , , merged, created, , on, , off, revised, contradicted, checked, graph, cancelled] =
    answers
  expect(started).toMatchObject({ status: 'running', activation: { how: 'schedule', afterSeconds: 3 } })
  expect(refused).toMatchObject({ status: 409, waitsFor: ['1', '2', '3'] })
  expect(merged.progress).toMatchObject({ patches: 7, done: 5 })
  expect([created.enabled, on.enabled, off.enabled]).toEqual([false, true, false])
  expect(revised).toMatchObject({ revision: 2, progress: { done: 5 } })
  expect(contradicted).toMatchObject({ type: '/problems/gameplan-contradicted', contradictions: [{ patchId: '4' }] })
  expect(checked.criteria[1]).toMatchObject({ done: true })
  expect(graph.layers).toHaveLength(5)
  expect(cancelled.status).toBe('cancelled')
  expect(answers).toHaveLength(17)
}, 60_000)

it('the commands of operators do what they say', async () => {
  const commands = (scripts.find((script) => script.includes('--name merged')) ?? '')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
  const { id, read } = await makeGameplan(test)
  const cli = `temporal() { "${await findTemporalCli()}" "$@"; }\n`
  const seen = (wanted: object) => vi.waitFor(async () => expect(await read()).toMatchObject(wanted), 20_000)
  const run = async (part: string) => {
    const [command = '', ...others] = commands.filter((line) => line.includes(part))
    expect([part, others]).toEqual([part, []])
    commands.splice(commands.indexOf(command), 1)
    return await bash(cli + command.replace('gameplan:$GAMEPLAN', test.names.gameplan(id)), {})
  }
  await run('--name merged')
  await seen({ progress: { done: 1 }, flag: { state: 'created' } })
  await run('--name reverted')
  await seen({ progress: { done: 0 } })
  await run('--name pause')
  await seen({ status: 'paused', pauseReason: 'incident' })
  await run('--name resume')
  await seen({ status: 'running' })
  expect(await run('metadata')).toContain('0 of 4 patches')
  await run('workflow cancel')
  await seen({ status: 'paused' })
  expect(commands).toEqual([])
}, 60_000)

it('docs/gameplans.md says which rules keep a gameplan from being run', () => {
  const [, said = ''] = /\*\*What can be run\.\*\*(.*?), and placeholders/.exec(document) ?? []
  expect([...said.matchAll(/`([\w-]+)`/g)].map(([, rule]) => rule)).toEqual([...NEEDED])
})

it('docs/gameplans.md has every rule, as the code has it', () => {
  const rows = [...document.matchAll(/^\| `([\w-]+)` +\| (\w+) +\| (.*?) +\| (\d?) +\|$/gm)].map(
    ([, ...cells]) => cells,
  )
  const rules = [...RULES, ...REPOSITORY_RULES].map(({ id, severity, demands, item }) => [
    id,
    severity,
    demands,
    String(item ?? ''),
  ])
  expect(rows).toEqual(rules)
})

it('what docs/gameplans.md links to is there', async () => {
  const links = [...document.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, path = '']) => path)
  expect(links).toHaveLength(2)
  for (const path of links) expect(await readFile(path, 'utf8')).toMatch(/^# Gameplan: /)
})
