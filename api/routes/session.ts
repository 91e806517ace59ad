import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Problem } from '../../domain/problems.ts'
import { strict } from '../../domain/strict.ts'
import { Instant } from '../../domain/text.ts'
import { identify, type Principal, type Verify } from '../auth.ts'
import { ok } from '../openapi.ts'
import { openProblems } from '../problems.ts'
import { closeSession, openSession, requireSameOrigin, sessionToken } from '../session.ts'

const tags = ['session']

/** A browser drops a cookie of more than 4096 bytes, with its name and attributes, without a word. */
const LONGEST_TOKEN = 3_800

const Session = z
  .object({
    subject: z.string(),
    role: z.enum(['admin', 'viewer']),
    expiresAt: Instant,
    workflows: z.string().nullable().meta({
      description: 'Address of a workflow in the Temporal Web UI, without its id (INTERLOCK_TEMPORAL_UI_URL)',
    }),
  })
  .meta({ id: 'Session' })

/** Sessions of the admin UI: a token, kept by the browser in a cookie that no script can read. */
export function sessionRoutes({
  verify,
  temporalUiUrl,
}: {
  verify: Verify
  temporalUiUrl: string | undefined
}): FastifyPluginAsyncZod {
  const workflows = temporalUiUrl === undefined ? null : `${temporalUiUrl.replace(/\/$/, '')}/workflows/`
  const toSession = ({ subject, role, expiresAt }: Principal) => ({
    subject,
    role,
    expiresAt: expiresAt.toISOString(),
    workflows,
  })

  return async (app) => {
    app.post('/session', {
      schema: {
        tags,
        summary: 'Log in: keep a token in a cookie for the admin UI, until it expires',
        body: strict({
          token: z
            .string('must be a token')
            .trim()
            .min(1, 'must be a token')
            .max(LONGEST_TOKEN, `must be at most ${LONGEST_TOKEN} characters, so that it fits in a cookie`),
        }),
        response: {
          200: ok(Session),
          ...openProblems('unauthorized', 'forbidden', 'malformed-body', 'body-too-large', 'unsupported-media-type'),
        },
      },
      handler: async (request, reply) => {
        requireSameOrigin(request)
        const { token } = request.body
        const principal = await identify(verify, token)
        openSession(request, reply, token, principal.expiresAt)
        return toSession(principal)
      },
    })

    app.get('/session', {
      schema: {
        tags,
        summary: 'Who is logged in',
        response: { 200: ok(Session), ...openProblems('unauthorized', 'forbidden') },
      },
      handler: async (request) => {
        const token = sessionToken(request)
        if (!token) throw new Problem('unauthorized', 'Nobody is logged in.')
        return toSession(await identify(verify, token))
      },
    })

    app.delete('/session', {
      schema: {
        tags,
        summary: 'Log out',
        response: { 200: ok(z.object({})), ...openProblems('forbidden') },
      },
      handler: async (request, reply) => {
        requireSameOrigin(request)
        closeSession(request, reply)
        return {}
      },
    })
  }
}
