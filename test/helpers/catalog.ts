import { expect } from 'vitest'
import type { TestApp } from './app.ts'

/** A policy over the items of `newItems`: adult items are ineligible, unrated ones pending. */
export const POLICY = {
  rules: [
    { reason: 'adult', verdict: 'ineligible', when: { field: 'metadata.adult', eq: true } },
    { reason: 'unrated', verdict: 'pending', when: { field: 'metadata.rating', exists: false } },
  ],
  relevance: { add: [{ field: 'trendingScore' }, { field: 'metadata.rating' }] },
}

/** The same, but whoever is rated below 5 is ineligible as well. */
export const STRICTER = {
  ...POLICY,
  rules: [...POLICY.rules, { reason: 'bad', verdict: 'ineligible', when: { field: 'metadata.rating', lt: 5 } }],
}

/** An item by its id: every 10th adult, every 7th unrated, ratings from 0 to 9. */
export function itemOf(id: number, more: object = {}) {
  return {
    id,
    title: `Item ${id}`,
    mediaType: 'movie',
    trendingScore: (id * 37) % 1000,
    metadata: { adult: id % 10 === 0, ...(id % 7 !== 0 && { rating: (id * 3) % 10 }) },
    ...more,
  }
}

/** Writes items 1 to `count` over HTTP. */
export async function importItems({ app, token }: TestApp, items: object[]) {
  const response = await app.inject({
    method: 'POST',
    url: '/api/admin/media-items/import',
    headers: { authorization: `Bearer ${await token('admin')}`, 'content-type': 'application/x-ndjson' },
    payload: items.map((item) => JSON.stringify(item)).join('\n'),
  })
  expect(response.statusCode, response.body).toBe(200)
  return response.json()
}

export function items(count: number): object[] {
  return Array.from({ length: count }, (_, n) => itemOf(n + 1))
}

/** Makes a policy over HTTP; returns its id and version. */
export async function makePolicy(
  { call }: Pick<TestApp, 'call'>,
  document: object = POLICY,
): Promise<{ id: string; version: number }> {
  const { status, body } = await call('POST', 'catalog-policies', { name: 'A policy', document })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

/** Prepares a policy and waits until its run has ended. Returns the run. */
export async function prepare({ call }: Pick<TestApp, 'call'>, policyId: string, options: object = {}) {
  const { status, body } = await call('POST', `catalog-policies/${policyId}/prepare`, options)
  expect(status, JSON.stringify(body)).toBe(202)
  return await untilEnded({ call }, body.runId)
}

/** Waits until a run is not running any more, and returns it. */
export async function untilEnded({ call }: Pick<TestApp, 'call'>, runId: string) {
  const read = async () => (await call('GET', `catalog-policy-runs/${runId}`)).body
  await expect.poll(async () => (await read()).status, { timeout: 20_000 }).not.toBe('running')
  return await read()
}
