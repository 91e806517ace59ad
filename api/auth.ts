import type { FastifyReply, FastifyRequest } from 'fastify'
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose'
import { Problem } from '../domain/problems.ts'
import { type Config, requireTokenKey } from '../runtime/config.ts'
import { requireSameOrigin, sessionToken } from './session.ts'

export interface Principal {
  subject: string
  role: 'admin' | 'viewer'
  /** End of the token. */
  expiresAt: Date
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal
  }
  interface FastifyContextConfig {
    /** Of a POST: it changes nothing, ever or with `dryRun` in its body; viewers may send it. */
    changesNothing?: true | 'with-dry-run'
  }
}

/** The end of the year 9999, in seconds: a later one is no date of a cookie or of our answers. */
const LATEST_END = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000

// The others are of the identity provider: its keys cannot be fetched or read, and no token is to blame.
const FAULT_OF_TOKEN = /^ERR_(JWT_|JWS_|JOSE_ALG_|JOSE_NOT_SUPPORTED|JWKS_NO_MATCHING_KEY|JWKS_MULTIPLE)/

export type Verify = (token: string) => Promise<JWTPayload>

/** Checks tokens against the shared secret, or against the keys, issuer and audience of an identity provider. */
export function createVerifier(config: Config): Verify {
  const key = requireTokenKey(config)
  const expected = {
    ...(config.INTERLOCK_JWT_ISSUER && { issuer: config.INTERLOCK_JWT_ISSUER }),
    ...(config.INTERLOCK_JWT_AUDIENCE && { audience: config.INTERLOCK_JWT_AUDIENCE }),
    requiredClaims: ['sub', 'exp'],
  }
  if ('secret' in key) {
    const secret = new TextEncoder().encode(key.secret)
    return async (token) => (await jwtVerify(token, secret, { ...expected, algorithms: ['HS256'] })).payload
  }
  const keys = createRemoteJWKSet(new URL(key.jwksUrl))
  // Asymmetric ones only: a public key must never be taken for a shared secret.
  const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
  return async (token) => (await jwtVerify(token, keys, { ...expected, algorithms })).payload
}

/**
 * Who a token speaks for: `admin` may do everything, `viewer` may read, and send what changes nothing. The claim is `role`, or one of `roles`.
 *
 * @throws Problem `unauthorized`, `forbidden` without a role, `unavailable` when the keys cannot be read
 */
export async function identify(verify: Verify, token: string): Promise<Principal> {
  const claims = await verify(token).catch((error: unknown) => {
    if (error instanceof errors.JOSEError && FAULT_OF_TOKEN.test(error.code)) {
      throw new Problem('unauthorized', `The token is not valid: ${error.message}.`)
    }
    throw new Problem('unavailable', 'The keys that tokens are checked with cannot be read.', { cause: error })
  })
  const roles = new Set([claims.role, ...(Array.isArray(claims.roles) ? claims.roles : [])])
  const role = roles.has('admin') ? 'admin' : roles.has('viewer') ? 'viewer' : undefined
  if (!role) throw new Problem('forbidden', 'This needs the role admin or viewer; the token has neither.')
  const subject = String(claims.sub)
  // It is kept with every event, and Postgres cannot keep NUL.
  if (subject.includes('\0')) throw new Problem('unauthorized', 'The token is not valid: its subject contains NUL.')
  return { subject, role, expiresAt: new Date(Math.min(claims.exp as number, LATEST_END) * 1000) }
}

/** A hook for `/api/admin`: by the token of the request or, from a page of ours, by that of its session. */
export function authorize(verify: Verify) {
  return async (request: FastifyRequest, _reply: FastifyReply): Promise<void> => {
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const token = given ?? sessionToken(request)
    if (!token) throw new Problem('unauthorized', 'Send a token: `Authorization: Bearer …`.')
    const safe = request.method === 'GET' || request.method === 'HEAD'
    if (!given && !safe) requireSameOrigin(request)
    const principal = await identify(verify, token)
    if (principal.role === 'viewer' && !safe && !request.routeOptions.config.changesNothing) throw needsAdmin()
    request.principal = principal
  }
}

/** A hook for `/api/admin`, once the body is read: what changes nothing only in a dry run is one, if a viewer asks. */
export async function requireDryRun({ principal, routeOptions, body }: FastifyRequest): Promise<void> {
  if (principal.role !== 'viewer' || routeOptions.config.changesNothing !== 'with-dry-run') return
  if ((body as { dryRun?: unknown } | null | undefined)?.dryRun !== true)
    throw needsAdmin(' A dry run does not: `"dryRun": true`.')
}

function needsAdmin(otherwise = ''): Problem {
  return new Problem('forbidden', `This needs the role admin; the token has viewer.${otherwise}`)
}
