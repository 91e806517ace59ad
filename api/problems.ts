import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import { z } from 'zod'
import { type FieldProblem, PROBLEMS, Problem, type ProblemCode, type Refusal } from '../domain/problems.ts'
import { actionOf } from '../store/change-request-actions.ts'
import { isConnectionLost, sqlState } from '../store/database.ts'

/** RFC 9457, with `errors` for the fields that are wrong and further members that some problems have. */
const ProblemDocument = z
  .looseObject({
    type: z.string().meta({ example: '/problems/validation-failed' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'Id of the request, as in the logs' }),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' })

/** What became of one part of a request that was not refused as a whole: a problem without the id of a request. */
export const RefusalDocument = ProblemDocument.omit({ instance: true }).meta({ id: 'Refusal' })

/** Responses of a route that reads, for the problems it may answer with, by status. */
export function readProblems(...codes: ProblemCode[]) {
  return openProblems('unauthorized', 'forbidden', ...codes)
}

/** Responses of a route that needs no token. */
export function openProblems(...codes: ProblemCode[]) {
  return describeProblems(['validation-failed', 'internal', 'busy', 'unavailable', ...codes])
}

/** Responses of a route that writes. */
export function writeProblems(...codes: ProblemCode[]) {
  return readProblems(
    'malformed-body',
    'body-too-large',
    'unsupported-media-type',
    'idempotency-key-reused',
    'outcome-unknown',
    ...codes,
  )
}

/** Responses of a route that writes what an environment may take by change requests only. */
export function gatedProblems(...codes: ProblemCode[]) {
  return writeProblems('change-request-required', ...codes)
}

function describeProblems(codes: ProblemCode[]) {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      {
        description: same.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: ProblemDocument } },
      },
    ]),
  )
}

// Fastify's own refusals.
const FASTIFY_ERRORS: Record<string, ProblemCode> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed-body',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed-body',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
}

/** The one place where an error becomes an answer. */
export function handleError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(reply, refusalOf(error, request, reply), request.id)
}

/** What to answer to an error, which is logged; the headers that go with it are set. */
export function refusalOf(error: FastifyError, request: FastifyRequest, reply: FastifyReply): Problem {
  const problem = withAction(toProblem(error), request)
  const { status } = PROBLEMS[problem.code]
  if (status >= 500) request.log.error({ err: error }, 'Request failed')
  else request.log.info({ problem: problem.code, detail: problem.message }, 'Request refused')
  if (status === 503) reply.header('retry-after', '1')
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  return problem
}

/** A direct write that needs a change request is told which change would be the same; null: none, yet. */
function withAction(problem: Problem, { method, routeOptions }: FastifyRequest): Problem {
  if (problem.code !== 'change-request-required') return problem
  const action = actionOf(`${method} ${routeOptions.url?.replace('/api/admin', '')}`)
  return new Problem(problem.code, problem.message, { members: { ...problem.members, action } })
}

export function sendProblem(reply: FastifyReply, problem: Problem, requestId: string): void {
  const { status } = PROBLEMS[problem.code]
  const document: z.infer<typeof ProblemDocument> = { ...describeRefusal(problem), instance: requestId }
  // Serialised here: the answer must not depend on whether the route names this status.
  reply.code(status).type('application/problem+json').serializer(JSON.stringify).send(document)
}

const PARSER_ERRORS: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

/** Answers what is no HTTP at all, before there is a request, and ends its connection. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const problem = new Problem(PARSER_ERRORS[error.code ?? ''] ?? 'malformed-request', error.message)
  const { status } = PROBLEMS[problem.code]
  const body = JSON.stringify({ ...describeRefusal(problem), instance: crypto.randomUUID() })
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  )
}

export function describeRefusal({ code, message, fields, members }: Refusal): z.infer<typeof RefusalDocument> {
  return {
    type: `/problems/${code}`,
    ...PROBLEMS[code],
    detail: message,
    ...(fields.length > 0 && { errors: fields }),
    ...members,
  }
}

function toProblem(error: FastifyError): Problem {
  if (error instanceof Problem) return error
  if (error.validation) {
    const fields = error.validation.flatMap((issue) => fieldsOf(issue, error.validationContext))
    // A number beyond 2^53 is no integer to Zod, and too large: the same rule twice.
    const named = new Map(fields.map((one) => [`${one.field} ${one.message}`, one]))
    return new Problem('validation-failed', [...named.keys()].join('; '), { fields: [...named.values()] })
  }
  const known = FASTIFY_ERRORS[error.code]
  if (known) return new Problem(known, error.message)
  const state = sqlState(error)
  // Lock or statement timeout, no connection left: the same request may succeed in a moment.
  if (state === '55P03' || state === '57014' || state === '40001' || state === '40P01' || state?.startsWith('53')) {
    return new Problem('busy', 'Send the request again in a moment.', { cause: error })
  }
  if (isConnectionLost(error))
    return new Problem('unavailable', 'Send the request again in a moment.', { cause: error })
  // Refusals of Fastify before any route: a bad address, one that is too long.
  const { statusCode = 500 } = error
  if (statusCode >= 400 && statusCode < 500) return new Problem('validation-failed', error.message)
  return new Problem('internal', 'The log has more under the id in `instance`.', { cause: error })
}

const CONTEXTS: Record<string, string> = { body: '', querystring: 'query', params: 'path', headers: 'header' }

// An issue as fastify-type-provider-zod makes it of Zod's: `/updates/rolloutPercentage`, and the keys that are not known.
function fieldsOf({ instancePath, message, params }: FastifySchemaValidationError, context = 'body'): FieldProblem[] {
  const path = [CONTEXTS[context], ...instancePath.split('/')].filter(Boolean)
  const keys = Array.isArray(params.keys) ? params.keys : []
  const paths = keys.length > 0 ? keys.map((key) => [...path, key]) : [path]
  return paths.map((named) => ({ field: named.join('.') || 'body', message: message ?? 'is not valid' }))
}
