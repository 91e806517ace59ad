import { isUtf8 } from 'node:buffer'
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { PatchId } from '../../domain/gameplan/resource.ts'
import { Problem } from '../../domain/problems.ts'
import { Ulid } from '../../domain/strategy.ts'
import { strict } from '../../domain/strict.ts'
import { Text, textUpTo } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { notePullRequest } from '../../store/gameplan-webhook.ts'
import { transaction } from '../../store/transaction.ts'
import { ok } from '../openapi.ts'
import { openProblems } from '../problems.ts'

const DELIVERY_RULE = 'must be the id of a delivery'
const SIGNATURE = 'x-hub-signature-256'

/** Of what GitHub sends, what is read here. Everything else is let be. */
const Delivery = z.looseObject({
  action: z.string().optional(),
  pull_request: z
    .looseObject({
      number: z.int(),
      merged: z.boolean(),
      body: z.string().nullable(),
      merged_by: z.looseObject({ login: Text }).nullish(),
    })
    .optional(),
  repository: z.looseObject({ full_name: textUpTo(200) }).optional(),
})

const Place = z.object({ id: Ulid, patchId: PatchId })
const Outcome = z
  .object({ merged: z.array(Place), reverted: z.array(Place) })
  .meta({ description: 'What was noted; both are empty when it was of no concern' })

/** Merged pull requests, as GitHub tells of them: not with a token, but signed with a secret. */
export function githubWebhookRoutes({
  db,
  secret,
}: {
  db: Database
  secret: string | undefined
}): FastifyPluginAsyncZod {
  return async (app) => {
    // Before the body is read: nobody without the secret has it parsed.
    app.addHook('onRequest', async () => {
      if (secret) return
      throw new Problem('webhook-not-configured', 'Set INTERLOCK_GITHUB_WEBHOOK_SECRET to the secret of the webhook.')
    })
    app.removeContentTypeParser('application/json')
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) =>
      parseSigned(secret ?? '', request, body),
    )

    app.post('/github', {
      bodyLimit: 4 * 1024 * 1024,
      schema: {
        tags: ['gameplans'],
        summary: 'Take a webhook of GitHub about a pull request',
        description:
          'A merged pull request merges the patches that its description names, each in a line `Gameplan: <id>/<patch>`; one made by the button Revert takes back what the reverted one merged, or merges again what that one took back. Signed as `X-Hub-Signature-256`; the same delivery again changes nothing.',
        querystring: strict({}),
        headers: z.object({
          [SIGNATURE]: z.string(`is needed: sha256=…`),
          'x-github-event': z.string('is needed: the name of the event'),
          'x-github-delivery': z.string(DELIVERY_RULE).regex(/^[\w-]{1,100}$/, DELIVERY_RULE),
        }),
        body: Delivery,
        response: {
          200: ok(Outcome),
          ...openProblems(
            'malformed-body',
            'body-too-large',
            'unsupported-media-type',
            'webhook-signature',
            'webhook-not-configured',
            'gameplan-not-found',
            'gameplan-state',
            'patch-not-found',
            'patch-state',
            'idempotency-key-reused',
            'outcome-unknown',
          ),
        },
      },
      handler: async (request, reply) => {
        const { action, pull_request: pull, repository } = request.body
        const event = request.headers['x-github-event']
        if (event !== 'pull_request' || action !== 'closed' || !pull?.merged || !repository) {
          return reply.send({ merged: [], reverted: [] })
        }
        const id = `${repository.full_name}#${pull.number}`
        const delivery = request.headers['x-github-delivery']
        const fingerprint = createHash('sha256').update(`${id}\n${pull.body}`).digest('base64url')
        const { result } = await transaction(db, (tx) => notePullRequest(tx, { id, body: pull.body ?? '' }), {
          origin: {
            actor: `github:${pull.merged_by?.login ?? 'unknown'}`,
            door: 'http',
            reason: `Pull request ${id}`,
            requestId: request.id,
          },
          once: { key: `github/${delivery}`, fingerprint, header: 'X-GitHub-Delivery' },
        })
        return reply.send(result)
      },
    })
  }
}

/** @throws Problem `webhook-signature` unless the body is signed with the secret, `malformed-body` */
function parseSigned(secret: string, { headers }: FastifyRequest, body: Buffer): unknown {
  const given = Buffer.from(String(headers[SIGNATURE] ?? ''))
  const wanted = Buffer.from(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new Problem('webhook-signature', 'X-Hub-Signature-256 does not fit the body and the secret.')
  }
  if (!isUtf8(body)) throw new Problem('malformed-body', 'The body is not valid UTF-8.')
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new Problem('malformed-body', 'The body is not JSON.')
  }
}
