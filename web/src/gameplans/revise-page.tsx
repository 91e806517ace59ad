import { Text } from '@mantine/core'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { patchNodes } from '../../../domain/gameplan/graph.ts'
import { client } from '../api/client.ts'
import { ApiError } from '../api/error.ts'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Notice } from '../components/notice.tsx'
import { Page, Section } from '../components/page.tsx'
import { DocumentEditor, type Draft } from './document-editor.tsx'
import { parametersOf } from './gameplan-actions.tsx'
import { type Revised, revised } from './revised.ts'
import { whyOver } from './words.ts'

type Gameplan = schemas['Gameplan']

/** Another text for a gameplan, also while it runs. */
export default function RevisePage() {
  const path = useParams({ from: '/gameplans/$id/revise' })
  const { data, error, refetch } = useRead('/api/admin/gameplans/{id}', { path })
  if (!data) return <Page title="Revise">{error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />}</Page>
  return <Revise key={data.id} gameplan={data} />
}

function Revise({ gameplan }: { gameplan: Gameplan }) {
  // What was begun with: patches may be merged meanwhile, but not the text replaced by somebody else.
  const [begun] = useState(gameplan)
  const replaced = gameplan.revision !== begun.revision
  return (
    <Page
      title={`Revise ${gameplan.title}`}
      about={
        <>
          What is merged stays merged.{' '}
          <Link to="/gameplans/$id" params={{ id: gameplan.id }}>
            Back to the gameplan
          </Link>
        </>
      }
    >
      {replaced && (
        <Notice title="It was revised meanwhile">
          You would replace a text that you have not seen, so it will be refused. Open this page again.
        </Notice>
      )}
      <DocumentEditor
        begun={begun.markdown}
        actions={(draft) => (
          <KeepRevision gameplan={gameplan} version={replaced ? begun.version : gameplan.version} draft={draft} />
        )}
      >
        {(draft) => (
          <Section title="What changes">
            <Changes changes={changesOf(gameplan, draft)} />
          </Section>
        )}
      </DocumentEditor>
    </Page>
  )
}

function changesOf(gameplan: Gameplan, { plan }: Draft): Revised {
  const { flag } = gameplan
  return revised(
    {
      patches: gameplan.patches,
      flag: flag && { key: flag.key, introduced: flag.introduced, activated: flag.activated },
    },
    {
      patches: patchNodes(plan),
      flag: plan.flag?.name
        ? {
            key: plan.flag.name.value,
            introduced: plan.flag.introduced?.patch?.value ?? '',
            activated: plan.flag.activated?.patch?.value ?? '',
          }
        : null,
    },
  )
}

function Changes({ changes: { before, after } }: { changes: Revised }) {
  return Object.keys(before).length + Object.keys(after).length === 0 ? (
    <Text size="sm" className="quiet">
      Nothing for the patches and the flag.
    </Text>
  ) : (
    <div className="panel">
      <BeforeAfter before={before} after={after} />
    </div>
  )
}

interface Contradiction {
  patchId: string | null
  message: string
}

function KeepRevision({ gameplan, version, draft }: { gameplan: Gameplan; version: number; draft: Draft }) {
  const navigate = useNavigate()
  const [against, setAgainst] = useState<Contradiction[]>([])
  const unchanged = draft.markdown === gameplan.markdown ? 'The text is what it was.' : undefined
  return (
    <ConfirmButton
      variant="filled"
      label="Keep the revision"
      title={`Revise “${gameplan.title}”?`}
      blocked={whyOver(gameplan) ?? unchanged ?? draft.blocked}
      onOpen={() => setAgainst([])}
      run={async (confirmed) => {
        setAgainst([])
        try {
          await client.PUT('/api/admin/gameplans/{id}', {
            params: parametersOf(gameplan, confirmed, version),
            body: { markdown: draft.markdown },
          })
        } catch (error) {
          const named = error instanceof ApiError && error.members.contradictions
          if (Array.isArray(named)) setAgainst(named)
          throw error
        }
        await navigate({ to: '/gameplans/$id', params: { id: gameplan.id } })
      }}
    >
      <Text size="sm">
        The text becomes revision {gameplan.revision + 1}. Patches keep what became of them by their ids, criteria and
        questions by their texts.
      </Text>
      <Changes changes={changesOf(gameplan, draft)} />
      {against.length > 0 && (
        <ul aria-label="Contradictions">
          {against.map(({ patchId, message }) => (
            <li key={`${patchId} ${message}`}>
              <Text size="sm">
                <b>{patchId ? `Patch ${patchId}` : 'Flag'}</b>: {message}
              </Text>
            </li>
          ))}
        </ul>
      )}
    </ConfirmButton>
  )
}
