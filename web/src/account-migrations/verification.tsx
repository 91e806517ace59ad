import { Group, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { client, patiently } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { type Column, Rows } from '../components/data-table.tsx'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { accountsOf, begunOf, count } from './words.ts'

type Finding = schemas['AccountMigration']['findings'][number]

/** The API gives up after 20 s, and says how far it came. */
const VERIFIED_WITHIN_MS = 30_000

const KINDS: Record<Finding['kind'], string> = {
  behind: 'not moved',
  differs: 'the stores hold different things of one version',
  left: 'still in the store that the account has left',
}

const COLUMNS: Column<Finding>[] = [
  {
    header: 'Account',
    cell: ({ accountId }) => (
      <Link to="/accounts/$accountId" params={{ accountId }} className="mono">
        {accountId}
      </Link>
    ),
  },
  { header: 'Note', cell: ({ id }) => (id ? <span className="mono">{id}</span> : 'the whole account') },
  { header: 'What differs', cell: ({ kind }) => KINDS[kind] },
  { header: 'Version at the source', number: true, cell: ({ sourceVersion }) => sourceVersion ?? 'none' },
  { header: 'At the destination', number: true, cell: ({ destinationVersion }) => destinationVersion ?? 'none' },
]

const many = (differences: number) => `${count(differences)} ${differences === 1 ? 'difference' : 'differences'}`

/** Compares the stores, and shows what the last comparison of this page found; also what the migration halted with. */
export function Verification({ migration }: { migration: schemas['AccountMigration'] }) {
  const [result, setResult] = useState<schemas['MigrationVerification'] & { at: string }>()
  const begun = begunOf(migration) + migration.accounts.returned
  const verify = (
    <ConfirmButton
      label="Verify"
      title="Compare the stores now?"
      blocked={begun === 0 ? 'No account was begun yet: there is nothing to compare.' : undefined}
      recorded={false}
      run={async () => {
        const { data } = await client.POST('/api/admin/account-migrations/{migrationId}/verify', {
          params: { path: { migrationId: migration.id } },
          fetch: patiently(VERIFIED_WITHIN_MS),
        })
        if (data) setResult({ ...data, at: new Date().toISOString() })
      }}
    >
      <Text size="sm">
        Every note of {accountsOf(begun)} is read in both stores; nothing is changed, and nobody waits for it. What
        looks wrong is read again before it is reported. It takes up to 20 s.
      </Text>
    </ConfirmButton>
  )
  return (
    <Section title="Verification" actions={verify}>
      {migration.findings.length > 0 && (
        <>
          <Text size="sm">
            It halted with {many(migration.findings.length)}. Mend {migration.findings.length === 1 ? 'it' : 'them'},
            then resume: accounts under way are swept anew.
          </Text>
          <Findings label="What it halted with" findings={migration.findings} />
        </>
      )}
      {!result && migration.findings.length === 0 && (
        <Text size="sm" className="quiet">
          Each account is verified before it is done, and a difference halts the migration. Verify to compare the stores
          now.
        </Text>
      )}
      {result && (
        <>
          <Group gap="md" role="status">
            <Status of={result.findings.length > 0 ? 'broken' : 'ok'} />
            <Text component="span" size="sm">
              {accountsOf(result.accounts)} compared{!result.complete && ` of ${count(begun)}, then the time was over`},{' '}
              {result.findings.length === 0 ? 'no difference' : many(result.findings.length)} ·{' '}
              <When at={result.at} as="relative" />
            </Text>
          </Group>
          {result.findings.length > 0 && <Findings label="Differences" findings={result.findings} />}
        </>
      )}
    </Section>
  )
}

function Findings({ label, findings }: { label: string; findings: Finding[] }) {
  return (
    <Rows
      label={label}
      columns={COLUMNS}
      rows={findings}
      rowKey={({ accountId, id, kind }) => `${accountId} ${id} ${kind}`}
    />
  )
}
