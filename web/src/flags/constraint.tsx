import type { schemas } from '../api/schema.ts'
import { OPERATORS } from './operators.ts'

type Constraint = Pick<
  schemas['Explanation']['strategies'][number]['constraints'][number],
  'contextName' | 'operator' | 'values' | 'value' | 'inverted' | 'caseInsensitive'
>

/** `email ends with @example.com` */
export function ConstraintText({ of }: { of: Constraint }) {
  const { contextName, operator, values, value, inverted, caseInsensitive } = of
  const wanted = value === undefined ? values.join(', ') : value
  const words = operator in OPERATORS ? OPERATORS[operator as keyof typeof OPERATORS].words : operator
  return (
    <span>
      {inverted && 'not: '}
      <span className="mono">{contextName}</span> {words} <span className="mono">{wanted}</span>
      {caseInsensitive && ' (in any case)'}
    </span>
  )
}
