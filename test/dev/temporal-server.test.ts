import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { freePort } from '../../dev/ports.ts'
import { isAlive } from '../../dev/processes.ts'
import { startTemporalServer, type TemporalServer, type TemporalServerOptions } from '../../dev/temporal-server.ts'
import { temporaryDirectory } from './fake-release.ts'

const FETCH_MS = 300_000

let home: string
let started: TemporalServer[]

beforeEach(async () => {
  home = await temporaryDirectory()
  started = []
})

afterEach(async () => {
  for (const server of started) await server.stop()
  await rm(home, { recursive: true, force: true })
})

async function start(changes: Partial<TemporalServerOptions> = {}): Promise<TemporalServer> {
  const server = await startTemporalServer({ port: 0, logFile: join(home, 'log'), namespace: 'default', ...changes })
  started.push(server)
  return server
}

async function withClient<T>(server: TemporalServer, namespace: string, use: (client: Client) => Promise<T>) {
  const connection = await Connection.connect({ address: server.address })
  try {
    return await use(new Client({ connection, namespace }))
  } finally {
    await connection.close()
  }
}

it('serves its namespace, keeps its workflows over a SIGKILL, and stops when asked', {
  timeout: FETCH_MS,
}, async () => {
  const options = { dbFile: join(home, 'data', 'temporal.db'), namespace: 'mine', uiPort: await freePort() }
  const first = await start(options)
  expect((await fetch(first.uiUrl as string)).status).toBe(200)
  await withClient(first, 'mine', (client) =>
    client.workflow.start('nobody', { workflowId: 'kept', taskQueue: 'none' }),
  )
  process.kill(first.pid, 'SIGKILL')
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' })

  const second = await start(options)
  const status = await withClient(second, 'mine', (client) => client.workflow.getHandle('kept').describe())
  expect(status.status.name).toBe('RUNNING')
  await second.stop()
  expect(await isAlive(second.pid)).toBe(false)
  await second.stop()
})

it('has no Web UI unless asked', { timeout: FETCH_MS }, async () => {
  expect((await start()).uiUrl).toBeNull()
})

it('does not take another server on the same port for itself', { timeout: FETCH_MS }, async () => {
  const port = Number((await start()).address.split(':')[1])
  await expect(start({ port })).rejects.toThrow(`Temporal did not start on 127.0.0.1:${port}: the port is in use`)
})

it('shows the end of its log when it cannot start', { timeout: FETCH_MS }, async () => {
  await expect(start({ args: ['--no-such-option'] })).rejects.toThrow(/ended with code 1[\s\S]*no-such-option/)
})
