import { beforeEach, expect, it } from 'vitest'
import type { StackProcess } from '../../dev/leftovers.ts'
import type { Exit } from '../../dev/processes.ts'
import { type Running, type Service, Supervisor } from '../../dev/supervisor.ts'

let events: string[]
let said: string[]
let gaveUp: Error[]
let running: StackProcess[]
let supervisor: Supervisor

beforeEach(() => {
  events = []
  said = []
  gaveUp = []
  running = []
  supervisor = new Supervisor({
    say: (line) => said.push(line),
    onChange: (processes) => {
      running = processes
    },
    onGiveUp: (error) => gaveUp.push(error),
    crashes: { limit: 3, withinMs: 10_000 },
    backoff: { firstMs: 1, maxMs: 4 },
  })
})

/** A service without a process: `crash()` ends it, `start` may be made to fail. */
function fake(name: string, start?: (life: number) => void) {
  const lives: { end: (exit: Exit) => void }[] = []
  const service: Service = {
    name,
    lastLines: async () => `the last words of ${name}`,
    start: async (onSpawn): Promise<Running> => {
      const life = lives.length + 1
      onSpawn(life)
      const { promise: exited, resolve: end } = Promise.withResolvers<Exit>()
      lives.push({ end })
      start?.(life)
      events.push(`${name} starts`)
      const stop = async () => {
        events.push(`${name} stops`)
        end({ code: 0, signal: null })
      }
      return { pid: life, exited, stop }
    },
  }
  return { service, lives, crash: () => lives.at(-1)?.end({ code: null, signal: 'SIGKILL' }) }
}

it('starts what ends again, and says so', async () => {
  const a = fake('A')
  await supervisor.start(a.service)
  expect(running).toEqual([{ name: 'A', pid: 1 }])
  a.crash()
  await expect.poll(() => said).toEqual(['A ended (SIGKILL); starting it again', 'A runs again'])
  expect(running).toEqual([{ name: 'A', pid: 2 }])
})

it('stops in the reverse of the order of starts, one after the other, and starts nothing any more', async () => {
  for (const name of ['A', 'B', 'C']) await supervisor.start(fake(name).service)
  await supervisor.stop()
  expect(events.slice(3)).toEqual(['C stops', 'B stops', 'A stops'])
  expect([running, said]).toEqual([[], []])
})

it('does not take it for a crash that a service ends because another one was stopped', async () => {
  const worker = fake('Worker')
  const server = fake('Server')
  await supervisor.start(worker.service)
  await supervisor.start({
    ...server.service,
    start: async (onSpawn) => {
      const life = await server.service.start(onSpawn)
      const stop = async () => {
        worker.crash()
        await life.stop()
      }
      return { ...life, stop }
    },
  })
  await supervisor.stop()
  expect([worker.lives.length, said]).toEqual([1, []])
})

it('gives up on what keeps ending, with its last lines, once', async () => {
  const a = fake('A', () => setImmediate(() => a.crash()))
  await supervisor.start(a.service)
  await expect
    .poll(() => gaveUp.map((error) => error.message))
    .toEqual(['A ended 3 times in 10 s and is given up. Its last lines:\nthe last words of A'])
  expect(a.lives).toHaveLength(3)
})

it('counts a start that fails as an end, and tries again', async () => {
  const a = fake('A', (life) => {
    if (life === 2) throw new Error('no room')
  })
  await supervisor.start(a.service)
  a.crash()
  await expect
    .poll(() => said)
    .toEqual(['A ended (SIGKILL); starting it again', 'A could not be started again: no room', 'A runs again'])
  expect(gaveUp).toEqual([])
})

it('passes on the error of a first start', async () => {
  const a = fake('A', () => {
    throw new Error('no room')
  })
  await expect(supervisor.start(a.service)).rejects.toThrow('no room')
  await supervisor.stop()
  expect(running).toEqual([])
})

it('waits for what is still starting, and stops that too', async () => {
  const a = fake('A')
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  const start: Service['start'] = async (onSpawn) => {
    await gate
    return a.service.start(onSpawn)
  }
  const started = supervisor.start({ ...a.service, start })
  const stopped = supervisor.stop()
  open()
  await Promise.all([started, stopped])
  expect(events).toEqual(['A starts', 'A stops'])
})
