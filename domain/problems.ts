/** Every refusal of the product, once: its HTTP status and its title. The code is the end of the problem's `type`. */
export const PROBLEMS = {
  'validation-failed': { status: 400, title: 'The request is not valid' },
  'malformed-body': { status: 400, title: 'The body is not valid JSON' },
  'unsupported-media-type': { status: 415, title: 'The body must be of another type' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'malformed-request': { status: 400, title: 'The request is not valid HTTP' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'headers-too-large': { status: 431, title: 'Address and headers are too large' },
  unauthorized: { status: 401, title: 'A valid token is needed' },
  forbidden: { status: 403, title: 'The token does not allow this' },
  'change-request-required': { status: 403, title: 'The environment takes changes by change requests only' },
  'four-eyes': { status: 403, title: 'Who asks for a change does not approve it' },
  'not-found': { status: 404, title: 'There is nothing at this address' },
  'flag-not-found': { status: 404, title: 'There is no such flag' },
  'flag-exists': { status: 409, title: 'The flag exists already' },
  'flag-archived': { status: 422, title: 'The flag is archived' },
  'too-many-strategies': { status: 422, title: 'The flag has as many strategies as it may have' },
  'strategy-not-found': { status: 404, title: 'There is no such strategy' },
  'unknown-strategy': { status: 422, title: 'The flag has no such strategy' },
  'strategies-incomplete': { status: 422, title: 'The list is not that of all strategies' },
  'dependency-refused': { status: 422, title: 'The flag cannot depend on that' },
  'flag-depended-on': { status: 409, title: 'Other flags depend on it' },
  'segment-not-found': { status: 404, title: 'There is no such segment' },
  'segment-exists': { status: 409, title: 'The segment exists already' },
  'segment-in-use': { status: 409, title: 'Strategies use the segment' },
  'unknown-segment': { status: 422, title: 'There is no such segment in the environment' },
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
  'schedule-part-of-release': { status: 409, title: 'The schedule belongs to a release' },
  'flag-in-release': { status: 409, title: 'The flag belongs to a pending release' },
  'release-not-found': { status: 404, title: 'There is no such release' },
  'release-applied': { status: 409, title: 'The release was applied already' },
  'release-failed': { status: 409, title: 'The release failed' },
  'release-cancelled': { status: 409, title: 'The release is cancelled' },
  'too-many-schedules': { status: 422, title: 'The flag has as many pending schedules as it may have' },
  frozen: { status: 422, title: 'The environment is frozen at that time' },
  'freeze-not-found': { status: 404, title: 'There is no such freeze' },
  'freeze-in-past': { status: 422, title: 'The freeze is over already' },
  'recurrence-not-found': { status: 404, title: 'There is no such recurrence' },
  'recurrence-ended': { status: 409, title: 'The recurrence has ended' },
  'recurrence-paused': { status: 409, title: 'The recurrence is paused' },
  'recurrence-empty': { status: 422, title: 'The recurrence never occurs' },
  'template-not-found': { status: 404, title: 'There is no such template' },
  'template-exists': { status: 409, title: 'Another template has this name' },
  'template-archived': { status: 409, title: 'The template is archived' },
  'plan-not-found': { status: 404, title: 'The flag has no such release plan' },
  'plan-exists': { status: 409, title: 'The flag has a release plan already' },
  'plan-not-running': { status: 409, title: 'The release plan is not running' },
  'plan-not-paused': { status: 409, title: 'The release plan is not paused' },
  'milestone-not-found': { status: 404, title: 'The release plan has no such milestone' },
  'milestone-not-active': { status: 409, title: 'The milestone is not the active one' },
  'approval-not-needed': { status: 409, title: 'The milestone waits for no approval' },
  'too-many-safeguards': { status: 422, title: 'The release plan has as many safeguards as it may have' },
  'safeguard-not-found': { status: 404, title: 'The release plan has no such safeguard' },
  'change-request-not-found': { status: 404, title: 'There is no such change request' },
  'change-not-found': { status: 404, title: 'The change request has no such change' },
  'change-request-state': { status: 409, title: 'The state of the change request does not allow this' },
  'change-request-empty': { status: 422, title: 'The change request has no changes' },
  'change-request-conflict': { status: 409, title: 'What it is about was changed since' },
  'change-request-failed': { status: 422, title: 'A change was refused, so none was made' },
  'approvals-missing': { status: 409, title: 'The change request needs more approvals' },
  'too-many-changes': { status: 422, title: 'The change request has as many changes as it may have' },
  'gameplan-not-found': { status: 404, title: 'There is no such gameplan' },
  'gameplan-refused': { status: 422, title: 'The gameplan cannot be run as it is written' },
  'gameplan-state': { status: 409, title: 'The state of the gameplan does not allow this' },
  'gameplan-contradicted': { status: 409, title: 'The revision contradicts what has happened' },
  'gameplan-flag-taken': { status: 409, title: 'Another gameplan that runs has this flag' },
  'patch-not-found': { status: 404, title: 'The gameplan has no such patch' },
  'patch-blocked': { status: 409, title: 'The patch waits for others' },
  'patch-state': { status: 409, title: 'The state of the patch does not allow this' },
  'gate-not-found': { status: 404, title: 'The gameplan has no such criterion or question' },
  'webhook-not-configured': { status: 503, title: 'No secret is configured for this webhook' },
  'webhook-signature': { status: 401, title: 'The signature is not valid' },
  'policy-not-found': { status: 404, title: 'There is no such policy' },
  'policy-active': { status: 409, title: 'The policy is active already' },
  'policy-run-running': { status: 409, title: 'A run of this policy is running' },
  'run-not-found': { status: 404, title: 'There is no such run' },
  'run-not-running': { status: 409, title: 'The run is not running' },
  'run-not-failed': { status: 409, title: 'The run has not failed' },
  'run-not-complete': { status: 409, title: 'The run is not a success' },
  'evaluations-gone': { status: 409, title: 'The evaluations were dropped' },
  'reverse-window-over': { status: 409, title: 'The way back is closed' },
  'promotion-blocked': { status: 400, title: 'The run is not ready to be promoted' },
  'media-item-not-found': { status: 404, title: 'There is no such media item' },
  'import-interrupted': { status: 400, title: 'The import broke off' },
  'account-not-found': { status: 404, title: 'There is no such account' },
  'account-exists': { status: 409, title: 'The account exists already' },
  'account-mode': { status: 409, title: 'The mode of the account does not allow this' },
  'account-not-moved': { status: 409, title: 'Notes of the account are still in the store that it leaves' },
  'one-note-store': { status: 422, title: 'Only one note store is configured' },
  'notes-not-configured': { status: 503, title: 'No note store is configured' },
  'old-instances': { status: 409, title: 'Older instances could still write notes' },
  'migration-not-found': { status: 404, title: 'There is no such migration' },
  'migration-state': { status: 409, title: 'The state of the migration does not allow this' },
  'migration-empty': { status: 422, title: 'The migration has no accounts' },
  'unknown-account': { status: 422, title: 'There is no such account' },
  'account-in-migration': { status: 409, title: 'Another migration moves the account' },
  'note-not-found': { status: 404, title: 'There is no such note' },
  'api-key-not-found': { status: 404, title: 'There is no such API key' },
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

/** For `catch`: that refusal is no fault and makes undefined; every other error is thrown again. */
export function unless(code: ProblemCode): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof Problem && error.code === code)) throw error
  }
}
