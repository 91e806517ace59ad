import type { RootContent } from 'mdast'
import type { GraphRow, Insight, Marked, Problem } from './model.ts'
import { endOf, type Source, startOf } from './source.ts'
import { CLASS, ID, idAlone, linesOf } from './syntax.ts'

const BULLET = String.raw`^[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?[*\x60]*`
const ROW = new RegExp(
  `${BULLET}Patch\\s+#?(?<id>${ID})(?![\\w.])[*\`]*\\s*(?:${CLASS})?[*\`]*\\s*(?:-{1,2}\\\\?>|=>|→|⇒|⟶)\\s*(?<rest>.*)$`,
  'di',
)
const NEARLY = new RegExp(`${BULLET}Patch\\s+(#?\\d|.*(->|→|=>))`, 'i')
const LIST = /^`?\\?\[(?<list>[^\]\\]*)\\?\]/d
const BARE = new RegExp(`^(?<list>(?:(?:patch\\s*)?#?${ID})(?:\\s*,\\s*(?:patch\\s*)?#?${ID})*)\\s*$`, 'di')
const NOTHING = /^`?(none|nothing|-|–|—|∅)?[.`\s]*$/i

const COUNTED = /(?<count>\d+|X)\s+of\s+(?:the\s+|all\s+)?(?<total>\d+|Y)\s+patch(?:es)?\b(?<classes>[^.\r\n]*)/d
const PARALLEL = new RegExp(
  `Patch(?:es)?\\s+(?<from>${ID})(?:\\s*(?:[-–—]|to|through)\\s*(?<to>${ID}))?\\s+(?:are\\s+(?:\\w+\\s+){0,2}independent\\s+and\\s+)?(?:can|could|may)\\s+(?:all\\s+)?` +
    `(?:be\\s+)?(?:parallel\\w*|(?:\\w+\\s+)?in\\s+parallel)(?:\\s+(?:after|once)\\s+Patch\\s+(?<after>${ID}))?`,
  'di',
)

/** The lines of the graph, in a list, in a code block or bare; a Mermaid drawing beside them is passed over. */
export function parseGraph(source: Source, blocks: RootContent[], problems: Problem[]): GraphRow[] {
  return blocks.flatMap((block) => {
    if (block.type === 'code' && block.lang === 'mermaid') return []
    return [...linesOf(source.uncommented, startOf(block), endOf(block))].flatMap(({ line, start }) => {
      const row = rowOf(source, line, start)
      if (row) return [row]
      if (NEARLY.test(line)) problems.push(unreadable(source, line, start))
      return []
    })
  })
}

function rowOf(source: Source, line: string, start: number): GraphRow | null {
  const match = ROW.exec(line)
  const rest = match?.indices?.groups?.rest
  if (!match?.groups || !rest) return null
  const dependencies = dependenciesOf(source, match.groups.rest as string, start + rest[0])
  if (!dependencies) return null
  const named = source.group(match, 'class', start)
  return {
    id: source.group(match, 'id', start) as Marked,
    class: named && { ...named, value: named.value.toUpperCase() },
    dependencies,
    range: trimmedRange(source, line, start),
  }
}

/** Null when they cannot be read. */
function dependenciesOf(source: Source, text: string, start: number): Marked[] | null {
  const match = LIST.exec(text) ?? BARE.exec(text)
  const at = match?.indices?.groups?.list
  if (!at) return NOTHING.test(text) ? [] : null
  const dependencies: Marked[] = []
  for (const { 0: entry, index } of text.slice(...at).matchAll(/[^,]+/g)) {
    if (NOTHING.test(entry.trim())) continue
    const offset = start + at[0] + index + (entry.length - entry.trimStart().length)
    const id = idAlone(entry.trim())
    const found = id && source.group(id, 'id', offset)
    if (!found) return null
    dependencies.push(found)
  }
  return dependencies
}

function unreadable(source: Source, line: string, start: number): Problem {
  return {
    code: 'graph-line-unreadable',
    message: 'This line of the dependency graph cannot be read.',
    hint: 'Write it as `- Patch 3 [BEHAVIOR] -> [1, 2]`, with `[]` when it depends on nothing.',
    range: trimmedRange(source, line, start),
  }
}

function trimmedRange(source: Source, line: string, start: number) {
  return source.trimmed(start, start + line.length).range
}

/** The sentence that counts the patches and the one that says what goes in parallel; null: there is neither. */
export function parseInsight(source: Source, blocks: RootContent[]): Insight | null {
  const [first, last] = [blocks[0], blocks.at(-1)]
  if (!first || !last) return null
  const start = startOf(first)
  const text = source.uncommented.slice(start, endOf(last))
  const label = /Merge?ability insight/i.exec(text)
  const sentence = COUNTED.exec(text)
  const parallel = PARALLEL.exec(text)
  const begin = label ?? sentence
  if (!begin) return null
  const end = text.slice(begin.index).search(/[\r\n]|$/)
  return {
    range: source.range(start + begin.index, start + begin.index + end),
    counted: sentence && countedOf(source, sentence, start),
    parallel: parallel && {
      from: source.group(parallel, 'from', start) as Marked,
      to: source.group(parallel, 'to', start),
      after: source.group(parallel, 'after', start),
      range: source.range(start + parallel.index, start + parallel.index + parallel[0].length),
    },
  }
}

function countedOf(source: Source, sentence: RegExpExecArray, start: number): Insight['counted'] {
  const number = (name: string) => {
    const marked = source.group(sentence, name, start) as Marked
    return { value: Number(marked.value), range: marked.range }
  }
  const [count, total] = [number('count'), number('total')]
  // The template's X and Y.
  if (Number.isNaN(count.value) || Number.isNaN(total.value)) return null
  const classes = (sentence.groups?.classes ?? '').match(/\b(INFRA|GATED|BEHAVIOR)\b/g) ?? []
  return { count, total, classes: [...new Set(classes)] }
}
