import type { schemas } from '../api/schema.ts'
import type { StatusName } from '../components/status.tsx'
import { period, utc } from '../components/time.ts'

type Gameplan = schemas['Gameplan']
type Patch = schemas['GameplanPatch']
type FlagState = NonNullable<Gameplan['flag']>['state']

export const STATE_STATUS = {
  blocked: 'waiting',
  ready: 'ready',
  merged: 'merged',
  skipped: 'skipped',
} as const satisfies Record<Patch['state'], StatusName>

/** `1, 2 and 3a` */
export function listed(ids: string[]): string {
  return ids.length > 1 ? `${ids.slice(0, -1).join(', ')} and ${ids.at(-1)}` : ids.join('')
}

/** `Patch 3a`, `Patches 1 and 2` */
export function patchesNamed(ids: string[]): string {
  return `${ids.length === 1 ? 'Patch' : 'Patches'} ${listed(ids)}`
}

/** `1 patch`, `3 patches` */
export function counted(many: number, one: string, more = `${one}s`): string {
  return `${many} ${many === 1 ? one : more}`
}

export function stateWords({ state, waitsFor }: Pick<Patch, 'state' | 'waitsFor'>): string {
  if (state === 'blocked') return `Waits for ${patchesNamed(waitsFor)}`
  return { ready: 'Ready to be merged', merged: 'Merged', skipped: 'Skipped' }[state]
}

/** How its flag is switched, as the end of a sentence: `at once`, `2 d later, by a schedule`. */
export function activationWords(activation: Gameplan['activation']): string {
  if (activation?.how === 'schedule') {
    const { scheduledAt, afterSeconds = 0 } = activation
    return scheduledAt ? `by a schedule, ${utc(scheduledAt)}` : `${period(afterSeconds)} later, by a schedule`
  }
  return activation?.how === 'release-plan' ? 'by a release plan, milestone by milestone' : 'at once'
}

export const FLAG_STATUS = {
  absent: 'not-made',
  created: 'made',
  planned: 'planned',
  switching: 'switching',
  switched: 'switched',
} as const satisfies Record<FlagState, StatusName>

/** Why nothing can be changed any more; undefined: it can. */
export function whyOver({ status }: Pick<Gameplan, 'status'>): string | undefined {
  return status === 'completed' || status === 'cancelled' ? `The gameplan is ${status}.` : undefined
}
