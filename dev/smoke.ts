import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { localToken } from './token.ts'

const DUE_IN_MS = 3_000
const PATIENCE_MS = 60_000
/** An environment of its own, so that the check never shows up among real flags. */
const ENVIRONMENT = 'interlock-smoke'

export interface SmokeOptions {
  url: string
  /** Of an admin. */
  token: string
  log?: (line: string) => void
}

/**
 * The check after a deploy, against a running installation: makes a flag and a schedule, waits at most 60 s until it is
 * applied, verifies what applications would see, and cleans up.
 *
 * @throws Error that says which step failed and what was answered
 */
export async function smoke({ url, token, log = () => {} }: SmokeOptions): Promise<void> {
  const call = async (method: string, path: string, expected: number, body?: unknown) => {
    const answer = await fetch(new URL(`/api/admin/${path}`, url), {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    })
    const text = await answer.text()
    if (answer.status !== expected) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`)
    return JSON.parse(text)
  }
  const key = `smoke-${crypto.randomUUID()}`
  const flag = `flags/${key}`
  const query = `?environment=${ENVIRONMENT}`
  await call('POST', `flags${query}`, 201, { key, description: 'Made by npm run smoke' })
  log('made a flag')
  try {
    const scheduledAt = new Date(Date.now() + DUE_IN_MS).toISOString()
    const updates = { enabled: true, rolloutPercentage: 50 }
    const { id } = await call('POST', `${flag}/schedule${query}`, 201, { scheduledAt, updates, comment: 'smoke' })
    log(`scheduled a change for ${scheduledAt}`)
    const schedule = await untilFinal(() => call('GET', `${flag}/schedule/${id}${query}`, 200))
    if (schedule.status !== 'applied')
      throw new Error(`The schedule ended as ${schedule.status}: ${schedule.errorMessage}`)
    const lateMs = Date.parse(schedule.appliedAt) - Date.parse(scheduledAt)
    log(`it was applied ${lateMs} ms after its due time`)
    const after = await call('GET', `${flag}${query}`, 200)
    if (!after.enabled || after.rolloutPercentage !== 50)
      throw new Error(`The flag is not as scheduled: ${JSON.stringify(after)}`)
    log('the flag is as scheduled')
  } finally {
    await call('DELETE', `${flag}${query}`, 200)
    log('archived the flag')
  }
}

async function untilFinal(read: () => Promise<{ status: string; appliedAt: string; errorMessage: string | null }>) {
  const until = Date.now() + PATIENCE_MS
  for (;;) {
    const schedule = await read()
    if (schedule.status !== 'pending') return schedule
    if (Date.now() > until) throw new Error('The schedule is still pending after 60 s. Does a worker run? See /readyz.')
    await wait(500)
  }
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({ options: { url: { type: 'string' }, token: { type: 'string' } } })
    const url = values.url ?? `http://127.0.0.1:${process.env.PORT || 3000}`
    const token = values.token ?? process.env.INTERLOCK_TOKEN ?? (await localToken({ role: 'admin', subject: 'smoke' }))
    await smoke({ url, token, log: (line) => console.log(`  ${line}`) })
    console.log(`${url} works`)
  } catch (error) {
    console.error(`Smoke test failed: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
