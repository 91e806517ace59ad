import { z } from 'zod'
import { Problem } from './problems.ts'
import { Constraint, SegmentKey } from './strategy.ts'
import { listOf, strict } from './strict.ts'
import { Environment, Instant, Text } from './text.ts'

const Constraints = listOf(Constraint, 50, 'constraints')

/** A group of users that strategies of an environment share: who meets all of its constraints. */
export const Segment = z
  .object({
    key: SegmentKey,
    environment: Environment,
    description: Text,
    constraints: z.array(Constraint),
    revision: z.int().meta({ description: 'Configuration revision of its last change; also its ETag' }),
    createdBy: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'Segment' })
export type Segment = z.infer<typeof Segment>

export const NewSegment = strict({
  key: SegmentKey,
  description: Text.default(''),
  constraints: Constraints.default([]),
})
export type NewSegment = z.infer<typeof NewSegment>

export const SegmentEdit = strict({ description: Text.optional(), constraints: Constraints.optional() }).refine(
  (edit) => Object.keys(edit).length > 0,
  'must name at least one of description, constraints',
)
export type SegmentEdit = z.infer<typeof SegmentEdit>

/**
 * Refuses segments that the environment does not have, by the fields of the request that name them.
 *
 * @throws Problem `unknown-segment`
 */
export function refuseUnknownSegments(
  environment: string,
  known: { has(key: string): boolean },
  asked: { field: string; segments: readonly string[] }[],
): void {
  const unknown = new Set(asked.flatMap(({ segments }) => segments).filter((key) => !known.has(key)))
  if (unknown.size === 0) return
  const wrong = asked.filter(({ segments }) => segments.some((key) => unknown.has(key)))
  const keys = [...unknown]
  throw new Problem('unknown-segment', `The environment "${environment}" has no segment ${keys.join(', ')}.`, {
    fields: wrong.map(({ field }) => ({ field, message: `must be keys of segments of "${environment}"` })),
    members: { segments: keys },
  })
}
