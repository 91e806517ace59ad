import { setTimeout as wait } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Answer, Caller } from './caller.ts'

const FLAGS = 20
const PER_FLAG = 10
export const SCHEDULES = FLAGS * PER_FLAG
/** Due times lie this far apart; half of the flags share each of them. */
const SLOT_MS = 280

interface Planned {
  id: string
  path: string
  flagKey: string
  dueAt: number
}

/** What was asked of a schedule while all fell due, and what was answered. */
export interface Asked {
  schedule: Planned
  what: 'cancel' | 'change' | 'move'
  answer: Answer
}

export interface Load {
  /** What the keys of its flags begin with. */
  name: string
  schedules: Planned[]
  firstDue: number
}

/**
 * Makes 20 flags with 10 schedules each, over HTTP, that fall due in about 10 s, within 5 s. In each flag the last two
 * are due in the same instant, and both set the same field: only their sequence says who wins.
 */
export async function makeLoad(caller: Caller, name: string): Promise<Load> {
  const limit = pLimit(16)
  const keys = Array.from({ length: FLAGS }, (_, index) => `${name}-${index}`)
  const create = async (path: string, body: object) => {
    const answer = await caller.call('POST', path, body)
    if (answer.status !== 201) throw new Error(`POST ${path} was answered ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const from = performance.now()
  await limit.map(keys, (key) => create('/flags', { key, rolloutPercentage: 0 }))
  // Time enough to make the schedules, on a busy machine too.
  const firstDue = Date.now() + 8_000 + Math.min(15_000, Math.round(10 * (performance.now() - from)))
  // One after the other within a flag, so that sequences are in the order of due times here; moves will mix them.
  const byFlag = await Promise.all(
    keys.map(async (flagKey, flag) => {
      const made: Planned[] = []
      for (let index = 0; index < PER_FLAG; index++) {
        const slot = 2 * Math.min(index, PER_FLAG - 2) + (flag % 2)
        const dueAt = firstDue + slot * SLOT_MS
        const body = { scheduledAt: new Date(dueAt).toISOString(), updates: updatesOf(flag, index) }
        const { id } = await create(`/flags/${flagKey}/schedule`, body)
        made.push({ id: String(id), path: `/flags/${flagKey}/schedule/${id}`, flagKey, dueAt })
      }
      return made
    }),
  )
  if (Date.now() > firstDue) throw new Error('Making the schedules took too long: the first is due already')
  return { name, schedules: byFlag.flat(), firstDue }
}

function updatesOf(flag: number, index: number) {
  const rolloutPercentage = (flag + 9 * (index + 1)) % 101
  if (index >= PER_FLAG - 2) return { rolloutPercentage }
  return [{ enabled: index % 2 === 0 }, { rolloutPercentage }, { enabled: index % 4 !== 1, rolloutPercentage }][
    index % 3
  ]
}

/**
 * While the schedules fall due, cancels 40, changes 20 and moves 20, most between 800 ms before they are due and
 * 400 ms after, so that some come too late. Resolves when all are answered.
 */
export async function meddle(caller: Caller, { schedules, firstDue }: Load): Promise<Asked[]> {
  const ask = async (schedule: Planned, what: Asked['what'], at: number, body?: object): Promise<Asked> => {
    await wait(Math.max(0, at - Date.now()))
    return { schedule, what, answer: await caller.call(body ? 'PATCH' : 'DELETE', schedule.path, body) }
  }
  return await Promise.all(
    schedules.flatMap((schedule, position) => {
      const flag = Math.floor(position / PER_FLAG)
      const index = position % PER_FLAG
      // From 800 ms before the due time to 400 ms after it, by flag.
      const around = schedule.dueAt - 800 + (flag * 1_200) / FLAGS
      const moved = new Date(schedule.dueAt + 3 * SLOT_MS).toISOString()
      if (index === 1 && flag % 2 === 1) return ask(schedule, 'cancel', around)
      if (index === 2 && flag % 2 === 0) return ask(schedule, 'cancel', firstDue - 1_500)
      if (index === 3) return ask(schedule, 'change', around, { updates: { rolloutPercentage: 100 - flag } })
      if (index === 5) return ask(schedule, 'cancel', around)
      if (index === 6) return ask(schedule, 'move', around, { scheduledAt: moved })
      return []
    }),
  )
}
