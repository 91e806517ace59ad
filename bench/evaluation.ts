import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Application } from './application.ts'
import { load } from './http-load.ts'
import { watchOthers } from './others.ts'
import { atLeastTimes, atMost, type BenchmarkRow } from './row.ts'
import { distribution, median, seededRandom } from './statistics.ts'

const FLAGS = 100
const CONNECTIONS = 8
const FULL = { rounds: 7, roundMs: 3_000, writes: 500 }
const QUICK = { rounds: 1, roundMs: 500, writes: 30 }
const BULK = '/ofrep/v1/evaluate/flags'
const CONTEXT = JSON.stringify({ context: { targetingKey: 'user-17', plan: 'pro', country: 'NL' } })

/** What reading costs beside a server that computes nothing, and how soon a change is read everywhere. */
export const evaluation: BenchmarkRow = async (stack, { quick, say }) => {
  const size = quick ? QUICK : FULL
  const database = await stack.createDatabase('evaluation')
  const writer = await stack.startApplication(database, 'evaluation-writer')
  const reader = await stack.startApplication(database, 'evaluation-reader')
  try {
    await createFlags(writer)
    const { key } = await writer.call<{ key: string }>('POST', 'api-keys', { name: 'bench', environment: 'production' })
    const headers = { 'content-type': 'application/json', 'x-api-key': key }
    const answer = await fetch(reader.url + BULK, { method: 'POST', headers, body: CONTEXT })
    const bytes = await answer.text()
    if ((JSON.parse(bytes) as { flags: unknown[] }).flags.length !== FLAGS) throw new Error(`Not all flags: ${bytes}`)

    const bare = new Worker(new URL('bare-fastify.ts', import.meta.url), { workerData: bytes })
    const [port] = await once(bare, 'message')
    const request = { path: BULK, headers, body: CONTEXT }
    const servers = { ours: reader.url, bare: `http://127.0.0.1:${port}` }
    const times: Record<keyof typeof servers, number[]> = { ours: [], bare: [] }
    const ratios: number[] = []
    const round = (name: keyof typeof servers, forMs = size.roundMs) =>
      load({ ...request, url: servers[name] }, { connections: CONNECTIONS, forMs })
    for (const name of ['ours', 'bare'] as const) await round(name, 1_000)
    let others = watchOthers()
    // Taken in turn, so that a change of the machine's mood hits both alike.
    for (let n = 1; n <= size.rounds; n++) {
      say(`round ${n} of ${size.rounds}`)
      const [ours, limit] = [await round('ours'), await round('bare')]
      ratios.push(ours.length / limit.length)
      times.ours.push(...ours)
      times.bare.push(...limit)
    }
    const busyRounds = others()
    await bare.terminate()

    say(`${size.writes} writes`)
    others = watchOthers()
    const delays = await untilServed(writer, reader, headers, size.writes)
    const busyWrites = others()
    const served = distribution(delays)
    const perSecond = (list: number[]) => Math.round(list.length / ((size.rounds * size.roundMs) / 1_000))
    const of = 'request → answer'
    return {
      row: 'evaluation',
      conditions: [
        `bulk evaluation of ${FLAGS} flags for one context, ${bytes.length} bytes: 40 plain, 30 with a rollout, 20 with a constraint, 10 with variants`,
        `${CONNECTIONS} connections, each sends the next request when its answer is there; ${size.rounds} times ${size.roundMs / 1_000} s each, in turn`,
        `ours ${perSecond(times.ours)} a second, a bare Fastify that answers the same bytes ${perSecond(times.bare)} a second; one process each, the client beside them`,
        `writes: PATCH of a flag through one API, then asking another API for that flag until it has the new revision; two APIs, two workers`,
      ],
      measurements: [
        { name: 'bulk evaluation', of, distribution: distribution(times.ours), others: busyRounds },
        { name: 'bare Fastify, same bytes', of, distribution: distribution(times.bare), others: busyRounds },
        {
          name: 'flag write',
          of: '200 received → served by another process',
          distribution: served,
          others: busyWrites,
        },
      ],
      verdicts: [
        atLeastTimes('evaluation: bulk requests a second ÷ bare Fastify', 0.33, median(ratios)),
        atMost('evaluation: write → served by another process, p99', 50, served.p99),
      ],
    }
  } finally {
    await Promise.all([writer.stop(), reader.stop()])
  }
}

async function createFlags({ call }: Application): Promise<void> {
  for (let n = 0; n < FLAGS; n++) {
    const key = `flag-${n}`
    const variants = ['a', 'b', 'c'].map((name) => ({
      name,
      weight: 1,
      payload: { type: 'string', value: `${name}-${n}` },
    }))
    await call('POST', 'flags', { key, enabled: n % 5 !== 0, ...(n >= 90 && { variants }) })
    if (n >= 40 && n < 70) {
      await call('POST', `flags/${key}/strategies`, { name: 'flexibleRollout', parameters: { rollout: '50' } })
    } else if (n >= 70 && n < 90) {
      const constraints = [{ contextName: 'plan', operator: 'IN', values: ['pro', 'enterprise'] }]
      await call('POST', `flags/${key}/strategies`, { name: 'default', constraints })
    }
  }
}

/** How long after the reply to a write the other process still served what was before, in milliseconds; 0 when it did not. */
async function untilServed(
  writer: Application,
  reader: Application,
  headers: Record<string, string>,
  writes: number,
): Promise<number[]> {
  const random = seededRandom(3)
  const servedRevision = async () => {
    const answer = await fetch(`${reader.url + BULK}/flag-1`, { method: 'POST', headers, body: CONTEXT })
    return ((await answer.json()) as { metadata: { revision: number } }).metadata.revision
  }
  const delays: number[] = []
  for (let n = 0; n < writes; n++) {
    await wait(random() * 20)
    const { revision } = await writer.call<{ revision: number }>('PATCH', 'flags/flag-1', {
      rolloutPercentage: n % 101,
    })
    const replied = performance.now()
    let asked = performance.now()
    for (; (await servedRevision()) < revision; asked = performance.now());
    delays.push(Math.max(0, asked - replied))
  }
  return delays
}
