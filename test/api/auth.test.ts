import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import { authorize, createVerifier } from '../../api/auth.ts'
import { readConfig, requireTokenKey } from '../../runtime/config.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'

const url = await createTestDatabase()
const { app, token, call } = await createTestApp(url)
const request = async (method: 'GET' | 'POST', authorization?: string) => {
  const response = await app.inject({
    method,
    url: '/api/admin/flags',
    headers: authorization ? { authorization } : {},
    ...(method === 'POST' && { payload: { key: crypto.randomUUID() } }),
  })
  return response.statusCode
}

describe('tokens', () => {
  it('are needed: 401 without a valid one', async () => {
    const good = await token('admin')
    expect(await request('GET')).toBe(401)
    expect(await request('GET', 'Basic YTpi')).toBe(401)
    expect(await request('GET', 'Bearer nonsense')).toBe(401)
    expect(await request('GET', `Bearer ${good.slice(0, -4)}AAAA`)).toBe(401)
    const [, payload] = good.split('.')
    expect(await request('GET', `Bearer ${btoa('{"alg":"none"}')}.${payload}.`)).toBe(401)
    const expired = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('alice')
      .setExpirationTime(1)
      .sign(new TextEncoder().encode('a secret of the tests, which is long enough'))
    expect(await request('GET', `Bearer ${expired}`)).toBe(401)
    expect(await request('GET', `Bearer ${good}`)).toBe(200)
  })

  it('need a role: viewers read, admins write, others neither', async () => {
    const allowed = async (role: string | null) => {
      const authorization = `Bearer ${await token(role)}`
      return [await request('GET', authorization), await request('POST', authorization)]
    }
    expect(await allowed('admin')).toEqual([200, 201])
    expect(await allowed('viewer')).toEqual([200, 403])
    expect(await allowed('editor')).toEqual([403, 403])
    expect(await allowed(null)).toEqual([403, 403])
  })

  it('of a viewer may send what changes nothing, and of a dry run only that', async () => {
    await call('POST', 'flags', { key: 'asked' })
    const headers = { authorization: `Bearer ${await token('viewer')}` }
    const ask = async (path: string, body: object) => (await call('POST', path, body, headers)).status
    const recurrence = { cron: '0 9 * * *', timeZone: 'Europe/Berlin' }
    const scheduledAt = new Date(Date.now() + 3_600_000).toISOString()
    expect(await ask('flags/asked/evaluate', { context: {} })).toBe(200)
    expect(await ask('flags/asked/preview', { contexts: [{}], enabled: true })).toBe(200)
    expect(await ask('flags/asked/schedule/preview', { scheduledAt, updates: { enabled: true } })).toBe(200)
    expect(await ask('flags/asked/recurrences/preview', { recurrence })).toBe(200)
    expect(await ask('catalog-policies/preview', { document: 1 })).toBe(400)
    const filter = { environment: 'production' }
    for (const [path, body] of [
      ['schedules/bulk-cancel', { filter }],
      ['schedules/bulk-shift', { filter, byMs: 1_000 }],
      ['environments/production/release-plan-drift/repair', { from: 'milestone' }],
    ] as const) {
      expect(await ask(path, { ...body, dryRun: true }), path).toBe(200)
      expect(await ask(path, { ...body, dryRun: false }), path).toBe(403)
      expect(await ask(path, body), path).toBe(403)
    }
    expect(await ask('flags/asked/schedule', { scheduledAt, updates: { enabled: true } })).toBe(403)
  })

  it('are asked for in the way of RFC 6750 and RFC 9457', async () => {
    const response = await call('GET', 'flags', undefined, { authorization: '' })
    expect(response).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
      body: { type: '/problems/unauthorized' },
    })
  })
})

describe('keys of an identity provider', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }
  const server = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] })))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(() => server.close())
  const { port } = server.address() as { port: number }
  const settings = {
    DATABASE_URL: url,
    INTERLOCK_JWT_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
    INTERLOCK_JWT_ISSUER: 'https://issuer.example',
    INTERLOCK_JWT_AUDIENCE: 'interlock',
  }
  const verify = createVerifier(readConfig(settings))
  const sign = (issuer: string, audience: string) =>
    new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setSubject('alice')
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime('1h')
      .sign(privateKey)

  it('check signature, issuer and audience', async () => {
    expect(await verify(await sign('https://issuer.example', 'interlock'))).toMatchObject({ sub: 'alice' })
    await expect(verify(await sign('https://other.example', 'interlock'))).rejects.toThrow('iss')
    await expect(verify(await sign('https://issuer.example', 'other'))).rejects.toThrow('aud')
  })

  it('that cannot be fetched are no fault of the token: 503, not 401', async () => {
    const broken = createServer((_, response) => response.writeHead(500).end())
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve))
    const { port } = broken.address() as { port: number }
    const hook = authorize(
      createVerifier(readConfig({ ...settings, INTERLOCK_JWT_JWKS_URL: `http://127.0.0.1:${port}/` })),
    )
    const authorization = `Bearer ${await sign('https://issuer.example', 'interlock')}`
    const refused = hook({ headers: { authorization }, method: 'GET' } as never, {} as never)
    await expect(refused).rejects.toMatchObject({ code: 'unavailable' })
    broken.close()
  })

  it('do not take the public key for a shared secret', async () => {
    const forged = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .setSubject('mallory')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(JSON.stringify(jwk)))
    await expect(verify(forged)).rejects.toThrow()
  })

  it('are needed with issuer and audience; there is no default key', () => {
    const { INTERLOCK_JWT_ISSUER: _, ...incomplete } = settings
    expect(() => requireTokenKey(readConfig(incomplete))).toThrow('INTERLOCK_JWT_ISSUER')
    expect(() => requireTokenKey(readConfig({ DATABASE_URL: url }))).toThrow('INTERLOCK_JWT_SECRET')
    expect(() => readConfig({ DATABASE_URL: url, INTERLOCK_JWT_SECRET: 'short' })).toThrow('at least 32')
  })
})
