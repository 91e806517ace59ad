import { type Checkbox, canonicalId, type Gameplan, type Marked, type Range, sameId } from './model.ts'
import { printGameplan } from './parse.ts'

/** Text to stand where other text stood; the ranges are of the document that was parsed. */
export interface Edit {
  range: Range
  text: string
}

/** The document with these edits, which do not overlap; all else stays as it is, byte for byte. */
export function editGameplan(plan: Gameplan, edits: Edit[]): string {
  const text = printGameplan(plan)
  let edited = ''
  let done = 0
  for (const { range, text: instead } of edits.toSorted(
    (one, other) => one.range.start.offset - other.range.start.offset,
  )) {
    edited += text.slice(done, range.start.offset) + instead
    done = range.end.offset
  }
  return edited + text.slice(done)
}

/** Ticks a checkbox, or takes the tick away; nothing for an item that has no checkbox, or is so already. */
export function tick({ mark, checked }: Checkbox, wanted: boolean): Edit[] {
  return mark && checked !== wanted ? [{ range: mark, text: wanted ? 'x' : ' ' }] : []
}

/**
 * Gives a patch another id wherever the format names it: heading, graph, test map, flag, stubs and the sentence beneath
 * the graph. Prose is left alone.
 * @throws when there is no such patch, the new id is none, or another patch has it
 */
export function renamePatch(plan: Gameplan, from: string, to: string): Edit[] {
  if (!/^\d+(\.\d+)*[A-Za-z]?$/.test(to))
    throw new RangeError(`"${to}" is no id of a patch: a number, also with a letter.`)
  if (!plan.patches.some(({ id }) => sameId(id.value, from))) throw new RangeError(`There is no Patch ${from}.`)
  const taken = plan.patches.some(({ id }) => sameId(id.value, to))
  if (taken && canonicalId(from) !== canonicalId(to)) throw new RangeError(`There is a Patch ${to} already.`)
  return mentions(plan)
    .filter((id): id is Marked => id != null && sameId(id.value, from))
    .map(({ range }) => ({ range, text: to }))
}

function mentions({ patches, graph, tests, stubs, flag, insight }: Gameplan): (Marked | null | undefined)[] {
  return [
    ...patches.map(({ id }) => id),
    ...graph.flatMap(({ id, dependencies }) => [id, ...dependencies]),
    ...tests.flatMap(({ stubPatch, implPatch }) => [stubPatch, implPatch]),
    ...stubs.map(({ pending }) => pending),
    flag?.introduced?.patch,
    flag?.activated?.patch,
    insight?.parallel?.from,
    insight?.parallel?.to,
    insight?.parallel?.after,
  ]
}
