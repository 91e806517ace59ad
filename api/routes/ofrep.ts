import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { API_KEY_PATTERN } from '../../domain/api-key.ts'
import { contextOf } from '../../domain/evaluation/context.ts'
import { evaluate } from '../../domain/evaluation/evaluate.ts'
import { OfrepBulk, OfrepFailure, OfrepSuccess, readTags, tagOf, toOfrep, toOfrepText } from '../../domain/ofrep.ts'
import { PROBLEMS, Problem } from '../../domain/problems.ts'
import { hashApiKey } from '../../store/api-keys.ts'
import type { EnvironmentSnapshot, Snapshot } from '../../store/configuration.ts'
import { refusalOf } from '../problems.ts'
import type { ConfigurationFollower } from '../snapshot.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The environment of the API key, on routes of OFREP. */
    environment: string
  }
}

const tags = ['OFREP']
const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { 'application/json': { schema } },
})
const failures = {
  400: json('`PARSE_ERROR`: the body is no JSON, or a payload not of its type; `INVALID_CONTEXT`', OfrepFailure),
  401: json('No API key, an unknown, expired or revoked one', OfrepFailure),
  403: json('The key is of another environment', OfrepFailure),
  413: json('The body is too large', OfrepFailure),
  415: json('The body must be JSON', OfrepFailure),
  500: json('Something went wrong on our side', OfrepFailure),
  503: json('The configuration has not been read yet, or not the one that the client has seen already', OfrepFailure),
}
const querystring = z.looseObject({
  environment: z
    .string()
    .optional()
    .meta({ description: "Refused when it is not the key's: which environment is read is for the key to say" }),
})
const body = z.object(
  {
    context: z
      .looseObject(
        { targetingKey: z.string({ error: 'must be text' }).nullish() },
        { error: 'is needed: an object with whom the flags are for, such as {"targetingKey": "user-17"}' },
      )
      .meta({ example: { targetingKey: 'user-17', plan: 'premium' } }),
  },
  { error: 'must be an object: {"context": {"targetingKey": "user-17"}}' },
)

const NO_FLAGS: EnvironmentSnapshot = { revision: 0, flags: new Map(), segments: new Map() }

/** How applications read: the OpenFeature Remote Evaluation Protocol, version 0.3. Nothing here asks Postgres. */
export function ofrepRoutes({ configuration }: { configuration: ConfigurationFollower }): FastifyPluginAsyncZod {
  async function authenticate(request: FastifyRequest): Promise<void> {
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const key = request.headers['x-api-key'] ?? bearer
    if (typeof key !== 'string' || !API_KEY_PATTERN.test(key)) {
      throw new Problem('unauthorized', 'Send an API key: `Authorization: Bearer il_…` or `X-API-Key: il_…`.')
    }
    const hash = hashApiKey(key).toString('hex')
    const find = ({ apiKeys }: Snapshot) => apiKeys.get(hash)
    // It may be newer than what this process has seen.
    const found = find(configuration.current()) ?? find(await configuration.refresh())
    if (!found) throw new Problem('unauthorized', 'The API key is unknown, or was revoked.')
    if (found.expiresAt !== null && found.expiresAt <= Date.now()) {
      throw new Problem('unauthorized', `The API key expired at ${new Date(found.expiresAt).toISOString()}.`)
    }
    const { environment: asked } = request.query as { environment?: unknown }
    if (asked !== undefined && asked !== found.environment) {
      throw new Problem('forbidden', `The API key is of the environment "${found.environment}".`)
    }
    request.environment = found.environment
  }

  /** What the environment is now, and never older than what the client has seen. */
  async function read(environment: string, seen: number): Promise<EnvironmentSnapshot> {
    const now = configuration.current()
    const snapshot = seen > now.revision ? await configuration.refresh() : now
    return snapshot.environments.get(environment) ?? NO_FLAGS
  }

  return async (app) => {
    app.addHook('onRequest', authenticate)
    app.setErrorHandler(handleOfrepError)

    app.post('/evaluate/flags/:key', {
      schema: {
        tags,
        summary: 'Evaluate one flag for a context',
        params: z.object({ key: z.string() }),
        querystring,
        body,
        response: {
          200: json('Its value; none where the default of the application holds', OfrepSuccess),
          404: json('`FLAG_NOT_FOUND`', OfrepFailure),
          ...failures,
        },
      },
      handler: async (request, reply) => {
        const { key } = request.params
        const now = await read(request.environment, 0)
        const flag = now.flags.get(key)
        if (!flag) {
          throw new Problem('flag-not-found', `There is no flag "${key}" in the environment "${request.environment}".`)
        }
        const answer = toOfrep(flag, evaluate(now, key, contextOf(request.body.context), Date.now()))
        return sendJson(reply.code('errorCode' in answer ? 400 : 200), JSON.stringify(answer))
      },
    })

    app.post('/evaluate/flags', {
      schema: {
        tags,
        summary: 'Evaluate all flags for a context',
        description:
          'Of one configuration revision, which is in `metadata`. With `If-None-Match`, 304 only when the answer to this context would be the same; and never an answer that is older than the one that the tag was given out with, whichever process gave it.',
        querystring: querystring.extend({
          flagConfigEtag: z.string().optional().meta({ description: 'A tag that the client was told of' }),
        }),
        headers: z.looseObject({ 'if-none-match': z.string().optional() }),
        body,
        response: {
          200: {
            ...json('All flags of the environment, by key', OfrepBulk),
            headers: { etag: { description: 'For If-None-Match', schema: { type: 'string' } } },
          },
          304: z.null().meta({ description: 'The answer is the one that the client has; there is no body' }),
          ...failures,
        },
      },
      handler: async (request, reply) => {
        const { environment } = request
        const known = readTags(request.headers['if-none-match'])
        const told = readTags(request.query.flagConfigEtag)
        const seen = Math.max(0, ...[...known, ...told].map(({ revision }) => revision))
        const now = await read(environment, seen)
        const context = contextOf(request.body.context)
        // One visitor at one instant, for all flags.
        const [at, visitor] = [Date.now(), Math.random()]
        const flags: string[] = []
        for (const flag of now.flags.values()) {
          flags.push(toOfrepText(flag, evaluate(now, flag.key, context, at, visitor)))
        }
        const metadata = JSON.stringify({ environment, revision: now.revision })
        const text = `{"flags":[${flags.join()}],"metadata":${metadata}}`
        const tag = tagOf(now.revision, environment, context, text)
        reply.header('etag', tag.text)
        if (known.some(({ text }) => text === tag.text)) return reply.code(304).send(null)
        return sendJson(reply, text)
      },
    })
  }
}

/** Text that is JSON already: 100 flags are looked at once, not again by a schema. */
function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply
    .type('application/json')
    .serializer((same: string) => same)
    .send(text)
}

const ERROR_CODES: Record<string, OfrepFailure['errorCode']> = {
  'malformed-body': 'PARSE_ERROR',
  'validation-failed': 'INVALID_CONTEXT',
  'flag-not-found': 'FLAG_NOT_FOUND',
}

function handleOfrepError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { code, message } = refusalOf(error, request, reply)
  const { key } = request.params as { key?: string }
  const errorCode = ERROR_CODES[code] ?? 'GENERAL'
  const failure: OfrepFailure = { ...(key !== undefined && { key }), errorCode, errorDetails: message }
  sendJson(reply.code(PROBLEMS[code].status), JSON.stringify(failure))
}
