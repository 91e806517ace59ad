import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import type { TestApp } from './app.ts'

/** An application that reads the flags of one environment with a key of its own. */
export interface Reader {
  /** As it was given out. */
  key: string
  bulk(
    context?: object,
    headers?: Record<string, string>,
  ): Promise<{ status: number; revision: number; values: Record<string, unknown>; etag: string }>
}

export async function createReader(app: TestApp, environment = 'production'): Promise<Reader> {
  const { status, body } = await app.call('POST', 'api-keys', { name: 'test', environment })
  expect(status).toBe(201)
  return readThrough(app, body.key)
}

/** The same through another process. */
export function readThrough({ app }: TestApp, key: string): Reader {
  return {
    key,
    async bulk(context = { targetingKey: 'x' }, headers = {}) {
      const answer = await app.inject({
        method: 'POST',
        url: '/ofrep/v1/evaluate/flags',
        headers: { 'x-api-key': key, ...headers },
        payload: { context },
      })
      const { flags = [], metadata } = answer.body === '' ? {} : answer.json()
      return {
        status: answer.statusCode,
        revision: metadata?.revision,
        values: Object.fromEntries(flags.map(({ key, value }: { key: string; value: unknown }) => [key, value])),
        etag: answer.headers.etag as string,
      }
    },
  }
}

/** What the protocol (0.3) says of answers, in our words. */
const scalars = { type: 'object', additionalProperties: { type: ['boolean', 'string', 'number'] } }
const success = {
  type: 'object',
  required: ['key', 'reason'],
  properties: {
    key: { type: 'string' },
    reason: { enum: ['STATIC', 'TARGETING_MATCH', 'SPLIT', 'DISABLED', 'UNKNOWN'] },
    variant: { type: 'string' },
    value: { type: ['boolean', 'string', 'number', 'object'] },
    metadata: scalars,
    errorCode: false,
  },
}
const failure = {
  type: 'object',
  required: ['key', 'errorCode'],
  properties: {
    key: { type: 'string' },
    errorCode: { enum: ['PARSE_ERROR', 'TARGETING_KEY_MISSING', 'INVALID_CONTEXT', 'GENERAL', 'FLAG_NOT_FOUND'] },
    errorDetails: { type: 'string' },
    metadata: scalars,
    value: false,
  },
}
const bulkSuccess = {
  type: 'object',
  required: ['flags'],
  properties: { flags: { type: 'array', items: { oneOf: [success, failure] } }, metadata: scalars },
}
const ajv = new Ajv2020({ allowUnionTypes: true })
const protocol = {
  success: ajv.compile(success),
  failure: ajv.compile(failure),
  bulk: ajv.compile(bulkSuccess),
}

/** Checks an answer against the protocol. */
export function conforms(kind: keyof typeof protocol, body: unknown): void {
  expect([protocol[kind](body), protocol[kind].errors]).toEqual([true, null])
}
