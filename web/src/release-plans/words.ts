import type { schemas } from '../api/schema.ts'
import { period } from '../components/time.ts'

type Progression = schemas['Milestone']['progression']
type Waiting = schemas['ReleasePlan']['waitsFor'][number]

const WAITS: Record<Waiting, string> = {
  time: 'its time',
  approval: 'an approval',
  metric: 'a fresh metric',
  hand: 'somebody to start it',
}

/** `its time and an approval`; '' when nothing is waited for. */
export function waiting(waitsFor: Waiting[]): string {
  return waitsFor.map((each) => WAITS[each]).join(' and ')
}

/** What the next milestone waits for: `after 1 d and an approval`. */
export function progressionWords(progression: Progression): string {
  if (!progression) return 'when somebody starts it'
  const { afterSeconds, approval } = progression
  const time = afterSeconds === undefined ? [] : [period(afterSeconds)]
  return `after ${[...time, ...(approval ? ['an approval'] : [])].join(' and ')}`
}

/** Whom a strategy serves: `10 % of users`, `2 user ids`, `everybody`. */
export function served({ name, parameters }: Pick<schemas['Strategy'], 'name' | 'parameters'>): string {
  if (name === 'default') return 'everybody'
  if (name === 'flexibleRollout') return `${parameters.rollout ?? 100} % of users`
  const listed = Object.values(parameters)[0] ?? ''
  const count = listed.split(',').filter((each) => each.trim() !== '').length
  const kind = { userWithId: 'user id', remoteAddress: 'address', applicationHostname: 'host name' }[name]
  return kind ? `${count} ${kind}${count === 1 ? '' : kind.endsWith('s') ? 'es' : 's'}` : name
}

/** What narrows a strategy: `2 constraints`, `segment beta`; '' for nothing. */
export function narrowed({
  constraints,
  segments,
  variants,
}: {
  constraints: unknown[]
  segments: string[]
  variants: unknown[]
}): string {
  const counted = (count: number, what: string) => (count === 0 ? [] : [`${count} ${what}${count === 1 ? '' : 's'}`])
  return [
    ...counted(constraints.length, 'constraint'),
    ...segments.map((key) => `segment ${key}`),
    ...counted(variants.length, 'variant'),
  ].join(', ')
}
