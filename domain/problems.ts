/** Every refusal of the product, once: its HTTP status and its title. The code is the end of the problem's `type`. */
export const PROBLEMS = {
  'validation-failed': { status: 400, title: 'The request is not valid' },
  'malformed-body': { status: 400, title: 'The body is not valid JSON' },
  'unsupported-media-type': { status: 415, title: 'The body must be of another type' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  unauthorized: { status: 401, title: 'A valid token is needed' },
  forbidden: { status: 403, title: 'The token does not allow this' },
  'not-found': { status: 404, title: 'There is nothing at this address' },
  'flag-not-found': { status: 404, title: 'There is no such flag' },
  'flag-exists': { status: 409, title: 'The flag exists already' },
  'flag-archived': { status: 422, title: 'The flag is archived' },
  'schedule-not-found': { status: 404, title: 'There is no such schedule' },
  'schedule-in-past': { status: 422, title: 'The time has passed' },
  'schedule-applied': { status: 409, title: 'The schedule was applied already' },
  'schedule-failed': { status: 409, title: 'The schedule failed' },
  'schedule-cancelled': { status: 409, title: 'The schedule is cancelled' },
  'schedule-out-of-order': { status: 409, title: 'A later change of this flag was applied already' },
  'bulk-refused': { status: 422, title: 'Some of it cannot be done, so nothing was' },
  'filter-too-wide': { status: 422, title: 'The filter means too many schedules' },
  'schedule-not-failed': { status: 409, title: 'The schedule has not failed' },
  'schedule-superseded': { status: 409, title: 'The same was changed since' },
  'schedule-conflict': { status: 409, title: 'Another schedule sets it to something else at the same instant' },
  'too-many-schedules': { status: 422, title: 'The flag has as many pending schedules as it may have' },
  frozen: { status: 422, title: 'The environment is frozen at that time' },
  'freeze-not-found': { status: 404, title: 'There is no such freeze' },
  'freeze-in-past': { status: 422, title: 'The freeze is over already' },
  'recurrence-not-found': { status: 404, title: 'There is no such recurrence' },
  'recurrence-ended': { status: 409, title: 'The recurrence has ended' },
  'recurrence-paused': { status: 409, title: 'The recurrence is paused' },
  'recurrence-empty': { status: 422, title: 'The recurrence never occurs' },
  'policy-not-found': { status: 404, title: 'There is no such policy' },
  'policy-active': { status: 409, title: 'The policy is active already' },
  'policy-run-running': { status: 409, title: 'A run of this policy is running' },
  'run-not-found': { status: 404, title: 'There is no such run' },
  'run-not-running': { status: 409, title: 'The run is not running' },
  'run-not-failed': { status: 409, title: 'The run has not failed' },
  'run-not-complete': { status: 409, title: 'The run is not a success' },
  'evaluations-gone': { status: 409, title: 'The evaluations were dropped' },
  'reverse-window-over': { status: 409, title: 'The policy cannot be gone back to any more' },
  'promotion-blocked': { status: 400, title: 'The run is not ready to be promoted' },
  'media-item-not-found': { status: 404, title: 'There is no such media item' },
  'import-interrupted': { status: 400, title: 'The import broke off' },
  'revision-mismatch': { status: 412, title: 'It was changed by someone else' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key belongs to another request' },
  'outbox-row-not-found': { status: 404, title: 'There is no such outbox row' },
  'outbox-row-not-dead': { status: 409, title: 'The outbox row is not dead-lettered' },
  'outcome-unknown': { status: 503, title: 'The connection was lost while the change was committed' },
  busy: { status: 503, title: 'The service is busy' },
  unavailable: { status: 503, title: 'The database cannot be reached' },
  internal: { status: 500, title: 'Something went wrong on our side' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof PROBLEMS

export interface FieldProblem {
  /** Path into the request: `updates.rolloutPercentage`, `query.limit`, `header.if-match`. */
  field: string
  message: string
}

/** A problem as data, for answers that carry several. */
export type Refusal = Pick<Problem, 'code' | 'message' | 'fields' | 'members'>

/**
 * A refusal that the caller can understand: why, which fields, and what else they may want to know (`members`, which
 * become members of the RFC 9457 document). Every door throws it; the API answers it, activities report it.
 */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly fields: FieldProblem[]
  readonly members: Record<string, unknown>

  constructor(
    code: ProblemCode,
    detail: string,
    options: { fields?: FieldProblem[]; members?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause })
    this.name = 'Problem'
    this.code = code
    this.fields = options.fields ?? []
    this.members = options.members ?? {}
  }
}
