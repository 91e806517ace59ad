import type { Nodes, Root, RootContent } from 'mdast'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { gfmTableFromMarkdown } from 'mdast-util-gfm-table'
import { gfmTable } from 'micromark-extension-gfm-table'
import type { Marked, Point, Range } from './model.ts'

/** A Markdown text as a tree whose nodes know their source. */
export class Source {
  readonly text: string
  readonly blocks: RootContent[]
  /** The text with every HTML comment blanked, character by character. */
  readonly uncommented: string
  readonly #lineStarts: number[]

  constructor(text: string) {
    this.text = text
    this.#lineStarts = [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), ({ index, 0: end }) => index + end.length)]
    // The parser leaves a byte order mark out of its offsets.
    const root: Root = fromMarkdown(text.replace(/^\uFEFF/, ' '), {
      extensions: [gfmTable()],
      mdastExtensions: [gfmTableFromMarkdown()],
    })
    this.blocks = root.children
    this.uncommented = blankComments(text, [root], this)
  }

  point(offset: number): Point {
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#lineStarts[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] as number) + 1, offset }
  }

  range(start: number, end: number): Range {
    return { start: this.point(start), end: this.point(end) }
  }

  rangeOf(node: Nodes): Range {
    return this.range(startOf(node), endOf(node))
  }

  slice(node: Nodes): string {
    return this.text.slice(startOf(node), endOf(node))
  }

  /** The part of a node from its first to its last child: a heading without its marks, a cell without its pipes. */
  content(node: Nodes): Marked {
    const children = 'children' in node ? node.children : []
    const [first, last] = [children[0], children.at(-1)]
    const [start, end] = first && last ? [startOf(first), endOf(last)] : [endOf(node), endOf(node)]
    return { value: this.text.slice(start, end), range: this.range(start, end) }
  }

  /**
   * A group of a match in the text, trimmed; null when it took no part. The expression needs the flag `d`.
   * @param from where in the text the string that was matched begins
   */
  group(match: RegExpMatchArray | RegExpExecArray, name: string, from: number): Marked | null {
    const indices = match.indices?.groups?.[name]
    if (!indices) return null
    return this.trimmed(from + indices[0], from + indices[1])
  }

  trimmed(start: number, end: number): Marked {
    const text = this.text.slice(start, end)
    const value = text.trim()
    const first = start + (text.length - text.trimStart().length)
    return { value, range: this.range(first, first + value.length) }
  }
}

function blankComments(text: string, roots: Nodes[], source: Source): string {
  let blanked = ''
  let done = 0
  for (const node of walk(roots)) {
    if (node.type !== 'html') continue
    for (const { index, 0: comment } of source.slice(node).matchAll(/<!--[\s\S]*?(-->|$)/g)) {
      const start = startOf(node) + index
      blanked += text.slice(done, start) + comment.replace(/[^\r\n]/g, ' ')
      done = start + comment.length
    }
  }
  return blanked + text.slice(done)
}

export function startOf(node: Nodes): number {
  return node.position?.start.offset ?? 0
}

export function endOf(node: Nodes): number {
  return node.position?.end.offset ?? 0
}

/** All nodes, parents before their children; not recursive, for a text may be nested deeper than a stack. */
export function* walk(roots: readonly Nodes[]): Generator<Nodes> {
  const waiting = roots.toReversed()
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    yield node
    if ('children' in node) waiting.push(...node.children.toReversed())
  }
}

/** What a reader sees of the nodes, comments aside. */
export function textOf(nodes: readonly Nodes[]): string {
  let text = ''
  for (const node of walk(nodes)) {
    if (node.type === 'text' || node.type === 'inlineCode') text += node.value
    else if (node.type === 'code') text += `\n${node.value}\n`
    else if (node.type === 'paragraph' || node.type === 'heading' || node.type === 'tableRow') text += '\n'
    else if (node.type === 'break' || node.type === 'tableCell') text += ' '
  }
  return text.trim()
}
