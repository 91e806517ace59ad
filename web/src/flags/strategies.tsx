import { Text } from '@mantine/core'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, Rows } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { ConstraintText } from './constraint.tsx'
import { useFlagAddress } from './flag-address.ts'
import classes from './flag-page.module.css'
import { AddStrategy, StrategyActions } from './strategy-actions.tsx'
import { nameOf } from './strategy-draft.ts'

const COLUMNS: Column<schemas['Strategy']>[] = [
  {
    header: 'Strategy',
    cell: ({ name, title, milestoneId }) => (
      <>
        {nameOf({ name, title })}
        <Text size="xs" className="quiet">
          <span className="mono">{name}</span>
          {milestoneId && ', of the release plan'}
        </Text>
      </>
    ),
  },
  { header: 'Status', cell: ({ disabled }) => <Status of={disabled ? 'off' : 'on'} /> },
  {
    header: 'Parameters',
    cell: ({ parameters }) => (
      <ul className={classes.plain}>
        {Object.entries(parameters).map(([name, value]) => (
          <li key={name}>
            <span className="quiet">{name}</span> <span className="mono">{value}</span>
          </li>
        ))}
      </ul>
    ),
  },
  {
    header: 'Constraints',
    cell: ({ constraints }) => (
      <ul className={classes.plain}>
        {constraints.map((constraint) => (
          <li key={JSON.stringify(constraint)}>
            <ConstraintText of={constraint} />
          </li>
        ))}
      </ul>
    ),
  },
  { header: 'Segments', cell: ({ segments }) => <span className="mono">{segments.join(', ')}</span> },
  {
    header: 'Variants',
    cell: ({ variants }) => variants.map(({ name, weight }) => `${name} (${weight})`).join(', '),
  },
]

/** Whom the flag is on for. */
export function Strategies({ flag }: { flag: schemas['Flag'] }) {
  const address = useFlagAddress()
  const { data, error, refetch } = useRead('/api/admin/flags/{flagKey}/strategies', address)
  const action: Column<schemas['Strategy']> = {
    header: 'Action',
    cell: (strategy) => <StrategyActions flag={flag} strategies={data ?? []} strategy={strategy} />,
  }
  return (
    <Section title="Strategies" actions={data && <AddStrategy flag={flag} strategies={data} />}>
      {error && <ErrorPanel error={error} retry={refetch} />}
      {!data && !error && <Loading rows={2} />}
      {data?.length === 0 && (
        <EmptyState title="No strategies">
          While it is on, it is on for everybody that its rollout lets in. A strategy says for whom: users, segments, a
          share. With several, whom any of them matches gets it.
        </EmptyState>
      )}
      {data && data.length > 0 && (
        <Rows
          label="Strategies, in the order in which they are asked"
          columns={[...COLUMNS, action]}
          rowKey={({ id }) => id}
          rows={data}
        />
      )}
    </Section>
  )
}
