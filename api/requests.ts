import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Origin } from '../domain/event.ts'
import { Problem } from '../domain/problems.ts'
import { textBetween } from '../domain/strict.ts'
import { Environment, Text } from '../domain/text.ts'
import type { Database } from '../store/database.ts'
import type { Once } from '../store/idempotency.ts'
import type { Page } from '../store/page.ts'
import { type Transaction, type TransactionOptions, transaction } from '../store/transaction.ts'

/** Query of every list. */
export const pageQuery = {
  limit: textBetween(1, 200).default(50),
  cursor: z.string().max(1000).optional().meta({ description: 'Where the page starts; taken from the Link header' }),
}

/** Query of a list that is leafed through by numbers, and says how many there are. */
export const offsetQuery = {
  limit: pageQuery.limit,
  offset: textBetween(0, 1e6).default(0),
}

export const environmentQuery = { environment: Environment.default('production') }

/** Query of a write that may say why, for the audit trail. */
export const reasonQuery = {
  reason: Text.optional().meta({ description: 'Why; kept with the event' }),
}

/** Query of a write in an environment. */
export const writeQuery = { ...environmentQuery, ...reasonQuery }

/** Headers of every write; `If-Match` where what is written has an ETag. */
export const idempotencyHeader = {
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters')
    .optional()
    .meta({
      description: 'A repeated request with the same key changes nothing and gets the same answer, for 24 hours',
    }),
}
export const ifMatchHeader = {
  'if-match': z
    .string()
    .regex(/^(\*|(W\/)?"\d{1,15}")$/, 'must be an ETag as it was given out, such as "17"')
    .optional()
    .meta({ description: 'ETag that the change is meant for; refused when it has changed since' }),
}

export const editHeaders = z.object({ ...idempotencyHeader, ...ifMatchHeader })

export const etag = (version: number) => ({ etag: `"${version}"` })

/** The revision or version that the caller believes in. */
export function expectedVersion(headers: { 'if-match'?: string | undefined }): number | undefined {
  const digits = headers['if-match']?.match(/\d+/)?.[0]
  return digits === undefined ? undefined : Number(digits)
}

/** Runs a write in a transaction that knows who asks, why, and whether it was asked before. */
export async function write<T>(
  db: Database,
  request: FastifyRequest,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return (await transaction(db, work, optionsOf(request))).result
}

/** Who asks, why, and whether it was asked before: what a transaction needs to know of a request. */
export function optionsOf(request: FastifyRequest): TransactionOptions {
  return { origin: whoAsks(request), once: onceOf(request) }
}

/**
 * Who asks and why, for what is done in many transactions and can be asked for again.
 *
 * @throws Problem `validation-failed` for an Idempotency-Key: none of the transactions could keep it
 */
export function originOf(request: FastifyRequest): Origin {
  if (request.headers['idempotency-key'] === undefined) return whoAsks(request)
  const message = 'is not taken here: sent again, the request does what is left'
  throw new Problem('validation-failed', `header.idempotency-key ${message}`, {
    fields: [{ field: 'header.idempotency-key', message }],
  })
}

function whoAsks(request: FastifyRequest): Origin {
  const { reason } = request.query as { reason?: string }
  return { actor: request.principal.subject, door: 'http', reason, requestId: request.id }
}

function onceOf(request: FastifyRequest): Once | undefined {
  const key = (request.headers as { 'idempotency-key'?: string })['idempotency-key']
  if (!key) return undefined
  const asked = [request.method, request.url, request.headers['if-match'] ?? '', JSON.stringify(request.body ?? null)]
  return { key, fingerprint: createHash('sha256').update(asked.join('\n')).digest('base64url') }
}

/** Answers with a page as a JSON array; the next one is in `Link`, as RFC 8288 has it. */
export function sendPage<T>(request: FastifyRequest, reply: FastifyReply, { items, next }: Page<T>): T[] {
  if (next) {
    const url = new URL(request.url, 'http://localhost')
    url.searchParams.set('cursor', next)
    reply.header('link', `<${url.pathname}${url.search}>; rel="next"`)
  }
  return items
}

/** The same for lists by offset, with the number of all items in `x-total-count`. */
export function sendOffsetPage<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  items: T[],
  { limit, offset, total }: { limit: number; offset: number; total: number },
): T[] {
  reply.header('x-total-count', total)
  if (offset + items.length < total && items.length > 0) {
    const url = new URL(request.url, 'http://localhost')
    url.searchParams.set('offset', String(offset + limit))
    reply.header('link', `<${url.pathname}${url.search}>; rel="next"`)
  }
  return items
}
