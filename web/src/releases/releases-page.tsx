import { SegmentedControl, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { utc } from '../components/time.ts'
import { When } from '../components/when.tsx'
import { useParam } from '../shell/address.ts'
import { NewRelease } from './new-release.tsx'
import { ReleaseActions } from './release-actions.tsx'
import { changesText } from './release-text.ts'

const STATUSES = ['', 'pending', 'applied', 'failed', 'cancelled'] as const

const COLUMNS: Column<schemas['FlagRelease']>[] = [
  {
    header: 'Due',
    cell: ({ id, scheduledAt }) => (
      <>
        <Link to="/releases/$releaseId" params={{ releaseId: id }} search={({ env }) => ({ env })}>
          <When at={scheduledAt} />
        </Link>
        <Text size="xs" className="quiet figure">
          {utc(scheduledAt)}
        </Text>
      </>
    ),
  },
  { header: 'Status', cell: ({ status }) => <Status of={status} /> },
  { header: 'Flags', number: true, cell: ({ changes }) => changes.length },
  {
    header: 'Changes',
    cell: (release) => (
      <>
        {changesText(release)}
        {release.comment && (
          <Text size="xs" className="quiet">
            {release.comment}
          </Text>
        )}
        {release.errorMessage && <Text size="xs">{release.errorMessage}</Text>}
      </>
    ),
  },
  { header: 'By', cell: ({ createdBy }) => createdBy },
  { header: 'Action', cell: (release) => <ReleaseActions release={release} /> },
]

export default function ReleasesPage() {
  const [shown, setShown] = useParam('status')
  const status = STATUSES.find((known) => known === shown) || undefined
  const releases = usePages('/api/admin/releases', { query: { status, limit: 50 } })
  return (
    <Page
      title="Releases"
      about="Changes of several flags at one instant: users see all of them or none."
      actions={<NewRelease />}
    >
      <div>
        <SegmentedControl
          size="xs"
          aria-label="Which releases"
          value={status ?? ''}
          onChange={setShown}
          data={STATUSES.map((value) => ({
            value,
            label: value === '' ? 'All' : value.charAt(0).toUpperCase() + value.slice(1),
          }))}
        />
      </div>
      <DataTable
        label="Releases, the newest first"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={releases}
        empty={
          <EmptyState title={status ? `None is ${status}` : 'There are no releases'}>
            A release changes several flags, also of several environments, as one configuration: if one of them cannot
            be changed, none is. Until it is due it can be moved and cancelled as a whole.
          </EmptyState>
        }
      />
    </Page>
  )
}
