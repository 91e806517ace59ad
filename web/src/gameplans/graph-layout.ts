import type { PatchGraph } from '../../../domain/gameplan/graph.ts'
import { layoutGraph } from '../../../domain/gameplan/layout.ts'

/** In pixels, from the drawing's upper left corner. */
export interface Drawing {
  nodes: { id: string; x: number; y: number }[]
  /** From a patch down to one that waits for it; `path` is the `d` of an SVG path. */
  ways: { from: string; to: string; path: string; critical: boolean }[]
  nodeWidth: number
  width: number
  height: number
}

export const NODE_HEIGHT = 66
const WIDEST = 220
/** Less does not show "BEHAVIOR" beside an id. */
const NARROWEST = 108
const STEP = 8
const GAP = { across: 10, down: 26 }
const LANE = 8

/**
 * A place for every patch, layer beneath layer: the drawing of `graph … --format svg` on its side. Nodes are as wide as fit
 * into `room`; when even narrow ones do not, the drawing is wider than it.
 */
export function drawDown(graph: PatchGraph, room: number): Drawing {
  let drawing = drawn(graph, WIDEST)
  for (let nodeWidth = WIDEST - STEP; drawing.width > room && nodeWidth >= NARROWEST; nodeWidth -= STEP) {
    drawing = drawn(graph, nodeWidth)
  }
  return drawing
}

function drawn(graph: PatchGraph, nodeWidth: number): Drawing {
  const { boxes, lines, width, height } = layoutGraph(graph, {
    box: { width: NODE_HEIGHT, height: nodeWidth },
    gap: { x: GAP.down, y: GAP.across },
    lane: LANE,
  })
  return {
    nodes: boxes.map(({ patch, x: y, y: x }) => ({ id: patch.id, x, y })),
    ways: lines.map(({ from, to, critical, points }) => {
      return { from, to, critical, path: pathThrough(points.map(({ x: y, y: x }) => ({ x, y }))) }
    }),
    nodeWidth,
    width: height,
    height: width,
  }
}

function pathThrough(points: { x: number; y: number }[]): string {
  return points
    .map(({ x, y }, place) => {
      const last = points[place - 1]
      if (!last) return `M${x} ${y}`
      const half = (last.y + y) / 2
      return last.x === x ? `V${y}` : `C${last.x} ${half} ${x} ${half} ${x} ${y}`
    })
    .join('')
}
