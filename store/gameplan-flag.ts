import type { FlagState, FlagStep } from '../domain/gameplan/run.ts'
import { Problem, unless } from '../domain/problems.ts'
import type { NewChange } from './change-request-actions.ts'
import { actionNamed } from './change-request-conflicts.ts'
import { cancelRequest, submitRequest } from './change-request-review.ts'
import { addChange, createRequest } from './change-requests.ts'
import { cancelSchedule } from './flag-schedules.ts'
import { refuseFrozen } from './freeze-rows.ts'
import { finishGameplan, type Loaded } from './gameplan-rows.ts'
import { pausePlan } from './release-plan-control.ts'
import type { ScheduleGuards } from './schedule-guards.ts'
import type { Transaction } from './transaction.ts'

/** What was refused is tried again after this time: a freeze may be over, a flag be there. */
const RETRY_SECONDS = 60

/**
 * Takes a step with the flag of a locked gameplan, by the same store function as the call that does it directly. Where the
 * environment takes changes by change requests only, asks for one, in the name of who started the gameplan; what is refused
 * otherwise is kept as the gameplan's problem.
 */
export async function takeStep(tx: Transaction, loaded: Loaded, step: FlagStep, guards: ScheduleGuards): Promise<void> {
  try {
    await tx.savepoint(async () => {
      const change = await prepare(tx, loaded, step)
      if (change) {
        const at = { environment: loaded.row.environment, flagKey: change.flagKey ?? '' }
        await actionNamed(change.action).execute(tx, at, change.payload, { guards, overrideFreeze: false })
        // Only people switch a flag inside a freeze. Asked afterwards: where change requests are wanted, that comes first.
        if (step === 'switch' && change.action === 'updateFlag')
          await refuseFrozen(tx, loaded.row.environment, loaded.row.now, false)
      }
      await stepTaken(tx, loaded, step)
    })
  } catch (error) {
    // Nobody is to blame for these, and the activity is tried again.
    if (!(error instanceof Problem) || error.code === 'busy') throw error
    if (error.code !== 'change-request-required') return await keepProblem(tx, loaded, step, error)
    await tx
      .savepoint(() => askFor(tx, loaded, step))
      .catch(async (refusal) => {
        if (!(refusal instanceof Problem) || refusal.code === 'busy') throw refusal
        await keepProblem(tx, loaded, step, refusal)
      })
  }
}

/** Stops what would go on by itself, and says what is left to change; null: nothing. */
async function prepare(tx: Transaction, loaded: Loaded, step: FlagStep): Promise<NewChange | null> {
  if (step === 'take-back') await stopSwitching(tx, loaded)
  const change = await changeFor(tx, loaded, step)
  return change && { ...change, payload: actionNamed(change.action).payload.parse(change.payload) }
}

/** A change request with the step as its only change, handed to its reviewers. */
async function askFor(tx: Transaction, loaded: Loaded, step: FlagStep): Promise<void> {
  const { row } = loaded
  const change = await prepare(tx, loaded, step)
  if (!change) return await stepTaken(tx, loaded, step)
  const { environment } = row
  const title = `${WHAT[step]} ${row.flag_key}, for the gameplan "${row.title}"`.slice(0, 200).toWellFormed()
  const description = `Made by the gameplan ${row.id}, which goes on when this is applied.`
  const asked = { title, description, scheduledAt: null, latePolicy: 'ask' } as const
  const { id } = await createRequest(tx, environment, asked)
  await addChange(tx, { id, environment }, change)
  await submitRequest(tx, { id, environment })
  await tx.query(
    `UPDATE gameplans SET change_request_id = $2, change_request_step = $3, problem = NULL, retry_at = NULL WHERE id = $1`,
    [row.id, id, step],
  )
  await finishGameplan(tx, loaded, 'gameplan-flag-changed', { step, changeRequestId: id })
}

const WHAT: Record<FlagStep, string> = {
  create: 'Create',
  switch: 'Switch',
  begin: 'Begin the release plan of',
  'take-back': 'Switch off',
}

