import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { readHttpFile } from './http-file.ts'

const { app, token } = await createTestApp(await createTestDatabase())
const baseUrl = await app.listen({ port: 0, host: '127.0.0.1' })
const text = await readFile(new URL('feature-flag-scheduling.http', import.meta.url), 'utf8')
const steps = readHttpFile(text, { baseUrl, adminToken: await token('admin'), viewerToken: await token('viewer') })

describe('feature-flag-scheduling.http', () => {
  it.each(steps.map((step) => [step.title, step] as const))('%s', async (_, step) => {
    expect(await step.run()).toEqual([])
  })

  it('fails where an assertion does not hold', async () => {
    const [step] = readHttpFile(`### Wrong\nGET ${baseUrl}/healthz\n\n?? status == 500\n?? body status == ok`, {})
    expect(await step?.run()).toEqual(['status == 500'])
  })
})
