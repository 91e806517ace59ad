import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { freePort, isPortAnswering, isPortFree, portFrom, requireFreePorts } from '../../dev/ports.ts'

let busy: number
let server: Server

beforeEach(async () => {
  busy = await freePort()
  server = createServer().listen(busy, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
})

afterEach(() => {
  server.close()
})

it('tells a free port from one in use', async () => {
  expect([await isPortFree(busy), await isPortAnswering(busy)]).toEqual([false, true])
  const free = await freePort()
  expect([await isPortFree(free), await isPortAnswering(free)]).toEqual([true, false])
})

it('names every busy port, what it is for and the variable, in one error', async () => {
  const wishes = [
    { port: await freePort(), purpose: 'the API', variable: 'PORT' },
    { port: busy, purpose: 'Postgres', variable: 'INTERLOCK_POSTGRES_PORT' },
    { port: busy, purpose: 'Temporal', variable: 'INTERLOCK_TEMPORAL_PORT' },
  ]
  const error = (await requireFreePorts(wishes).catch((e) => e)) as Error
  expect(error.message.split('\n')).toEqual([
    expect.stringMatching(`^Port ${busy} for Postgres is in use.*INTERLOCK_POSTGRES_PORT=`),
    expect.stringMatching(`^Port ${busy} is asked for twice.*INTERLOCK_TEMPORAL_PORT`),
  ])
})

it('is content when all are free', async () => {
  await requireFreePorts([{ port: await freePort(), purpose: 'the API', variable: 'PORT' }])
})

it('reads a port and refuses what is none', () => {
  expect(portFrom({}, 'PORT', 3000)).toBe(3000)
  expect(portFrom({ PORT: '' }, 'PORT', 3000)).toBe(3000)
  expect(portFrom({ PORT: '8080' }, 'PORT', 3000)).toBe(8080)
  for (const text of ['x', '0', '65536', '1.5']) {
    expect(() => portFrom({ PORT: text }, 'PORT', 3000)).toThrow(`PORT=${text} is not a port`)
  }
})
