import { Table, Text } from '@mantine/core'
import classes from './before-after.module.css'
import { differences } from './json-diff.ts'

/** Two JSON values, by the fields in which they differ. */
export function BeforeAfter({ before, after }: { before: unknown; after: unknown }) {
  const changes = differences(before, after)
  if (changes.length === 0) return <Text className="quiet">Nothing differs.</Text>
  return (
    <Table className={classes.table} verticalSpacing={4}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Field</Table.Th>
          <Table.Th>Before</Table.Th>
          <Table.Th>After</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {changes.map((change) => (
          <Table.Tr key={change.path}>
            <Table.Th scope="row" className="mono">
              {change.path || 'all of it'}
            </Table.Th>
            <Table.Td>
              {change.before !== undefined && <del className={classes.before}>{show(change.before)}</del>}
            </Table.Td>
            <Table.Td>
              {change.after !== undefined && <ins className={classes.after}>{show(change.after)}</ins>}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  )
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
