import type { CatalogPolicy, NewPolicy } from '../domain/catalog-policy.ts'
import { type PolicyDocument, withAsOf } from '../domain/policy/document.ts'
import { Problem } from '../domain/problems.ts'
import { type Database, query } from './database.ts'
import { type Page, type PageRequest, page, readCursor } from './page.ts'
import type { Transaction } from './transaction.ts'

export interface PolicyRow {
  id: string
  name: string
  version: number
  document: PolicyDocument
  is_active: boolean
  evaluated: CatalogPolicy['evaluated']
  created_by: string
  created_at: Date
}

const POLICIES = `SELECT p.*, e.why AS evaluated FROM catalog_policies p LEFT JOIN evaluated_versions e USING (version)`

function toPolicy(row: PolicyRow): CatalogPolicy {
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    isActive: row.is_active,
    evaluated: row.evaluated,
    document: row.document as unknown as CatalogPolicy['document'],
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
  }
}

function policyNotFound(policyId: string): Problem {
  return new Problem('policy-not-found', `There is no policy "${policyId}".`)
}

/** Makes the next version. A document with relative dates counts them from now, unless it says from when. */
export async function createPolicy(tx: Transaction, { name, document }: NewPolicy): Promise<CatalogPolicy> {
  // Versions have no gaps, so they are given out one transaction at a time.
  await tx.query(`SELECT pg_advisory_xact_lock(1970170469, 2)`)
  const [row] = await tx.query<PolicyRow>(
    `INSERT INTO catalog_policies (name, version, document, created_by)
     SELECT $1, coalesce(max(version), 0) + 1, $2, $3 FROM catalog_policies RETURNING *, NULL AS evaluated`,
    [name, JSON.stringify(withAsOf(document, new Date().toISOString())), tx.origin.actor],
  )
  const policy = toPolicy(row as PolicyRow)
  tx.emitEvent({ type: 'policy-created', policyVersion: policy.version, data: { policyId: policy.id, name } })
  return policy
}

/** @throws Problem `policy-not-found` */
export async function getPolicy(db: Database, policyId: string): Promise<CatalogPolicy> {
  const [row] = await query<PolicyRow>(db, `${POLICIES} WHERE p.id = $1`, [policyId])
  if (!row) throw policyNotFound(policyId)
  return toPolicy(row)
}

/** Policies, newest version first. */
export async function listPolicies(db: Database, { limit, cursor }: PageRequest): Promise<Page<CatalogPolicy>> {
  const [before] = readCursor(cursor, /^\d{1,9}$/) ?? []
  const rows = await query<PolicyRow>(
    db,
    `${POLICIES} WHERE ($1::integer IS NULL OR p.version < $1) ORDER BY p.version DESC LIMIT $2`,
    [before ?? null, limit + 1],
  )
  return page(rows, limit, toPolicy, (row) => [row.version])
}

/** The policy that decides what the public sees; undefined before the first promotion. */
export async function activePolicy(db: Database): Promise<PolicyRow | undefined> {
  return (await query<PolicyRow>(db, `${POLICIES} WHERE p.is_active`))[0]
}

/** Locks a policy: prepare, rollback and promote of one policy come one after the other. @throws Problem `policy-not-found` */
export async function lockPolicy(tx: Transaction, policyId: string): Promise<PolicyRow> {
  const [row] = await tx.query<PolicyRow>(
    `SELECT p.*, NULL AS evaluated FROM catalog_policies p WHERE id = $1 FOR NO KEY UPDATE`,
    [policyId],
  )
  if (!row) throw policyNotFound(policyId)
  return row
}
