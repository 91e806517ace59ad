import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { contextOf } from '../../../domain/evaluation/context.ts'
import { evaluate } from '../../../domain/evaluation/evaluate.ts'
import type { Configuration } from '../../../domain/evaluation/model.ts'
import { configuration, constraint, flag, NOW, strategy, variant } from './configurations.ts'

/** A file of the package: flags as Unleash serves them, and what each should be in some contexts. */
interface Specification {
  name: string
  state: State | { events: DeltaEvent[] }
  tests?: Case<boolean>[]
  variantTests?: Case<{ name: string; payload?: object; enabled: boolean; feature_enabled: boolean }>[]
}
interface Case<Result> {
  description: string
  context: Record<string, unknown>
  toggleName: string
  expectedResult: Result
}
interface State {
  features: Feature[]
  segments?: Segment[]
}
type Constraints = Parameters<typeof constraint>[0][]
type Variants = (Partial<ReturnType<typeof variant>> & { name: string; weight: number })[]
interface Segment {
  id: number
  constraints: Constraints
}
interface Feature {
  name: string
  enabled: boolean
  strategies?: (Partial<Omit<ReturnType<typeof strategy>, 'constraints' | 'variants' | 'segments'>> & {
    constraints?: Constraints
    variants?: Variants
    segments?: number[]
  })[]
  variants?: Variants
  dependencies?: { feature: string; enabled?: boolean; variants?: string[] }[]
}
type DeltaEvent =
  | { type: 'hydration'; features: Feature[]; segments: Segment[] }
  | { type: 'feature-updated'; feature: Feature }
  | { type: 'feature-removed'; featureName: string }
  | { type: 'segment-updated'; segment: Segment }
  | { type: 'segment-removed'; segmentId: number }

const folder = new URL(
  'specifications/',
  `file://${createRequire(import.meta.url).resolve('@unleash/client-specification/package.json')}`,
)
const read = (file: string) => JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
const specifications: Specification[] = read('index.json').map(read)

function stateOf({ state }: Specification): State {
  if ('features' in state) return state
  const features = new Map<string, Feature>()
  const segments = new Map<number, Segment>()
  for (const event of state.events) {
    if (event.type === 'hydration') {
      for (const feature of event.features) features.set(feature.name, feature)
      for (const segment of event.segments) segments.set(segment.id, segment)
    } else if (event.type === 'feature-updated') features.set(event.feature.name, event.feature)
    else if (event.type === 'feature-removed') features.delete(event.featureName)
    else if (event.type === 'segment-updated') segments.set(event.segment.id, event.segment)
    else segments.delete(event.segmentId)
  }
  return { features: [...features.values()], segments: [...segments.values()] }
}

const variantsOf = (variants: Variants = []) => variants.map((each) => variant(each.name, each.weight, each))

function configurationOf({ features, segments = [] }: State): Configuration {
  const flags = features.map(({ name, enabled, strategies = [], variants, dependencies = [] }) =>
    flag({
      key: name,
      enabled,
      variants: variantsOf(variants),
      dependencies: dependencies.map((each) => ({
        flagKey: each.feature,
        enabled: each.enabled ?? true,
        variants: each.variants ?? [],
      })),
      strategies: strategies.map((each, i) =>
        strategy({
          ...each,
          id: `${name}/${i}`,
          constraints: (each.constraints ?? []).map(constraint),
          variants: variantsOf(each.variants),
          segments: (each.segments ?? []).map(String),
        }),
      ),
    }),
  )
  return configuration(flags, Object.fromEntries(segments.map((each) => [each.id, each.constraints.map(constraint)])))
}

let cases = 0
describe.each(specifications)('client specification $name', (specification) => {
  const configured = configurationOf(stateOf(specification))
  const { tests = [], variantTests = [] } = specification
  cases += tests.length + variantTests.length

  it.each(tests)('$description', ({ toggleName, context, expectedResult }) => {
    expect(evaluate(configured, toggleName, contextOf(context), NOW).enabled).toBe(expectedResult)
  })
  it.each(variantTests)('$description', ({ toggleName, context, expectedResult }) => {
    const { enabled, variant: name, payload } = evaluate(configured, toggleName, contextOf(context), NOW)
    expect({ name, ...(payload && { payload }), enabled: name !== 'disabled', feature_enabled: enabled }).toEqual(
      expectedResult,
    )
  })
})

it('has 279 cases', () => {
  expect(cases).toBe(279)
})
