import { expect } from 'vitest'
import type { WebApp } from './browser.ts'

/** Segments, a release of two of the scene's flags, and a key. */
export async function addRelease({ call }: Pick<WebApp, 'call'>): Promise<void> {
  const post = async (path: string, body: object) => {
    const answer = await call('POST', path, body)
    expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  }
  const email = { contextName: 'email', operator: 'STR_ENDS_WITH', values: ['@example.com', '@example.org'] }
  const version = { contextName: 'appVersion', operator: 'SEMVER_GTE', value: '2.0.0' }
  await post('segments', { key: 'testers', description: 'Who sees things early', constraints: [email, version] })
  const country = { contextName: 'country', operator: 'IN', values: ['DE', 'FR', 'IT', 'PL'] }
  await post('segments', { key: 'europe', constraints: [country] })
  await post('releases', {
    scheduledAt: new Date(Date.now() + 30 * 3_600_000).toISOString(),
    comment: 'The new shop, all of it or nothing',
    changes: [
      { flagKey: 'new-checkout', updates: { enabled: true, rolloutPercentage: 100 } },
      { flagKey: 'recommendations', updates: { rolloutPercentage: 50 } },
    ],
  })
  await post('api-keys', { name: 'shop', environment: 'production' })
}
