import { Alert, Group, List, Stack, Text } from '@mantine/core'
import { Link, useParams } from '@tanstack/react-router'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { Rows } from '../components/data-table.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Page, Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { TemporalLink } from '../components/temporal-link.tsx'
import { When } from '../components/when.tsx'
import classes from './policies.module.css'
import { CancelRun, Pace, Promote, ResumeRun } from './run-actions.tsx'
import { RunDiff } from './run-diff.tsx'
import { RunProgress } from './run-progress.tsx'

export default function RunPage() {
  const { runId } = useParams({ from: '/policies/runs/$runId' })
  const { data: run, error, refetch } = useRead('/api/admin/catalog-policy-runs/{runId}', { path: { runId } })
  const title = run
    ? `${run.kind === 'rollback' ? 'Roll back to' : 'Preparation of'} version ${run.targetPolicyVersion}`
    : 'Run of a policy'
  return (
    <Page title={title} about={<Link to="/policies">All policies</Link>} actions={run && <Actions run={run} />}>
      {error && <ErrorPanel error={error} retry={refetch} />}
      {run ? <Run run={run} /> : !error && <Loading />}
    </Page>
  )
}

function Actions({ run }: { run: schemas['PolicyRun'] }) {
  return (
    <>
      {run.status === 'running' && run.kind === 'prepare' && <Pace run={run} />}
      {run.status === 'running' && <CancelRun run={run} />}
      {run.status === 'failed' && <ResumeRun run={run} />}
      {(run.status === 'running' || run.status === 'success') && <Promote run={run} />}
    </>
  )
}

function Run({ run }: { run: schemas['PolicyRun'] }) {
  const { runId, status, workflowId, startedAt, createdBy, finishedAt, promotedAt, promotedBy, errorSample } = run
  return (
    <Stack gap="lg">
      <Group className={classes.facts}>
        <Status of={status} />
        <span>
          Started <When at={startedAt} /> by {createdBy}
        </span>
        {finishedAt && (
          <span>
            Ended <When at={finishedAt} />
          </span>
        )}
        {promotedAt && (
          <span>
            Promoted <When at={promotedAt} /> by {promotedBy}
          </span>
        )}
        <TemporalLink workflowId={workflowId} />
        <span className="mono quiet">{runId}</span>
      </Group>
      {status === 'success' && <Blocking reasons={run.blockingReasons} />}
      <Trouble run={run} />
      <RunProgress run={run} />
      {errorSample.length > 0 && (
        <Section title={`Errors (the first ${errorSample.length} of ${run.errors.toLocaleString('en')})`}>
          <Rows
            label="Errors"
            rows={errorSample}
            rowKey={({ mediaItemId }) => mediaItemId}
            columns={[
              { header: 'Item', number: true, cell: ({ mediaItemId }) => mediaItemId },
              { header: 'What went wrong', cell: ({ message }) => message },
            ]}
          />
        </Section>
      )}
      {(status === 'success' || status === 'promoted') && <RunDiff runId={runId} promoted={status === 'promoted'} />}
    </Stack>
  )
}

function Blocking({ reasons }: { reasons: string[] }) {
  if (reasons.length === 0) return null
  return (
    <Alert color="yellow" variant="outline" title="Not ready to be promoted">
      <List size="sm">
        {reasons.map((reason) => (
          <List.Item key={reason}>{reason}</List.Item>
        ))}
      </List>
    </Alert>
  )
}

function Trouble({ run: { status, lastError, failingSince } }: { run: schemas['PolicyRun'] }) {
  if (!lastError) return null
  return (
    <Alert color="red" variant="outline" title={status === 'failed' ? 'The run has failed' : 'Trying again'}>
      <Text size="sm">
        {lastError}
        {failingSince && (
          <>
            {' '}
            Since <When at={failingSince} />.
          </>
        )}
      </Text>
    </Alert>
  )
}
