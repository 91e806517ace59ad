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

export interface Entry {
  call: Call
  /** Undefined: it was never answered, and may have happened or not, at any time since. */
  answer?: Answer
  /** When it was asked and answered, in steps of the whole. */
  asked: number
  answered: number
}

interface Held {
  value: string | null
  version: number
}
export type Reference = ReadonlyMap<string, Held>

/** What a map would answer, and what it would be then: each write raises the key's version by one, deletes too. */
function step(map: Reference, call: Call): { answer: Answer; map: Reference } {
  if (call.kind === 'page') {
    const items = [...map].flatMap(([id, { value, version }]) => (value === null ? [] : [{ id, value, version }]))
    return { answer: { kind: 'page', items, next: null }, map }
  }
  const held = map.get(call.id) ?? { value: null, version: 0 }
  const { value, version } = held
  if (call.kind === 'get') {
    return { answer: value === null ? { kind: 'absent' } : { kind: 'note', value, version }, map }
  }
  if ((call.kind === 'create') !== (value === null)) return { answer: { kind: 'refused' }, map }
  const next = { value: call.kind === 'delete' ? null : call.value, version: version + 1 }
  return {
    answer: { kind: 'note', value: next.value ?? '', version: next.version },
    map: new Map(map).set(call.id, next),
  }
}

function agrees(call: Call, answer: Answer, reference: Answer): boolean {
  if (call.kind !== 'page' || answer.kind !== 'page' || reference.kind !== 'page') {
    return JSON.stringify(answer) === JSON.stringify(reference)
  }
  // A page may break off early, but not leave anything out up to there.
  const { next, items } = answer
  if (items.length > call.limit || (next !== null && call.after !== null && next <= call.after)) return false
  const expected = reference.items
    .filter(({ id }) => (call.after === null || id > call.after) && (next === null || id <= next))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  return JSON.stringify(items) === JSON.stringify(expected)
}

/** Wing and Gong: is there an order of all calls that keeps to real time and in which a map would have answered the same? */
export function isLinearizable(history: Entry[], initial: Reference): boolean {
  const search = (left: Entry[], map: Reference): boolean => {
    if (left.every(({ answer }) => answer === undefined)) return true
    const firstAnswered = Math.min(
      ...left.map(({ answer, answered }) => (answer ? answered : Number.POSITIVE_INFINITY)),
    )
    return left.some((entry) => {
      if (entry.asked > firstAnswered) return false
      const made = step(map, entry.call)
      if (entry.answer && !agrees(entry.call, entry.answer, made.answer)) return false
      return search(
        left.filter((other) => other !== entry),
        made.map,
      )
    })
  }
  return search(history, initial)
}
