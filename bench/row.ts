import type { Stack } from './stack.ts'
import type { Distribution } from './statistics.ts'

/** What one competitor did. */
export interface Measurement {
  name: string
  /** What the distribution is of, in milliseconds. */
  of: string
  distribution: Distribution
  /** Share of the machine's CPU time, 0 to 1, that went to processes of others meanwhile; unknown where undefined. */
  others?: number | undefined
  /** Calculated, not measured. */
  computed?: boolean
}

/** One line of the final table. */
export interface Verdict {
  what: string
  goal: string
  result: string
  pass: boolean
}

/** What a row of the benchmark found. */
export interface RowResult {
  row: string
  /** Sizes and conditions that a reader must know. */
  conditions: string[]
  measurements: Measurement[]
  verdicts: Verdict[]
}

/** Measures one row on a running stack; `quick` asks for a size that only shows that it works. */
export type BenchmarkRow = (
  stack: Stack,
  options: { quick: boolean; say: (line: string) => void },
) => Promise<RowResult>

/** A goal of the form "at most so many milliseconds". */
export function atMost(what: string, goalMs: number, resultMs: number): Verdict {
  return { what, goal: `≤ ${goalMs} ms`, result: `${resultMs.toFixed(1)} ms`, pass: resultMs <= goalMs }
}

/** A goal of the form "none". */
export function none(what: string, count: number): Verdict {
  return { what, goal: '0', result: String(count), pass: count === 0 }
}

/** A goal of the form "at least so many times as much". */
export function atLeastTimes(what: string, goal: number, result: number): Verdict {
  return { what, goal: `≥ ${goal.toFixed(2)}`, result: result.toFixed(2), pass: result >= goal }
}

/** A goal of the form "at most so many times as much". */
export function atMostTimes(what: string, goal: number, result: number): Verdict {
  return { what, goal: `≤ ${goal.toFixed(2)}`, result: result.toFixed(2), pass: result <= goal }
}
