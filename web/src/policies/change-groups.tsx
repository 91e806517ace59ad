import { Stack, Text } from '@mantine/core'
import type { schemas } from '../api/schema.ts'
import { type Column, Rows } from '../components/data-table.tsx'
import { Status } from '../components/status.tsx'
import classes from './policies.module.css'

type ChangedItem = schemas['PolicyDiff']['samples']['regressions'][number] & { problems?: string[] }
type Change = keyof schemas['PolicyDiff']['samples']

const GROUPS: [change: Change, title: string][] = [
  ['regressions', 'Disappear'],
  ['improvements', 'Appear'],
  ['reasonChanges', 'Other verdict or reasons, as visible as before'],
]

const COLUMNS: Column<ChangedItem>[] = [
  { header: 'Item', number: true, cell: ({ mediaItemId }) => mediaItemId },
  { header: 'Title', cell: ({ title }) => title ?? <span className="quiet">Untitled</span> },
  { header: 'Trending', number: true, cell: ({ trendingScore }) => trendingScore.toLocaleString('en') },
  { header: 'Before', cell: ({ before }) => <Verdict of={before} /> },
  { header: 'After', cell: ({ after, problems }) => <Verdict of={after} problems={problems} /> },
]

/** Items by what happens to them: how many, and, unfolded, those that trend most with the reasons. */
export function ChangeGroups({
  summary,
  counts,
  items,
}: {
  summary: string
  counts: Record<Change, number>
  items: Record<Change, ChangedItem[]>
}) {
  return (
    <Stack gap="xs">
      <Text className="figure">{summary}</Text>
      {GROUPS.map(([change, title]) => (
        <Group key={change} title={title} count={counts[change]} items={items[change]} />
      ))}
    </Stack>
  )
}

function Group({ title, count, items }: { title: string; count: number; items: ChangedItem[] }) {
  const heading = `${title}: ${count.toLocaleString('en')}`
  if (count === 0) return <div className={`panel quiet ${classes.progress}`}>{heading}</div>
  return (
    <details className={`panel ${classes.group}`}>
      <summary className="figure">
        {heading}
        {items.length < count && `, the ${items.length} that trend most`}
      </summary>
      <Rows label={title} columns={COLUMNS} rows={items} rowKey={({ mediaItemId }) => mediaItemId} />
    </details>
  )
}

function Verdict({ of, problems = [] }: { of: ChangedItem['before']; problems?: string[] | undefined }) {
  if (!of) return <span className="quiet">None</span>
  return (
    <>
      <Status of={of.status} />
      <div className="mono">{of.reasons.join(', ')}</div>
      {problems.map((problem) => (
        <Text key={problem} size="xs" className="quiet">
          {problem}
        </Text>
      ))}
    </>
  )
}
