import type { InjectOptions } from 'fastify'
import { expect } from 'vitest'
import type { Answer, TestApp } from './app.ts'

export const enable = (flagKey: string) => ({ action: 'updateFlag', flagKey, payload: { enabled: true } })

/** Change requests of an environment of its own, over HTTP, by several people. */
export async function changeRequests({ call, token }: TestApp, settings: object = {}) {
  const environment = `e-${crypto.randomUUID().slice(0, 8)}`
  const base = `environments/${environment}/change-requests`
  const at = `?environment=${environment}`
  await call('PATCH', `environments/${environment}`, { changeRequests: true, ...settings })

  const as = async (
    who: string,
    method: NonNullable<InjectOptions['method']>,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> =>
    await call(method, path, body, { authorization: `Bearer ${await token('admin', who)}`, ...headers })

  /** Does what needs a change request, as if the environment had none. */
  const directly = async <T>(work: () => Promise<T>): Promise<T> => {
    await call('PATCH', `environments/${environment}`, { changeRequests: false })
    const result = await work()
    await call('PATCH', `environments/${environment}`, { changeRequests: true })
    return result
  }

  const good = ({ status, body }: Answer) => {
    expect(status, JSON.stringify(body)).toBeLessThan(300)
    return body
  }

  const newFlag = async (key: string, more: object = {}) =>
    directly(async () => good(await call('POST', `flags${at}`, { key, ...more })))
  let flags = 0

  return {
    environment,
    base,
    at,
    as,
    directly,
    newFlag,
    /** The key of a flag of its own: flag-1, flag-2 … */
    fresh: async (more: object = {}) => (await newFlag(`flag-${++flags}`, more)).key as string,
    flag: async (key: string) => (await call('GET', `flags/${key}${at}`)).body,
    /** A request of alice's with changes, in review. */
    request: async (changes: object[], more: object = {}) => {
      const made = good(await as('alice', 'POST', base, { title: 'a request', ...more }))
      const path = `${base}/${made.id}`
      for (const change of changes) good(await as('alice', 'POST', `${path}/changes`, change))
      good(await as('alice', 'POST', `${path}/submit`))
      return {
        id: made.id as string,
        workflowId: made.workflowId as string,
        path,
        read: async () => good(await call('GET', path)),
        approve: (who = 'bob', headers: Record<string, string> = {}) =>
          as(who, 'POST', `${path}/approve`, undefined, headers),
        apply: (body: object = {}, query = '') => as('carol', 'POST', `${path}/apply${query}`, body),
        post: (verb: string, body?: object, who = 'alice') => as(who, 'POST', `${path}/${verb}`, body),
        events: async () =>
          (await call('GET', `events${at}&limit=200`)).body.filter(
            ({ data }: { data: Record<string, unknown> }) => data.changeRequestId === made.id,
          ),
      }
    },
  }
}
