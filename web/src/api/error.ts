import type { schemas } from './schema.ts'

type Problem = schemas['Problem']

/** A request that was refused. */
export interface Refused {
  path: Record<string, string>
  query: Record<string, unknown>
  body: unknown
}

/** A refusal of the API (RFC 9457), or that it did not answer, as people can read it. */
export class ApiError extends Error {
  /** HTTP status; 0: no answer. */
  readonly status: number
  /** End of the problem's `type`, such as `flag-not-found`. */
  readonly code: string
  readonly title: string
  readonly fields: { field: string; message: string }[]
  /** Everything that the problem says, with the members that only some have. */
  readonly members: Record<string, unknown>
  /** What was asked for; undefined where that does not matter any more. */
  readonly refused: Refused | undefined

  private constructor(
    problem: Pick<Problem, 'type' | 'title' | 'status' | 'detail'> & Partial<Problem>,
    refused?: Refused,
  ) {
    super(problem.detail)
    this.name = 'ApiError'
    this.status = problem.status
    this.code = problem.type.split('/').at(-1) ?? ''
    this.title = problem.title
    this.fields = problem.errors ?? []
    this.members = problem
    this.refused = refused
  }

  static async from(response: Response, refused?: Refused): Promise<ApiError> {
    const problem: Problem | undefined = await response.json().catch(() => undefined)
    if (problem?.title && problem.detail) return new ApiError(problem, refused)
    const { status } = response
    return new ApiError({
      type: 'about:blank',
      title: 'Something in between answered',
      status,
      detail: `HTTP ${status}`,
    })
  }

  static unanswered(cause: unknown): ApiError {
    const late = cause instanceof Error && cause.name === 'TimeoutError'
    return new ApiError({
      type: 'unanswered',
      status: 0,
      title: 'The API does not answer',
      detail: late ? 'It took longer than 15 seconds.' : 'It cannot be reached from this browser.',
    })
  }

  /** Id that the API's log has of the request. */
  get requestId(): string | undefined {
    return typeof this.members.instance === 'string' ? this.members.instance : undefined
  }

  /** May the same request succeed in a moment? */
  get passing(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504
  }
}

const ADVICE: Record<string, string> = {
  forbidden: 'Ask somebody with the role admin, or log in with another token.',
  'change-request-required': 'Put the change into a change request for this environment.',
  'old-instances': 'Stop what is named, or wait until its lease is over, then try again.',
  frozen: 'Choose another time, wait for the end of the freeze, or override it with a reason.',
  'revision-mismatch': 'Look at what it is now, and decide again.',
  'gameplan-contradicted': 'Leave what is merged as it is, or revert those patches first.',
  'gameplan-flag-taken': 'Wait until the other gameplan is over, or cancel it.',
  'outcome-unknown': 'Look whether it was done before doing it again.',
  unanswered: 'Is the server running? This page goes on by itself when it is back.',
}

/** What the reader can do about an error. */
export function adviceOn(error: ApiError): string | undefined {
  if (ADVICE[error.code]) return ADVICE[error.code]
  if (error.fields.length > 0) return 'Correct what is named and try again.'
  if (error.passing) return 'Try again in a moment.'
  if (error.status >= 500) return `Look in the log of the API for the request ${error.requestId ?? ''}.`
}
