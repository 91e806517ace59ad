import { useState } from 'react'
import type { schemas } from '../api/schema.ts'

/** A schedule that the user is moving, and where it would be, in milliseconds since 1970. */
export interface Moving {
  schedule: schemas['Schedule']
  to: number
  /** Let go: it is asked whether it is meant. */
  asked: boolean
}

/** What is being moved: by pointer, by keys, or by its time in the dialog. One thing at a time. */
export function useMoving() {
  const [moving, setMoving] = useState<Moving>()
  return {
    moving,
    move: (schedule: Moving['schedule'], to: number) => setMoving({ schedule, to, asked: false }),
    ask: (schedule: Moving['schedule'], to: number) => setMoving({ schedule, to, asked: true }),
    giveUp: () => setMoving(undefined),
  }
}

export type Move = ReturnType<typeof useMoving>
