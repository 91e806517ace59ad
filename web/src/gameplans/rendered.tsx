import type { ListItem, Nodes, RootContent } from 'mdast'
import { createElement, Fragment, type ReactNode, useMemo } from 'react'
import { Source } from '../../../domain/gameplan/source.ts'
import classes from './document.module.css'
import type { Finding } from './findings.tsx'
import { Notes } from './lines.tsx'

/** A document as it is meant to be read, with what was found beneath the block that it is found in. */
export function Rendered({ markdown, findings }: { markdown: string; findings: Finding[] }) {
  const blocks = useMemo(() => new Source(markdown).blocks, [markdown])
  const notes = useMemo(() => notesOf(blocks, findings), [blocks, findings])
  return <div className={classes.read}>{blocks.map((block, place) => blockOf(block, place, notes))}</div>
}

type NotesByBlock = Map<Nodes, Finding[]>

const CONTAINERS = new Set(['list', 'listItem', 'blockquote'])

/** Blocks that have no blocks within them, in the order of the text. */
function leavesOf(nodes: Nodes[]): Nodes[] {
  return nodes.flatMap((node) =>
    CONTAINERS.has(node.type) && 'children' in node ? leavesOf(node.children as Nodes[]) : [node],
  )
}

function notesOf(blocks: RootContent[], findings: Finding[]): NotesByBlock {
  const leaves = leavesOf(blocks)
  const starts = (node: Nodes) => node.position?.start.offset ?? 0
  const first = leaves.slice(0, 1)
  const placed = findings.flatMap((finding) => {
    const before = leaves.findLast((leaf) => starts(leaf) <= finding.range.start.offset)
    return (before ? [before] : first).map((leaf) => ({ leaf, finding }))
  })
  return new Map(
    [...Map.groupBy(placed, ({ leaf }) => leaf)].map(([leaf, each]) => [leaf, each.map(({ finding }) => finding)]),
  )
}

function blockOf(node: Nodes, key: number, notes: NotesByBlock): ReactNode {
  const found = notes.get(node)
  return (
    <Fragment key={key}>
      {elementOf(node, notes)}
      {found && <Notes findings={found} />}
    </Fragment>
  )
}

function elementOf(node: Nodes, notes: NotesByBlock): ReactNode {
  const line = node.position?.start.line
  switch (node.type) {
    case 'heading':
      // Beneath the page's own heading and that of its part.
      return createElement(`h${Math.min(6, node.depth + 2)}`, { 'data-line': line }, inline(node.children))
    case 'paragraph':
      return <p data-line={line}>{inline(node.children)}</p>
    case 'list': {
      const items = node.children.map((item, place) => itemOf(item, place, notes))
      return node.ordered ? <ol start={node.start ?? 1}>{items}</ol> : <ul>{items}</ul>
    }
    case 'blockquote':
      return <blockquote>{node.children.map((child, place) => blockOf(child, place, notes))}</blockquote>
    case 'code':
      return <pre data-line={line}>{node.value}</pre>
    case 'thematicBreak':
      return <hr />
    case 'html':
      return node.value.startsWith('<!--') ? null : <pre data-line={line}>{node.value}</pre>
    case 'table': {
      const [head, ...rows] = node.children
      const cells = (of: typeof head, name: 'th' | 'td') =>
        of?.children.map((cell, place) => createElement(name, { key: place }, inline(cell.children)))
      return (
        <table data-line={line}>
          <thead>
            <tr>{cells(head, 'th')}</tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.position?.start.offset}>{cells(row, 'td')}</tr>
            ))}
          </tbody>
        </table>
      )
    }
    default:
      return null
  }
}

const BOX = /^\[([ xX])\]\s/

function itemOf(item: ListItem, key: number, notes: NotesByBlock): ReactNode {
  const [first] = item.children
  // A list whose items stand close together has no paragraphs of its own.
  const close = !item.spread && first?.type === 'paragraph'
  return (
    <li key={key} data-line={item.position?.start.line} data-box={hasBox(item) || undefined}>
      {close && first.type === 'paragraph' && (
        <>
          {inline(first.children)}
          <Notes findings={notes.get(first) ?? []} />
        </>
      )}
      {item.children.slice(close ? 1 : 0).map((child, place) => blockOf(child, place, notes))}
    </li>
  )
}

function hasBox({ children: [first] }: ListItem): boolean {
  const text = first?.type === 'paragraph' ? first.children[0] : undefined
  return text?.type === 'text' && BOX.test(text.value)
}

function inline(nodes: Nodes[]): ReactNode[] {
  return nodes.map((node, place) => (
    <Fragment key={node.position?.start.offset}>{inlineOf(node, place === 0)}</Fragment>
  ))
}

function inlineOf(node: Nodes, first: boolean): ReactNode {
  switch (node.type) {
    case 'text':
      return first ? node.value.replace(BOX, (_, mark) => (mark === ' ' ? '☐ ' : '☑ ')) : node.value
    case 'inlineCode':
      return <code>{node.value}</code>
    case 'strong':
      return <strong>{inline(node.children)}</strong>
    case 'emphasis':
      return <em>{inline(node.children)}</em>
    case 'break':
      return <br />
    case 'image':
      return node.alt
    case 'link':
      // Nothing that a document could run.
      return /^https?:/i.test(node.url) ? (
        <a href={node.url} target="_blank" rel="noreferrer">
          {inline(node.children)}
        </a>
      ) : (
        inline(node.children)
      )
    default:
      return 'children' in node ? inline(node.children as Nodes[]) : 'value' in node ? node.value : null
  }
}
