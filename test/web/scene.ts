import { expect } from 'vitest'
import { one } from '../helpers/database.ts'
import type { WebApp } from './browser.ts'
import { makeRequest, makeWaitingPlan } from './plans-and-requests.ts'

const FLAGS = [
  { key: 'new-checkout', description: 'One page instead of three', enabled: true, rolloutPercentage: 25 },
  { key: 'recommendations', description: 'Films that others liked', enabled: true },
  { key: 'dark-mode', description: 'Follows the system' },
  { key: 'search-v2', description: 'Typos are forgiven', enabled: true, rolloutPercentage: 50 },
  { key: 'legacy-export' },
]

/** Something to see on every page. */
export async function setScene({ call, db }: WebApp): Promise<void> {
  for (const flag of FLAGS) expect((await call('POST', 'flags', flag)).status).toBe(201)
  const schedule = { scheduledAt: new Date(Date.now() + 3 * 3_600e3).toISOString(), updates: { enabled: true } }
  expect((await call('POST', 'flags/dark-mode/schedule', schedule)).status).toBe(201)
  await makeWaitingPlan({ call }, 'player')
  await makeRequest({ call }, 'search-v2')
  await one(
    db,
    `INSERT INTO outbox (key, task, payload, idempotency_key, state, attempts, next_at, last_error) VALUES ('schedule:1', 'nudge-flag-schedule',
       '{"scheduleId": "0198c0de-0000-7000-8000-000000000000"}', 'scene', 'dead', 20, now(), 'NOT_FOUND: namespace shop')`,
  )
}
