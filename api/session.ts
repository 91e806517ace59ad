import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../domain/problems.ts'

const COOKIE = 'interlock_session'

/** A header that no form and no other site can send without being asked first; its value says nothing. */
const PAGE_HEADER = 'x-interlock-page'

/** The token that the browser keeps for our pages, which cannot read it themselves. */
export function sessionToken(request: FastifyRequest): string | undefined {
  // Undefined where no cookies were parsed: outside of the app.
  return request.cookies?.[COOKIE]
}

export function openSession(request: FastifyRequest, reply: FastifyReply, token: string, expires: Date): void {
  reply.setCookie(COOKIE, token, { ...attributes(request), expires })
}

export function closeSession(request: FastifyRequest, reply: FastifyReply): void {
  reply.clearCookie(COOKIE, attributes(request))
}

// What the browser calls itself decides: behind a proxy that ends TLS, this process sees plain HTTP.
function attributes(request: FastifyRequest) {
  const secure = request.protocol === 'https' || request.headers.origin?.startsWith('https:') === true
  return { httpOnly: true, sameSite: 'strict', secure, path: '/api' } as const
}

/**
 * Refuses what another site makes a browser send with our cookie. A browser says where a request comes from in
 * `Sec-Fetch-Site`, and without TLS at least in `Origin`.
 *
 * @throws Problem `forbidden`
 */
export function requireSameOrigin({ headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site']
  const sameOrigin =
    site === undefined
      ? headers.origin === undefined || hostOf(headers.origin) === headers.host
      : site === 'same-origin'
  if (!sameOrigin || headers[PAGE_HEADER] === undefined) {
    throw new Problem(
      'forbidden',
      `With a session, changes are taken only from pages of this origin, with the header ${PAGE_HEADER}. Or send a token: \`Authorization: Bearer …\`.`,
    )
  }
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