async function keepProblem(tx: Transaction, loaded: Loaded, step: FlagStep, error: Problem): Promise<void> {
  const { row } = loaded
  const problem = { step, code: error.code, detail: error.message }
  const known = row.problem?.step === step && row.problem.code === problem.code && row.problem.detail === problem.detail
  await tx.query(
    `UPDATE gameplans SET problem = $2::jsonb, retry_at = clock_timestamp() + make_interval(secs => ${RETRY_SECONDS}) WHERE id = $1`,
    [row.id, JSON.stringify(problem)],
  )
  if (!known) await finishGameplan(tx, loaded, 'gameplan-flag-refused', { problem })
}

/** The change that a step makes, as a change request would name it; null: it is so already. */
async function changeFor(tx: Transaction, { row }: Loaded, step: FlagStep): Promise<NewChange | null> {
  const { environment, flag_key: key, activation, now } = row
  const flagKey = key ?? ''
  const [flag] = await tx.query<{ id: string; enabled: boolean; archived: boolean }>(
    'SELECT id, enabled, archived_at IS NOT NULL AS archived FROM feature_flags WHERE environment = $1 AND key = $2',
    [environment, flagKey],
  )
  const set = (enabled: boolean): NewChange => ({ action: 'updateFlag', flagKey, payload: { enabled } })
  if (step === 'create') {
    if (flag && !flag.archived) return null
    return { action: 'createFlag', payload: { key: flagKey, description: `Of the gameplan "${row.title}"` } }
  }
  if (step === 'take-back') return flag?.enabled && !flag.archived ? set(false) : null
  if (step === 'begin') {
    const [first] = await tx.query<{ id: string }>(
      'SELECT id FROM milestones WHERE plan_id = $1 ORDER BY sort_order LIMIT 1',
      [row.release_plan_id],
    )
    if (!first)
      throw new Problem(
        'plan-not-found',
        'The release plan of the flag is gone. Resume the gameplan: it makes another.',
      )
    const payload = { planId: row.release_plan_id, milestoneId: first.id, enable: true }
    return { action: 'startMilestone', flagKey, payload }
  }
  if (activation?.how === 'release-plan') {
    return { action: 'addReleasePlan', flagKey, payload: { templateId: activation.templateId } }
  }
  const due = activation?.how === 'schedule' ? dueAt(activation, now) : now
  if (due <= now) return flag?.enabled && !flag.archived ? null : set(true)
  const payload = { scheduledAt: due.toISOString(), updates: { enabled: true }, comment: commentOf(row) }
  return { action: 'createSchedule', flagKey, payload }
}

function dueAt(
  { scheduledAt, afterSeconds = 0 }: { scheduledAt?: string | undefined; afterSeconds?: number | undefined },
  now: Date,
) {
  return scheduledAt === undefined ? new Date(now.getTime() + afterSeconds * 1000) : new Date(scheduledAt)
}

/** By which its schedule is found again, also one that a change request made. */
function commentOf({ id }: Pick<Loaded['row'], 'id'>): string {
  return `Of the gameplan ${id}`
}

/** Notes that a step was taken, by the gameplan or by its change request, and what it led to. */
export async function stepTaken(tx: Transaction, loaded: Loaded, step: FlagStep): Promise<void> {
  const { row } = loaded
  const state = await stateAfter(tx, loaded, step)
  await tx.query(
    `UPDATE gameplans SET flag_state = $2, schedule_id = $3, release_plan_id = $4, change_request_id = NULL,
       change_request_step = NULL, problem = NULL, retry_at = NULL WHERE id = $1`,
    [row.id, state.flag, state.scheduleId, state.releasePlanId],
  )
  const { flag: after, ...through } = state
  await finishGameplan(tx, loaded, 'gameplan-flag-changed', { step, before: row.flag_state, after, ...through })
}

interface StateAfter {
  flag: FlagState
  scheduleId: string | null
  releasePlanId: string | null
}

