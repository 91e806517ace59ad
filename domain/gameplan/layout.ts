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

interface Sizes {
  box: { width: number; height: number }
  gap: { x: number; y: number }
  /** Room that a line takes where it passes a column. */
  lane: number
}

export const BOX = { width: 236, height: 52 }
const SIZES: Sizes = { box: BOX, gap: { x: 64, y: 16 }, lane: 10 }
const SWEEPS = 8

/** A box, or a line that passes by. */
interface Slot {
  patch: DrawnPatch | null
  before: Slot[]
  after: Slot[]
  y: number
  height: number
}

/**
 * A place for every patch: a column a layer, left to right, and within a column the order that has the lines cross little
 * (each slot goes to the mean of its neighbours, in turns from either side). Patches that are in a cycle are in a column of
 * their own, at the end, without lines.
 */
export function layoutGraph(graph: PatchGraph, { box, gap, lane }: Sizes = SIZES): Layout {
  const slotOf = (patch: DrawnPatch | null): Slot => {
    return { patch, before: [], after: [], y: 0, height: patch ? box.height : lane }
  }
  const slots = new Map(graph.patches.map((patch): [string, Slot] => [patch.id, slotOf(patch)]))
  const columns = graph.layers.map((ids) => ids.map((id) => slots.get(id) as Slot))
  const routes = graph.patches.flatMap((patch) =>
    patch.layer === null ? [] : routesTo(patch, slots, columns, () => slotOf(null)),
  )
  if (graph.cyclic.length > 0) columns.push(graph.cyclic.map((id) => slots.get(id) as Slot))
  const stack = (column: Slot[]) => stackWith(column, gap.y)
  order(columns, stack)
  const height = Math.max(0, ...columns.map(stack))
  for (const column of columns) {
    const shift = (height - stack(column)) / 2
    for (const slot of column) slot.y += shift
  }
  const columnX = (index: number) => index * (box.width + gap.x)
  const next = new Map(graph.criticalPath.map((id, index) => [id, graph.criticalPath[index + 1]]))
  return {
    boxes: columns.flatMap((column, index) =>
      column.flatMap(({ patch, y }) => (patch ? [{ patch, x: columnX(index), y }] : [])),
    ),
    lines: routes.map(({ from, to, slots: passed }) => ({
      from: from.id,
      to: to.id,
      points: passed.flatMap((slot, index) => {
        const x = columnX((from.layer ?? 0) + index)
        const [left, right] = [
          { x, y: middle(slot) },
          { x: x + box.width, y: middle(slot) },
        ]
        if (index === 0) return [right]
        return index === passed.length - 1 ? [left] : [left, right]
      }),
      critical: next.get(from.id) === to.id,
    })),
    width: Math.max(0, columnX(columns.length) - gap.x),
    height,
  }
}

/** Slots from each dependency to the patch; in the columns between them they are new ones. */
function routesTo(to: DrawnPatch, slots: Map<string, Slot>, columns: Slot[][], newLane: () => Slot) {
  return to.dependencies.flatMap((id) => {
    const start = slots.get(id)
    const end = slots.get(to.id)
    if (!start?.patch || !end) return []
    const between = columns.slice((start.patch.layer ?? 0) + 1, to.layer ?? 0).map((column) => {
      const lane = newLane()
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

function order(columns: Slot[][], stack: (column: Slot[]) => number): void {
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
function stackWith(column: Slot[], gap: number): number {
  let y = 0
  for (const slot of column) {
    slot.y = y
    y += slot.height + gap
  }
  return y - gap
}

function mean(slots: Slot[]): number | null {
  return slots.length === 0 ? null : slots.reduce((sum, slot) => sum + middle(slot), 0) / slots.length
}

function middle(slot: Slot): number {
  return slot.y + slot.height / 2
}
