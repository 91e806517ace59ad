import type { Copy } from '../../domain/note-copies.ts'
import { Fenced, type NoteStore } from '../../store/notes/note-store.ts'

/** A note store in memory, of one account: what the statements of the real one do, each at once. */
export interface MemoryStore extends NoteStore {
  epoch: number
  copies: Map<string, Copy>
}

/** `dense`: a page breaks off after as many tombstones as it may have notes, so that a few are enough to see it. */
export function createMemoryStore({ dense = true } = {}): MemoryStore {
  const fenced = ({ epoch }: { epoch: number }) => {
    if (epoch !== store.epoch) throw new Fenced(`the epoch is ${store.epoch}, not ${epoch}`)
  }
  const inOrder = () => [...store.copies.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  const store: MemoryStore = {
    epoch: 0,
    copies: new Map(),
    async get(account, id) {
      fenced(account)
      return store.copies.get(id) ?? null
    },
    async find(account, ids) {
      fenced(account)
      return inOrder().filter(({ id }) => ids.includes(id))
    },
    async page(account, after, limit) {
      fenced(account)
      const above = inOrder().filter(({ id }) => after === null || id > after)
      const atMost = dense ? limit : limit * 10
      const notes = above.filter(({ note }) => note).slice(0, limit)
      const tombstones = above.filter(({ note }) => !note).slice(0, atMost)
      const ends = [notes.length === limit && notes.at(-1)?.id, tombstones.length === atMost && tombstones.at(-1)?.id]
      const [through = null] = ends.filter((end) => typeof end === 'string').sort()
      return {
        copies: above.filter((copy) => [...notes, ...tombstones].includes(copy) && (!through || copy.id <= through)),
        through,
      }
    },
    async put(account, expected, copy) {
      fenced(account)
      if ((store.copies.get(copy.id)?.version ?? 0) !== expected) return false
      store.copies.set(copy.id, copy)
      return true
    },
    async merge(account, copies) {
      fenced(account)
      for (const copy of copies) {
        if ((store.copies.get(copy.id)?.version ?? 0) < copy.version) store.copies.set(copy.id, copy)
      }
      return copies
        .filter((copy) => {
          const here = store.copies.get(copy.id) as Copy
          return here.version > copy.version || JSON.stringify(here.note) === JSON.stringify(copy.note)
        })
        .map(({ id }) => id)
    },
    async forget(account, copies) {
      fenced(account)
      const there = copies.filter(({ id, version }) => store.copies.get(id)?.version === version)
      for (const { id } of there) store.copies.delete(id)
      return there.length
    },
    async summary(account, { after, through }) {
      fenced(account)
      const range = inOrder().filter(({ id }) => (after === null || id > after) && (through === null || id <= through))
      const notes = range.filter(({ note }) => note).length
      return { notes, tombstones: range.length - notes, checksum: JSON.stringify(range) }
    },
    async dropTombstones(account, limit, _hours) {
      fenced(account)
      const dropped = inOrder()
        .filter(({ note }) => !note)
        .slice(0, limit)
      for (const { id } of dropped) store.copies.delete(id)
      return dropped.length
    },
    async raise(_, epoch) {
      store.epoch = Math.max(store.epoch, epoch)
    },
  }
  return store
}
