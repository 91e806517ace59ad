import { setTimeout as wait } from 'node:timers/promises'
import { createToken } from '../../dev/token.ts'
import { JWT_SECRET } from '../helpers/processes.ts'

export interface Answer {
  status: number
  /** The JSON body: the resource, or a problem. */
  body: Record<string, unknown>
  /** The problem's code; empty for a success. */
  code: string
}

/** A client as it should be written: it sends a request again, with the same Idempotency-Key, until it is answered. */
export interface Caller {
  /** Sends once. Rejects when there is no connection. */
  once(method: string, path: string, body?: object, key?: string): Promise<Answer>
  /** Sends until the answer is something else than 503 and no connection. */
  call(method: string, path: string, body?: object): Promise<Answer>
  /** How often what was answered: `200`, `503 unavailable`, `no connection`. */
  tally: Map<string, number>
  /** Answers that nobody should ever get: 5xx other than 503, and what is no problem document. */
  outrages: string[]
}

const PATIENCE_MS = 60_000
const ONE_TRY_MS = 15_000

/** @param urls base URL of the API, or of several, which are asked in turn */
export async function createCaller(urls: string | string[]): Promise<Caller> {
  const apis = [urls].flat()
  let turn = 0
  const token = await createToken({ secret: JWT_SECRET, subject: 'chaos', role: 'admin' })
  const tally = new Map<string, number>()
  const outrages: string[] = []
  const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1)

  const once = async (method: string, path: string, body?: object, key?: string): Promise<Answer> => {
    const response = await fetch(`${apis[turn++ % apis.length]}/api/admin${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
        ...(key && { 'idempotency-key': key }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ONE_TRY_MS),
    })
    const text = await response.text()
    const { status } = response
    const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') ?? false
    if (status >= 400 && (!isProblem || (status >= 500 && status !== 503))) outrages.push(`${method} ${path}: ${text}`)
    const answer = JSON.parse(text)
    const code = isProblem ? String(answer.type).replace('/problems/', '') : ''
    count(`${status} ${code}`.trim())
    return { status, body: answer, code }
  }

  return {
    once,
    async call(method, path, body) {
      const key = crypto.randomUUID()
      const deadline = performance.now() + PATIENCE_MS
      for (;;) {
        const answer = await once(method, path, body, key).catch(() => undefined)
        if (!answer) count('no connection')
        else if (answer.status !== 503) return answer
        if (performance.now() > deadline) throw new Error(`${method} ${path} was not answered in ${PATIENCE_MS} ms`)
        await wait(100)
      }
    },
    tally,
    outrages,
  }
}
