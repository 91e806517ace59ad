import { z } from 'zod'
import { checkStrategy, checkVariants } from './evaluation/check.ts'
import type { Configuration, FlagConfiguration } from './evaluation/model.ts'
import { Explanation } from './explanation.ts'
import { Enabled, RolloutPercentage } from './flag.ts'
import { checkDependencies } from './flag-dependencies.ts'
import { refuseUnknownSegments } from './segment.ts'
import { Dependencies, FlagVariants, NewStrategy } from './strategy.ts'
import { contentOf, refuseFields, toFields } from './strategy-content.ts'
import { listOf, strict } from './strict.ts'

/** A flag as somebody thinks of making it. */
export const Draft = strict({
  enabled: Enabled.optional(),
  rolloutPercentage: RolloutPercentage.optional(),
  variants: FlagVariants.optional(),
  dependencies: Dependencies.optional(),
  strategies: listOf(NewStrategy, 30, 'strategies').optional(),
})

const { enabled, variant, reason } = Explanation.shape
const Verdict = z.object({ enabled, variant, reason })

/** What a context gets now, and would get. */
export const Comparison = z.object({ before: Verdict, after: Verdict }).meta({ id: 'Comparison' })

/**
 * The flag as it would be, if a write of it would be taken. Strategies are asked in the order in which they are given.
 *
 * @throws Problem `validation-failed` when evaluation could not use all of it, `dependency-refused`, `unknown-segment`
 */
export function draftOf(
  { flags, segments, environment }: Configuration & { environment: string },
  flag: FlagConfiguration,
  draft: z.infer<typeof Draft>,
): FlagConfiguration {
  const { strategies, ...named } = draft
  const fields = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
  const contents = strategies?.map((strategy, place) => contentOf(strategy, place))
  refuseFields([
    ...toFields(checkVariants(draft.variants ?? []), ['variants']),
    ...(contents ?? []).flatMap((content, i) => toFields(checkStrategy(content), ['strategies', i])),
  ])
  const dependents = [...flags.values()].filter(({ dependencies }) =>
    dependencies.some((on) => on.flagKey === flag.key),
  )
  const keys = dependents.map(({ key }) => key)
  checkDependencies({ environment, key: flag.key }, draft.dependencies ?? [], flags, keys)
  const asked = (contents ?? []).map(({ segments }, i) => ({ field: `strategies.${i}.segments`, segments }))
  refuseUnknownSegments(environment, segments, asked)
  return {
    ...flag,
    ...fields,
    ...(contents && { strategies: contents.map((content, i) => ({ ...content, id: String(i) })) }),
  }
}
