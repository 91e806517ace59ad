import { z } from 'zod'
import { ItemEvaluation } from './media-item.ts'

/** What a change of version does to an item: the four classes into which every item falls. */
export const CHANGES = ['regressions', 'improvements', 'reasonChanges', 'unchanged'] as const

const status = z.enum(['none', 'eligible', 'ineligible', 'pending', 'error'])

const ChangedItem = z.object({
  mediaItemId: z.int(),
  title: z.string().nullable(),
  trendingScore: z.number(),
  before: ItemEvaluation.nullable().meta({ description: 'null: the base version had not evaluated the item' }),
  after: ItemEvaluation.nullable(),
})
export type ChangedItem = z.infer<typeof ChangedItem>

export const PolicyDiff = z
  .object({
    runId: z.uuid(),
    baseVersion: z.int().nullable().meta({ description: 'null: no version was active' }),
    targetVersion: z.int(),
    items: z.int().meta({ description: 'Ready items: the sum of the next four' }),
    regressions: z.int().meta({ description: 'Eligible before, not after' }),
    improvements: z.int().meta({ description: 'Eligible after, not before' }),
    reasonChanges: z.int().meta({ description: 'As visible as before, with another verdict or other reasons' }),
    unchanged: z.int().meta({ description: 'The same verdict for the same reasons' }),
    matrix: z.array(z.object({ before: status, after: status, items: z.int() })),
    samples: z.object({
      regressions: z.array(ChangedItem),
      improvements: z.array(ChangedItem),
      reasonChanges: z.array(ChangedItem),
    }),
  })
  .meta({ id: 'PolicyDiff' })
export type PolicyDiff = z.infer<typeof PolicyDiff>
