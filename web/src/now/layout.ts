/** Something on a line, in pixels. */
export interface Extent {
  x: number
  width: number
}

/** What is drawn in one place: one thing, or several that would cover each other. */
export interface Mark<T> extends Extent {
  row: number
  items: T[]
}

/** Between two marks in a row. */
const GAP = 6

/**
 * Puts things into rows so that none covers another. Where there are more at once than rows, those of `bin` pixels become one
 * mark of that width, unless they would take half of the rows at most. Returns the marks from left to right.
 */
export function layOut<T>(items: (T & Extent)[], { rows, bin }: { rows: number; bin: number }): Mark<T>[] {
  const sorted = items.toSorted((one, other) => one.x - other.x)
  const marks = crowds(sorted).flatMap((crowd) => {
    const single = crowd.map((item) => ({ x: item.x, width: item.width, items: [item as T] }))
    return inRows(single, rows) ? single : binned(single, bin, rows / 2)
  })
  return inRows(marks, Number.POSITIVE_INFINITY) as Mark<T>[]
}

/** Runs of things of which each touches the next. */
function crowds<E extends Extent>(sorted: E[]): E[][] {
  const found: E[][] = []
  let end = Number.NEGATIVE_INFINITY
  for (const item of sorted) {
    if (item.x < end + GAP) found.at(-1)?.push(item)
    else found.push([item])
    end = Math.max(end, item.x + item.width)
  }
  return found
}

function inRows<M extends Extent>(sorted: M[], rows: number): (M & { row: number })[] | undefined {
  const ends: number[] = []
  const placed = []
  for (const mark of sorted) {
    const free = ends.findIndex((end) => end + GAP <= mark.x)
    const row = free === -1 ? ends.length : free
    if (row >= rows) return undefined
    ends[row] = mark.x + mark.width
    placed.push({ ...mark, row })
  }
  return placed
}

function binned<T>(singles: (Extent & { items: T[] })[], bin: number, most: number): (Extent & { items: T[] })[] {
  const bins = Map.groupBy(singles, ({ x }) => Math.floor(x / bin))
  return [...bins.values()].flatMap((crowd) => {
    if (crowd.length <= most) return crowd
    return [{ x: crowd[0]?.x ?? 0, width: bin - GAP, items: crowd.flatMap(({ items }) => items) }]
  })
}
