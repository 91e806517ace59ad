import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Evaluation, EvaluationContext, FlagConfiguration } from './evaluation/model.ts'
import { parseNumber } from './evaluation/values.ts'

const Metadata = z.record(z.string(), z.union([z.boolean(), z.string(), z.number()]))

/** A flag's value, as OFREP has it: without `value`, the application's own default holds. */
export const OfrepSuccess = z
  .object({
    key: z.string(),
    reason: z.enum(['STATIC', 'TARGETING_MATCH', 'SPLIT', 'DISABLED', 'UNKNOWN']),
    variant: z.string().optional(),
    value: z.unknown().optional(),
    metadata: Metadata,
  })
  .meta({ id: 'OfrepSuccess' })
type OfrepSuccess = z.infer<typeof OfrepSuccess>

const ERROR_CODES = ['PARSE_ERROR', 'INVALID_CONTEXT', 'FLAG_NOT_FOUND', 'GENERAL'] as const

/** A refusal as OFREP has it; `key` where it is about one flag. */
export const OfrepFailure = z
  .object({
    key: z.string().optional(),
    errorCode: z.enum(ERROR_CODES),
    errorDetails: z.string(),
    metadata: Metadata.optional(),
  })
  .meta({ id: 'OfrepFailure' })
export type OfrepFailure = z.infer<typeof OfrepFailure>

export const OfrepBulk = z
  .object({ flags: z.array(z.union([OfrepSuccess, OfrepFailure])), metadata: Metadata })
  .meta({ id: 'OfrepBulk' })

/** What a flag's evaluation is to OFREP: a failure when its variant's payload is not what its type says. */
export function toOfrep(flag: FlagConfiguration, evaluation: Evaluation): OfrepSuccess | OfrepFailure {
  const { enabled, strategyId } = evaluation
  const metadata = {
    enabled,
    revision: flag.revision,
    cause: evaluation.reason,
    ...(strategyId !== null && { strategyId }),
  }
  const answer = { key: flag.key, reason: reasonOf(flag, evaluation), metadata }
  if (!hasVariants(flag)) return { ...answer, value: enabled }
  // No variant: what the application does without the flag is for its code to say (ADR 6 of the protocol).
  if (evaluation.variant === 'disabled') return answer
  const value = payloadOf(evaluation)
  if (value !== undefined) return { ...answer, variant: evaluation.variant, value }
  const errorDetails = `The payload of the variant "${evaluation.variant}" is no ${evaluation.payload?.type}`
  return { key: flag.key, errorCode: 'PARSE_ERROR', errorDetails, metadata }
}

const texts = new WeakMap<FlagConfiguration, Map<string, string>>()

/**
 * The same as JSON. Remembered, because a flag has few answers: it was half of the work of answering for 100 flags.
 */
export function toOfrepText(flag: FlagConfiguration, evaluation: Evaluation): string {
  const { reason, strategyId, variant } = evaluation
  const answer = `${reason} ${strategyId} ${variant}`
  const known = texts.get(flag)?.get(answer)
  if (known !== undefined) return known
  const text = JSON.stringify(toOfrep(flag, evaluation))
  texts.set(flag, new Map(texts.get(flag)).set(answer, text))
  return text
}

/** Whether its values are those of variants, and not true and false. It does not depend on who asks: nor does the type. */
function hasVariants({ variants, strategies }: FlagConfiguration): boolean {
  return variants.length > 0 || strategies.some((strategy) => !strategy.disabled && strategy.variants.length > 0)
}

function payloadOf({ variant, payload }: Evaluation): unknown {
  if (!payload) return variant
  switch (payload.type) {
    case 'number':
      return parseNumber(payload.value)
    case 'json':
      try {
        return JSON.parse(payload.value)
      } catch {
        return undefined
      }
    default:
      return payload.value
  }
}

function reasonOf(flag: FlagConfiguration, { reason, variant, strategyId }: Evaluation): OfrepSuccess['reason'] {
  if (reason === 'disabled') return 'DISABLED'
  if (reason === 'rollout' || variant !== 'disabled') return 'SPLIT'
  const { rolloutPercentage, dependencies, strategies } = flag
  const gated = rolloutPercentage < 100
  if (reason === 'no-strategies') {
    if (gated) return 'SPLIT'
    return dependencies.length > 0 ? 'TARGETING_MATCH' : 'STATIC'
  }
  const { rollout, percentage } = strategies.find(({ id }) => id === strategyId)?.parameters ?? {}
  const share = Number(rollout ?? percentage ?? 100)
  return reason === 'strategy' && (gated || share < 100) ? 'SPLIT' : 'TARGETING_MATCH'
}

/** A bulk answer's tag: the revision of the environment, and a hash of who asked what and was answered what. */
export interface Tag {
  revision: number
  text: string
}

/**
 * Equal only for the same answer to the same context. The answer is a part of it, because what a flag is may depend on
 * more than configuration and context: on the time, and on chance.
 */
export function tagOf(revision: number, environment: string, context: EvaluationContext, body: string): Tag {
  const canonical = [...context].sort(([a], [b]) => (a < b ? -1 : 1))
  const hash = createHash('sha256')
    .update(JSON.stringify([environment, canonical]))
    .update(body)
    .digest('base64url')
  return { revision, text: `"${revision}-${hash.slice(0, 22)}"` }
}

/** Tags of ours in `If-None-Match`; some clients send them back without their quotes. */
export function readTags(header: string | undefined): Tag[] {
  const found = (header ?? '').matchAll(/(?:^|,)\s*(?:W\/)?"?((\d{1,15})-[\w-]{22})"?\s*(?=,|$)/g)
  return [...found].map(([, text, revision]) => ({ revision: Number(revision), text: `"${text}"` }))
}
