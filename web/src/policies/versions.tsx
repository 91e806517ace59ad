import { Group, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages, useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Section } from '../components/page.tsx'
import { Status, type StatusName } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import classes from './policies.module.css'
import { Prepare } from './prepare.tsx'
import { RollBack } from './roll-back.tsx'

type Policy = schemas['CatalogPolicy']
type Run = schemas['PolicyRunSummary']

const STATUS: Record<NonNullable<Policy['evaluated']>, StatusName> = {
  active: 'live',
  preparing: 'preparing',
  ready: 'ready',
  resumable: 'resumable',
  reverse: 'replaced',
}

const WAY_BACK_MS = 24 * 3_600e3

/** Every version of the policy, the newest first, and what can be done with it. */
export function Versions() {
  const policies = usePages('/api/admin/catalog-policies', { query: { limit: 50 } })
  const { data: promotions } = useRead('/api/admin/catalog-policy-runs', { query: { status: 'promoted', limit: 100 } })
  const live = policies.data?.find(({ isActive }) => isActive)
  const columns: Column<Policy>[] = [
    { header: 'Version', number: true, cell: ({ version }) => version },
    {
      header: 'Name',
      cell: ({ id, name }) => (
        <Link to="/policies/new" search={({ env }) => ({ env, from: id })}>
          {name}
        </Link>
      ),
    },
    {
      header: 'Status',
      cell: (policy) => <VersionStatus policy={policy} promotions={promotions ?? []} />,
    },
    {
      header: 'Created',
      cell: ({ createdAt }) => (
        <span className={classes.line}>
          <When at={createdAt} as="relative" />
        </span>
      ),
    },
    { header: 'By', cell: ({ createdBy }) => createdBy },
    {
      header: 'Action',
      cell: (policy) =>
        !policy.isActive && (
          <Group gap={6} wrap="nowrap">
            <Prepare policy={policy} live={live} />
            {policy.evaluated === 'reverse' && <RollBack policy={policy} live={live} promotions={promotions ?? []} />}
          </Group>
        ),
    },
  ]
  return (
    <Section title="Versions">
      <DataTable
        label="Versions"
        columns={columns}
        rowKey={({ id }) => id}
        pages={policies}
        empty={
          <EmptyState
            title="There is no policy yet, so the public sees nothing"
            action={<Link to="/policies/new">Write the first version</Link>}
          >
            A policy has rules, which say why an item is not shown, and a formula for its relevance. Nobody sees a new
            version before it is prepared and promoted.
          </EmptyState>
        }
      />
    </Section>
  )
}

function VersionStatus({ policy, promotions }: { policy: Policy; promotions: Run[] }) {
  const { evaluated, version } = policy
  const until = evaluated === 'reverse' ? wayBackUntil(version, promotions) : undefined
  return (
    <>
      <Status of={evaluated ? STATUS[evaluated] : 'unprepared'} />
      {evaluated === 'reverse' && (
        <Text size="xs" className={`quiet ${classes.line}`}>
          can be gone back to
          {until && (
            <>
              {' '}
              until <When at={until} />
            </>
          )}
        </Text>
      )}
    </>
  )
}

/** When the way back to a version ends: a day after another one took its place; undefined when that is not known. */
function wayBackUntil(version: number, promotions: Run[]): string | undefined {
  const times = (runs: Run[]) => runs.map(({ promotedAt }) => Date.parse(promotedAt ?? '')).sort((a, b) => a - b)
  const last = times(promotions.filter(({ targetPolicyVersion }) => targetPolicyVersion === version)).at(-1)
  const replaced = times(promotions).find((time) => last !== undefined && time > last)
  // A way back that was begun and cancelled is open for another day: better no time than a wrong one.
  if (!replaced || replaced + WAY_BACK_MS < Date.now()) return undefined
  return new Date(replaced + WAY_BACK_MS).toISOString()
}
