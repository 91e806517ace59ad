import type { Nodes } from 'mdast'
import type { Placeholder } from './model.ts'
import type { SectionBlocks } from './sections.ts'
import { type Source, walk } from './source.ts'
import { linesOf } from './syntax.ts'

/** A whole paragraph, cell or item in braces, as `{Criterion 1}`; of a heading, what comes after its colon. */
const BRACES = /^(?:\[[ xX]\]\s+)?(?<text>\{[^{}]+\})$/d
const HEADING = /(?:^|:\s*)(?<text>\{[^{}]+\})$/d
const FIRST_ROW = 'describe > should do X'

/** What the template says in places that an author fills. */
export function findPlaceholders(source: Source, parts: SectionBlocks[]): Placeholder[] {
  const first = parts[0] ? parts[0].section.range.start.offset : source.text.length
  const preamble = source.blocks.filter((block) => (block.position?.start.offset ?? 0) < first)
  return [
    ...inBlocks(source, preamble, 'title'),
    ...parts.flatMap(({ section, heading, blocks }) => [
      ...inBlocks(source, [heading, ...blocks], section.key),
      ...inLines(source, section.key, section.range.start.offset, section.range.end.offset),
    ]),
  ]
}

function* inBlocks(source: Source, blocks: Nodes[], part: Placeholder['part']): Generator<Placeholder> {
  for (const node of walk(blocks)) {
    if (node.type !== 'paragraph' && node.type !== 'heading' && node.type !== 'tableCell') continue
    const { value, range } = source.content(node)
    const match = (node.type === 'heading' ? HEADING : BRACES).exec(value)
    const text = match && source.group(match, 'text', range.start.offset)
    if (text) yield { ...text, part }
    else if (part === 'test-map' && value === FIRST_ROW) yield { value, range, part }
    else if (part === 'patches' && /^(\.\.\.|…)$/.test(value)) yield { value, range, part }
  }
}

/** Those that stand in the middle of a line. */
const IN_LINES = {
  'feature-flagging-strategy': [
    /Flag Name\W*(?<text>\[ENABLE_MY_FEATURE\])/d,
    /Introduced\W*(?<text>Patch N)\b/d,
    /Activated\W*(?<text>Patch M)\b/d,
  ],
  'dependency-graph': [/(?<text>X of Y)\b/d],
}

function* inLines(source: Source, part: Placeholder['part'], from: number, to: number): Generator<Placeholder> {
  if (part !== 'feature-flagging-strategy' && part !== 'dependency-graph') return
  for (const { line, start } of linesOf(source.uncommented, from, to)) {
    for (const expression of IN_LINES[part]) {
      const match = expression.exec(line)
      const text = match && source.group(match, 'text', start)
      if (text) yield { ...text, part }
    }
  }
}
