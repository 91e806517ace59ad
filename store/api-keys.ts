import { createHash, randomBytes } from 'node:crypto'
import type { ApiKey, NewApiKey } from '../domain/api-key.ts'
import { Problem } from '../domain/problems.ts'
import { type Database, query } from './database.ts'
import { type Page, type PageRequest, page, readCursor, UUID_CURSOR } from './page.ts'
import { bumpRevision } from './revision.ts'
import type { Transaction } from './transaction.ts'

const COLUMNS = 'id, name, environment, expires_at, revoked_at, created_by, created_at'

interface ApiKeyRow {
  id: string
  name: string
  environment: string
  expires_at: Date | null
  revoked_at: Date | null
  created_by: string
  created_at: Date
}

function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    environment: row.environment,
    expiresAt: row.expires_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
  }
}

/** A new key of an environment. */
export function generateApiKey(environment: string): string {
  return `il_${environment}_${randomBytes(32).toString('base64url')}`
}

/** What is kept of a key. It has 256 random bits, so that nothing slower than SHA-256 is needed. */
export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

/**
 * Makes a key known to every process, with the next configuration revision.
 *
 * @param key which is given out once, and not stored
 * @throws Problem `validation-failed` when it would have expired already
 */
export async function createApiKey(tx: Transaction, input: NewApiKey, key: string): Promise<ApiKey> {
  const revision = await bumpRevision(tx)
  const [row] = await tx.query<ApiKeyRow & { expired: boolean | null }>(
    `INSERT INTO api_keys (name, environment, hash, revision, expires_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)
     RETURNING ${COLUMNS}, expires_at <= clock_timestamp() AS expired`,
    [input.name, input.environment, hashApiKey(key), revision, input.expiresAt ?? null, tx.origin.actor],
  )
  if (row?.expired) {
    throw new Problem('validation-failed', 'The key would have expired already.', {
      fields: [{ field: 'expiresAt', message: 'must be after now' }],
    })
  }
  const apiKey = toApiKey(row as ApiKeyRow)
  emitApiKeyEvent(tx, 'api-key-created', null, apiKey, revision)
  return apiKey
}

/** Keys, the newest first, revoked and expired ones included. */
export async function listApiKeys(
  db: Database,
  { environment, limit, cursor }: PageRequest & { environment?: string | undefined },
): Promise<Page<ApiKey>> {
  const [before] = readCursor(cursor, UUID_CURSOR) ?? []
  const rows = await query<ApiKeyRow>(
    db,
    `SELECT ${COLUMNS} FROM api_keys WHERE ($1::text IS NULL OR environment = $1) AND ($2::uuid IS NULL OR id < $2)
     ORDER BY id DESC LIMIT $3`,
    [environment ?? null, before ?? null, limit + 1],
  )
  return page(rows, limit, toApiKey, (row) => [row.id])
}

/**
 * Takes a key back, for ever; every process refuses it once it has seen the revision that this makes. Revoking it again
 * changes nothing.
 *
 * @throws Problem `api-key-not-found`
 */
export async function revokeApiKey(tx: Transaction, id: string): Promise<ApiKey> {
  const [found] = await tx.query<ApiKeyRow>(`SELECT ${COLUMNS} FROM api_keys WHERE id = $1 FOR UPDATE`, [id])
  if (!found) throw new Problem('api-key-not-found', `There is no API key "${id}".`)
  if (found.revoked_at) return toApiKey(found)
  const revision = await bumpRevision(tx)
  const [row] = await tx.query<ApiKeyRow>(
    `UPDATE api_keys SET revoked_at = clock_timestamp(), revision = $2 WHERE id = $1 RETURNING ${COLUMNS}`,
    [id, revision],
  )
  const after = toApiKey(row as ApiKeyRow)
  emitApiKeyEvent(tx, 'api-key-revoked', toApiKey(found), after, revision)
  return after
}

function emitApiKeyEvent(
  tx: Transaction,
  type: 'api-key-created' | 'api-key-revoked',
  before: ApiKey | null,
  after: ApiKey,
  revision: number,
): void {
  tx.emitEvent({ type, environment: after.environment, revision, data: { before, after } })
}
