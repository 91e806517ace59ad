import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect } from 'vitest'
import type { Answer, TestApp } from '../../helpers/app.ts'

/** Calls `url`, and expects the status and what the document says of the route `path` and that status. */
export type Visit = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  url: string,
  status: number,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>

/** Also which routes were visited, as `GET /path`. */
// biome-ignore lint/suspicious/noExplicitAny: a document is looked at by pointers
export function createVisit(call: TestApp['call'], document: any): { visit: Visit; visited: Set<string> } {
  const ajv = new Ajv2020({ strict: false })
  addFormats.default(ajv)
  ajv.addSchema(document, 'openapi')

  /** Checks an answer against what the document says of its route and status. */
  function conforms(method: string, path: string, { status, body, headers }: Answer): void {
    const response = document.paths[path]?.[method.toLowerCase()]?.responses[status]
    expect(response, `${method} ${path} answers ${status}`).toBeDefined()
    const type = (headers['content-type'] as string).split(';')[0] as string
    expect(Object.keys(response.content)).toContain(type)
    const pointer = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema']
    const validate = ajv.compile({
      $ref: `openapi#/${pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`,
    })
    expect(validate(body), JSON.stringify(validate.errors)).toBe(true)
  }

  const visited = new Set<string>()
  const visit: Visit = async (method, path, url, status, body, headers = {}) => {
    const answer = await call(method, url, body, headers)
    expect([method, url, answer.status]).toEqual([method, url, status])
    conforms(method, path, answer)
    visited.add(`${method} ${path}`)
    return answer
  }
  return { visit, visited }
}
