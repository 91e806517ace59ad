import { type Move, nextMove } from '../domain/gameplan/run.ts'
import { unless } from '../domain/problems.ts'
import type { Database } from './database.ts'
import { pauseLocked } from './gameplan-control.ts'
import { stepTaken, takeStep, withdrawRequest } from './gameplan-flag.ts'
import { finishGameplan, type GameplanRow, type Loaded, loadGameplan, lockGameplan, runOf } from './gameplan-rows.ts'
import type { ScheduleGuards } from './schedule-guards.ts'
import { type Transaction, transaction } from './transaction.ts'

/** A gameplan as its workflow has to know it. */
export interface GameplanProgress {
  status: GameplanRow['status']
  environment: string
  flagKey: string | null
  /** When there is something to do by itself; null: it waits for somebody. */
  dueAt: Date | null
  dueInMs: number | null
  patches: number
  done: number
  openGates: number
}

/** Undefined when the gameplan is gone. */
export async function readGameplanProgress(db: Database, id: string): Promise<GameplanProgress | undefined> {
  const loaded = await loadGameplan(db, { id }).catch(unless('gameplan-not-found'))
  if (!loaded) return undefined
  const { row, patches } = loaded
  const dueAt = dueAtOf(loaded)
  return {
    status: row.status,
    environment: row.environment,
    flagKey: row.flag_key,
    dueAt,
    dueInMs: dueAt && dueAt.getTime() - row.now.getTime(),
    patches: patches.length,
    done: patches.filter(({ status }) => status !== 'open').length,
    openGates: row.open_gates,
  }
}

function dueAtOf(loaded: Loaded): Date | null {
  const { row } = loaded
  if (row.status !== 'running') return null
  const move = nextMove(runOf(loaded))
  if (move) return move.move === 'step' && row.retry_at ? row.retry_at : row.now
  return row.flag_state === 'switching' && row.schedule_status === 'pending' ? row.scheduled_at : null
}

/**
 * Does the next thing that a running gameplan does by itself, in one transaction: a step with its flag, or its end. It changes
 * nothing when it is told so twice.
 *
 * @returns whether anything was done
 */
export async function advanceGameplan(db: Database, id: string, guards: ScheduleGuards = {}): Promise<boolean> {
  const seen = await loadGameplan(db, { id }).catch(unless('gameplan-not-found'))
  if (seen?.row.status !== 'running') return false
  const advance = async (tx: Transaction) => {
    const loaded = await lockGameplan(tx, { id })
    const { row } = loaded
    if (row.status !== 'running') return false
    const move = nextMove(runOf(loaded))
    if (!move || (move.move === 'step' && row.retry_at && row.retry_at > row.now)) return false
    await make(tx, loaded, move, guards)
    return true
  }
  // In the name of who started it, so that nobody else's change requests are made, or approved, by the wrong one.
  const origin = { actor: seen.row.started_by ?? 'interlock', door: 'gameplan', reason: `Gameplan ${id}` } as const
  return (await transaction(db, advance, { origin })).result
}

async function make(tx: Transaction, loaded: Loaded, move: Move, guards: ScheduleGuards): Promise<void> {
  const { row } = loaded
  switch (move.move) {
    case 'step':
      return await takeStep(tx, loaded, move.step, guards)
    case 'landed':
      return await stepTaken(tx, loaded, move.step)
    case 'withdraw':
      await withdrawRequest(tx, loaded)
      await finishGameplan(tx, loaded, 'gameplan-flag-changed', { step: row.change_request_step, withdrawn: true })
      return
    case 'switched':
      await tx.query(`UPDATE gameplans SET flag_state = 'switched' WHERE id = $1`, [row.id])
      await finishGameplan(tx, loaded, 'gameplan-flag-changed', { before: row.flag_state, after: 'switched' })
      return
    case 'halt':
      await pauseLocked(tx, loaded, move.reason)
      return
    case 'complete':
      await tx.query(
        `UPDATE gameplans SET status = 'completed', problem = NULL, retry_at = NULL, finished_at = clock_timestamp() WHERE id = $1`,
        [row.id],
      )
      await finishGameplan(tx, loaded, 'gameplan-completed', {})
  }
}
