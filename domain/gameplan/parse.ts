import type { Code } from 'mdast'
import { parseCheckboxes, parseQuestions } from './checkboxes.ts'
import { parseGraph, parseInsight } from './dependency-graph.ts'
import { parseFlag } from './flag.ts'
import type { Gameplan, Patch, Problem, Stub } from './model.ts'
import { parsePatches } from './patches.ts'
import { findPlaceholders } from './placeholders.ts'
import { blocksOf, splitSections } from './sections.ts'
import { Source, startOf, walk } from './source.ts'
import { findTests } from './test-code.ts'
import { parseTestMap } from './test-map.ts'

/** Six times the format's own example. */
export const MAX_LENGTH = 100_000
/**
 * The Markdown parser's time grows with the square of the lists, and of the marks in a line: 99,000 characters of lists of
 * one item took 42 s, a thousand lists take 0.3 s. The format's example has 30.
 */
const MAX_LISTS = 1_000
const MAX_LINE = 5_000

/**
 * Reads a gameplan. Whatever the text is, this does not throw: what cannot be read is in `problems`, and what is missing
 * is null or empty. `printGameplan` gives the text back.
 */
export function parseGameplan(text: string): Gameplan {
  const refusal = tooMuch(text)
  if (refusal) return unread(text, refusal)
  const source = new Source(text)
  const problems: Problem[] = []
  const { preamble, title, parts } = splitSections(source)
  const strategy = blocksOf(parts, 'feature-flagging-strategy')
  const { flag, prose } = parseFlag(source, strategy, problems)
  const graphBlocks = blocksOf(parts, 'dependency-graph')
  // In sections of other names too, for people group patches; but those of the format speak about patches.
  const own = parts.filter(({ section }) => section.key === 'patches' || section.key === null)
  const patches = own.flatMap(({ blocks }) => parsePatches(source, blocks, problems))
  return {
    preamble,
    sections: parts.map(({ section }) => section),
    title,
    flag,
    flagProse: prose,
    criteria: parseCheckboxes(source, blocksOf(parts, 'acceptance-criteria')),
    questions: parseQuestions(source, blocksOf(parts, 'open-questions')),
    patches,
    stubs: stubsOf(source, patches),
    tests: parseTestMap(source, blocksOf(parts, 'test-map'), problems),
    graph: parseGraph(source, graphBlocks, problems),
    insight: parseInsight(source, graphBlocks),
    checklist: parseCheckboxes(source, blocksOf(parts, 'mergability-checklist')),
    placeholders: findPlaceholders(source, parts),
    problems,
  }
}

/** The author's text, byte for byte. */
export function printGameplan(plan: Gameplan): string {
  return plan.preamble + plan.sections.map(({ source }) => source).join('')
}

function stubsOf(source: Source, patches: Patch[]): Stub[] {
  const blocks = [...walk(source.blocks)].filter((node): node is Code => node.type === 'code')
  return blocks.flatMap((block) => {
    const from = startOf(block)
    const within = patches.find(({ range }) => range.start.offset <= from && from < range.end.offset)
    return findTests(source.slice(block)).flatMap(({ name, start, end, skipped, pending }): Stub[] => {
      // A test that is neither is an example of what will be.
      if (!skipped && !pending) return []
      return [
        {
          name: { value: name, range: source.range(from + start, from + end) },
          skipped,
          pending: pending && { value: pending.id, range: source.range(from + pending.start, from + pending.end) },
          patchId: within?.id.value ?? null,
        },
      ]
    })
  })
}

/** Why the text is not read, if it is not. */
function tooMuch(text: string): string | null {
  if (text.length > MAX_LENGTH) return `The document has ${text.length} characters; it may have ${MAX_LENGTH}.`
  const lines = text.split(/\r\n|\r|\n/)
  if (lines.some(({ length }) => length > MAX_LINE)) return `A line has more than ${MAX_LINE} characters.`
  const isItem = (line: string | undefined) => /^[ \t>]*([-*+]|\d{1,9}[.)])([ \t]|$)/.test(line ?? '')
  const lists = lines.filter((line, index) => isItem(line) && !isItem(lines[index - 1])).length
  return lists > MAX_LISTS ? `The document has ${lists} lists; it may have ${MAX_LISTS}.` : null
}

function unread(text: string, message: string): Gameplan {
  const start = { line: 1, column: 1, offset: 0 }
  return {
    preamble: text,
    sections: [],
    title: null,
    flag: null,
    flagProse: null,
    criteria: [],
    questions: [],
    patches: [],
    stubs: [],
    tests: [],
    graph: [],
    insight: null,
    checklist: [],
    placeholders: [],
    problems: [
      {
        code: 'document-too-long',
        message: `${message} It was not read.`,
        hint: 'Move reference material elsewhere and link to it.',
        range: { start, end: start },
      },
    ],
  }
}
