import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { Problem } from '../domain/problems.ts'

/** What `npm run build:web` makes. */
export const WEB_DIST = join(import.meta.dirname, '../web/dist')

/** Stands in the built page for a nonce, which is another one each time. */
export const NONCE = 'nonce-of-this-answer'

/**
 * Serves the admin UI under `/admin`: files with a hash in their name for ever, and for every other address the page, which
 * knows what to show there.
 */
export async function registerWeb(app: FastifyInstance): Promise<void> {
  // Left to the page, so that an address without a file is none of an asset.
  await app.register(fastifyStatic, {
    root: join(WEB_DIST, 'assets'),
    prefix: '/admin/assets/',
    immutable: true,
    maxAge: '365d',
    preCompressed: true,
    decorateReply: false,
    // The build may come after the start.
    suppressWarning: true,
    setHeaders: (reply) => void reply.header('x-content-type-options', 'nosniff'),
  })
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/admin'))
  for (const url of ['/admin', '/admin/*']) {
    app.get(url, { schema: { hide: true } }, async (_request, reply) => {
      const page = await readFile(join(WEB_DIST, 'index.html'), 'utf8').catch((error) => {
        throw new Problem('not-found', 'The admin UI is not built: npm run build:web.', { cause: error })
      })
      const nonce = randomBytes(16).toString('base64')
      return reply.headers(headersOf(nonce)).type('text/html; charset=utf-8').send(page.replaceAll(NONCE, nonce))
    })
  }
}

/** Nothing but our own files; styles that the components make by themselves carry the nonce. */
function headersOf(nonce: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ]
  return {
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-cache',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  }
}
