import { SegmentedControl, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { useEnvironment, useParam } from '../shell/address.ts'
import { Icon } from '../shell/icons.tsx'
import classes from './flags-page.module.css'
import { NewFlag } from './new-flag.tsx'

const SEARCH_AFTER_MS = 200

const COLUMNS: Column<schemas['Flag']>[] = [
  {
    header: 'Key',
    cell: ({ key }) => (
      <Link to="/flags/$flagKey" params={{ flagKey: key }} search={({ env }) => ({ env })} className="mono">
        {key}
      </Link>
    ),
  },
  {
    header: 'Status',
    cell: ({ archivedAt, enabled }) => <Status of={archivedAt ? 'archived' : enabled ? 'on' : 'off'} />,
  },
  { header: 'Rollout', number: true, cell: ({ rolloutPercentage }) => `${rolloutPercentage} %` },
  { header: 'Description', cell: ({ description }) => description },
  { header: 'Revision', number: true, cell: ({ revision }) => revision },
  { header: 'Changed', cell: ({ updatedAt }) => <When at={updatedAt} /> },
]

export default function FlagsPage() {
  const environment = useEnvironment()
  const [search, setSearch] = useParam('search')
  const [archived, setArchived] = useParam('archived')
  const [typed, setTyped] = useState(search)
  const searchSoon = useDebouncedCallback(setSearch, SEARCH_AFTER_MS)
  const query = { environment, search: search || undefined, archived: archived || undefined, limit: 100 }
  const flags = usePages('/api/admin/flags', { query })
  return (
    <Page title="Flags" about={`What applications see in ${environment}.`} actions={<NewFlag />}>
      <div className={classes.filters}>
        <TextInput
          type="search"
          className={classes.search}
          aria-label="Search by key or description"
          placeholder="Search by key or description"
          leftSection={<Icon name="search" />}
          value={typed}
          onChange={({ currentTarget: { value } }) => {
            setTyped(value)
            searchSoon(value)
          }}
        />
        <SegmentedControl
          size="xs"
          aria-label="Which flags"
          value={archived || 'false'}
          onChange={(value) => setArchived(value === 'true' ? value : '')}
          data={[
            { value: 'false', label: 'In use' },
            { value: 'true', label: 'Archived' },
          ]}
        />
      </div>
      <DataTable
        label="Flags"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={flags}
        empty={<NoFlags environment={environment} filtered={search !== '' || archived !== ''} />}
      />
    </Page>
  )
}

function NoFlags({ environment, filtered }: { environment: string; filtered: boolean }) {
  if (filtered) return <EmptyState title="No flag fits">Search for another part of its key or description.</EmptyState>
  return (
    <EmptyState title={`There are no flags in ${environment}`}>
      A flag decides what users see, and can be switched at an instant, by hand or by a schedule. Applications ask for
      it by its key.
    </EmptyState>
  )
}
