import { type AccountState, rolesOf } from '../../domain/account.ts'
import type { Copy } from '../../domain/note-copies.ts'
import { type IdRange, type NoteStore, type NoteStores, storeOf } from './note-store.ts'

interface Finding {
  id: string
  /** `behind`: not moved yet. `differs`: both stores hold the same version, and it is not the same. */
  kind: 'behind' | 'differs'
  sourceVersion: number
  destinationVersion: number | null
}

export interface VerifiedRange extends IdRange {
  /** Of what the source still holds. */
  findings: Finding[]
}

const RE_READS = 2

/**
 * Compares the two stores over the next `limit` notes of the source, key by key. What looks
 * wrong is read again, source first, before it is reported: a note that moves in between is in order.
 *
 * @throws Fenced when the account's epoch is another one
 */
export async function verifyRange(
  stores: NoteStores,
  account: AccountState,
  { after, limit }: { after: string | null; limit: number },
): Promise<VerifiedRange> {
  const roles = rolesOf(account.mode)
  const destination = storeOf(stores, roles.destination)
  if (!roles.source) return { after, through: null, findings: [] }
  const source = storeOf(stores, roles.source)
  const { copies, through } = await source.page(account, after, limit)
  let findings = await compare(account, copies, destination)
  for (let reads = 0; reads < RE_READS && findings.length > 0; reads++) {
    const again = await source.find(
      account,
      findings.map(({ id }) => id),
    )
    findings = await compare(account, again, destination)
  }
  return { after, through, findings }
}

async function compare(account: AccountState, copies: Copy[], destination: NoteStore): Promise<Finding[]> {
  if (copies.length === 0) return []
  const found = await destination.find(
    account,
    copies.map(({ id }) => id),
  )
  const moved = new Map(found.map((copy) => [copy.id, copy]))
  return copies.flatMap(({ id, version, note }) => {
    const there = moved.get(id)
    if (there && there.version > version) return []
    if (there && there.version === version && isSame(there.note, note)) return []
    const kind = there?.version === version ? 'differs' : 'behind'
    return [{ id, kind, sourceVersion: version, destinationVersion: there?.version ?? null }]
  })
}

function isSame(a: Copy['note'], b: Copy['note']): boolean {
  if (!a || !b) return a === b
  return a.title === b.title && a.body === b.body && a.createdAt === b.createdAt && a.updatedAt === b.updatedAt
}
