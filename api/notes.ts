import { Problem } from '../domain/problems.ts'
import type { NoteStores } from '../store/notes/note-store.ts'
import type { NoteDatabases } from '../store/notes/roles.ts'
import type { AccountFollower } from './account-follower.ts'

/** What the routes of accounts and notes need besides the product's own database. */
export interface NoteAccess {
  stores: NoteStores
  databases: NoteDatabases
  accounts: AccountFollower
}

/** @throws Problem `notes-not-configured` */
export function requireNotes(notes: NoteAccess | undefined): NoteAccess {
  if (notes) return notes
  throw new Problem('notes-not-configured', 'Set NOTES_LEGACY_URL, and NOTES_CURRENT_URL for accounts that move.')
}
