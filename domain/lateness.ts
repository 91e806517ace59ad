/** Upper bounds in seconds of the lateness histogram (applied − due): fine where the promise is, coarse for outages. */
export const LATENESS_BOUNDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 60, 600, 3600]

/** The bucket that a lateness target is counted by: its own bound, or the next one below it, so that none is counted too much. */
export function sloBucket(targetSeconds: number): { index: number; bound: number } {
  const index = LATENESS_BOUNDS.findLastIndex((bound) => bound <= targetSeconds)
  return { index, bound: LATENESS_BOUNDS[index] ?? 0 }
}
