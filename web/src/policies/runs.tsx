import { Progress } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { TemporalLink } from '../components/temporal-link.tsx'
import { When } from '../components/when.tsx'
import { percent } from './percent.ts'
import classes from './policies.module.css'

const COLUMNS: Column<schemas['PolicyRunSummary']>[] = [
  {
    header: 'Run',
    cell: ({ runId }) => (
      <Link to="/policies/runs/$runId" params={{ runId }} className={`mono ${classes.line}`}>
        {runId}
      </Link>
    ),
  },
  { header: 'Version', number: true, cell: ({ targetPolicyVersion }) => targetPolicyVersion },
  { header: 'Kind', cell: ({ kind }) => (kind === 'rollback' ? 'Roll back' : 'Prepare') },
  { header: 'Status', cell: ({ status }) => <Status of={status} /> },
  {
    header: 'Progress',
    number: true,
    cell: ({ progress, status, targetPolicyVersion }) => (
      <>
        {percent(progress)}
        {status === 'running' && (
          <Progress
            size={3}
            value={progress * 100}
            aria-label={`Progress of version ${targetPolicyVersion}`}
            className={classes.bar}
          />
        )}
      </>
    ),
  },
  {
    header: 'Started',
    cell: ({ startedAt }) => (
      <span className={classes.line}>
        <When at={startedAt} />
      </span>
    ),
  },
  { header: 'By', cell: ({ createdBy }) => createdBy },
  { header: 'Temporal', cell: ({ workflowId }) => <TemporalLink workflowId={workflowId} /> },
]

/** Every evaluation of the catalog and every way back, the newest first. */
export function Runs() {
  const runs = usePages('/api/admin/catalog-policy-runs', { query: { limit: 20 } })
  return (
    <Section title="Runs">
      <DataTable
        label="Runs"
        columns={COLUMNS}
        rowKey={({ runId }) => runId}
        pages={runs}
        empty={
          <EmptyState title="Nothing was prepared yet">
            A run evaluates every item for a version, beside the live one. Begin one with Prepare, beside a version.
          </EmptyState>
        }
      />
    </Section>
  )
}
