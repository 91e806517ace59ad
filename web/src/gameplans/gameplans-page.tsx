import { Button, Code, Group, SegmentedControl, Stack, TextInput } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, DataTable } from '../components/data-table.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { Page } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { useEnvironment, useParam } from '../shell/address.ts'
import { counted, FLAG_STATUS } from './words.ts'

type Summary = schemas['GameplanSummary']

const STATUSES = ['draft', 'running', 'paused', 'completed', 'cancelled'] as const

/** What a flag's key may be; a half of one that is not lists nothing, rather than an error. */
const FLAG_KEY = /^[A-Za-z0-9._-]{1,100}$/

const COLUMNS: Column<Summary>[] = [
  {
    header: 'Gameplan',
    cell: ({ id, title }) => (
      <Link to="/gameplans/$id" params={{ id }}>
        {title}
      </Link>
    ),
  },
  { header: 'Status', cell: ({ status }) => <Status of={status} /> },
  {
    header: 'Flag',
    cell: ({ flag }) =>
      flag ? (
        <>
          <span className="mono">{flag.key}</span>{' '}
          <span className="quiet">
            <Status of={FLAG_STATUS[flag.state]} />
          </span>
        </>
      ) : (
        <span className="quiet">none</span>
      ),
  },
  {
    header: 'Progress',
    cell: ({ progress: { done, patches, openGates } }) => (
      <>
        {done} of {counted(patches, 'patch', 'patches')}
        {openGates > 0 && <span className="quiet">, {counted(openGates, 'point')} open</span>}
      </>
    ),
  },
  {
    header: 'What stands in its way',
    cell: ({ problem, pauseReason }) => problem?.detail ?? pauseReason,
  },
  { header: 'Changed', cell: ({ updatedAt }) => <When at={updatedAt} /> },
]

export default function GameplansPage() {
  const environment = useEnvironment()
  const [askedStatus, setStatus] = useParam('status')
  const [askedFlag, setFlag] = useParam('flag')
  const status = STATUSES.find((known) => known === askedStatus)
  const flagKey = FLAG_KEY.test(askedFlag) ? askedFlag : undefined
  const gameplans = usePages('/api/admin/gameplans', { query: { environment, status, flagKey, limit: 50 } })
  return (
    <Page
      title="Gameplans"
      about={`How changes of ${environment} ship: patches in their order, and the flag that follows them by itself.`}
      actions={<NewGameplanLink />}
    >
      <Group gap="sm">
        <SegmentedControl
          size="xs"
          // Six words are wider than a narrow screen.
          style={{ overflowX: 'auto', maxWidth: '100%' }}
          aria-label="Which gameplans"
          value={status ?? ''}
          onChange={setStatus}
          data={[
            { value: '', label: 'All' },
            { value: 'draft', label: 'Drafts' },
            { value: 'running', label: 'Running' },
            { value: 'paused', label: 'Paused' },
            { value: 'completed', label: 'Completed' },
            { value: 'cancelled', label: 'Cancelled' },
          ]}
        />
        <TextInput
          size="xs"
          w={240}
          aria-label="Flag"
          placeholder="Key of a flag"
          value={askedFlag}
          onChange={({ currentTarget }) => setFlag(currentTarget.value)}
          error={askedFlag !== '' && !flagKey && 'A key has A-Z a-z 0-9 . _ - only'}
        />
      </Group>
      <DataTable
        label="Gameplans"
        columns={COLUMNS}
        rowKey={({ id }) => id}
        pages={gameplans}
        empty={status || flagKey ? <Elsewhere {...{ status, flagKey }} /> : <Teaching environment={environment} />}
      />
    </Page>
  )
}

function NewGameplanLink({ children = 'New gameplan' }: { children?: string }) {
  return (
    <Button size="xs" renderRoot={(props) => <Link to="/gameplans/new" {...props} />}>
      {children}
    </Button>
  )
}

function Elsewhere({ status, flagKey }: { status: string | undefined; flagKey: string | undefined }) {
  const facts = [...(status ? [`is ${status}`] : []), ...(flagKey ? [`has the flag ${flagKey}`] : [])]
  return <EmptyState title={`No gameplan ${facts.join(' and ')}`}>Others may be there.</EmptyState>
}

/** What a gameplan is, for whoever has none. */
function Teaching({ environment }: { environment: string }) {
  return (
    <EmptyState
      title={`There are no gameplans in ${environment}`}
      action={
        <Group gap="xs" mt="xs">
          <NewGameplanLink>Write one, beginning with the template</NewGameplanLink>
        </Group>
      }
    >
      <Stack gap={8} align="center">
        <span>
          A gameplan is a Markdown document that says how a change ships: its patches and what each waits for, the flag
          that one of them introduces and another activates, its tests, and when it is done. Here it is judged, drawn,
          and followed: a patch is ready when those before it are merged, and the flag is created and switched by
          itself.
        </span>
        <Code block ta="left" tabIndex={0}>
          {SKETCH}
        </Code>
      </Stack>
    </EmptyState>
  )
}

const SKETCH = `- Flag Name: ENABLE_NEW_CHECKOUT
- Introduced: Patch 1
- Activated: Patch 3

- Patch 1 [INFRA] -> []          changes nothing that runs
- Patch 2 [GATED] -> [1]         behind the flag
- Patch 3 [BEHAVIOR] -> [1, 2]   what users see`
