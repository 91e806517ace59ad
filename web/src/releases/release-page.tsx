import { Stack, Text } from '@mantine/core'
import { Link, useParams } from '@tanstack/react-router'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, Rows } from '../components/data-table.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Notice } from '../components/notice.tsx'
import { Page, Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { utc } from '../components/time.ts'
import { When } from '../components/when.tsx'
import { Fact } from '../flags/flag-facts.tsx'
import classes from '../flags/flag-page.module.css'
import { updatesText } from '../flags/updates-text.ts'
import { inWords } from '../flags/wall-clock.ts'
import { ReleaseActions } from './release-actions.tsx'

type Release = schemas['FlagRelease']

const COLUMNS: Column<Release['changes'][number]>[] = [
  {
    header: 'Flag',
    cell: ({ flagKey, environment }) => (
      <Link to="/flags/$flagKey" params={{ flagKey }} search={{ env: environment }} className="mono">
        {flagKey}
      </Link>
    ),
  },
  { header: 'Environment', cell: ({ environment }) => environment },
  { header: 'Change', cell: ({ updates }) => updatesText(updates) },
]

export default function ReleasePage() {
  const { releaseId } = useParams({ from: '/releases/$releaseId' })
  const { data: release, error, refetch } = useRead('/api/admin/releases/{releaseId}', { path: { releaseId } })
  if (!release) return <Page title="Release">{error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />}</Page>
  const { status, scheduledAt, comment, changes, errorMessage, deferredFrom } = release
  return (
    <Page
      title={`Release of ${changes.length} ${changes.length === 1 ? 'flag' : 'flags'}`}
      about={comment ?? `Due ${inWords(scheduledAt)}`}
      actions={<ReleaseActions release={release} />}
    >
      {error && <ErrorPanel error={error} retry={refetch} />}
      <Stack gap="xl">
        {status === 'failed' && (
          <Notice title="None of its changes was made" bad>
            <Text size="sm">{errorMessage}. Put right what refused it, and create the release again.</Text>
          </Notice>
        )}
        {deferredFrom && status === 'pending' && (
          <Notice title="A freeze has put it off">
            <Text size="sm">It was due {inWords(deferredFrom)}.</Text>
          </Notice>
        )}
        <Facts release={release} />
        <Section title="Changes, at one instant">
          <Rows label="Changes" columns={COLUMNS} rowKey={({ scheduleId }) => scheduleId} rows={changes} />
        </Section>
      </Stack>
    </Page>
  )
}

function Facts({
  release: { status, scheduledAt, appliedAt, appliedRevision, createdBy, createdAt },
}: {
  release: Release
}) {
  return (
    <dl className={`panel figure ${classes.facts}`} aria-label="What it is now">
      <Fact name="Status">
        <Status of={status} />
      </Fact>
      <Fact name="Due">
        {inWords(scheduledAt)}
        <Text size="xs" className="quiet">
          {utc(scheduledAt)}
        </Text>
      </Fact>
      <Fact name="Applied">
        {appliedAt ? (
          <>
            <When at={appliedAt} />, as revision {appliedRevision}
          </>
        ) : (
          'Not yet'
        )}
      </Fact>
      <Fact name="Created">
        <When at={createdAt} /> by {createdBy}
      </Fact>
    </dl>
  )
}
