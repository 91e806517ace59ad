import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { SignJWT } from 'jose'
import { dataDirFrom } from './data-dir.ts'

const ROLES = ['admin', 'viewer']
const USAGE = 'npm run -s token -- --role admin|viewer --subject <name> [--expires 8h]'

/** What a token says. */
export interface TokenClaims {
  /** key of HS256, as text; its UTF-8 bytes are the key, 32 of them at least */
  secret: string
  subject: string
  role: string
  /** from now: a whole number and a unit, `30s`, `15m`, `8h`, `7d`; default `8h` */
  expiresIn?: string
}

/**
 * Makes a JWT (HS256) with the claims `sub`, `role`, `iat` and `exp`.
 * @throws when a claim is not one that the API would accept
 */
export async function createToken(claims: TokenClaims): Promise<string> {
  checkClaims(claims)
  return new SignJWT({ role: claims.role })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(claims.subject)
    .setIssuedAt()
    .setExpirationTime(claims.expiresIn ?? '8h')
    .sign(new TextEncoder().encode(claims.secret))
}

function checkClaims({ subject, role, expiresIn = '8h' }: Omit<TokenClaims, 'secret'>): void {
  if (!ROLES.includes(role)) throw new Error(`The role is ${ROLES.join(' or ')}, not ${JSON.stringify(role)}.`)
  if (subject.trim() === '') throw new Error('The subject must not be empty.')
  if (!/^[1-9]\d{0,8}[smhd]$/.test(expiresIn)) {
    throw new Error(`${JSON.stringify(expiresIn)} is no period: a whole number and s, m, h or d is needed, as in 8h.`)
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { role: { type: 'string' }, subject: { type: 'string' }, expires: { type: 'string' } },
  })
  if (!values.role) throw new Error('--role is missing.')
  if (!values.subject) throw new Error('--subject is missing.')
  const claims = { role: values.role, subject: values.subject, expiresIn: values.expires }
  process.stdout.write(`${await localToken(claims)}\n`)
}

/**
 * Makes a token for the running local stack, with `INTERLOCK_JWT_SECRET` when it is set.
 * @throws when a claim is not one that the API would accept, or the stack was never started
 */
export async function localToken(claims: Omit<TokenClaims, 'secret'>): Promise<string> {
  checkClaims(claims)
  return await createToken({ ...claims, secret: process.env.INTERLOCK_JWT_SECRET || (await secretOfStack()) })
}

async function secretOfStack(): Promise<string> {
  const { jwtSecret } = dataDirFrom(process.env)
  return readFile(jwtSecret, 'utf8').then(
    (secret) => secret.trim(),
    () => Promise.reject(new Error(`There is no ${jwtSecret} yet: run npm start first, or set INTERLOCK_JWT_SECRET.`)),
  )
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\nUsage: ${USAGE}\n`)
    process.exitCode = 1
  })
}
