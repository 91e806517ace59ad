import type { DrawnPatch, PatchGraph } from './graph.ts'

export interface Box {
  patch: DrawnPatch
  x: number
  y: number
}

/** From one box to another, around those between: corners of a line, left to right. */
export interface Line {
  from: string
  to: string
  points: { x: number; y: number }[]
  critical: boolean
}

export interface Layout {
  boxes: Box[]
  lines: Line[]
  width: number
  height: number
}

export const BOX = { width: 236, height: 52 }
const GAP = { x: 64, y: 16 }
/** Room that a line takes where it passes a column. */
const LANE = 10
const SWEEPS = 8

/** A box, or a line that passes by. */
interface Slot {
  patch: DrawnPatch | null
  before: Slot[]
  after: Slot[]
  y: number
}

/**
 * A place for every patch: a column a layer, left to right, and within a column the order that has the lines cross little
 * (each slot goes to the mean of its neighbours, in turns from either side). Patches that are in a cycle are in a column of
 * their own, at the end, without lines.
 */
export function layoutGraph(graph: PatchGraph): Layout {
  const slots = new Map(
    graph.patches.map((patch): [string, Slot] => [patch.id, { patch, before: [], after: [], y: 0 }]),
  )
  const columns = graph.layers.map((ids) => ids.map((id) => slots.get(id) as Slot))
  const routes = graph.patches.flatMap((patch) => (patch.layer === null ? [] : routesTo(patch, slots, columns)))
  if (graph.cyclic.length > 0) columns.push(graph.cyclic.map((id) => slots.get(id) as Slot))
  order(columns)
  const height = Math.max(0, ...columns.map(stack))
  for (const column of columns) {
    const shift = (height - stack(column)) / 2
    for (const slot of column) slot.y += shift
  }
  const columnX = (index: number) => index * (BOX.width + GAP.x)
  const next = new Map(graph.criticalPath.map((id, index) => [id, graph.criticalPath[index + 1]]))
  return {
    boxes: columns.flatMap((column, index) =>
      column.flatMap(({ patch, y }) => (patch ? [{ patch, x: columnX(index), y }] : [])),
    ),
    lines: routes.map(({ from, to, slots: passed }) => ({
      from: from.id,
      to: to.id,
      points: passed.flatMap((slot, index) => pointsOf(slot, columnX((from.layer ?? 0) + index), index, passed.length)),
      critical: next.get(from.id) === to.id,
    })),
    width: Math.max(0, columnX(columns.length) - GAP.x),
    height,
  }
}

/** Slots from each dependency to the patch; in the columns between them they are new ones. */
function routesTo(to: DrawnPatch, slots: Map<string, Slot>, columns: Slot[][]) {
  return to.dependencies.flatMap((id) => {
    const start = slots.get(id)
    const end = slots.get(to.id)
    if (!start?.patch || !end) return []
    const between = columns.slice((start.patch.layer ?? 0) + 1, to.layer ?? 0).map((column) => {
      const lane: Slot = { patch: null, before: [], after: [], y: 0 }
      column.push(lane)
      return lane
    })
    const route = [start, ...between, end]
    for (const [index, slot] of route.slice(1).entries()) {
      const previous = route[index] as Slot
      previous.after.push(slot)
      slot.before.push(previous)
    }
    return [{ from: start.patch, to, slots: route }]
  })
}

function order(columns: Slot[][]): void {
  for (const column of columns) stack(column)
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forwards = sweep % 2 === 0
    for (const column of forwards ? columns : columns.toReversed()) {
      const wish = new Map(column.map((slot) => [slot, mean(forwards ? slot.before : slot.after) ?? middle(slot)]))
      column.sort((one, other) => (wish.get(one) ?? 0) - (wish.get(other) ?? 0))
      stack(column)
    }
  }
}

/** Puts the slots of a column beneath each other; returns its height. */
function stack(column: Slot[]): number {
  let y = 0
  for (const slot of column) {
    slot.y = y
    y += heightOf(slot) + GAP.y
  }
  return y - GAP.y
}

function mean(slots: Slot[]): number | null {
  return slots.length === 0 ? null : slots.reduce((sum, slot) => sum + middle(slot), 0) / slots.length
}

function middle(slot: Slot): number {
  return slot.y + heightOf(slot) / 2
}

function heightOf(slot: Slot): number {
  return slot.patch ? BOX.height : LANE
}

function pointsOf(slot: Slot, x: number, index: number, count: number) {
  const [left, right] = [
    { x, y: middle(slot) },
    { x: x + BOX.width, y: middle(slot) },
  ]
  if (index === 0) return [right]
  return index === count - 1 ? [left] : [left, right]
}
