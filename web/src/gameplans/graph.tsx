import { VisuallyHidden } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { useMemo } from 'react'
import type { DrawnPatch, PatchGraph } from '../../../domain/gameplan/graph.ts'
import type { schemas } from '../api/schema.ts'
import { Status } from '../components/status.tsx'
import classes from './graph.module.css'
import { drawDown, NODE_HEIGHT } from './graph-layout.ts'
import { STATE_STATUS, stateWords } from './words.ts'

type Patch = schemas['GameplanPatch']

/** The patches in layers, each beneath what it waits for; a click on one selects it. */
export function Graph({
  graph,
  patches,
  selected,
  select,
}: {
  graph: PatchGraph
  /** With their states; none: a document that is not kept yet. */
  patches?: Patch[]
  selected?: string | undefined
  select: (id: string) => void
}) {
  const { ref, width } = useElementSize()
  const drawing = useMemo(() => (width > 0 ? drawDown(graph, width) : undefined), [graph, width])
  const byId = new Map(graph.patches.map((patch) => [patch.id, patch]))
  const states = new Map(patches?.map((patch) => [patch.id, patch]))
  const done = (id: string) => ['merged', 'skipped'].includes(states.get(id)?.state ?? '')
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={classes.scroll} aria-label="Dependency graph" tabIndex={0}>
      <div ref={ref} />
      {drawing && (
        <div className={classes.drawing} style={{ width: drawing.width, height: drawing.height }}>
          <svg width={drawing.width} height={drawing.height} aria-hidden="true">
            <defs>
              <Arrow id="way" />
              <Arrow id="done-way" />
            </defs>
            {drawing.ways
              // Critical ones last, so that they lie on top.
              .toSorted((one, other) => Number(one.critical) - Number(other.critical))
              .map(({ from, to, path, critical }) => (
                <path
                  key={`${from} ${to}`}
                  className={classes.way}
                  data-critical={critical || undefined}
                  data-done={done(from) || undefined}
                  d={path}
                  markerEnd={done(from) ? 'url(#done-way)' : 'url(#way)'}
                />
              ))}
          </svg>
          {drawing.nodes.map(({ id, x, y }) => {
            const patch = byId.get(id)
            if (!patch) return null
            const style = { left: x, top: y, width: drawing.nodeWidth, height: NODE_HEIGHT }
            return (
              <button
                key={id}
                type="button"
                className={classes.node}
                style={style}
                data-state={states.get(id)?.state}
                data-critical={patch.critical || undefined}
                aria-pressed={selected === id}
                onClick={() => select(id)}
              >
                <Face patch={patch} kept={states.get(id)} />
              </button>
            )
          })}
        </div>
      )}
    </section>
  )
}

/** What a node says in so little room, and to whom cannot see it. */
function Face({
  patch: { id, class: its, title, safe, critical },
  kept,
}: {
  patch: DrawnPatch
  kept: Patch | undefined
}) {
  const facts = [
    ...(kept?.state === 'blocked' ? [stateWords(kept)] : []),
    ...(safe ? ['Safe to ship'] : []),
    ...(critical ? ['On the critical path'] : []),
  ]
  return (
    <>
      <span className={classes.head}>
        <b>
          <VisuallyHidden>Patch </VisuallyHidden>
          {id}
        </b>
        <span className={classes.class} data-safe={safe || undefined}>
          {its ?? 'no class'}
        </span>
      </span>
      <span className={classes.title}>{title}</span>
      {kept && (
        <span className={classes.state}>
          <Status of={STATE_STATUS[kept.state]} />
        </span>
      )}
      <VisuallyHidden>{facts.join('. ')}</VisuallyHidden>
    </>
  )
}

function Arrow({ id }: { id: string }) {
  return (
    <marker
      id={id}
      className={classes.arrow}
      data-done={id === 'done-way' || undefined}
      viewBox="0 0 8 8"
      refX="7"
      refY="4"
      markerWidth="8"
      markerHeight="8"
      markerUnits="userSpaceOnUse"
      orient="auto"
    >
      <path d="M0 0 8 4 0 8z" />
    </marker>
  )
}

/** What the marks of the drawing mean, with what is counted. */
export function Legend({ graph: { patches, criticalPath, cyclic, layers, safeCount } }: { graph: PatchGraph }) {
  return (
    <div className={classes.legend}>
      <span>
        <i className={classes.thick} /> critical path: {criticalPath.join(' → ')}
      </span>
      <span>
        <span className={classes.class} data-safe>
          INFRA
        </span>{' '}
        <span className={classes.class} data-safe>
          GATED
        </span>{' '}
        safe to ship: {safeCount} of {patches.length}
      </span>
      <span>{layers.length === 1 ? '1 layer' : `${layers.length} layers`}</span>
      {cyclic.length > 0 && <b>never start, for they wait in a circle: {cyclic.join(', ')}</b>}
    </div>
  )
}
