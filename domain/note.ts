import { z } from 'zod'
import { AccountId } from './account.ts'
import { strict } from './strict.ts'
import { Instant, textUpTo } from './text.ts'

const Title = textUpTo(200)
// A page of 200 notes and a batch of a sweep are held in memory.
const Body = textUpTo(20_000)

// Of any version: the legacy store may hold others than ours.
export const NoteId = z.guid({ error: 'must be a UUID' }).transform((id) => id.toLowerCase())

export const Note = z
  .object({
    id: z.guid(),
    accountId: AccountId,
    // Without limits: the legacy store may hold longer ones.
    title: z.string(),
    body: z.string(),
    version: z.int().meta({ description: 'Raised by every change, never lowered; also its ETag' }),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'Note' })
export type Note = z.infer<typeof Note>

export const NewNote = strict({ title: Title.default(''), body: Body.default('') })
export type NewNote = z.infer<typeof NewNote>

export const NoteEdit = strict({ title: Title.optional(), body: Body.optional() }).refine(
  (edit) => Object.keys(edit).length > 0,
  'must name at least one of title, body',
)
export type NoteEdit = z.infer<typeof NoteEdit>
