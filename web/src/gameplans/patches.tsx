import { useMemo } from 'react'
import { drawnGraph } from '../../../domain/gameplan/graph.ts'
import type { schemas } from '../api/schema.ts'
import { Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { Graph, Legend } from './graph.tsx'
import { PatchCard } from './patch-card.tsx'
import classes from './patches.module.css'
import { STATE_STATUS, stateWords } from './words.ts'

type Gameplan = schemas['Gameplan']
type Patch = schemas['GameplanPatch']

/** The graph with the states of its patches, a list of them where there is no room for it, and the one that is selected. */
export function Patches({
  gameplan,
  selected,
  select,
}: {
  gameplan: Gameplan
  selected: Patch | undefined
  select: (id: string) => void
}) {
  const { patches } = gameplan
  // What the server draws, of what was read together with the states: no moment at which they differ.
  const graph = useMemo(() => drawnGraph(patches), [patches])
  return (
    <Section title="Patches">
      <div className={`panel ${classes.drawn}`}>
        <Graph graph={graph} patches={patches} selected={selected?.id} select={select} />
        <Legend graph={graph} />
      </div>
      <ol className={`panel ${classes.list}`}>
        {[...graph.layers, graph.cyclic].flat().map((id) => {
          const patch = patches.find((each) => each.id === id)
          return patch && <Row key={id} patch={patch} selected={id === selected?.id} select={select} />
        })}
      </ol>
      {selected && (
        <div className={classes.card}>
          <PatchCard key={selected.id} gameplan={gameplan} patch={selected} />
        </div>
      )}
    </Section>
  )
}

function Row({ patch, selected, select }: { patch: Patch; selected: boolean; select: (id: string) => void }) {
  const { id, class: its, title, state } = patch
  return (
    <li>
      <button type="button" className={classes.row} aria-pressed={selected} onClick={() => select(id)}>
        <span>
          <b>{id}</b> {title} <span className="quiet">{its}</span>
        </span>
        <span className={classes.state}>
          <Status of={STATE_STATUS[state]} />
          {state === 'blocked' && <span className="quiet">{stateWords(patch)}</span>}
        </span>
      </button>
    </li>
  )
}
