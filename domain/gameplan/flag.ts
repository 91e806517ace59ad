import type { RootContent } from 'mdast'
import type { Flag, FlagStep, Marked, Problem } from './model.ts'
import { endOf, type Source, startOf } from './source.ts'
import { ID, linesOf } from './syntax.ts'

const FIELD =
  /^[ \t>]*(?:[-*+][ \t]+)?[*_`]*(?<key>Flag Type|Flag Name|Introduced|Activated)[*_`]*\s*:[*_`]*(?<value>.*)$/di
const CAPTION = /^[ \t>*_]*Feature Flag Template\b/i
const STEP = new RegExp(`Patch\\s+#?(?<id>${ID})(?![\\w.])(?:.*?\\\\?\\[(?<class>[A-Za-z]+)\\\\?\\])?`, 'di')
const NO_FLAG = /^(none|n\/?a|-|–|—|no flag.*|not (needed|applicable).*)?[.\s]*$/i
const TYPE = 'flag type'
const NAME = 'flag name'

/** The fields of the feature flag, wherever in the blocks, and the prose around them. */
export function parseFlag(
  source: Source,
  blocks: RootContent[],
  problems: Problem[],
): { flag: Flag | null; prose: Marked | null } {
  const fields = new Map<string, Marked>()
  const prose: { line: string; start: number }[] = []
  const [first, last] = [blocks[0], blocks.at(-1)]
  for (const { line, start } of linesOf(source.uncommented, first ? startOf(first) : 0, last ? endOf(last) : 0)) {
    const match = FIELD.exec(line)
    const value = match && source.group(match, 'value', start)
    if (!match || !value) {
      if (line.trim() !== '' && !CAPTION.test(line)) prose.push({ line, start })
      continue
    }
    const key = (match.groups?.key ?? '').toLowerCase()
    if (fields.has(key)) problems.push(repeated(match.groups?.key ?? '', source, line, start))
    else fields.set(key, value)
  }
  const name = nameOf(source, fields.get(NAME))
  const introduced = stepOf(source, fields.get('introduced'))
  const activated = stepOf(source, fields.get('activated'))
  const flag = name || introduced || activated ? { type: fields.get(TYPE) ?? null, name, introduced, activated } : null
  const [from, to] = [prose[0], prose.at(-1)]
  return { flag, prose: from && to ? source.trimmed(from.start, to.start + to.line.length) : null }
}

function repeated(key: string, source: Source, line: string, start: number): Problem {
  return {
    code: 'flag-repeated',
    message: `"${key}" is said twice; the first one counts.`,
    hint: 'A gameplan has one flag. Give another flag a gameplan of its own.',
    range: source.trimmed(start, start + line.length).range,
  }
}

/** Without brackets, backticks and what is said after it. */
function nameOf(source: Source, field: Marked | undefined): Marked | null {
  if (!field || NO_FLAG.test(field.value)) return null
  const match = /^[[`"'*\\]*(?<name>[^\s`"'*[\]\\](?:.*?[^\s`"'*[\]\\])??)[\]`"'*\\]*(?:\s+[(–—-].*)?$/d.exec(
    field.value,
  )
  return match ? source.group(match, 'name', field.range.start.offset) : field
}

function stepOf(source: Source, field: Marked | undefined): FlagStep | null {
  if (!field || NO_FLAG.test(field.value)) return null
  const match = STEP.exec(field.value)
  const named = match && source.group(match, 'class', field.range.start.offset)
  return {
    patch: match && source.group(match, 'id', field.range.start.offset),
    class: named && { ...named, value: named.value.toUpperCase() },
    range: field.range,
  }
}
