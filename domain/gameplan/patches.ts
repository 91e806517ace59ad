import type { Heading, List, RootContent } from 'mdast'
import type { Marked, Patch, Problem } from './model.ts'
import { endOf, type Source, startOf, textOf, walk } from './source.ts'
import { CLASS, ID } from './syntax.ts'

const HEADING = new RegExp(
  `^[*_\\s]*Patch\\s+#?(?<id>${ID})(?![\\w.])[*_]*\\s*(?:${CLASS})?[\\s:.–—-]*(?<title>.*)$`,
  'dis',
)
/** It begins as the heading of a patch does, and has a number or a class. */
const NEARLY = /^[*_\s]*patch\b.*[[\d]/is
const FILES = /^files?\b[^:\n]*(:|$)/i
const CHANGES = /^changes?\b[^:\n]*(:|$)/i

export function isPatchHeading(source: Source, block: RootContent): boolean {
  return block.type === 'heading' && block.depth > 1 && HEADING.test(source.content(block).value)
}

/** The patches of a run of blocks, each from its heading to the next heading that is not deeper. */
export function parsePatches(source: Source, blocks: RootContent[], problems: Problem[]): Patch[] {
  const patches: Patch[] = []
  for (const [index, block] of blocks.entries()) {
    if (block.type !== 'heading') continue
    if (isPatchHeading(source, block)) {
      const next = blocks.findIndex((other, at) => at > index && other.type === 'heading' && other.depth <= block.depth)
      patches.push(parsePatch(source, block, blocks.slice(index + 1, next === -1 ? undefined : next)))
    } else if (NEARLY.test(source.content(block).value)) {
      problems.push({
        code: 'patch-heading-unreadable',
        message: 'This heading looks like that of a patch, but has no id that can be read.',
        hint: 'Write it as `### Patch 3 [INFRA]: Title`; ids are numbers, also with a letter, such as 3a.',
        range: source.rangeOf(block),
      })
    }
  }
  return patches
}

function parsePatch(source: Source, heading: Heading, body: RootContent[]): Patch {
  const content = source.content(heading)
  const from = content.range.start.offset
  const match = HEADING.exec(content.value) as RegExpExecArray
  const named = source.group(match, 'class', from)
  const title = source.group(match, 'title', from)
  const fileBlocks = labelled(body, FILES)
  const files = fileBlocks.flatMap((block) => filesOf(source, block))
  const announced = Number(/\((\d{1,6})\s+files?\)/i.exec(textOf(fileBlocks.slice(0, 1)))?.[1] ?? 0)
  return {
    id: source.group(match, 'id', from) as Marked,
    class: named && { ...named, value: named.value.toUpperCase() },
    title: title?.value ? title : null,
    heading: source.rangeOf(heading),
    range: source.range(startOf(heading), endOf(body.at(-1) ?? heading)),
    files,
    fileCount: Math.max(files.length, announced),
    changes: changesOf(source, labelled(body, CHANGES)),
    text: textOf(body),
  }
}

/** The paragraph or heading with that label, and the lists after it. */
function labelled(body: RootContent[], label: RegExp): RootContent[] {
  const at = body.findIndex(
    (block) => (block.type === 'paragraph' || block.type === 'heading') && label.test(textOf([block])),
  )
  if (at === -1) return []
  const end = body.findIndex((block, index) => index > at && block.type !== 'list')
  return body.slice(at, end === -1 ? undefined : end)
}

function filesOf(source: Source, block: RootContent): Marked[] {
  if (block.type !== 'list') return codeIn(source, block).filter(({ value }) => /^\S+$/.test(value))
  return block.children.flatMap((item) => {
    const [code] = codeIn(source, item)
    if (code) return [code]
    const [word = ''] = /^[^\s,;]+/.exec(textOf([item])) ?? []
    const at = source.slice(item).indexOf(word)
    if (word === '' || word.startsWith('{') || at === -1) return []
    const start = startOf(item) + at
    return [{ value: word, range: source.range(start, start + word.length) }]
  })
}

function codeIn(source: Source, block: RootContent): Marked[] {
  return [...walk([block])].flatMap((node) =>
    node.type === 'inlineCode' ? [{ value: node.value, range: source.rangeOf(node) }] : [],
  )
}

function changesOf(source: Source, blocks: RootContent[]): Marked[] {
  const lists = blocks.filter((block): block is List => block.type === 'list')
  const items = lists.flatMap((list) => list.children)
  const [label] = blocks
  const inline = label ? textOf([label]).replace(CHANGES, '').trim() : ''
  const marked = items.map((item) => ({ value: textOf([item]), range: source.rangeOf(item) }))
  return label && inline !== '' ? [{ value: inline, range: source.rangeOf(label) }, ...marked] : marked
}
