import type { EventType } from '../domain/event.ts'
import type { Activation, Gameplan, GameplanStatus, GameplanSummary } from '../domain/gameplan/resource.ts'
import { type FlagState, type FlagStep, missingFor, type Run, type RunPatch } from '../domain/gameplan/run.ts'
import { requireCurrent } from '../domain/if-match.ts'
import { Problem } from '../domain/problems.ts'
import type { Database } from './database.ts'
import { nudgeGameplan } from './tasks.ts'
import { ask, type Transaction } from './transaction.ts'

export interface GameplanAddress {
  id: string
}

/** A gameplan without its document, which may be long. */
export interface SummaryRow {
  id: string
  environment: string
  title: string
  revision: number
  status: GameplanStatus
  pause_reason: string | null
  flag_key: string | null
  introduced: string | null
  activated: string | null
  activation: Activation | null
  flag_state: FlagState
  schedule_id: string | null
  release_plan_id: string | null
  change_request_id: string | null
  change_request_step: FlagStep | null
  problem: { step: string; code: string; detail: string } | null
  retry_at: Date | null
  version: number
  created_by: string
  started_by: string | null
  created_at: Date
  started_at: Date | null
  finished_at: Date | null
  updated_at: Date
  now: Date
  open_gates: number
  /** What its flag is switched through, with their states; null: it is gone. */
  request_state: NonNullable<Run['request']>['state']
  schedule_status: 'pending' | 'applied' | 'failed' | 'cancelled' | null
  scheduled_at: Date | null
  plan_status: 'draft' | 'running' | 'paused' | 'completed' | null
}

export interface GameplanRow extends SummaryRow {
  document: string
}

export interface PatchRow extends RunPatch {
  label: string
  title: string | null
  class: Gameplan['patches'][number]['class']
  decided_at: Date | null
  decided_by: string | null
  reason: string | null
  pull_request: string | null
}

export interface GateRow {
  kind: 'criterion' | 'question'
  number: number
  text: string
  done: boolean
  answer: string | null
  done_at: Date | null
  done_by: string | null
}

/** A gameplan with its parts. */
export interface Loaded {
  row: GameplanRow
  patches: PatchRow[]
}

export const SUMMARY_COLUMNS = `g.id, g.environment, g.title, g.revision, g.status, g.pause_reason, g.flag_key, g.introduced,
    g.activated, g.activation, g.flag_state, g.schedule_id, g.release_plan_id, g.change_request_id, g.change_request_step,
    g.problem, g.retry_at, g.version, g.created_by, g.started_by, g.created_at, g.started_at, g.finished_at, g.updated_at,
    clock_timestamp() AS now,
    (SELECT count(*) FROM gameplan_gates o WHERE o.gameplan_id = g.id AND NOT o.done)::int AS open_gates,
    (SELECT r.state FROM change_requests r WHERE r.id = g.change_request_id) AS request_state,
    (SELECT s.status FROM feature_flag_schedules s WHERE s.id = g.schedule_id) AS schedule_status,
    (SELECT s.scheduled_at FROM feature_flag_schedules s WHERE s.id = g.schedule_id) AS scheduled_at,
    (SELECT p.status FROM release_plans p WHERE p.id = g.release_plan_id) AS plan_status`

/** @throws Problem `gameplan-not-found` */
export async function loadGameplan(from: Database | Transaction, { id }: GameplanAddress): Promise<Loaded> {
  const [row] = await ask<GameplanRow>(from, `SELECT ${SUMMARY_COLUMNS}, g.document FROM gameplans g WHERE g.id = $1`, [
    id,
  ])
  if (!row) throw new Problem('gameplan-not-found', `There is no gameplan "${id}".`)
  const patches = await ask<PatchRow>(from, 'SELECT * FROM gameplan_patches WHERE gameplan_id = $1 ORDER BY position', [
    id,
  ])
  return { row, patches }
}

/**
 * Locks a gameplan, as every write to it does first.
 *
 * @throws Problem `gameplan-not-found`, `revision-mismatch` when the caller's If-Match is not its version
 */
export async function lockGameplan(tx: Transaction, address: GameplanAddress, expected?: number): Promise<Loaded> {
  await tx.query('SELECT 1 FROM gameplans WHERE id = $1 FOR NO KEY UPDATE', [address.id])
  const loaded = await loadGameplan(tx, address)
  requireCurrent('The gameplan', { version: loaded.row.version }, expected)
  return loaded
}

/** @throws Problem `gameplan-state` unless it is in one of `statuses` */
export function requireStatus({ row: { status } }: Loaded, ...statuses: GameplanStatus[]): void {
  if (statuses.includes(status)) return
  throw new Problem('gameplan-state', `The gameplan is ${status}; this needs one that is ${statuses.join(' or ')}.`, {
    members: { gameplanStatus: status },
  })
}

