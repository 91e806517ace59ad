import createClient from 'openapi-fetch'
import { ApiError, type Refused } from './error.ts'
import type { paths } from './schema.ts'

/** No answer may be waited for without an end. */
const ANSWER_WITHIN_MS = 15_000

/**
 * The one way to the API. Resolves with `data`; every refusal is thrown as an `ApiError`, also that there was no answer.
 * The session's cookie goes with it; the header tells the API that a page of ours asks.
 */
export const client = createClient<paths>({
  headers: { 'x-interlock-page': '1' },
  // An address without a host: that of the page.
  baseUrl: location.origin,
  fetch: patiently(ANSWER_WITHIN_MS),
})

/** Waits so long for an answer; for the `fetch` of a request that is known to take longer than others. */
export function patiently(withinMs: number): (request: Request) => Promise<Response> {
  // A copy: what was asked for is read again when it is refused.
  return (request) =>
    fetch(request.clone(), { signal: AbortSignal.any([request.signal, AbortSignal.timeout(withinMs)]) })
}

client.use({
  async onResponse({ response, request, params }) {
    if (response.ok) return
    // Readiness is told with 503 and a body of its own.
    if (response.headers.get('content-type')?.startsWith('application/json')) return
    const { path = {}, query = {} } = params as Partial<Refused>
    const body = await request.json().catch(() => undefined)
    throw await ApiError.from(response, { path, query, body })
  },
  onError({ error }) {
    // Whoever asked is not interested any more.
    if (error instanceof Error && error.name === 'AbortError') return
    return ApiError.unanswered(error)
  },
})

/** A key for one wish of the user: repeated with it, a write is done once. */
export function newIdempotencyKey(): string {
  // Not randomUUID, which browsers have only with TLS.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
