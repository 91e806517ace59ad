import { Button, Stack } from '@mantine/core'
import { Link, useParams } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { parseGameplan } from '../../../domain/gameplan/parse.ts'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ErrorPanel } from '../components/error-panel.tsx'
import { History } from '../components/history.tsx'
import { Loading } from '../components/loading.tsx'
import { Page } from '../components/page.tsx'
import classes from './document.module.css'
import { DocumentPanel } from './document-panel.tsx'
import { FlagCard } from './flag-card.tsx'
import { CancelGameplan, PauseGameplan, ResumeGameplan } from './gameplan-actions.tsx'
import { Criteria, Questions } from './gates.tsx'
import { Patches } from './patches.tsx'
import { StartGameplan } from './start-gameplan.tsx'
import { State } from './state.tsx'
import { whyOver } from './words.ts'

type Gameplan = schemas['Gameplan']

export default function GameplanPage() {
  const path = useParams({ from: '/gameplans/$id' })
  const { data, error, refetch } = useRead('/api/admin/gameplans/{id}', { path })
  if (!data) return <Page title="Gameplan">{error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />}</Page>
  return (
    // Another one begins anew: what was selected and typed was meant for the one before.
    <Page
      key={data.id}
      title={data.title}
      about={
        <>
          Gameplan of {data.environment}
          {data.revision > 1 && `, revision ${data.revision} of its document`}.{' '}
          <Link to="/gameplans">All gameplans</Link>
        </>
      }
      actions={<Actions gameplan={data} />}
    >
      {error && <ErrorPanel error={error} retry={refetch} />}
      <State gameplan={data} />
      <Body gameplan={data} />
      <History of={{ gameplanId: data.id }} />
    </Page>
  )
}

function Actions({ gameplan }: { gameplan: Gameplan }) {
  const { status, id } = gameplan
  if (whyOver(gameplan)) return null
  return (
    <>
      {status === 'draft' && <StartGameplan gameplan={gameplan} />}
      {status === 'running' && <PauseGameplan gameplan={gameplan} />}
      {status === 'paused' && <ResumeGameplan gameplan={gameplan} />}
      <Button
        size="xs"
        variant="default"
        renderRoot={(props) => <Link to="/gameplans/$id/revise" params={{ id }} {...props} />}
      >
        Revise
      </Button>
      <CancelGameplan gameplan={gameplan} />
    </>
  )
}

/** The graph and what follows from it, and the document beside it. */
function Body({ gameplan }: { gameplan: Gameplan }) {
  const { patches, markdown } = gameplan
  const [selected, setSelected] = useState(() => patches.find(({ state }) => state === 'ready')?.id ?? patches[0]?.id)
  // Once chosen by hand, the document goes there; not to what is selected at first.
  const [chosen, setChosen] = useState<string>()
  const plan = useMemo(() => parseGameplan(markdown), [markdown])
  const line = plan.patches.find(({ id }) => id.value === chosen)?.heading.start.line
  return (
    <div className={classes.beside}>
      <Stack gap="lg">
        <Patches
          gameplan={gameplan}
          selected={patches.find(({ id }) => id === selected) ?? patches[0]}
          select={(id) => {
            setSelected(id)
            setChosen(id)
          }}
        />
        <FlagCard gameplan={gameplan} />
        <Criteria gameplan={gameplan} />
        <Questions gameplan={gameplan} />
      </Stack>
      <div className={classes.aside}>
        <DocumentPanel gameplan={gameplan} line={line} />
      </div>
    </div>
  )
}
