import { SegmentedControl } from '@mantine/core'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { useNow } from '../components/time.ts'
import { When } from '../components/when.tsx'
import { useEnvironment, useParam } from '../shell/address.ts'
import { FreezeActions } from './freeze-actions.tsx'
import { NewFreeze } from './new-freeze.tsx'
import { MODES } from './words.ts'

type Freeze = schemas['Freeze']

const COLUMNS: Column<Freeze>[] = [
  { header: 'Why', cell: ({ reason }) => reason },
  { header: 'Status', cell: (freeze) => <Holds freeze={freeze} /> },
  { header: 'From', cell: ({ from }) => <When at={from} /> },
  { header: 'Until', cell: ({ to }) => <When at={to} /> },
  { header: 'What is scheduled into it', cell: ({ mode }) => MODES[mode].short },
  { header: 'By', cell: ({ createdBy }) => createdBy },
  { header: 'Actions', cell: (freeze) => <FreezeActions freeze={freeze} /> },
]

function Holds({ freeze: { from, to } }: { freeze: Freeze }) {
  const now = useNow()
  if (now < Date.parse(from)) return <Status of="to-come" />
  return <Status of={now < Date.parse(to) ? 'holds' : 'ended'} />
}

export default function FreezesPage() {
  const environment = useEnvironment()
  const [asked, setAsked] = useParam('freezes')
  const active = asked === 'now' ? 'true' : undefined
  const freezes = usePages('/api/admin/freezes', { query: { environment, active, limit: 50 } })
  return (
    <Page
      title="Freezes"
      about={`Times in which nothing of ${environment} changes by schedule. Edits by hand are not held.`}
      actions={<NewFreeze />}
    >
      <div>
        <SegmentedControl
          size="xs"
          aria-label="Which freezes"
          value={active ? 'now' : ''}
          onChange={setAsked}
          data={[
            { value: '', label: 'All' },
            { value: 'now', label: 'Hold now' },
          ]}
        />
      </div>
      <DataTable
        label="Freezes"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={freezes}
        empty={
          active ? (
            <EmptyState title={`Nothing is frozen in ${environment} now`}>
              Other freezes may be over or to come.
            </EmptyState>
          ) : (
            <EmptyState title={`${environment} was never frozen`}>
              A freeze keeps schedules, milestones and change requests out of a time: holidays, a sale, an audit.
              Schedules are refused or put off to its end; milestones wait. Who needs to can override it, with a reason.
            </EmptyState>
          )
        }
      />
    </Page>
  )
}
