import { z } from 'zod'
import { Constraint, SegmentKey } from './strategy.ts'
import { strict } from './strict.ts'
import { Environment, Instant, Text } from './text.ts'

const Constraints = z.array(Constraint).max(50, 'must be at most 50 constraints')

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
