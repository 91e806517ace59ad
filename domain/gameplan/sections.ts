import type { Heading, RootContent } from 'mdast'
import { type Marked, SECTIONS, type Section, type SectionKey } from './model.ts'
import { isPatchHeading } from './patches.ts'
import { type Source, startOf, textOf } from './source.ts'

/** A section with the blocks beneath its heading. */
export interface SectionBlocks {
  section: Section
  heading: Heading
  blocks: RootContent[]
}

const KEYS = new Map(Object.entries(SECTIONS).map(([key, name]) => [normal(name), key as SectionKey]))
/** A heading as deep as the fourth level names something within a section. */
const DEEPEST = 3

/** Cuts a document at the headings of sections: `preamble` and the sections' sources together are the text. */
export function splitSections(source: Source): { preamble: string; title: Marked | null; parts: SectionBlocks[] } {
  const titleBlock = source.blocks.find(
    (block) => block.type === 'heading' && block.depth === 1 && !keyOf(source, block),
  )
  const starts = source.blocks.flatMap((block, index) =>
    block !== titleBlock && isSectionHeading(source, block) ? [{ heading: block as Heading, index }] : [],
  )
  const parts = starts.map(({ heading, index }, i) => {
    const next = starts[i + 1]
    const end = next ? startOf(next.heading) : source.text.length
    const blocks = source.blocks.slice(index + 1, next?.index)
    const section: Section = {
      key: keyOf(source, heading),
      heading: source.content(heading),
      source: source.text.slice(startOf(heading), end),
      range: source.range(startOf(heading), end),
      filled: blocks.some(
        (block) => block.type !== 'html' && (block.type === 'thematicBreak' || textOf([block]) !== ''),
      ),
    }
    return { section, heading, blocks }
  })
  const preamble = source.text.slice(0, parts[0]?.section.range.start.offset)
  return { preamble, title: titleOf(source, titleBlock as Heading | undefined), parts }
}

/** Blocks of all sections with that key, in the document's order. */
export function blocksOf(parts: SectionBlocks[], key: SectionKey): RootContent[] {
  return parts.flatMap(({ section, blocks }) => (section.key === key ? blocks : []))
}

function titleOf(source: Source, heading: Heading | undefined): Marked | null {
  if (!heading) return null
  const { value, range } = source.content(heading)
  const [prefix = ''] = /^\s*game\s?plan\s*[:–—-]\s*/i.exec(value) ?? []
  const title = source.trimmed(range.start.offset + prefix.length, range.end.offset)
  return title.value === '' ? null : title
}

function isSectionHeading(source: Source, block: RootContent): boolean {
  if (block.type !== 'heading') return false
  if (keyOf(source, block)) return true
  return block.depth <= 2 && !isPatchHeading(source, block)
}

function keyOf(source: Source, block: RootContent): SectionKey | null {
  if (block.type !== 'heading' || block.depth > DEEPEST) return null
  return KEYS.get(normal(source.content(block).value)) ?? null
}

/** `## 7. **Mergeability Checklist**:` is the same name as `Mergability Checklist`. */
function normal(heading: string): string {
  return heading
    .replace(/[*_`]/g, '')
    .replace(/^\s*\d+[.)]\s+/, '')
    .replace(/mergeab/gi, 'mergab')
    .replace(/[\s:]+$/, '')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase()
}
