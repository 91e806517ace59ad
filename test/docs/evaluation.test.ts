import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { OFREPProvider } from '@openfeature/ofrep-provider'
import { OpenFeature } from '@openfeature/server-sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'

const { app, call, configuration, token } = await createTestApp(await createTestDatabase())
await app.listen({ port: 0, host: '127.0.0.1' })
const API = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
const document = await readFile('docs/evaluation.md', 'utf8')
const blocks = (language: string) =>
  [...document.matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))].map(
    ([, code]) => code as string,
  )

let key: string
beforeAll(async () => {
  await call('POST', 'flags', { key: 'new-checkout', enabled: true })
  await call('POST', 'flags/new-checkout/strategies', {
    name: 'default',
    constraints: [{ contextName: 'plan', operator: 'IN', values: ['premium'] }],
  })
  const variants = (type: string, value: string) => [{ name: 'v', weight: 1, payload: { type, value } }]
  await call('POST', 'flags', { key: 'colour', enabled: true, variants: variants('string', 'blue') })
  await call('POST', 'flags', { key: 'limit', enabled: true, variants: variants('number', '2.5') })
  await call('POST', 'flags', { key: 'theme', enabled: true, variants: variants('json', '{"dark":true}') })
  await call('POST', 'flags', { key: 'off', variants: variants('string', 'never') })
  key = (await call('POST', 'api-keys', { name: 'shop', environment: 'production' })).body.key
  await configuration.refresh()
})

it('the commands of the document work as they stand, one after the other', async () => {
  const script = blocks('sh')
    .join('\n')
    .replace('API=http://127.0.0.1:3000', `API=${API}`)
    .replace('$(npm run -s token -- --role admin --subject alice)', await token('admin'))
  const shell = spawn('sh', ['-ec', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, code] = await Promise.all([text(shell.stdout), new Promise((resolve) => shell.once('close', resolve))])
  expect(code).toBe(0)
  expect(output).toMatch(/^\{"key":"new-checkout","reason":"TARGETING_MATCH","metadata":\{.*"value":true\}/)
  expect(output).toMatch(/^etag: "\d+-[\w-]{22}"\r$/m)
  expect(output).toMatch(/"flagKey":"new-checkout".*"enabled":false.*"reason":"no-match"/)
})

describe('with the OpenFeature SDK and the OFREP provider, over HTTP', () => {
  const context = { targetingKey: 'user-17', plan: 'premium' }
  const connect = async (given: string) => {
    await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: API, headers: [['X-API-Key', given]] }))
    return OpenFeature.getClient()
  }
  afterAll(() => OpenFeature.close())

  it('the code of the document reads the flag', async () => {
    const [code] = blocks('js')
    const run = new Function(
      ...['OFREPProvider', 'OpenFeature', 'API', 'KEY'],
      `return (async () => { ${(code as string).replace(/^import .*$/gm, '')}; return isOn })()`,
    )
    expect(await run(OFREPProvider, OpenFeature, API, key)).toBe(true)
  })

  it('values of every type come with variant, reason and metadata', async () => {
    const client = await connect(key)
    const { revision } = (await call('GET', 'flags/colour')).body
    expect(await client.getStringDetails('colour', 'red', context)).toMatchObject({
      value: 'blue',
      variant: 'v',
      reason: 'SPLIT',
      flagMetadata: { enabled: true, revision, cause: 'no-strategies' },
    })
    expect(await client.getNumberValue('limit', 1, context)).toBe(2.5)
    expect(await client.getObjectValue('theme', {}, context)).toEqual({ dark: true })
    expect(await client.getBooleanValue('new-checkout', true, { ...context, plan: 'free' })).toBe(false)
  })

  it('the default of the code holds for a flag that is off, unknown, of another type, or not ours to read', async () => {
    const client = await connect(key)
    expect(await client.getStringValue('off', 'default', context)).toBe('default')
    expect(await client.getBooleanDetails('unknown', true, context)).toMatchObject({
      value: true,
      errorCode: 'FLAG_NOT_FOUND',
    })
    expect(await client.getNumberDetails('colour', 7, context)).toMatchObject({ value: 7, errorCode: 'TYPE_MISMATCH' })
    const stranger = await connect('il_production_x')
    expect(await stranger.getBooleanDetails('new-checkout', true, context)).toMatchObject({
      value: true,
      reason: 'ERROR',
    })
  })
})
