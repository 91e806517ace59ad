import { z } from 'zod'
import { between, oneOf, strict } from './strict.ts'
import { Instant } from './text.ts'

export const PolicyRunStatus = oneOf(['running', 'success', 'failed', 'cancelled', 'promoted'])
export type PolicyRunStatus = z.infer<typeof PolicyRunStatus>

const batchSize = between(1, 10_000).meta({ description: 'Items evaluated in one transaction' })
const delayMs = between(0, 10_000).meta({ description: 'Pause after each batch, in milliseconds: slows a run down' })

export const Prepare = strict({
  batchSize: batchSize.default(500),
  parallelism: between(1, 8).default(2).meta({ description: 'Key ranges worked on side by side' }),
  delayMs: delayMs.default(0),
})
export type Prepare = z.infer<typeof Prepare>

export const Pace = strict({ batchSize: batchSize.optional(), delayMs: delayMs.optional() }).refine(
  (pace) => Object.keys(pace).length > 0,
  'must name at least one of batchSize, delayMs',
)
export type Pace = z.infer<typeof Pace>

const THRESHOLD = 'must be a number from 0 to 1'
const count = between(0, 2_147_483_647)

export const Gate = strict({
  coverageThreshold: z.number({ error: THRESHOLD }).min(0, THRESHOLD).max(1, THRESHOLD).optional(),
  maxErrors: count.optional(),
  maxRegressions: count.optional().meta({ description: 'Items that the public sees now and would not see any more' }),
})
export type Gate = z.infer<typeof Gate>

export const ErrorSample = z.object({
  mediaItemId: z.int(),
  message: z.string(),
  stack: z.string().optional(),
})
export type ErrorSample = z.infer<typeof ErrorSample>

/** Errors of a run that are kept for people, and how much of a stack. */
export const ERROR_SAMPLES = 10
export const STACK_CHARACTERS = 500

export const PolicyRunSummary = z
  .object({
    runId: z.uuid(),
    workflowId: z.string().meta({ description: 'Its workflow in Temporal' }),
    kind: z.enum(['prepare', 'rollback']),
    status: PolicyRunStatus,
    targetPolicyId: z.uuid(),
    targetPolicyVersion: z.int(),
    basePolicyVersion: z.int().nullable().meta({ description: 'Active when the run began; the diff compares with it' }),
    totalReadySnapshot: z.int().nullable().meta({ description: 'Items to evaluate, fixed at the cutoff' }),
    snapshotCutoff: Instant.nullable(),
    processed: z.int(),
    handedOver: z.int().meta({
      description: 'Items that were changed or deleted before the cursor came to them: their writers evaluated them',
    }),
    eligible: z.int(),
    ineligible: z.int(),
    pending: z.int(),
    errors: z.int(),
    errorSample: z.array(ErrorSample),
    progress: z.number().meta({ description: '(processed + handedOver) / totalReadySnapshot' }),
    batchSize: z.int(),
    parallelism: z.int(),
    delayMs: z.int(),
    ratePerSecond: z.number().nullable(),
    etaSeconds: z.number().nullable(),
    failingSince: Instant.nullable(),
    lastError: z.string().nullable(),
    createdBy: z.string(),
    startedAt: Instant,
    finishedAt: Instant.nullable(),
    promotedAt: Instant.nullable(),
    promotedBy: z.string().nullable(),
  })
  .meta({ id: 'PolicyRunSummary' })
export type PolicyRunSummary = z.infer<typeof PolicyRunSummary>

export const PolicyRun = PolicyRunSummary.extend({
  cursor: z.int().nullable().meta({ description: 'Every item up to this id is evaluated or handed over' }),
  ranges: z.array(z.object({ after: z.int(), to: z.int(), cursor: z.int() })),
  coverage: z.number().meta({
    description:
      'Ready items with a current evaluation ÷ ready items, by query; while the run is not a success: its progress',
  }),
  readyToPromote: z.boolean(),
  blockingReasons: z.array(z.string()),
}).meta({ id: 'PolicyRun' })
export type PolicyRun = z.infer<typeof PolicyRun>

/** What is known of a run when somebody asks whether it may be promoted. */
export interface Evidence {
  status: PolicyRunStatus
  /** Ready items with a current evaluation ÷ ready items, 0 to 1; an empty catalog is 1. */
  coverage: number
  /** Ready items whose evaluation is an error. */
  errors: number
  /** Items that the public sees now and would not see any more; asked for only by `maxRegressions`. */
  regressions?: number | undefined
  /** Did writers evaluate the version all the time? */
  maintained: boolean
  /** Is there a newer run of the same policy? */
  superseded: boolean
}

/** Is the run ready to be promoted, and if not, why not? Every reason, not only the first. */
export function readiness(evidence: Evidence, gate: Gate): { readyToPromote: boolean; blockingReasons: string[] } {
  const { coverageThreshold = 1, maxErrors = 0, maxRegressions } = gate
  const { status, coverage, errors, regressions = 0 } = evidence
  const reasons = []
  if (status !== 'success') reasons.push(`the run is ${status}, not a success`)
  if (evidence.superseded) reasons.push('a newer run of this policy exists')
  // NaN is below every threshold.
  if (!(coverage >= coverageThreshold))
    reasons.push(`coverage is ${percent(coverage)}, below ${percent(coverageThreshold)}`)
  if (!(errors <= maxErrors)) reasons.push(`${errors} items could not be evaluated, more than ${maxErrors}`)
  if (maxRegressions !== undefined && !(regressions <= maxRegressions))
    reasons.push(`${regressions} items would disappear, more than ${maxRegressions}`)
  if (status === 'success' && !evidence.maintained)
    reasons.push('writers evaluate this version no more, so its evidence is void: prepare it again')
  return { readyToPromote: reasons.length === 0, blockingReasons: reasons }
}

// Rounded down: what is not complete must not look so.
function percent(share: number): string {
  return `${Math.floor(share * 1e6) / 1e4} %`
}
