/** What a map of notes would be asked, and what was answered. */
export type Call =
  | { kind: 'create' | 'update'; id: string; value: string }
  | { kind: 'get'; id: string }
  | { kind: 'delete'; id: string }
  | { kind: 'page'; after: string | null; limit: number }

interface Shown {
  id: string
  value: string
  version: number
}

export type Answer =
  | { kind: 'refused' }
  | { kind: 'note'; value: string; version: number }
  | { kind: 'absent' }
  | { kind: 'page'; items: Shown[]; next: string | null }

/** What a map holds of a key; null: it was deleted. */
interface Held {
  id: string
  value: string | null
  version: number
}
/** In the order of ids. */
export type Reference = readonly Held[]

/** What a map would answer, and what it would be then: each write raises the key's version by one, deletes too. */
export function askReference(map: Reference, call: Call): { answer: Answer; map: Reference } {
  if (call.kind === 'page') {
    const items = map.flatMap(({ id, value, version }) => (value === null ? [] : [{ id, value, version }]))
    return { answer: { kind: 'page', items, next: null }, map }
  }
  const { value, version } = map.find(({ id }) => id === call.id) ?? { value: null, version: 0 }
  if (call.kind === 'get') {
    return { answer: value === null ? { kind: 'absent' } : { kind: 'note', value, version }, map }
  }
  if ((call.kind === 'create') !== (value === null)) return { answer: { kind: 'refused' }, map }
  const next = { id: call.id, value: call.kind === 'delete' ? null : call.value, version: version + 1 }
  const others = map.filter(({ id }) => id !== call.id)
  return {
    answer: { kind: 'note', value: next.value ?? '', version: next.version },
    map: [...others, next].sort((a, b) => (a.id < b.id ? -1 : 1)),
  }
}

export function agrees(call: Call, answer: Answer, reference: Answer): boolean {
  if (call.kind !== 'page' || answer.kind !== 'page' || reference.kind !== 'page') {
    return JSON.stringify(answer) === JSON.stringify(reference)
  }
  // A page may break off early, but not leave anything out up to there.
  const { next, items } = answer
  if (items.length > call.limit || (next !== null && call.after !== null && next <= call.after)) return false
  const expected = reference.items.filter(
    ({ id }) => (call.after === null || id > call.after) && (next === null || id <= next),
  )
  return JSON.stringify(items) === JSON.stringify(expected)
}

/** One way in which a map may stand: what it holds, and of each call that was not answered yet, what it would say, if it came already. */
interface Possible {
  map: Reference
  open: { who: number; call: Call; took: Answer | null }[]
}

/**
 * All ways in which a map may stand that has answered as was seen: Wing and Gong's search for an order that keeps to real
 * time, carried along with the run, so that it is known at each answer whether there is one. None: there is not.
 */
export type Monitor = readonly Possible[]

export const beginMonitor = (map: Reference): Monitor => [{ map, open: [] }]

/** Somebody asks; each has one call at a time. Without an answer it may have happened or not, at any time since. */
export function asked(monitor: Monitor, who: number, call: Call): Monitor {
  return distinct(
    monitor.map(({ map, open }) => ({
      map,
      open: [...open, { who, call, took: null }].sort((a, b) => a.who - b.who),
    })),
  )
}

/** Somebody is answered: what is left is what can have answered so, after any others that came before it. */
export function answered(monitor: Monitor, who: number, answer: Answer): Monitor {
  const reached = [...monitor]
  for (const { map, open } of reached) {
    for (const [n, one] of open.entries()) {
      if (one.took) continue
      const made = askReference(map, one.call)
      reached.push({ map: made.map, open: open.with(n, { ...one, took: made.answer }) })
    }
  }
  return distinct(
    reached.flatMap(({ map, open }) => {
      const own = open.find((one) => one.who === who)
      if (!own?.took || !agrees(own.call, answer, own.took)) return []
      return [{ map, open: open.filter((one) => one !== own) }]
    }),
  )
}

function distinct(all: Possible[]): Monitor {
  const byText = new Map(all.map((one) => [JSON.stringify(one), one]))
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}
