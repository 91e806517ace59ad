import { spawnSync } from 'node:child_process'
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jwtVerify } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { dataDirFrom, ensureJwtSecret, REPOSITORY } from '../../dev/data-dir.ts'
import { createToken } from '../../dev/token.ts'
import { temporaryDirectory } from './fake-release.ts'

const SECRET = '0123456789012345678901234567890123456789'

let home: string

beforeEach(async () => {
  home = await temporaryDirectory()
})

afterEach(() => rm(home, { recursive: true, force: true }))

function cli(args: string[], env: NodeJS.ProcessEnv = {}) {
  const script = join(REPOSITORY, 'dev', 'token.ts')
  const options = { encoding: 'utf8', env: { INTERLOCK_DATA_DIR: home, ...env } } as const
  return spawnSync(process.execPath, [script, ...args], options)
}

async function claims(token: string, secret: string) {
  return (await jwtVerify(token, new TextEncoder().encode(secret), { algorithms: ['HS256'] })).payload
}

it('says who, as what, and for how long', async () => {
  const payload = await claims(
    await createToken({ secret: SECRET, subject: 'alice', role: 'viewer', expiresIn: '15m' }),
    SECRET,
  )
  expect(payload).toEqual({ sub: 'alice', role: 'viewer', iat: expect.any(Number), exp: (payload.iat ?? 0) + 900 })
})

it.each([
  [{ role: 'root' }, 'The role is admin or viewer, not "root".'],
  [{ subject: ' ' }, 'The subject must not be empty.'],
  [{ expiresIn: '-1h' }, '"-1h" is no period'],
  [{ expiresIn: 'soon' }, '"soon" is no period'],
])('refuses %j', async (change, message) => {
  await expect(createToken({ secret: SECRET, subject: 'a', role: 'admin', ...change })).rejects.toThrow(message)
})

it('prints only the token, signed with the key of the data directory', async () => {
  const secret = await ensureJwtSecret(dataDirFrom({ INTERLOCK_DATA_DIR: home }))
  const { status, stdout, stderr } = cli(['--role', 'admin', '--subject', 'alice'])
  expect([status, stderr]).toEqual([0, ''])
  expect(await claims(stdout.trim(), secret)).toMatchObject({ sub: 'alice', role: 'admin' })
})

it('prefers INTERLOCK_JWT_SECRET', async () => {
  const { stdout } = cli(['--role', 'admin', '--subject', 'bob', '--expires', '1h'], { INTERLOCK_JWT_SECRET: SECRET })
  expect(await claims(stdout.trim(), SECRET)).toMatchObject({ sub: 'bob' })
})

it.each([
  [['--subject', 'a'], '--role is missing.'],
  [['--role', 'admin'], '--subject is missing.'],
  [['--role', 'boss', '--subject', 'a'], 'The role is admin or viewer, not "boss".'],
  [['--what'], "Unknown option '--what'"],
  [['--role', 'admin', '--subject', 'a'], 'run npm start first'],
])('explains what is wrong with %j', (args, message) => {
  const { status, stdout, stderr } = cli(args)
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toContain(message)
  expect(stderr).toContain('Usage: ')
})

it('makes one key, for our eyes only, and keeps it', async () => {
  const dataDir = dataDirFrom({ INTERLOCK_DATA_DIR: join(home, 'new') })
  const keys = await Promise.all([ensureJwtSecret(dataDir), ensureJwtSecret(dataDir), ensureJwtSecret(dataDir)])
  expect(new Set(keys).size).toBe(1)
  expect(Buffer.from(keys[0] as string, 'base64url')).toHaveLength(32)
  expect((await stat(dataDir.jwtSecret)).mode & 0o777).toBe(0o600)
  await writeFile(dataDir.jwtSecret, 'mine\n')
  expect(await ensureJwtSecret(dataDir)).toBe('mine')
})
