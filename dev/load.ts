import { parseArgs } from 'node:util'
import { localToken } from './token.ts'

const USAGE =
  'npm run load -- [--seconds 60] [--clients 8] [--accounts 200] [--url http://127.0.0.1:3000] [--token …]   (Ctrl+C ends it early)'

/** What the writer of a note knows of it: what was acknowledged last, or what may have happened when no answer came. */
export interface Known {
  accountId: string
  /** Bodies that a read may show; null: that it is gone. */
  possible: (string | null)[]
}

export interface LoadResult {
  acknowledged: number
  /** Notes that were acknowledged and are not there. */
  lost: number
  /** Notes that say something else than was acknowledged, or that were deleted and are there. */
  wrong: number
  /** Requests that were answered with an error, or not at all. */
  failed: number
  /** Every note that was acknowledged, by its id, and bodies of those whose creation was not answered. */
  notes: ReadonlyMap<string, Known>
  unanswered: ReadonlySet<string>
}

export interface LoadOptions {
  /** base URLs, e.g. `http://127.0.0.1:3000`, asked in turn */
  urls: string[]
  /** of an admin */
  token: string
  accountIds: string[]
  clients: number
  signal: AbortSignal
  /** told once a second what was acknowledged so far */
  onProgress?: (acknowledged: number, failed: number) => void
}

/**
 * Creates, changes, reads and deletes notes of random accounts until the signal, and then reads every note back. Each note has
 * one writer, so that what it must say is known; a write without an answer may have happened, or not.
 */
export async function load({ urls, token, accountIds, clients, signal, onProgress }: LoadOptions): Promise<LoadResult> {
  const notes = new Map<string, Known>()
  const unanswered = new Set<string>()
  const result: LoadResult = { acknowledged: 0, lost: 0, wrong: 0, failed: 0, notes, unanswered }
  let turn = 0
  const call = async (method: string, accountId: string, id?: string, body?: object, key?: string) => {
    const answer = await fetch(`${urls[turn++ % urls.length]}/api/accounts/${accountId}/notes${id ? `/${id}` : ''}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
        ...(key && { 'idempotency-key': key }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    })
    const text = await answer.text()
    return { status: answer.status, body: text ? JSON.parse(text) : undefined }
  }
  const pick = <T>(from: T[]): T => from[Math.floor(Math.random() * from.length)] as T

  const write = async (mine: string[]) => {
    const what = mine.length < 3 || Math.random() < 0.3 ? 'create' : pick(['update', 'update', 'delete', 'read'])
    if (what === 'create') {
      const accountId = pick(accountIds)
      const body = crypto.randomUUID()
      unanswered.add(body)
      const answer = await call('POST', accountId, undefined, { title: 'Load', body }, crypto.randomUUID())
      if (answer.status !== 201) throw new Error(`POST answered ${answer.status}`)
      unanswered.delete(body)
      notes.set(answer.body.id, { accountId, possible: [body] })
      mine.push(answer.body.id)
      result.acknowledged++
      return
    }
    const id = pick(mine)
    const known = notes.get(id) as Known
    if (what === 'read') return check(known, await call('GET', known.accountId, id))
    const next = what === 'delete' ? null : crypto.randomUUID()
    const before = known.possible
    known.possible = [...before, next]
    const answer =
      next === null
        ? await call('DELETE', known.accountId, id)
        : await call('PATCH', known.accountId, id, { body: next })
    if (answer.status === 404 && before.includes(null)) known.possible = [null]
    else if (answer.status === 404) result.lost++
    else if (answer.status >= 300) throw new Error(`${what} answered ${answer.status}`)
    else {
      known.possible = [next]
      result.acknowledged++
    }
    if (known.possible.length === 1 && known.possible[0] === null) mine.splice(mine.indexOf(id), 1)
  }

  function check({ possible }: Known, answer: { status: number; body: { body: string } | undefined }) {
    if (answer.status === 404 && !possible.includes(null)) result.lost++
    else if (answer.status === 200 && !possible.includes(answer.body?.body ?? '')) result.wrong++
    else if (answer.status !== 200 && answer.status !== 404) throw new Error(`GET answered ${answer.status}`)
  }

  const timer = setInterval(() => onProgress?.(result.acknowledged, result.failed), 1_000)
  const client = async () => {
    const mine: string[] = []
    while (!signal.aborted) {
      await write(mine).catch(() => {
        result.failed++
      })
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  clearInterval(timer)
  const left = [...notes]
  const reader = async () => {
    for (let next = left.pop(); next; next = left.pop()) {
      const [id, known] = next
      for (let attempt = 1; ; attempt++) {
        try {
          check(known, await call('GET', known.accountId, id))
          break
        } catch (error) {
          if (attempt === 30) throw error
          await new Promise((resolve) => setTimeout(resolve, 500))
        }
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, reader))
  return result
}

/** Ids of accounts, at most `limit`, the huge one of the demo among them. */
async function accountsOf({ url, token }: { url: string; token: string }, limit: number): Promise<string[]> {
  const found: string[] = []
  for (let path: string | undefined = '/api/admin/accounts?limit=200'; path; ) {
    const answer: Response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
    found.push(...((await answer.json()) as { id: string }[]).map(({ id }) => id))
    path = answer.headers.get('link')?.match(/<(.*)>/)?.[1]
  }
  return found.sort((a, b) => Number(b === 'huge') - Number(a === 'huge')).slice(0, limit)
}

if (import.meta.main) {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { seconds: text, clients: text, accounts: text, url: text, token: text } })
  const [seconds, clients, limit] = [values.seconds ?? 60, values.clients ?? 8, values.accounts ?? 200].map(Number)
  if (![seconds, clients, limit].every((number) => Number.isInteger(number) && (number as number) > 0)) {
    console.error(`Usage: ${USAGE}`)
    process.exit(2)
  }
  const url = (values.url ?? `http://127.0.0.1:${process.env.PORT || 3000}`).replace(/\/+$/, '')
  const token = values.token ?? process.env.INTERLOCK_TOKEN ?? (await localToken({ role: 'admin', subject: 'load' }))
  const accountIds = await accountsOf({ url, token }, limit as number)
  if (accountIds.length === 0) throw new Error('There are no accounts: start with the demo, or make some.')
  const ending = new AbortController()
  setTimeout(() => ending.abort(), (seconds as number) * 1_000)
  process.once('SIGINT', () => ending.abort())
  console.log(`Writing notes of ${accountIds.length} accounts for ${seconds} s; move them meanwhile.`)
  const { acknowledged, lost, wrong, failed } = await load({
    ...{ urls: [url], token, accountIds, clients: clients as number, signal: ending.signal },
    onProgress: (done, errors) =>
      process.stdout.isTTY && process.stdout.write(`\racknowledged ${done}, failed ${errors} `),
  })
  console.log(`\nacknowledged ${acknowledged}, lost ${lost}, wrong ${wrong} (${failed} requests without success)`)
  if (lost + wrong > 0) process.exitCode = 1
  process.exit()
}
