import type { RootContent } from 'mdast'
import type { Checkbox } from './model.ts'
import { type Source, startOf, textOf, walk } from './source.ts'

const BOX = /^\[(?<mark>[ xX])\](?=\s|$)/d
const NO_QUESTION = /^\W*(none|nothing|no open questions|n\/a)?( yet| left| remain\w*)?\W*$/i

/** Items of all lists, with their checkboxes; items within items only when they have one. */
export function parseCheckboxes(source: Source, blocks: RootContent[]): Checkbox[] {
  const outer = new Set(blocks.flatMap((block) => (block.type === 'list' ? block.children : [])))
  return [...walk(blocks)].flatMap((node): Checkbox[] => {
    if (node.type !== 'listItem') return []
    const [first] = node.children
    const match = first?.type === 'paragraph' ? BOX.exec(source.slice(first)) : null
    const at = match?.indices?.groups?.mark
    if (!first || !at) {
      const text = { value: textOf(node.children), range: source.rangeOf(first ?? node) }
      return outer.has(node) ? [{ text, checked: null, mark: null }] : []
    }
    const start = startOf(first)
    const text = source.trimmed(start + (match?.[0].length ?? 0), source.rangeOf(first).end.offset)
    const mark = source.range(start + at[0], start + at[1])
    return [{ text, checked: match?.groups?.mark !== ' ', mark }]
  })
}

/** Open questions: the items of lists or, where there is none, paragraphs; "None" is no question. */
export function parseQuestions(source: Source, blocks: RootContent[]): Checkbox[] {
  const items = parseCheckboxes(source, blocks)
  const paragraphs = blocks.filter((block) => block.type === 'paragraph')
  const asked = items.length > 0 ? items : paragraphs.map((block) => unticked(source, block))
  return asked.filter(({ text }) => !NO_QUESTION.test(text.value))
}

function unticked(source: Source, block: RootContent): Checkbox {
  return { text: { value: textOf([block]), range: source.rangeOf(block) }, checked: null, mark: null }
}
