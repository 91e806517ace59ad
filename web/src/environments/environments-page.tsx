import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { EditSettings } from './edit-settings.tsx'

const COLUMNS: Column<schemas['EnvironmentSettings']>[] = [
  { header: 'Environment', cell: ({ environment }) => <span className="mono">{environment}</span> },
  { header: 'Change requests', cell: ({ changeRequests }) => <Status of={changeRequests ? 'on' : 'off'} /> },
  { header: 'Approvals', number: true, cell: ({ requiredApprovals }) => requiredApprovals },
  { header: 'Of its own author', cell: ({ selfApproval }) => (selfApproval ? 'Counts' : 'Does not count') },
  {
    header: 'Plan and strategies in step',
    cell: ({ releasePlanSync }) => <Status of={releasePlanSync ? 'on' : 'off'} />,
  },
  { header: 'Changed', cell: ({ updatedAt }) => (updatedAt ? <When at={updatedAt} /> : 'Never') },
  { header: 'Action', cell: (settings) => <EditSettings settings={settings} /> },
]

export default function EnvironmentsPage() {
  const environments = usePages('/api/admin/environments', { query: { limit: 50 } })
  return (
    <Page title="Environments" about="What each environment asks of those who change it.">
      <DataTable
        label="Environments"
        columns={COLUMNS}
        rowKey={({ environment }) => environment}
        pages={environments}
        empty={
          <EmptyState title="There are no environments yet">
            An environment comes with its first flag. For one other than production, open this page with its name in the
            address: <span className="mono">?env=staging</span>.
          </EmptyState>
        }
      />
    </Page>
  )
}
