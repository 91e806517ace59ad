import type { paths, schemas } from '../api/schema.ts'

type Strategy = schemas['Strategy']
/** What a strategy says, without where it is. */
export type StrategyDraft = Pick<
  Strategy,
  'title' | 'parameters' | 'constraints' | 'variants' | 'segments' | 'disabled'
> & { name: Kind }
type Kind = paths['/api/admin/flags/{flagKey}/strategies']['post']['requestBody']['content']['application/json']['name']

export type Parameter = { name: string; label: string; type: 'percentage' | 'list' | 'text'; placeholder?: string }

const ROLLOUT: Parameter = { name: 'rollout', label: 'Share', type: 'percentage' }
const PERCENTAGE: Parameter = { name: 'percentage', label: 'Share', type: 'percentage' }
const GROUP: Parameter = { name: 'groupId', label: 'Group', type: 'text', placeholder: "The flag's key" }

/** Every kind of strategy: what it is called, what it takes, and what it begins with. */
export const KINDS: Record<Kind, { words: string; takes: Parameter[]; begins: Record<string, string> }> = {
  flexibleRollout: {
    words: 'A share of the users',
    takes: [ROLLOUT, { name: 'stickiness', label: 'Stays the same by', type: 'text', placeholder: 'default' }, GROUP],
    begins: { rollout: '100', stickiness: 'default' },
  },
  default: { words: 'Everybody', takes: [], begins: {} },
  userWithId: {
    words: 'Users by id',
    takes: [{ name: 'userIds', label: 'Ids', type: 'list', placeholder: '17, 23' }],
    begins: { userIds: '' },
  },
  remoteAddress: {
    words: 'Addresses',
    takes: [{ name: 'IPs', label: 'Addresses and ranges', type: 'list', placeholder: '10.2.0.0/16' }],
    begins: { IPs: '' },
  },
  applicationHostname: {
    words: 'Hosts',
    takes: [{ name: 'hostNames', label: 'Host names', type: 'list', placeholder: 'web-1, web-2' }],
    begins: { hostNames: '' },
  },
  gradualRolloutUserId: {
    words: 'A share, by userId (older)',
    takes: [PERCENTAGE, GROUP],
    begins: { percentage: '100' },
  },
  gradualRolloutSessionId: {
    words: 'A share, by sessionId (older)',
    takes: [PERCENTAGE, GROUP],
    begins: { percentage: '100' },
  },
  gradualRolloutRandom: { words: 'A share, by chance (older)', takes: [PERCENTAGE], begins: { percentage: '100' } },
}

export const NEW_STRATEGY: StrategyDraft = {
  name: 'flexibleRollout',
  title: null,
  parameters: KINDS.flexibleRollout.begins,
  constraints: [],
  variants: [],
  segments: [],
  disabled: false,
}

/** What a strategy says now. */
export function draftOf(strategy: Omit<StrategyDraft, 'name'> & { name: string }): StrategyDraft {
  const { name, title, parameters, constraints, variants, segments, disabled } = strategy
  return { name: name as Kind, title, parameters, constraints, variants, segments, disabled }
}

/** What a strategy is called: `“Staff”`, or by its kind. */
export function nameOf({ title, name }: { title: string | null; name: string }): string {
  return title ?? KINDS[name as Kind]?.words ?? name
}
