import type { paths } from '../api/schema.ts'

/** A change as a request takes it: an action, and the body of the call that does it directly. */
export type NewChange =
  paths['/api/admin/environments/{environment}/change-requests/{id}/changes']['post']['requestBody']['content']['application/json']
export type ActionName = NewChange['action']
export type Payload = Record<string, unknown>

/** Which fields say what it does. */
type Form = 'flag' | 'none' | 'strategy' | 'schedule' | 'plan' | 'milestone' | 'json'

interface Action {
  /** What it does to the flag that it names, or to what its payload names. */
  words: string
  onFlag: boolean
  form: Form
  /** What the payload begins with. */
  begins: Payload
}

const onFlag = (words: string, form: Form, begins: Payload = {}): Action => ({ words, onFlag: true, form, begins })
const alone = (words: string, form: Form, begins: Payload): Action => ({ words, onFlag: false, form, begins })

/** Everything that a change request can do. */
export const ACTIONS: Record<ActionName, Action> = {
  updateFlag: onFlag('Change the flag', 'flag'),
  createSchedule: onFlag('Schedule a change of', 'schedule'),
  addStrategy: onFlag('Add a strategy to', 'strategy'),
  updateStrategy: onFlag('Change a strategy of', 'strategy'),
  deleteStrategy: onFlag('Delete a strategy of', 'strategy'),
  reorderStrategies: onFlag('Put the strategies in another order, of', 'json', { ids: [] }),
  addReleasePlan: onFlag('Add a release plan to', 'plan'),
  startMilestone: onFlag('Start a milestone of', 'milestone'),
  approveMilestone: onFlag('Approve a milestone of', 'milestone'),
  updateMilestone: onFlag('Change a milestone of', 'json', { planId: '', milestoneId: '', progression: null }),
  resumeReleasePlan: onFlag('Resume the release plan of', 'milestone'),
  deleteReleasePlan: onFlag('Delete the release plan of', 'milestone'),
  createFlag: alone('Create a flag', 'flag', { key: '', enabled: false, rolloutPercentage: 100 }),
  archiveFlag: onFlag('Archive the flag', 'none'),
  createSegment: alone('Create a segment', 'json', { key: '', constraints: [] }),
  updateSegment: alone('Change the segment', 'json', { segmentKey: '', constraints: [] }),
  deleteSegment: alone('Delete the segment', 'json', { segmentKey: '' }),
}

/** `Change the flag search`; the action as it is called where that is not known. */
export function wordsOf({ action, flagKey, payload }: { action: string; flagKey: string | null; payload: Payload }) {
  const about = flagKey ?? String(payload.segmentKey ?? payload.key ?? '')
  return { words: (ACTIONS as Record<string, Action>)[action]?.words ?? action, about }
}
