import { Group, Progress, Stack, Text } from '@mantine/core'
import { useParams } from '@tanstack/react-router'
import { useRead, useReadAgain } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { History } from '../components/history.tsx'
import { Loading } from '../components/loading.tsx'
import { Notice } from '../components/notice.tsx'
import { Page, Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { TemporalLink } from '../components/temporal-link.tsx'
import { Tile, Tiles } from '../components/tiles.tsx'
import { period } from '../components/time.ts'
import { When } from '../components/when.tsx'
import { CohortLine } from './cohort-line.tsx'
import { MigrationAccounts } from './migration-accounts.tsx'
import { MigrationActions } from './migration-actions.tsx'
import classes from './migrations.module.css'
import { Verification } from './verification.tsx'
import { accountsOf, COLORS, count, nameOf, statusOf } from './words.ts'

type Migration = schemas['AccountMigration']

// Batches make no events.
const LOOK_EVERY_MS = 2_000

export default function MigrationPage() {
  const { migrationId } = useParams({ from: '/account-migrations/$migrationId' })
  const { data, error, refetch } = useRead('/api/admin/account-migrations/{migrationId}', { path: { migrationId } })
  useReadAgain('/api/admin/account-migrations', data?.status === 'running' ? LOOK_EVERY_MS : null)
  if (!data) {
    return <Page title="Account migration">{error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />}</Page>
  }
  const { pending, moving, moved, returned } = data.accounts
  return (
    <Page
      // What was verified was another one.
      key={data.id}
      title={nameOf(data)}
      about={`Moves ${accountsOf(pending + moving + moved + returned)} in ${data.cohorts.length} ${data.cohorts.length === 1 ? 'cohort' : 'cohorts'}, while they are used.`}
      actions={<MigrationActions migration={data} />}
    >
      {error && <ErrorPanel error={error} retry={refetch} />}
      <Stack gap="lg">
        <Stack gap="xs">
          <Facts migration={data} />
          <Trouble migration={data} />
        </Stack>
        <Section title="Cohorts">
          <CohortLine migration={data} />
        </Section>
        <Figures migration={data} />
        <Verification migration={data} />
        <MigrationAccounts migrationId={data.id} />
        <History of={{ runId: data.id }} title="Decisions" />
      </Stack>
    </Page>
  )
}

function Facts({ migration }: { migration: Migration }) {
  const { id, startedAt, createdBy, finishedAt, cleanAfter, cleanedAt, workflowId } = migration
  return (
    <Group className={classes.facts}>
      <Status of={statusOf(migration)} />
      <span>
        Started <When at={startedAt} /> by {createdBy}
      </span>
      {finishedAt && (
        <span>
          Ended <When at={finishedAt} />
        </span>
      )}
      {cleanedAt ? (
        <span>
          The way back was closed <When at={cleanedAt} />
        </span>
      ) : (
        cleanAfter && (
          <span>
            Can be rolled back until <When at={cleanAfter} />
          </span>
        )
      )}
      <TemporalLink workflowId={workflowId} />
      <span className="mono quiet">{id}</span>
    </Group>
  )
}

/** Why it stands still, or what it tries again. */
function Trouble({ migration: { status, reason, lastError, failingSince } }: { migration: Migration }) {
  const titles = { paused: 'Paused', halted: 'It halted by itself', stopped: 'Stopped' }
  return (
    <>
      {(status === 'paused' || status === 'halted' || status === 'stopped') && (
        <Notice bad={status === 'halted'} title={titles[status]}>
          {reason}
        </Notice>
      )}
      {lastError && (
        <Notice bad title="Trying again">
          {lastError}
          {failingSince && (
            <>
              , since <When at={failingSince} />
            </>
          )}
        </Notice>
      )}
    </>
  )
}

function Figures({ migration }: { migration: Migration }) {
  const { accounts, notes, progress, ratePerSecond, etaSeconds, status, batchSize, delayMs, parallelism } = migration
  const percent = `${Math.floor(progress * 100)} %`
  return (
    <Section title="Progress">
      <div className={`panel ${classes.bar}`}>
        <Group justify="space-between" gap="xs" mb={6}>
          <span className="figure">
            {count(notes.moved)} / {count(notes.total)} notes of the accounts that were counted
          </span>
          <span className="figure">{percent}</span>
        </Group>
        <Progress value={progress * 100} color={COLORS[status]} aria-label="Progress of the migration" />
        <Text size="xs" className="quiet figure" mt={6}>
          {parallelism} side by side, batches of {count(batchSize)}
          {delayMs > 0 && `, ${count(delayMs)} ms of pause after each`}
        </Text>
      </div>
      <Tiles>
        <Tile name="Not begun">{count(accounts.pending)}</Tile>
        <Tile name="Moving">{count(accounts.moving)}</Tile>
        <Tile name="Moved">{count(accounts.moved)}</Tile>
        {(accounts.returned > 0 || migration.direction === 'back') && (
          <Tile name="Taken back">{count(accounts.returned)}</Tile>
        )}
        {status === 'running' && ratePerSecond !== null && (
          <Tile name="Rate">{count(Math.round(ratePerSecond))}/s</Tile>
        )}
        {status === 'running' && etaSeconds !== null && <Tile name="Ends in about">{period(etaSeconds)}</Tile>}
      </Tiles>
    </Section>
  )
}
