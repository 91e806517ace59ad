import { z } from 'zod'
import { checkStrategy, checkVariants } from './evaluation/check.ts'
import type { FlagConfiguration } from './evaluation/model.ts'
import { Explanation } from './explanation.ts'
import { Enabled, RolloutPercentage } from './flag.ts'
import { Dependencies, FlagVariants, NewStrategy } from './strategy.ts'
import { contentOf, refuseFields, toFields } from './strategy-content.ts'
import { strict } from './strict.ts'

/** A flag as somebody thinks of making it. */
export const Draft = strict({
  enabled: Enabled.optional(),
  rolloutPercentage: RolloutPercentage.optional(),
  variants: FlagVariants.optional(),
  dependencies: Dependencies.optional(),
  strategies: z.array(NewStrategy).max(30, 'must be at most 30 strategies').optional(),
})

const { enabled, variant, reason } = Explanation.shape
const Verdict = z.object({ enabled, variant, reason })

/** What a context gets now, and would get. */
export const Comparison = z.object({ before: Verdict, after: Verdict }).meta({ id: 'Comparison' })

/**
 * The flag as it would be. Strategies are asked in the order in which they are given.
 *
 * @throws Problem `validation-failed` when evaluation could not use all of it
 */
export function draftOf(flag: FlagConfiguration, draft: z.infer<typeof Draft>): FlagConfiguration {
  const { strategies, ...named } = draft
  const fields = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
  const contents = strategies?.map((strategy, place) => contentOf(strategy, place))
  refuseFields([
    ...toFields(checkVariants(draft.variants ?? []), ['variants']),
    ...(contents ?? []).flatMap((content, i) => toFields(checkStrategy(content), ['strategies', i])),
  ])
  return {
    ...flag,
    ...fields,
    ...(contents && { strategies: contents.map((content, i) => ({ ...content, id: String(i) })) }),
  }
}
