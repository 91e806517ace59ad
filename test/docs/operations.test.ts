import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startServers } from '../helpers/processes.ts'
import { inMs } from '../helpers/schedules.ts'
import { planScenarios } from './operations-plans.ts'
import { policyScenarios } from './operations-policies.ts'
import { scheduleScenarios } from './operations-schedules.ts'
import { serverScenarios } from './operations-servers.ts'
import { startProduct } from './product.ts'
import { openRunbook } from './runbook.ts'
import type { Scene } from './scene.ts'

const DOCUMENT = 'docs/operations.md'
const text = await readFile(DOCUMENT, 'utf8')
const scene = {} as Scene

beforeAll(async () => {
  scene.servers = await startServers()
  scene.worker = scene.servers.another('worker')
  scene.product = await startProduct(scene.servers)
  const { url, token } = scene.product
  const [, prelude = ''] = /```sh\n(URL=.*?)```/s.exec(text) ?? []
  const own = prelude.replaceAll('http://127.0.0.1:3000', url).replace(/^TOKEN=.*$/m, `TOKEN=${token}`)
  const env = { TEMPORAL_ADDRESS: scene.servers.temporalAddress, UNTIL: inMs(7_200_000) }
  scene.book = await openRunbook(DOCUMENT, env, own)
})
afterAll(async () => {
  await scene.servers?.stop()
})

serverScenarios(scene)
scheduleScenarios(scene)
policyScenarios(scene)
planScenarios(scene)

it('every command of the runbook was run', () => {
  const left = scene.book.commands.filter(({ ran }) => !ran)
  expect(left.map((command) => `${command.section}: ${command.text}`)).toEqual([])
  expect(scene.book.commands.length).toBeGreaterThan(80)
})

it('a command is in a code block, where it is run', () => {
  const prose = text.replaceAll(/^```.*?^```$/gms, '')
  const inline = [...prose.matchAll(/`([^`]+)`/g)].map(([, code]) => code as string)
  expect(
    inline.filter((code) => /^(temporal (?!CLI)\S+ \S|curl |api |SELECT |(GET|POST|PATCH|PUT|DELETE) \S)/.test(code)),
  ).toEqual([])
})
