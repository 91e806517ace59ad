import { Button, Group, Table, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { ApiError } from '../api/error.ts'
import classes from './data-table.module.css'
import { ErrorPanel } from './error-panel.tsx'
import { Loading } from './loading.tsx'

export interface Column<Row> {
  header: string
  cell: (row: Row) => ReactNode
  /** Numbers are aligned at their end, with digits of one width. */
  number?: boolean
}

/** What `usePages` returns, as far as a table needs it. */
interface Pages<Row> {
  data: Row[] | undefined
  error: ApiError | null
  refetch: () => unknown
  hasNextPage: boolean
  fetchNextPage: () => unknown
  isFetchingNextPage: boolean
}

/** A list, page after page: what is being read, what went wrong and what is not there included. */
export function DataTable<Row>({
  label,
  columns,
  rowKey,
  pages,
  empty,
}: {
  /** What the rows are, for screen readers. */
  label: string
  columns: Column<Row>[]
  rowKey: (row: Row) => string | number
  pages: Pages<Row>
  /** An `<EmptyState>`. */
  empty: ReactNode
}) {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = pages
  if (!data) return error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />
  return (
    <>
      {error && <ErrorPanel error={error} retry={refetch} />}
      {data.length === 0 ? empty : <Rows label={label} columns={columns} rowKey={rowKey} rows={data} />}
      {data.length > 0 && (
        <Group gap="sm">
          <Text size="xs" className="quiet figure">
            {hasNextPage
              ? `The first ${data.length.toLocaleString('en')}`
              : `${data.length.toLocaleString('en')} in all`}
          </Text>
          {hasNextPage && (
            <Button size="compact-sm" variant="default" loading={isFetchingNextPage} onClick={() => fetchNextPage()}>
              Show more
            </Button>
          )}
        </Group>
      )}
    </>
  )
}

/** A table of rows that are all there. */
export function Rows<Row>({
  label,
  columns,
  rowKey,
  rows,
}: {
  label: string
  columns: Column<Row>[]
  rowKey: (row: Row) => string | number
  rows: Row[]
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={`panel ${classes.scroll}`} aria-label={label} tabIndex={0}>
      <Table className={classes.table} highlightOnHover verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ header, number }) => (
              <Table.Th key={header} data-number={number || undefined}>
                {header}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={rowKey(row)}>
              {columns.map(({ header, cell, number }) => (
                <Table.Td key={header} data-number={number || undefined}>
                  {cell(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  )
}
