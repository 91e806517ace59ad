import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'

const { app, token, call } = await createTestApp(await createTestDatabase())

const PAGE = { 'x-interlock-page': '1', host: 'flags.example' }
const inSession = (given: string, headers: Record<string, string> = {}) => ({
  authorization: '',
  cookie: `interlock_session=${given}`,
  ...PAGE,
  ...headers,
})
const logIn = (given: unknown, headers: Record<string, string> = PAGE) =>
  call('POST', '/api/session', { token: given }, { authorization: '', ...headers })

describe('logging in', () => {
  it('keeps the token in a cookie that no script and no other site can use, until it expires', async () => {
    const answer = await logIn(await token('viewer', 'vera'))
    expect(answer).toMatchObject({ status: 200, body: { subject: 'vera', role: 'viewer', workflows: null } })
    const cookie = String(answer.headers['set-cookie'])
    expect(cookie).toMatch(/^interlock_session=.*; Path=\/api; Expires=.*; HttpOnly; SameSite=Strict$/)
    const expires = new Date(/Expires=([^;]+)/.exec(cookie)?.[1] ?? '')
    expect(Math.abs(expires.getTime() - Date.parse(answer.body.expiresAt))).toBeLessThan(1_000)
  })

  it('keeps it from plain HTTP when the browser came by TLS, though a proxy ended it', async () => {
    const answer = await logIn(await token('admin'), { ...PAGE, origin: 'https://flags.example' })
    expect(answer.headers['set-cookie']).toContain('; Secure')
  })

  it('is refused with a wrong token, an expired one, one without a role, and one too long for a cookie', async () => {
    const secret = new TextEncoder().encode('another secret, which is long enough too')
    const forged = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('mallory')
      .setExpirationTime('1h')
      .sign(secret)
    for (const [wrong, status] of [
      ['nonsense', 401],
      [forged, 401],
      [await token(null), 403],
      ['', 400],
      ['x'.repeat(3_801), 400],
    ] as const) {
      const answer = await logIn(wrong)
      expect(answer.status).toBe(status)
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
  })

  it.each([99_999_999_999_999, 1e300])('takes a token that ends with the year 9999 if it says %d', async (exp) => {
    const secret = new TextEncoder().encode('a secret of the tests, which is long enough')
    const endless = new SignJWT({ role: 'admin', exp }).setProtectedHeader({ alg: 'HS256' }).setSubject('alice')
    const answer = await logIn(await endless.sign(secret))
    expect(answer).toMatchObject({ status: 200, body: { expiresAt: '9999-12-31T23:59:59.000Z' } })
    expect(answer.headers['set-cookie']).toContain('Expires=Fri, 31 Dec 9999')
  })

  it('ends by logging out', async () => {
    const answer = await call('DELETE', '/api/session', undefined, inSession(await token('admin')))
    expect(answer.status).toBe(200)
    expect(answer.headers['set-cookie']).toMatch(/^interlock_session=; Max-Age=0; Path=\/api; Expires=Thu, 01 Jan 1970/)
  })
})

describe('a session', () => {
  it('reads and writes as its user', async () => {
    const headers = inSession(await token('admin', 'alice'), { 'sec-fetch-site': 'same-origin' })
    expect((await call('GET', '/api/session', undefined, headers)).body).toMatchObject({
      subject: 'alice',
      role: 'admin',
    })
    expect((await call('POST', 'flags', { key: 'by-page' }, headers)).status).toBe(201)
    expect((await call('GET', 'events?flagKey=by-page', undefined, headers)).body).toMatchObject([{ actor: 'alice' }])
  })

  it('of a viewer changes nothing', async () => {
    const headers = inSession(await token('viewer'))
    expect((await call('GET', 'flags', undefined, headers)).status).toBe(200)
    expect((await call('POST', 'flags', { key: 'by-viewer' }, headers)).status).toBe(403)
    const question = { context: { userId: 'alice' } }
    expect((await call('POST', 'flags/by-page/evaluate', question, headers)).status).toBe(200)
    const fromElsewhere = { ...headers, 'sec-fetch-site': 'cross-site' }
    expect((await call('POST', 'flags/by-page/evaluate', question, fromElsewhere)).status).toBe(403)
  })

  it.each([
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of another subdomain', { 'sec-fetch-site': 'same-site' }],
    ['typed into the address', { 'sec-fetch-site': 'none' }],
    ['of another origin, by a browser without TLS', { origin: 'http://evil.example' }],
    ['of another port', { origin: 'http://flags.example:8080' }],
    ['of no origin at all', { origin: 'null' }],
  ])('takes no change from a request %s', async (_, headers) => {
    const given = await token('admin')
    const answer = await call('POST', 'flags', { key: 'forged' }, inSession(given, headers as Record<string, string>))
    expect(answer).toMatchObject({ status: 403, body: { type: '/problems/forbidden' } })
    expect((await logIn(given, { ...PAGE, ...(headers as Record<string, string>) })).status).toBe(403)
  })

  it('takes no change without the header that a form cannot send', async () => {
    const { 'x-interlock-page': _, ...headers } = inSession(await token('admin'), { origin: 'http://flags.example' })
    expect((await call('POST', 'flags', { key: 'by-form' }, headers)).status).toBe(403)
    expect((await call('GET', 'flags', undefined, headers)).status).toBe(200)
  })

  it('is nobody without a cookie', async () => {
    expect((await app.inject({ url: '/api/session' })).statusCode).toBe(401)
    expect((await app.inject({ url: '/api/admin/flags' })).statusCode).toBe(401)
  })
})
