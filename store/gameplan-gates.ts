import type { Gameplan } from '../domain/gameplan/resource.ts'
import { Problem } from '../domain/problems.ts'
import {
  finishGameplan,
  type GameplanAddress,
  type GateRow,
  lockGameplan,
  requireStatus,
  toGameplan,
} from './gameplan-rows.ts'
import type { Transaction } from './transaction.ts'

export interface GateAddress extends GameplanAddress {
  /** Its place in the document, from 1. */
  number: number
}

/**
 * Checks an acceptance criterion, or unchecks it; the same again changes nothing. A gameplan is complete only with all of them.
 *
 * @throws Problem `gameplan-not-found`, `-state` when it is over, `gate-not-found`, `revision-mismatch`
 */
export async function checkCriterion(
  tx: Transaction,
  address: GateAddress,
  done: boolean,
  expected?: number,
): Promise<Gameplan> {
  return await settle(tx, { ...address, kind: 'criterion' }, { done, answer: null }, expected)
}

/**
 * Answers an open question, or with null opens it again. A gameplan is complete only when none is open.
 *
 * @throws Problem `gameplan-not-found`, `-state` when it is over, `gate-not-found`, `revision-mismatch`
 */
export async function answerQuestion(
  tx: Transaction,
  address: GateAddress,
  answer: string | null,
  expected?: number,
): Promise<Gameplan> {
  return await settle(tx, { ...address, kind: 'question' }, { done: answer !== null, answer }, expected)
}

async function settle(
  tx: Transaction,
  { kind, number, ...address }: GateAddress & Pick<GateRow, 'kind'>,
  { done, answer }: Pick<GateRow, 'done' | 'answer'>,
  expected?: number,
): Promise<Gameplan> {
  const loaded = await lockGameplan(tx, address, expected)
  const place = [address.id, kind, number]
  const [gate] = await tx.query<GateRow>(
    'SELECT * FROM gameplan_gates WHERE gameplan_id = $1 AND kind = $2 AND number = $3',
    place,
  )
  if (!gate) throw new Problem('gate-not-found', `The gameplan has no ${kind} ${number}.`)
  requireStatus(loaded, 'draft', 'running', 'paused')
  if (gate.done === done && gate.answer === answer) return await toGameplan(tx, loaded)
  await tx.query(
    `UPDATE gameplan_gates SET done = $4, answer = $5, done_at = CASE WHEN $4 THEN clock_timestamp() END,
       done_by = CASE WHEN $4 THEN $6 END WHERE gameplan_id = $1 AND kind = $2 AND number = $3`,
    [...place, done, answer, tx.origin.actor],
  )
  const before = { done: gate.done, answer: gate.answer }
  const change = { number, text: gate.text, before, after: { done, answer } }
  return await finishGameplan(tx, loaded, `gameplan-${kind}-changed`, change)
}
