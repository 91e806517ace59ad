import { Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { usePages } from '../api/queries.ts'
import type { paths, schemas } from '../api/schema.ts'
import { BeforeAfter } from './before-after.tsx'
import { type Column, DataTable } from './data-table.tsx'
import { EmptyState } from './empty-state.tsx'
import classes from './history.module.css'
import { type Difference, differences } from './json-diff.ts'
import { Section } from './page.tsx'
import { When } from './when.tsx'

type Event = schemas['Event']

const DOORS: Record<Event['door'], string> = {
  http: '',
  signal: 'by signal',
  temporal: 'in Temporal',
  schedule: 'by schedule',
  'change-request': 'by change request',
  gameplan: 'by gameplan',
}

const SUMMED_UP = 3

const COLUMNS: Column<Event>[] = [
  { header: 'When', cell: ({ createdAt }) => <When at={createdAt} /> },
  { header: 'What', cell: ({ type }) => wordsOf(type) },
  {
    header: 'Who and why',
    cell: ({ actor, door, reason }) => (
      <>
        {actor} <span className="quiet">{DOORS[door]}</span>
        {reason && <Text size="xs">{reason}</Text>}
      </>
    ),
  },
  { header: 'Change', cell: (event) => <Change event={event} /> },
]

const REVISION: Column<Event> = { header: 'Revision', number: true, cell: ({ revision }) => revision }

/** `schedule-applied` as people say it: `Schedule applied`. */
function wordsOf(type: string): string {
  const words = type
    .replace('feature-', '')
    .replace(/-(add|remove)$/, '-$1ed')
    .replace(/-update$/, '-updated')
    .replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** What the audit trail has of something, newest first: everything that `of` names. */
export function History({
  of,
  title = 'History',
  actions,
}: {
  of: NonNullable<paths['/api/admin/events']['get']['parameters']['query']>
  title?: string
  actions?: ReactNode
}) {
  const events = usePages('/api/admin/events', { query: { ...of, limit: 20 } })
  return (
    <Section title={title} actions={actions}>
      <DataTable
        label={title}
        columns={of.flagKey ? [...COLUMNS, REVISION] : COLUMNS}
        rowKey={({ id }) => id}
        pages={events}
        empty={
          <EmptyState title="Nothing happened yet">Each change is kept here, with who made it and why.</EmptyState>
        }
      />
    </Section>
  )
}

function Change({ event: { data } }: { event: Event }) {
  const { before, after, ...rest } = data
  const [was, is] = 'before' in data || 'after' in data ? [before ?? {}, after ?? {}] : [{}, rest]
  const changes = differences(was, is)
  if (changes.length === 0) return null
  const first = changes.slice(0, SUMMED_UP).map(briefly).join(', ')
  const more = changes.length - SUMMED_UP
  return (
    <details className={classes.change}>
      <summary className="mono">{more > 0 ? `${first} and ${more} more` : first}</summary>
      <BeforeAfter before={was} after={is} />
    </details>
  )
}

/** `rolloutPercentage 80 → 60`; only its name where a value is long. */
function briefly({ path, before, after }: Difference): string {
  const values = [before, after].filter((value) => value !== undefined && value !== null).map(String)
  const text = values.join(' → ')
  return text === '' || text.length > 24 || text.includes('[object') ? path : `${path} ${text}`
}
