import { expect } from 'vitest'
import { freePort } from '../../dev/ports.ts'
import { createToken } from '../../dev/token.ts'
import type { TestApp } from '../helpers/app.ts'
import { items } from '../helpers/catalog.ts'
import type { NodePart } from '../helpers/parts.ts'
import { JWT_SECRET, type Servers } from '../helpers/processes.ts'

/** An API as it is deployed, and what the helpers need that make things over HTTP. */
export interface Product extends Pick<TestApp, 'call' | 'client'> {
  api: NodePart
  /** Base URL of the API. */
  url: string
  token: string
  importItems(count: number): Promise<void>
}

/** Starts an API of these servers. */
export async function startProduct(servers: Servers, settings: Record<string, string> = {}): Promise<Product> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const api = servers.another('api', { PORT: String(port), ...settings })
  await api.start()
  const token = await createToken({ secret: JWT_SECRET, subject: 'olivia', role: 'admin' })
  const authorization = `Bearer ${token}`
  const call: TestApp['call'] = async (method, path, body, headers) => {
    const response = await fetch(path.startsWith('/') ? `${url}${path}` : `${url}/api/admin/${path}`, {
      method,
      headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    return {
      status: response.status,
      body: isJson ? JSON.parse(text) : text,
      headers: Object.fromEntries(response.headers.entries()),
    }
  }
  return {
    api,
    url,
    token,
    call,
    client: servers.client,
    async importItems(count) {
      const { status } = await fetch(`${url}/api/admin/media-items/import`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/x-ndjson' },
        body: items(count)
          .map((item) => JSON.stringify(item))
          .join('\n'),
      })
      expect(status).toBe(200)
    },
  }
}
