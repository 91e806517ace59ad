import type { schemas } from '../api/schema.ts'

type Constraint = Pick<
  schemas['Explanation']['strategies'][number]['constraints'][number],
  'contextName' | 'operator' | 'values' | 'value' | 'inverted' | 'caseInsensitive'
>

const WORDS: Record<string, string> = {
  IN: 'is one of',
  NOT_IN: 'is none of',
  STR_CONTAINS: 'contains',
  STR_STARTS_WITH: 'begins with',
  STR_ENDS_WITH: 'ends with',
  NUM_EQ: '=',
  NUM_GT: '>',
  NUM_GTE: '≥',
  NUM_LT: '<',
  NUM_LTE: '≤',
  DATE_AFTER: 'is after',
  DATE_BEFORE: 'is before',
  SEMVER_EQ: 'is version',
  SEMVER_GT: 'is a version above',
  SEMVER_GTE: 'is at least version',
  SEMVER_LT: 'is a version below',
  SEMVER_LTE: 'is at most version',
  REGEX: 'fits',
  IN_CIDR: 'is in',
}

/** `email ends with @example.com` */
export function ConstraintText({ of }: { of: Constraint }) {
  const { contextName, operator, values, value, inverted, caseInsensitive } = of
  const wanted = value === undefined ? values.join(', ') : value
  return (
    <span>
      {inverted && 'not: '}
      <span className="mono">{contextName}</span> {WORDS[operator] ?? operator} <span className="mono">{wanted}</span>
      {caseInsensitive && ' (in any case)'}
    </span>
  )
}
