import { randomOf } from '../chaos/random.ts'

/** Whole numbers from 0, below the one that is given; the same in each run. */
export function random(seed: number): (below: number) => number {
  const next = randomOf(seed)
  return (below) => Math.floor(next() * below)
}
