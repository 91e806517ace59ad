/** What a note says. Times are as Postgres writes them, to the microsecond, so that a move changes nothing. */
export interface NoteContent {
  title: string
  body: string
  createdAt: string
  updatedAt: string
}

/** What one store holds under a key: a note, or the tombstone of one (`note: null`). */
export interface Copy {
  id: string
  /** Raised by one with every write of the key, deletes included; two stores never hold different things of one version. */
  version: number
  note: NoteContent | null
}

/** Copies of one store in the order of their ids. */
export interface CopyPage {
  copies: Copy[]
  /** The last id up to which `copies` are all that the store holds; null: to the end. */
  through: string | null
}

/** Which of two stores' copies counts: the higher version; of the same version, the destination's. */
export function newest(source: Copy | null, destination: Copy | null): Copy | null {
  if (!source) return destination
  if (!destination) return source
  return source.version > destination.version ? source : destination
}

/** The live notes of one page of an account, and the id that the next page starts after (null: it was the last one). */
export interface MergedPage {
  notes: Copy[]
  next: string | null
}

/**
 * Merges what two stores hold by key. A store that broke off says nothing about the keys behind its last one: the page
 * ends where the first of the two does, and may so be shorter than `limit`, but has no hole. Tombstones hide, then go.
 */
export function mergePages(source: CopyPage | null, destination: CopyPage, limit: number): MergedPage {
  const ends = [source?.through ?? null, destination.through].filter((end) => end !== null)
  const [end = null] = ends.sort()
  const byId = new Map<string, Copy>()
  for (const copy of [...(source?.copies ?? []), ...destination.copies]) {
    if (end !== null && copy.id > end) continue
    byId.set(copy.id, newest(byId.get(copy.id) ?? null, copy) as Copy)
  }
  const live = [...byId.values()].filter(({ note }) => note !== null).sort((a, b) => (a.id < b.id ? -1 : 1))
  if (live.length <= limit) return { notes: live, next: end }
  const notes = live.slice(0, limit)
  return { notes, next: notes.at(-1)?.id ?? null }
}
