import { z } from 'zod'
import { ItemEvaluation, MediaItemId } from './media-item.ts'
import { PolicyDocument } from './policy/document.ts'
import { CHANGES } from './policy-diff.ts'
import { between, listOf, strict } from './strict.ts'

export const NewPreview = strict({
  document: PolicyDocument,
  itemIds: listOf(MediaItemId, 500, 'ids of items', 1).optional().meta({ description: 'Items to look at' }),
  sample: between(1, 1000).optional().meta({
    description: 'Or how many: half of them what trends most, half from anywhere; 100 when neither is given',
  }),
}).refine((preview) => !(preview.itemIds && preview.sample), {
  error: 'must not come with itemIds: name items, or ask for a sample',
  path: ['sample'],
})
export type NewPreview = z.infer<typeof NewPreview>

const count = z.int()

export const PolicyPreview = z
  .object({
    activeVersion: z.int().nullable().meta({ description: 'What `before` is by; null: no version is active' }),
    statuses: z.object({ eligible: count, ineligible: count, pending: count, error: count }),
    changes: z.object({ regressions: count, improvements: count, reasonChanges: count, unchanged: count }),
    items: z.array(
      z.object({
        mediaItemId: z.int(),
        title: z.string().nullable(),
        trendingScore: z.number(),
        change: z.enum(CHANGES),
        before: ItemEvaluation.nullable(),
        after: ItemEvaluation,
        problems: z.array(z.string()).meta({ description: 'Why an error is one' }),
      }),
    ),
  })
  .meta({ id: 'PolicyPreview' })
export type PolicyPreview = z.infer<typeof PolicyPreview>
