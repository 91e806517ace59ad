import { z } from 'zod'
import { PolicyDocument } from './policy/document.ts'
import { strict } from './strict.ts'
import { Instant, textUpTo } from './text.ts'

const Name = textUpTo(200).min(1, 'must not be empty')

export const CatalogPolicy = z
  .object({
    id: z.uuid(),
    name: z.string(),
    version: z.int().meta({ description: 'Given at creation; a change of the document is a new version' }),
    isActive: z.boolean().meta({ description: 'Decides what the public sees; changes only by a promotion' }),
    evaluated: z.enum(['active', 'preparing', 'resumable', 'ready', 'reverse']).nullable().meta({
      description: 'Why writers of items evaluate this version too; null: they do not',
    }),
    document: z.record(z.string(), z.unknown()),
    createdBy: z.string(),
    createdAt: Instant,
  })
  .meta({ id: 'CatalogPolicy' })
export type CatalogPolicy = z.infer<typeof CatalogPolicy>

export const NewPolicy = strict({ name: Name, document: PolicyDocument })
export type NewPolicy = z.infer<typeof NewPolicy>
