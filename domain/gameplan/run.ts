import type { ChangeRequestState } from '../change-request.ts'
import type { ScheduleStatus } from '../flag-schedule.ts'
import type { PlanStatus } from '../release-plan.ts'
import { ancestorsOf } from './graph.ts'

/** A patch by its key, and what became of it. */
export interface RunPatch {
  key: string
  dependencies: string[]
  status: 'open' | 'merged' | 'skipped'
}

/** Where the flag of a gameplan is on its way; `planned`: it has the release plan, which has not begun. */
export const FLAG_STATES = ['absent', 'created', 'planned', 'switching', 'switched'] as const
export type FlagState = (typeof FLAG_STATES)[number]

/** What a gameplan does with its flag; `begin`: start the first milestone of its release plan. */
export type FlagStep = 'create' | 'switch' | 'begin' | 'take-back'

/** Everything that decides what a running gameplan does next. */
export interface Run {
  patches: RunPatch[]
  /** Keys of the patches that introduce and activate the flag; null: the document has no flag. */
  flag: { introduced: string; activated: string; state: FlagState } | null
  /** The change request for a step that the environment does not take directly; state null: it was deleted. */
  request: { step: FlagStep; state: ChangeRequestState | null } | null
  /** What the flag is being switched through. Status null: it was deleted. */
  through: { schedule: ScheduleStatus | null } | { plan: PlanStatus | null } | null
  /** Criteria that are not checked, and questions without an answer. */
  openGates: number
}

/** What a running gameplan does next. */
export type Move =
  | { move: 'step'; step: FlagStep }
  /** The change request was applied: its step is done. */
  | { move: 'landed'; step: FlagStep }
  /** The change request is not needed any more. */
  | { move: 'withdraw' }
  | { move: 'switched' }
  /** Somebody stopped what the flag was to be changed through, so somebody has to say how to go on. */
  | { move: 'halt'; reason: string }
  | { move: 'complete' }

/** What there is to do now; null: it waits for somebody or something. */
export function nextMove(run: Run): Move | null {
  const step = wantedStep(run)
  const { request, through } = run
  if (request) {
    const { state } = request
    if (state === 'applied') return { move: 'landed', step: request.step }
    if (step !== request.step) return { move: 'withdraw' }
    if (state === null || state === 'cancelled' || state === 'rejected') {
      return { move: 'halt', reason: `its change request was ${state ?? 'deleted'}` }
    }
    return null
  }
  if (step) return { move: 'step', step }
  if (run.flag?.state === 'switching' && through) return arrived(through)
  return isComplete(run) ? { move: 'complete' } : null
}

function arrived(through: NonNullable<Run['through']>): Move | null {
  if ('schedule' in through) {
    const { schedule } = through
    if (schedule === 'pending') return null
    if (schedule === 'applied') return { move: 'switched' }
    return { move: 'halt', reason: `the schedule of its flag was ${schedule ?? 'deleted'}` }
  }
  if (through.plan === 'completed') return { move: 'switched' }
  return through.plan === null ? { move: 'halt', reason: 'the release plan of its flag was deleted' } : null
}

/** What has to be done with the flag, as the patches are. */
function wantedStep({ flag, patches }: Run): FlagStep | null {
  if (!flag) return null
  const settled = settledPatches(patches)
  const isIn = (key: string) => settled.has(key) && patches.find((patch) => patch.key === key)?.status === 'merged'
  const activated = isIn(flag.activated) && settled.has(flag.introduced)
  switch (flag.state) {
    case 'absent':
      return activated || isIn(flag.introduced) ? 'create' : null
    case 'created':
      return activated ? 'switch' : null
    case 'planned':
      return activated ? 'begin' : null
    default:
      return activated ? null : 'take-back'
  }
}

/**
 * The patches that are merged or skipped, and so is all that they wait for. One that was merged before its dependencies is not
 * among them: it has no effects yet.
 */
export function settledPatches(patches: RunPatch[]): Set<string> {
  const ancestors = ancestorsOf(patches.map(({ key, dependencies }) => ({ id: key, dependencies })))
  const decided = new Set(patches.filter(({ status }) => status !== 'open').map(({ key }) => key))
  return new Set([...decided].filter((key) => [...(ancestors.get(key) ?? [])].every((other) => decided.has(other))))
}

/** Keys of the patches that `patch` waits for and that are neither merged nor skipped. */
export function missingFor(patch: RunPatch, patches: RunPatch[]): string[] {
  const open = new Set(patches.filter(({ status }) => status === 'open').map(({ key }) => key))
  return patch.dependencies.filter((key) => open.has(key))
}

function isComplete({ patches, flag, openGates }: Run): boolean {
  if (openGates > 0 || patches.some(({ status }) => status === 'open')) return false
  const merged = (key: string) => patches.find((patch) => patch.key === key)?.status === 'merged'
  return !flag || !merged(flag.activated) || flag.state === 'switched'
}

/** What a revision says against what has happened. */
export interface Contradiction {
  /** As the document writes it; null: it is about the flag. */
  patchId: string | null
  message: string
}

/** A patch as a document has it, for comparing two of them. */
interface StatedPatch extends RunPatch {
  label: string
  class: string | null
}

export interface Stated {
  patches: StatedPatch[]
  flag: { key: string; introduced: string; activated: string } | null
}

/** Where a revision contradicts what is merged, or what the flag is already: then it is refused. */
export function contradictions(before: Stated, after: Stated, state: FlagState): Contradiction[] {
  const now = new Map(after.patches.map((patch) => [patch.key, patch]))
  const statusOf = new Map(before.patches.map(({ key, status }) => [key, status]))
  const aboutPatches = before.patches.flatMap((patch): Contradiction[] => {
    const { label: patchId, class: was, status } = patch
    const revised = now.get(patch.key)
    const objection = (message: string) => [{ patchId, message }]
    if (status === 'open') return []
    if (!revised) {
      return status === 'merged' ? objection(`Patch ${patchId} is merged, and the revision does not have it.`) : []
    }
    const added = revised.dependencies.filter(
      (key) => !patch.dependencies.includes(key) && (statusOf.get(key) ?? 'open') === 'open',
    )
    const names = added.map((key) => `Patch ${now.get(key)?.label ?? key}`).join(', ')
    return [
      ...(revised.class === was || status === 'skipped'
        ? []
        : objection(`Patch ${patchId} was merged as [${was}]; the revision calls it [${revised.class}].`)),
      // Also of a skipped one: what is merged after it would not be in order any more.
      ...(added.length === 0
        ? []
        : objection(`Patch ${patchId} is ${status}; the revision has it wait for ${names}, which is open.`)),
    ]
  })
  return [...aboutPatches, ...aboutFlag(before.flag, after.flag, state)]
}

function aboutFlag(before: Stated['flag'], after: Stated['flag'], state: FlagState): Contradiction[] {
  if (!before || state === 'absent') return []
  const objection = (message: string): Contradiction[] => [{ patchId: null, message }]
  if (after?.key !== before.key) {
    return objection(`The flag ${before.key} is there; the revision has ${after ? `the flag ${after.key}` : 'none'}.`)
  }
  const moved = (step: 'introduced' | 'activated') =>
    after[step] === before[step]
      ? []
      : objection(`The flag was ${step} by Patch ${before[step]}; the revision names Patch ${after[step]}.`)
  return [...moved('introduced'), ...(state === 'created' || state === 'planned' ? [] : moved('activated'))]
}