async function stateAfter(tx: Transaction, loaded: Loaded, step: FlagStep): Promise<StateAfter> {
  const { row } = loaded
  const state = { scheduleId: null, releasePlanId: row.release_plan_id }
  if (step === 'create') return { ...state, flag: 'created' }
  if (step === 'begin') return { ...state, flag: 'switching' }
  if (step === 'take-back') return { ...state, flag: row.plan_status ? 'planned' : 'created' }
  if (row.activation?.how === 'release-plan') {
    const [plan] = await tx.query<{ id: string }>(
      `SELECT p.id FROM release_plans p JOIN feature_flags f ON f.id = p.flag_id WHERE f.environment = $1 AND f.key = $2`,
      [row.environment, row.flag_key],
    )
    return { ...state, flag: 'planned', releasePlanId: plan?.id ?? null }
  }
  const scheduleId = await scheduleOf(tx, loaded)
  return { ...state, scheduleId, flag: scheduleId ? 'switching' : 'switched' }
}

/** The schedule that was made since the patch was merged which activates the flag, unless that came to nothing. */
async function scheduleOf(tx: Transaction, { row, patches }: Loaded): Promise<string | null> {
  const activated = patches.find(({ key }) => key === row.activated)
  const [schedule] = await tx.query<{ id: string }>(
    `SELECT s.id FROM feature_flag_schedules s JOIN feature_flags f ON f.id = s.flag_id
     WHERE f.environment = $1 AND f.key = $2 AND s.comment = $3 AND s.created_at >= $4 AND s.status IN ('pending', 'applied')
     ORDER BY s.sequence DESC LIMIT 1`,
    [row.environment, row.flag_key, commentOf(row), activated?.decided_at ?? row.created_at],
  )
  return schedule?.id ?? null
}

/** Stops what would switch the flag, or switch it further, unless it is too late: that passes where change requests are asked for. */
export async function stopSwitching(tx: Transaction, { row }: Loaded): Promise<void> {
  if (row.schedule_id !== null && row.schedule_status === 'pending') {
    await tx
      .savepoint(() => cancelSchedule(tx, { scheduleId: row.schedule_id as string }))
      .catch(unless('schedule-applied'))
  }
  if (row.release_plan_id !== null && row.plan_status === 'running') {
    await tx.savepoint(() => pausePlan(tx, { planId: row.release_plan_id as string })).catch(unless('plan-not-running'))
  }
}

/** Cancels the change request of a locked gameplan, if it has one that can be. @throws Problem `change-request-state` when it was applied */
export async function withdrawRequest(tx: Transaction, { row }: Loaded): Promise<void> {
  const { change_request_id: id, request_state: state } = row
  if (id === null) return
  if (state !== null && state !== 'cancelled' && state !== 'applied') await cancelRequest(tx, { id })
  await tx.query('UPDATE gameplans SET change_request_id = NULL, change_request_step = NULL WHERE id = $1', [row.id])
}

/** Forgets what somebody stopped, so that its step is taken anew. */
export async function forgetStopped(tx: Transaction, { row }: Loaded): Promise<void> {
  const stopped = (state: string | null) => state === null || state === 'cancelled' || state === 'rejected'
  await tx.query(
    `UPDATE gameplans SET
       change_request_id = CASE WHEN $2 THEN NULL ELSE change_request_id END,
       change_request_step = CASE WHEN $2 THEN NULL ELSE change_request_step END,
       flag_state = CASE WHEN $3 THEN 'created' ELSE flag_state END,
       schedule_id = CASE WHEN $3 THEN NULL ELSE schedule_id END,
       release_plan_id = CASE WHEN $3 THEN NULL ELSE release_plan_id END
     WHERE id = $1`,
    [row.id, stopped(row.request_state), isSwitchLost(row)],
  )
}

/** The schedule or the release plan that was to switch the flag will not. */
function isSwitchLost(row: Loaded['row']): boolean {
  const { flag_state: state, activation } = row
  if (activation?.how === 'release-plan')
    return (state === 'planned' || state === 'switching') && row.plan_status === null
  return state === 'switching' && row.schedule_status !== 'pending' && row.schedule_status !== 'applied'
}