/** What decides what it does next. */
export function runOf({ row, patches }: Loaded): Run {
  const { flag_key, introduced, activated, flag_state: state, change_request_step: step } = row
  return {
    patches,
    flag: flag_key && introduced && activated ? { introduced, activated, state } : null,
    request: step && { step, state: row.request_state },
    through:
      row.schedule_id !== null
        ? { schedule: row.schedule_status }
        : row.release_plan_id === null
          ? null
          : { plan: row.plan_status },
    openGates: row.open_gates,
  }
}

/** Ends a write to a locked gameplan: its event, its new version, and word to its workflow, where there is one. */
export async function finishGameplan(
  tx: Transaction,
  { row: before }: Loaded,
  type: Extract<EventType, `gameplan-${string}`>,
  data: Record<string, unknown>,
): Promise<Gameplan> {
  await tx.query('UPDATE gameplans SET version = version + 1, updated_at = clock_timestamp() WHERE id = $1', [
    before.id,
  ])
  const after = await loadGameplan(tx, before)
  emitGameplanEvent(tx, type, after, data)
  if (before.status !== 'draft' || after.row.status === 'running') enqueueGameplanNudge(tx, after)
  return await toGameplan(tx, after)
}

export function emitGameplanEvent(
  tx: Transaction,
  type: Extract<EventType, `gameplan-${string}`>,
  { row }: Loaded,
  data: Record<string, unknown>,
): void {
  const { id: gameplanId, environment, flag_key: flagKey } = row
  tx.emitEvent({ type, environment, ...(flagKey && { flagKey }), data: { gameplanId, ...data } })
}

/** Has the gameplan's workflow read its row; `because` tells one repair from another. */
export function enqueueGameplanNudge(tx: Transaction, { row }: Loaded, because = ''): void {
  const { id: gameplanId, environment, flag_key: flagKey, version } = row
  tx.enqueueTriggerTask(
    `${gameplanId}/${version}`,
    nudgeGameplan,
    { gameplanId, environment, flagKey },
    { idempotencyKey: `gameplan/${gameplanId}/${version}${because}` },
  )
}

export function toSummary({ row, patches }: { row: SummaryRow; patches: PatchRow[] }): GameplanSummary {
  const { flag_key: key, introduced, activated } = row
  const labelOf = (of: string) => patches.find((patch) => patch.key === of)?.label ?? of
  return {
    id: row.id,
    environment: row.environment,
    title: row.title,
    status: row.status,
    pauseReason: row.pause_reason,
    revision: row.revision,
    version: row.version,
    flag:
      key && introduced && activated
        ? {
            key,
            introduced: labelOf(introduced),
            activated: labelOf(activated),
            state: row.flag_state,
            scheduleId: row.schedule_id,
            releasePlanId: row.release_plan_id,
            changeRequestId: row.change_request_id,
          }
        : null,
    activation: row.activation,
    problem: row.problem,
    progress: {
      patches: patches.length,
      done: patches.filter(({ status }) => status !== 'open').length,
      openGates: row.open_gates,
    },
    createdBy: row.created_by,
    startedBy: row.started_by,
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
    updatedAt: row.updated_at.toISOString(),
  }
}

/** A gameplan with all that people want to know of it. Reads its gates. */
export async function toGameplan(from: Database | Transaction, loaded: Loaded): Promise<Gameplan> {
  const { row, patches } = loaded
  const gates = await ask<GateRow>(from, 'SELECT * FROM gameplan_gates WHERE gameplan_id = $1 ORDER BY number', [
    row.id,
  ])
  const ofKind = (kind: GateRow['kind']) =>
    gates
      .filter((gate) => gate.kind === kind)
      .map(({ number, text, done, done_at, done_by: doneBy, answer }) => {
        return { number, text, done, doneAt: done_at?.toISOString() ?? null, doneBy, answer }
      })
  return {
    ...toSummary(loaded),
    patches: patches.map((patch) => toPatch(patch, loaded)),
    criteria: ofKind('criterion').map(({ answer: _, ...criterion }) => criterion),
    questions: ofKind('question'),
    markdown: row.document,
  }
}

export function stateOf(patch: PatchRow, patches: PatchRow[]): Gameplan['patches'][number]['state'] {
  if (patch.status !== 'open') return patch.status
  return missingFor(patch, patches).length > 0 ? 'blocked' : 'ready'
}

function toPatch(patch: PatchRow, { row, patches }: Loaded): Gameplan['patches'][number] {
  const labels = (keys: string[]) => keys.map((key) => patches.find((other) => other.key === key)?.label ?? key)
  const { key, label: id, title, class: its, reason, decided_by: decidedBy } = patch
  return {
    id,
    title,
    class: its,
    dependencies: labels(patch.dependencies),
    state: stateOf(patch, patches),
    waitsFor: labels(missingFor(patch, patches)),
    flagStep: key === row.introduced ? 'introduced' : key === row.activated ? 'activated' : null,
    pullRequest: patch.pull_request,
    reason,
    decidedAt: patch.decided_at?.toISOString() ?? null,
    decidedBy,
  }
}
