import { setTimeout as wait } from 'node:timers/promises'
import { WorkflowNotFoundError } from '@temporalio/client'
import pLimit from 'p-limit'
import type { Servers } from '../helpers/processes.ts'
import type { Answer, Caller } from './caller.ts'
import { untilCompleted } from './oracle.ts'

const PER_FLAG = 10
/** Due times of a flag lie so far apart, in milliseconds. */
const SLOT_MS = 280
/** A wave's first schedule is due so long after it begins: time to make them all, on a busy machine too. */
const AHEAD_MS = 3_000
/** Of races, which are made by one request. */
const RACES_AHEAD_MS = 1_500
/** Waves that are not over yet, at most: a slow machine gets a smaller load. */
const WAVES = 5

export interface Planned {
  id: string
  path: string
  flagKey: string
  dueAt: number
}

/** What was asked of a schedule around its due time, and what was answered. */
export interface Asked {
  schedule: Planned
  what: 'cancel' | 'change' | 'move'
  answer: Answer
}

export interface Load {
  /** What the keys of its flags begin with. */
  name: string
  /** Keys of the flags that were made. */
  flags: string[]
  schedules: Planned[]
  asked: Asked[]
  /** Schedules to whose workflows the signal `cancel` was sent, which is not answered. */
  signalled: Set<string>
  /** Refusals of schedules that came too late to be made: nothing of them may be there. */
  refused: number
}

export interface RunningLoad extends Load {
  /** Resolves when all that was asked is answered, and all that was made has come to its end. */
  stop(): Promise<void>
}

interface Scene {
  servers: Servers
  caller: Caller
  random: () => number
}

function emptyLoad(name: string): Load {
  return { name, flags: [], schedules: [], asked: [], signalled: new Set(), refused: 0 }
}

/**
 * Makes waves of schedules over HTTP until it is stopped, that fall due seconds later and are cancelled, changed and moved
 * around their due times, so that some of that comes too late. Each wave is 3 flags with 10 schedules, and 20 races.
 */
export function startLoad(scene: Scene, name: string, everyMs = 2_500): RunningLoad {
  const load = emptyLoad(name)
  const stopping = new AbortController()
  const underWay = new Set<Promise<void>>()
  let failure: unknown
  const waves = (async () => {
    const racers = await makeFlags(scene, load, 'race', 5)
    for (let nth = 0; !stopping.signal.aborted; nth++) {
      const wave = Promise.all([makeWave(scene, load, nth), race(scene, load, racers, { races: 20, everyMs: 100 })])
        .then(([made, raced]) => untilCompleted(scene.servers, [...made, ...raced]))
        .catch((error) => (failure ??= error))
        .finally(() => underWay.delete(wave))
      underWay.add(wave)
      await wait(everyMs, undefined, { signal: stopping.signal }).catch(() => {})
      if (underWay.size >= WAVES) await Promise.race(underWay)
    }
  })()
  return Object.assign(load, {
    async stop() {
      stopping.abort()
      await waves
      await Promise.all(underWay)
      if (failure) throw failure
    },
  })
}

async function makeFlags({ caller }: Scene, load: Load, name: string, count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, index) => `${load.name}-${name}-${index}`)
  await pLimit(8).map(keys, async (key) => {
    const answer = await caller.call('POST', '/flags', { key, rolloutPercentage: 0 })
    if (answer.status !== 201) throw new Error(`POST /flags was answered ${JSON.stringify(answer.body)}`)
    load.flags.push(key)
  })
  return keys
}

/**
 * Makes flags with 10 schedules each, over 5 s. In each flag the last two are due in the same instant, and both set the
 * same field: only their sequence says who wins.
 */
export async function makeSchedules(scene: Scene, load: Load, name: string, flags: number): Promise<Planned[][]> {
  const keys = await makeFlags(scene, load, name, flags)
  const firstDue = Date.now() + AHEAD_MS
  return await Promise.all(
    keys.map(async (flagKey, flag) => {
      const items = Array.from({ length: PER_FLAG }, (_, index) => {
        const slot = 2 * Math.min(index, PER_FLAG - 2) + (flag % 2)
        return { flagKey, updates: updatesOf(flag, index), dueAt: firstDue + slot * SLOT_MS }
      })
      if (flag % 3 === 2) return await makeInBulk(scene, load, items)
      const made: Planned[] = []
      // One after the other, so that sequences are in the order of due times here; moves will mix them.
      for (const { dueAt, updates } of items) {
        const body = { scheduledAt: new Date(dueAt).toISOString(), updates }
        const answer = await scene.caller.call('POST', `/flags/${flagKey}/schedule`, body)
        if (answer.status === 201) made.push(plan(load, String(answer.body.id), flagKey, dueAt))
        else refuse(load, answer.code, answer.body)
      }
      return made
    }),
  )
}

function updatesOf(flag: number, index: number) {
  const rolloutPercentage = (flag + 9 * (index + 1)) % 101
  if (index >= PER_FLAG - 2) return { rolloutPercentage }
  return [{ enabled: index % 2 === 0 }, { rolloutPercentage }, { enabled: index % 4 !== 1, rolloutPercentage }][
    index % 3
  ]
}

async function makeInBulk(
  { caller }: Scene,
  load: Load,
  items: { flagKey: string; updates?: object | undefined; dueAt: number }[],
): Promise<Planned[]> {
  const asked = items.map(({ flagKey, updates, dueAt }) => {
    return { flagKey, updates, scheduledAt: new Date(dueAt).toISOString() }
  })
  const { status, body } = await caller.call('POST', '/schedules/bulk', { mode: 'each', items: asked })
  if (status !== 200) throw new Error(`POST /schedules/bulk was answered ${JSON.stringify(body)}`)
  const results = body as unknown as { index: number; schedule?: { id: string }; problem?: { type: string } }[]
  return results.flatMap(({ index, schedule, problem }) => {
    const { flagKey, dueAt } = items[index] as (typeof items)[number]
    if (schedule) return [plan(load, schedule.id, flagKey, dueAt)]
    refuse(load, String(problem?.type).replace('/problems/', ''), problem)
    return []
  })
}

