import type { RootContent, Table, TableCell } from 'mdast'
import type { MappedTest, Marked, Problem } from './model.ts'
import { type Source, textOf } from './source.ts'
import { idAlone } from './syntax.ts'

const COLUMNS = { name: /^tests?( names?| cases?)?$/, file: /\bfiles?\b/, stub: /\bstub/, impl: /\bimpl/ }
type Column = keyof typeof COLUMNS
const NAMES: Record<Column, string> = { name: 'Test Name', file: 'File', stub: 'Stub Patch', impl: 'Impl Patch' }
const NOTHING = /^([-–—?]*|n\/?a|none|tbd|todo)$/i

/** The rows of all tables whose header is that of a test map; the columns may be in any order. */
export function parseTestMap(source: Source, blocks: RootContent[], problems: Problem[]): MappedTest[] {
  return blocks.flatMap((block) => (block.type === 'table' ? rowsOf(source, block, problems) : []))
}

function rowsOf(source: Source, table: Table, problems: Problem[]): MappedTest[] {
  const [header, ...rows] = table.children
  if (!header) return []
  const titles = header.children.map((cell) => textOf(cell.children).toLowerCase())
  const at = (column: Column) => titles.findIndex((title) => COLUMNS[column].test(title))
  const missing = (Object.keys(COLUMNS) as Column[]).filter((column) => at(column) === -1)
  // A table of something else, as people put beside the map.
  if (missing.length > 2) return []
  if (missing.length > 0) {
    problems.push({
      code: 'test-map-unreadable',
      message: `The table has no column ${missing.map((column) => `"${NAMES[column]}"`).join(' and ')}.`,
      hint: `Its header is | ${Object.values(NAMES).join(' | ')} |.`,
      range: source.rangeOf(header),
    })
    return []
  }
  return rows.flatMap((row) => {
    const cell = (column: Column) => row.children[at(column)]
    if (row.children.every((one) => textOf(one.children) === '')) return []
    const end = source.range(source.rangeOf(row).end.offset, source.rangeOf(row).end.offset)
    const named = (column: Column) => textIn(source, cell(column)) ?? { value: '', range: end }
    return [
      {
        name: named('name'),
        file: named('file'),
        stubPatch: patchIn(source, cell('stub')),
        implPatch: patchIn(source, cell('impl')),
        range: source.rangeOf(row),
      },
    ]
  })
}

function textIn(source: Source, cell: TableCell | undefined): Marked | null {
  return cell ? { value: textOf(cell.children), range: source.content(cell).range } : null
}

/** What is no id is kept as it is written, so that it can be reported as no patch. */
function patchIn(source: Source, cell: TableCell | undefined): Marked | null {
  const text = textIn(source, cell)
  if (!text || NOTHING.test(text.value)) return null
  const id = idAlone(text.value)?.groups?.id
  if (!id) return text
  const start = text.range.start.offset + source.text.slice(text.range.start.offset, text.range.end.offset).indexOf(id)
  return { value: id, range: source.range(start, start + id.length) }
}
