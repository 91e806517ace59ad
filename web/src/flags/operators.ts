import type { schemas } from '../api/schema.ts'

export type Constraint = schemas['Segment']['constraints'][number]
type Operator = Constraint['operator']

/** What an operator compares with, and so how it is typed. */
type Kind = 'list' | 'text' | 'number' | 'date' | 'version' | 'pattern' | 'ranges'

/** Every operator: as people say it, and what it takes. */
export const OPERATORS: Record<Operator, { words: string; kind: Kind }> = {
  IN: { words: 'is one of', kind: 'list' },
  NOT_IN: { words: 'is none of', kind: 'list' },
  STR_CONTAINS: { words: 'contains', kind: 'text' },
  STR_STARTS_WITH: { words: 'begins with', kind: 'text' },
  STR_ENDS_WITH: { words: 'ends with', kind: 'text' },
  NUM_EQ: { words: '=', kind: 'number' },
  NUM_GT: { words: '>', kind: 'number' },
  NUM_GTE: { words: '≥', kind: 'number' },
  NUM_LT: { words: '<', kind: 'number' },
  NUM_LTE: { words: '≤', kind: 'number' },
  DATE_AFTER: { words: 'is after', kind: 'date' },
  DATE_BEFORE: { words: 'is before', kind: 'date' },
  SEMVER_EQ: { words: 'is version', kind: 'version' },
  SEMVER_GT: { words: 'is a version above', kind: 'version' },
  SEMVER_GTE: { words: 'is at least version', kind: 'version' },
  SEMVER_LT: { words: 'is a version below', kind: 'version' },
  SEMVER_LTE: { words: 'is at most version', kind: 'version' },
  REGEX: { words: 'fits', kind: 'pattern' },
  IN_CIDR: { words: 'is in', kind: 'ranges' },
}

const GROUPS: Record<Kind, string> = {
  list: 'List',
  text: 'Part of a text',
  number: 'Number',
  date: 'Date',
  version: 'Version',
  pattern: 'Pattern',
  ranges: 'Network',
}

export const OPERATOR_GROUPS = Object.entries(GROUPS).map(([kind, group]) => ({
  group,
  items: Object.entries(OPERATORS)
    .filter(([, operator]) => operator.kind === kind)
    .map(([value, { words }]) => ({ value, label: words })),
}))

const LISTS: Kind[] = ['list', 'text', 'ranges']
const FOLDING: Kind[] = ['list', 'text', 'pattern']

export const takesValues = (operator: Operator): boolean => LISTS.includes(OPERATORS[operator].kind)
export const mayIgnoreCase = (operator: Operator): boolean => FOLDING.includes(OPERATORS[operator].kind)

/** The constraint with another operator, and of its values what that can use. */
export function withOperator(constraint: Constraint, operator: Operator): Constraint {
  const { contextName, inverted, caseInsensitive, values, value } = constraint
  const same = OPERATORS[operator].kind === OPERATORS[constraint.operator].kind
  const ignoring = caseInsensitive && mayIgnoreCase(operator)
  const kept = { contextName, operator, inverted, caseInsensitive: ignoring }
  if (takesValues(operator)) return { ...kept, values: takesValues(constraint.operator) ? values : [] }
  return { ...kept, values: [], value: same ? (value ?? '') : '' }
}