function plan(load: Load, id: string, flagKey: string, dueAt: number): Planned {
  const planned = { id, path: `/flags/${flagKey}/schedule/${id}`, flagKey, dueAt }
  load.schedules.push(planned)
  return planned
}

function refuse(load: Load, code: string, problem: unknown): void {
  if (!/^schedule-(in-past|out-of-order)$/.test(code)) throw new Error(`Refused: ${JSON.stringify(problem)}`)
  load.refused++
}

/** A wave's schedules, and what is asked of them between 800 ms before they are due and 400 ms after. */
async function makeWave(scene: Scene, load: Load, nth: number): Promise<string[]> {
  const { caller, random } = scene
  const ask = async (schedule: Planned, what: Asked['what'], at: number, body?: object) => {
    await wait(Math.max(0, at - Date.now()))
    load.asked.push({ schedule, what, answer: await caller.call(body ? 'PATCH' : 'DELETE', schedule.path, body) })
  }
  const made = await makeSchedules(scene, load, String(nth), 3)
  const meddling = made.flatMap((schedules, flag) =>
    schedules.map(async (schedule, index) => {
      const around = schedule.dueAt - 800 + random() * 1_200
      const moved = new Date(schedule.dueAt + 3 * SLOT_MS).toISOString()
      if (index === 1 && flag % 2 === 1) await ask(schedule, 'cancel', around)
      if (index === 3) await ask(schedule, 'change', around, { updates: { rolloutPercentage: 100 - flag } })
      if (index === 5) await ask(schedule, 'cancel', around)
      if (index === 6) await ask(schedule, 'move', around, { scheduledAt: moved })
      if (index === 7) await signalCancel(scene, load, schedule, around)
    }),
  )
  await Promise.all(meddling)
  return idsOf(made.flat())
}

const idsOf = (schedules: Planned[]) => schedules.map(({ id }) => id)

async function signalCancel({ servers }: Scene, load: Load, { id }: Planned, at: number): Promise<void> {
  load.signalled.add(id)
  await wait(Math.max(0, at - Date.now()))
  const handle = servers.client.workflow.getHandle(servers.names.flagSchedule(id))
  // As an operator would: again when nobody answers. Not found: not yet started, or deaf because it has ended.
  for (let tries = 0; tries < 30; tries++) {
    const error = await handle.signal('cancel', { by: 'chaos' }).catch((failure: Error) => failure)
    if (!error || (error instanceof WorkflowNotFoundError && Date.now() > at + 5_000)) return
    await wait(300)
  }
}

/**
 * Cancel against fire: schedules that fall due one after the other, each of them cancelled within `spreadMs`, from
 * 50 ms before it is due, one in ten of them by the signal.
 */
async function race(
  scene: Scene,
  load: Load,
  flags: string[],
  { races, everyMs, spreadMs = 300 }: { races: number; everyMs: number; spreadMs?: number },
): Promise<string[]> {
  const from = Date.now() + RACES_AHEAD_MS
  const made = await makeInBulk(
    scene,
    load,
    Array.from({ length: races }, (_, index) => {
      const updates = { rolloutPercentage: index % 101 }
      return { flagKey: flags[index % flags.length] as string, updates, dueAt: Math.round(from + index * everyMs) }
    }),
  )
  const runs = made.map(async (schedule, index) => {
    const at = schedule.dueAt - 50 + scene.random() * spreadMs
    if (index % 10 === 9) return await signalCancel(scene, load, schedule, at)
    await wait(Math.max(0, at - Date.now()))
    load.asked.push({ schedule, what: 'cancel', answer: await scene.caller.call('DELETE', schedule.path) })
  })
  await Promise.all(runs)
  return idsOf(made)
}

/** Nothing but races, as fast as a dev server starts and ends their workflows; says how they ended. */
export async function runRaces(scene: Scene, name: string, races: number): Promise<Load> {
  const load = emptyLoad(name)
  let left = races
  // Wider when too few come too late: a busy machine fires seconds after the due time, and then nothing would be a race.
  let spreadMs = 300
  const raceOnce = async (flags: string[], next: number) => {
    const before = countCancels(load)
    const ids = await race(scene, load, flags, { races: next, everyMs: 10, spreadMs })
    const after = countCancels(load)
    const tooLate = (after.tooLate - before.tooLate) / (after.tooLate + after.inTime - before.tooLate - before.inTime)
    if (tooLate < 0.2) spreadMs = Math.min(10_000, 3 * spreadMs)
    if (tooLate > 0.8) spreadMs = Math.max(100, spreadMs / 3)
    await untilCompleted(scene.servers, ids)
  }
  // Two lanes: while one waits for its first due time, the other is in the middle of it.
  const lanes = [1, 2].map(async (lane) => {
    const flags = await makeFlags(scene, load, `race${lane}`, 40)
    while (left > 0) {
      const next = Math.min(races < 1_000 ? 50 : 200, left)
      left -= next
      await raceOnce(flags, next)
    }
  })
  await Promise.all(lanes)
  return load
}

/** How many cancels came in time, and how many too late. */
export function countCancels({ asked }: Load): { inTime: number; tooLate: number } {
  const cancels = asked.filter(({ what }) => what === 'cancel')
  const inTime = cancels.filter(({ answer }) => answer.status === 200).length
  return { inTime, tooLate: cancels.length - inTime }
}
