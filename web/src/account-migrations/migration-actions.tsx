import { Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'
import { When } from '../components/when.tsx'
import { type Pace, PaceFields, paceOf } from './pace-fields.tsx'
import { accountsOf, begunOf, count, nameOf } from './words.ts'

type Migration = schemas['AccountMigration']

const paramsOf = ({ id: migrationId }: Migration, { reason, key }: Confirmed) => ({
  params: { path: { migrationId }, query: { reason }, header: { 'idempotency-key': key } },
})

/** All that can be done with a migration in its state, but to verify it. */
export function MigrationActions({ migration }: { migration: Migration }) {
  const { status, direction } = migration
  const going = status === 'running'
  const standing = status === 'paused' || status === 'halted'
  return (
    <>
      {standing && <Resume migration={migration} />}
      {going && <Pause migration={migration} />}
      {(going || standing) && <ChangePace migration={migration} />}
      {(going || standing) && <Stop migration={migration} />}
      {(direction === 'forward' || status === 'stopped') && <RollBack migration={migration} />}
    </>
  )
}

function Pause({ migration }: { migration: Migration }) {
  const { pending, moving } = migration.accounts
  return (
    <ConfirmButton
      label="Pause"
      title={`Pause “${nameOf(migration)}”?`}
      run={(confirmed) =>
        client.POST('/api/admin/account-migrations/{migrationId}/pause', paramsOf(migration, confirmed))
      }
    >
      <Text size="sm">
        The batches under way finish, and no other begins until it is resumed. {accountsOf(moving)} under way{' '}
        {moving === 1 ? 'stays' : 'stay'} between the stores and can be used as always; {accountsOf(pending)}{' '}
        {pending === 1 ? 'is' : 'are'} not begun.
      </Text>
    </ConfirmButton>
  )
}

function Resume({ migration }: { migration: Migration }) {
  const { pending, moving } = migration.accounts
  return (
    <ConfirmButton
      label="Resume"
      title={`Resume “${nameOf(migration)}”?`}
      variant="filled"
      run={(confirmed) =>
        client.POST('/api/admin/account-migrations/{migrationId}/resume', paramsOf(migration, confirmed))
      }
    >
      <Text size="sm">
        It goes on where it stands, with {accountsOf(moving)} under way and {accountsOf(pending)} to come.
        {migration.status === 'halted' &&
          ' It halted by itself: mend what it names first. Accounts under way are swept anew from their beginning.'}
      </Text>
    </ConfirmButton>
  )
}

function Stop({ migration }: { migration: Migration }) {
  const { pending, moving, moved } = migration.accounts
  return (
    <ConfirmButton
      danger
      label="Stop"
      title={`Stop “${nameOf(migration)}”?`}
      run={(confirmed) =>
        client.POST('/api/admin/account-migrations/{migrationId}/stop', paramsOf(migration, confirmed))
      }
    >
      <Text size="sm">
        It ends for good: {accountsOf(pending)} {pending === 1 ? 'is' : 'are'} never begun. {accountsOf(moved)} stay
        {moved === 1 ? 's' : ''} where {moved === 1 ? 'it is' : 'they are'}, and {accountsOf(moving)} under way stay
        {moving === 1 ? 's' : ''} in both stores, complete. Another migration can take them on; this one can still be
        rolled back.
      </Text>
    </ConfirmButton>
  )
}

function RollBack({ migration }: { migration: Migration }) {
  const begun = begunOf(migration)
  const { cleanAfter, cleanedAt } = migration
  return (
    <ConfirmButton
      danger
      label="Roll back"
      title={`Roll “${nameOf(migration)}” back?`}
      blocked={
        cleanedAt
          ? 'The way back is closed: what it needs was cleaned up.'
          : begun === 0
            ? 'No account was begun yet: stop it instead.'
            : undefined
      }
      run={(confirmed) =>
        client.POST('/api/admin/account-migrations/{migrationId}/rollback', paramsOf(migration, confirmed))
      }
    >
      <Text size="sm">
        {accountsOf(begun)} with {count(migration.notes.moved)} notes {begun === 1 ? 'goes' : 'go'} back to the legacy
        store, one after the other and verified, while {begun === 1 ? 'it is' : 'they are'} used. What was written since
        goes along. Accounts that were not begun stay where they are. It cannot go forward again.
        {cleanAfter && (
          <>
            {' '}
            The way back is open until <When at={cleanAfter} />.
          </>
        )}
      </Text>
    </ConfirmButton>
  )
}

function ChangePace({ migration }: { migration: Migration }) {
  const { batchSize, delayMs, parallelism } = migration
  const begun = { batchSize, delayMs, parallelism }
  const [pace, setPace] = useState<Pace>(begun)
  return (
    <ConfirmButton
      label="Pace"
      title={`Change the pace of “${nameOf(migration)}”?`}
      onOpen={() => setPace(begun)}
      run={(confirmed) =>
        client.PATCH('/api/admin/account-migrations/{migrationId}', {
          ...paramsOf(migration, confirmed),
          body: paceOf(pace),
        })
      }
    >
      <Stack gap="sm">
        <Text size="sm">
          The {count(migration.notes.total - migration.notes.moved)} notes that are counted and left are moved at this
          pace, from its next slice on: within about five seconds. A longer pause leaves the stores more room.
        </Text>
        <PaceFields value={pace} onChange={setPace} />
      </Stack>
    </ConfirmButton>
  )
}
