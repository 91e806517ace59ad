/** Where a process can be made to stand still, in the order in which it gets there. */
export const POINTS = [
  'before-first-statement',
  'between-statements',
  'before-commit',
  'after-commit',
  'before-activity-completion',
] as const
export type Point = (typeof POINTS)[number]

/** What a process with the preload is told. */
export type Order =
  /** Stand still at this point, the next time you get there. */
  | { hold: Point }
  /** Go on. */
  | { release: true }
  /** From now on your wall clock differs by so much. */
  | { clockMs: number }

/** What it says: it is there. */
export interface Report {
  at: Point
}
