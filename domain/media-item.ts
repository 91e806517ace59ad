import { z } from 'zod'
import { DueTime } from './flag-schedule.ts'
import { between, oneOf, strict } from './strict.ts'
import { Instant, Text, textUpTo } from './text.ts'

const NUMBER_RULE = 'must be a number from -1e30 to 1e30'
const METADATA_RULE =
  'must be a JSON object, at most 32 deep, of numbers that a double can hold and text of valid Unicode without NUL, and without the key __proto__'

export const MediaItemId = between(1, Number.MAX_SAFE_INTEGER)
const IngestionStatus = oneOf(['pending', 'ready', 'failed'])

const Title = Text.nullable().meta({ example: 'Playtime' })
const MediaType = textUpTo(100).nullable().meta({ example: 'movie' })
const TrendingScore = z.number({ error: NUMBER_RULE }).min(-1e30, NUMBER_RULE).max(1e30, NUMBER_RULE)
// Zones of 16 hours and more are none to Postgres, and it rounds where Date cuts off.
const ReleasedAt = DueTime.transform((text) => new Date(text).toISOString()).nullable()
// Not a record, which passes over the key __proto__ in silence.
const Metadata = z
  .any()
  .refine(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value) && isStorable(value),
    METADATA_RULE,
  )
  .meta({ type: 'object', additionalProperties: {} }) as unknown as z.ZodType<
  Record<string, unknown>,
  Record<string, unknown>
>

/** What jsonb keeps as it is: JSON.parse makes 1e400 an infinity, which would be written as null. */
function isStorable(value: unknown, depth = 0): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0')
  if (typeof value !== 'object' || value === null) return true
  if (depth > 32) return false
  return Object.entries(value).every(
    ([key, member]) => key !== '__proto__' && isStorable(key) && isStorable(member, depth + 1),
  )
}

export const MediaItem = z
  .object({
    id: z.int(),
    title: z.string().nullable(),
    mediaType: z.string().nullable(),
    releasedAt: Instant.nullable(),
    metadata: z.record(z.string(), z.unknown()),
    ingestionStatus: IngestionStatus,
    trendingScore: z.number(),
    version: z.int().meta({ description: 'Counts writes; also the ETag' }),
    createdAt: Instant,
    updatedAt: Instant,
    deletedAt: Instant.nullable(),
  })
  .meta({ id: 'MediaItem' })
export type MediaItem = z.infer<typeof MediaItem>

/** A whole item, as PUT and a line of an import give it; what is missing gets its default. */
export const MediaItemContent = strict({
  title: Title.default(null),
  mediaType: MediaType.default(null),
  releasedAt: ReleasedAt.default(null),
  metadata: Metadata.default({}),
  ingestionStatus: IngestionStatus.default('ready'),
  trendingScore: TrendingScore.default(0),
})
export type MediaItemContent = z.infer<typeof MediaItemContent>

/** A line of an import. */
export const MediaItemLine = strict({ id: MediaItemId, ...MediaItemContent.shape })
export type MediaItemLine = z.infer<typeof MediaItemLine>

export const MediaItemPatch = strict({
  title: Title.optional(),
  mediaType: MediaType.optional(),
  releasedAt: ReleasedAt.optional(),
  metadata: Metadata.optional().meta({ description: 'Replaces the metadata as a whole' }),
  ingestionStatus: IngestionStatus.optional(),
  trendingScore: TrendingScore.optional(),
}).refine((patch) => Object.keys(patch).length > 0, 'must name at least one field to change')
export type MediaItemPatch = z.infer<typeof MediaItemPatch>

/** What a policy says of an item. */
export const ItemEvaluation = z.object({
  status: z.enum(['eligible', 'ineligible', 'pending', 'error']),
  reasons: z.array(z.string()),
  relevance: z.number().nullable(),
})
