/** Where a worker that moves accounts can be made to stand still. */
export const SWEEP_POINTS = [
  'before-merge',
  'after-merge',
  'after-forget',
  'before-advance',
  'between-raises',
  'before-publish',
] as const
export type SweepPoint = (typeof SWEEP_POINTS)[number]
