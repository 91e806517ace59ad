import { z } from 'zod'
import { between, listOf, oneOf, strict } from './strict.ts'
import { FlagKey, Instant, Text, textUpTo } from './text.ts'

/** Ids of strategies, plans, milestones, segments' users and change requests: ULIDs, so that they sort by age. */
export const Ulid = z
  .string({ error: 'must be a ULID' })
  .regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, 'must be a ULID')
  .meta({ example: '01KAJ3Q8X4M9T2V6W8Y0ZB1C2D' })

export const STRATEGY_NAMES = [
  'default',
  'userWithId',
  'flexibleRollout',
  'remoteAddress',
  'applicationHostname',
  'gradualRolloutUserId',
  'gradualRolloutSessionId',
  'gradualRolloutRandom',
] as const

export const OPERATORS = [
  'IN',
  'NOT_IN',
  'STR_CONTAINS',
  'STR_STARTS_WITH',
  'STR_ENDS_WITH',
  'NUM_EQ',
  'NUM_GT',
  'NUM_GTE',
  'NUM_LT',
  'NUM_LTE',
  'DATE_AFTER',
  'DATE_BEFORE',
  'SEMVER_EQ',
  'SEMVER_GT',
  'SEMVER_GTE',
  'SEMVER_LT',
  'SEMVER_LTE',
  'REGEX',
  'IN_CIDR',
] as const

const ContextName = textUpTo(100).min(1, 'must name a field of the context, such as userId')

/** One condition on the context of an evaluation. What each operator accepts is checked by `checkConstraint`. */
export const Constraint = strict({
  contextName: ContextName,
  operator: oneOf(OPERATORS),
  values: listOf(Text, 1000, 'values').default([]),
  value: Text.optional(),
  inverted: z.boolean({ error: 'must be true or false' }).default(false),
  caseInsensitive: z.boolean({ error: 'must be true or false' }).default(false),
})
export type Constraint = z.infer<typeof Constraint>

const Stickiness = textUpTo(100).min(1, 'must be default, random or a field of the context')

const Payload = strict({
  type: z.enum(['string', 'json', 'csv', 'number'], { error: 'must be string, json, csv or number' }),
  value: z
    .string({ error: 'must be text' })
    .max(20_000, 'must be at most 20000 characters')
    .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be valid Unicode without NUL'),
})

/** A value of a flag that a share of its users gets; weights are relative to their sum, and kept in the given order. */
export const Variant = strict({
  name: textUpTo(100).min(1, 'must not be empty'),
  weight: between(0, 1000),
  stickiness: Stickiness.default('default'),
  payload: Payload.optional(),
})
export type Variant = z.infer<typeof Variant>

/** A variant of a flag may be forced for some users. */
export const FlagVariant = Variant.extend({
  overrides: listOf(
    strict({ contextName: ContextName, values: listOf(Text, 1000, 'values') }),
    50,
    'overrides',
  ).default([]),
})
export type FlagVariant = z.infer<typeof FlagVariant>

const named = <V extends { name: string }>(variants: V[]) => new Set(variants.map(({ name }) => name)).size
const NAMES_DIFFER = 'must have a name each of their own'

const Variants = listOf(Variant, 50, 'variants').refine((list) => named(list) === list.length, NAMES_DIFFER)
export const FlagVariants = listOf(FlagVariant, 50, 'variants').refine(
  (list) => named(list) === list.length,
  NAMES_DIFFER,
)

/** Another flag of the environment that must be on (or off), or have one of some variants, for this one to be on. */
export const Dependency = strict({
  flagKey: FlagKey,
  enabled: z.boolean({ error: 'must be true or false' }).default(true),
  variants: listOf(Text, 50, 'names').default([]),
})
export type Dependency = z.infer<typeof Dependency>
export const Dependencies = listOf(Dependency, 20, 'flags')

/** Values as text, which is how SDKs take them: `{"rollout": "25", "stickiness": "userId", "groupId": "checkout"}`. */
const Parameters = z.record(
  textUpTo(100),
  z.union([Text, z.number().transform(String)], { error: 'must be text or a number' }),
)

/** Key of a segment within its environment. */
export const SegmentKey = FlagKey.meta({
  description: 'Name of the segment within its environment',
  example: 'beta-testers',
})

const fields = {
  name: oneOf(STRATEGY_NAMES),
  title: Text.nullable(),
  parameters: Parameters,
  constraints: listOf(Constraint, 50, 'constraints'),
  variants: Variants,
  segments: listOf(SegmentKey, 20, 'segments'),
  disabled: z.boolean({ error: 'must be true or false' }),
}

/** Everything that both copies of a strategy have, and that must be equal in them. */
export interface StrategyContent {
  name: (typeof STRATEGY_NAMES)[number]
  title: string | null
  parameters: Record<string, string>
  constraints: Constraint[]
  variants: Variant[]
  /** Keys of segments, in alphabetical order. */
  segments: string[]
  disabled: boolean
  sortOrder: number
}

const SortOrder = between(0, 9999)

export const Strategy = z
  .object({
    id: Ulid,
    flagKey: FlagKey,
    milestoneId: Ulid.nullable().meta({ description: 'The milestone that it belongs to' }),
    active: z
      .boolean()
      .meta({ description: 'Whether applications are served by it; false before its milestone starts' }),
    name: z.string(),
    title: z.string().nullable(),
    parameters: z.record(z.string(), z.string()),
    constraints: z.array(Constraint),
    variants: z.array(Variant),
    segments: z.array(z.string()),
    disabled: z.boolean(),
    sortOrder: z.int(),
    createdAt: Instant,
  })
  .meta({ id: 'Strategy' })
export type Strategy = z.infer<typeof Strategy>

/** A strategy as it is made, and as PUT replaces it. */
export const NewStrategy = strict({
  name: fields.name,
  title: fields.title.default(null),
  parameters: fields.parameters.default({}),
  constraints: fields.constraints.default([]),
  variants: fields.variants.default([]),
  segments: fields.segments.default([]),
  disabled: fields.disabled.default(false),
  sortOrder: SortOrder.optional().meta({
    description: 'Its place; when it is not given the end, or with PUT where it is',
  }),
})
export type NewStrategy = z.infer<typeof NewStrategy>

/** What a change names; all else stays as it is. */
export const StrategyEdit = strict({
  name: fields.name.optional(),
  title: fields.title.optional(),
  parameters: fields.parameters.optional(),
  constraints: fields.constraints.optional(),
  variants: fields.variants.optional(),
  segments: fields.segments.optional(),
  disabled: fields.disabled.optional(),
  sortOrder: SortOrder.optional(),
}).refine((edit) => Object.keys(edit).length > 0, 'must name at least one field to change')
export type StrategyEdit = z.infer<typeof StrategyEdit>
