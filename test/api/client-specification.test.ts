import { readdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { OPERATORS, STRATEGY_NAMES } from '../../domain/strategy.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'

/** Flags and segments as Unleash's clients get them. What the cases do not need is left out. */
interface Specification {
  name: string
  state: { features?: Feature[]; segments?: Segment[]; events?: DeltaEvent[] }
  tests?: { description: string; context: object; toggleName: string; expectedResult: boolean }[]
  variantTests?: { description: string; context: object; toggleName: string; expectedResult: ExpectedVariant }[]
}
interface Feature {
  name: string
  enabled: boolean
  strategies?: Strategy[]
  variants?: Variant[] | null
  dependencies?: { feature: string; enabled?: boolean; variants?: string[] }[]
}
interface Strategy {
  name: string
  parameters?: Record<string, string>
  constraints?: Record<string, unknown>[] | null
  segments?: number[]
  variants?: Variant[]
}
interface Variant {
  name: string
  weight: number
  stickiness?: string
  payload?: { type: string; value: string }
  overrides?: { contextName: string; values: string[] }[]
}
interface Segment {
  id: number
  constraints: Record<string, unknown>[]
}
interface DeltaEvent {
  type: string
  features?: Feature[]
  segments?: Segment[]
  feature?: Feature
  featureName?: string
  segment?: Segment
}
interface ExpectedVariant {
  name: string
  payload?: { type: string; value: string }
  enabled: boolean
  feature_enabled: boolean
}

const DIRECTORY = join(
  dirname(fileURLToPath(import.meta.resolve('@unleash/client-specification/package.json'))),
  'specifications',
)
const specifications: Specification[] = readdirSync(DIRECTORY)
  .filter((file) => /^\d+.*\.json$/.test(file))
  .map((file) => JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')))

const { app, call, configuration } = await createTestApp(await createTestDatabase())

/** What was refused at the door, of all files. */
const refused: string[] = []
/** And what was taken without the entries of a list that no client uses. */
const corrected: string[] = []

/** Some keys are none here; what they are called matters to no case. */
const keyOf = (name: string) =>
  /^[A-Za-z0-9._-]+$/.test(name) ? name : Buffer.from(name).toString('hex').slice(0, 100)
const NOBODY = { contextName: 'userId', operator: 'IN', values: ['nobody whom any case knows'] }

/** Only what the admin API knows of; it refuses other fields. */
const pick = (from: object, names: string[]) =>
  Object.fromEntries(Object.entries(from).filter(([name, value]) => names.includes(name) && value !== null))
const constraintsOf = (list: Record<string, unknown>[] | null | undefined) =>
  (list ?? []).map((constraint) => {
    const known = pick(constraint, ['contextName', 'operator', 'values', 'value', 'inverted', 'caseInsensitive'])
    // Clients get both, and look at one.
    return Array.isArray(known.values) && known.values.length === 0 && known.value !== undefined
      ? pick(known, Object.keys(known).filter((name) => name !== 'values')) // biome-ignore format: one step
      : known
  })
const variantsOf = (list: Variant[] | null | undefined, overrides: string[] = []) =>
  (list ?? []).map((variant) => pick(variant, ['name', 'weight', 'stickiness', 'payload', ...overrides]))

/** Lists of addresses, of which clients leave out what is none; the admin API says which those are. True when some are left. */
function withoutBrokenEntries({ parameters, constraints }: Pick<Strategy, 'parameters'> & { constraints: object[] }) {
  const isAddress = (entry: string) => isIP(entry.trim().split('/')[0] as string) > 0
  const lists = constraints as { operator: string; values: string[] }[]
  for (const constraint of lists) {
    if (constraint.operator === 'IN_CIDR') constraint.values = constraint.values.filter(isAddress)
  }
  if (parameters?.IPs) parameters.IPs = parameters.IPs.split(',').filter(isAddress).join(',')
  return parameters?.IPs || lists.some(({ operator, values }) => operator === 'IN_CIDR' && values.length > 0)
}

/** Loads it as an admin would. What is refused by design would never match: it becomes a strategy that never does. */
async function load({ name, state }: Specification): Promise<(flagKey: string, context: object) => Promise<Evaluated>> {
  const environment = name
  const query = `environment=${environment}`
  const { features, segments } = stateOf(state)
  const known = new Map<number, string>()
  for (const { id, constraints } of segments) {
    const body = { key: `segment-${id}`, constraints: constraintsOf(constraints) }
    const { status } = await call('POST', `segments?${query}`, body)
    if (status === 201) known.set(id, body.key)
    else refused.push(`${name}: segment ${id}`)
  }
  for (const { name: flag, enabled } of features) {
    expect(await call('POST', `flags?${query}`, { key: keyOf(flag), enabled })).toMatchObject({ status: 201 })
  }
  // Parents first: one that has parents itself is refused to those that come later, and is the one that must stay.
  const parents = new Set(features.flatMap(({ dependencies }) => dependencies?.map(({ feature }) => feature) ?? []))
  for (const feature of features.toSorted((a, b) => Number(parents.has(b.name)) - Number(parents.has(a.name)))) {
    const path = `flags/${keyOf(feature.name)}`
    const add = (strategy: object) => call('POST', `${path}/strategies?${query}`, strategy)
    const never = async (what: string) => {
      refused.push(`${name}: ${what} of ${feature.name}`)
      expect(await add({ name: 'default', constraints: [NOBODY] })).toMatchObject({ status: 201 })
    }
    const variants = variantsOf(feature.variants, ['overrides'])
    if (variants.length > 0) {
      expect(await call('PATCH', `${path}?${query}`, { variants })).toMatchObject({ status: 200 })
    }
    const dependencies = (feature.dependencies ?? []).map(({ feature: parent, ...rest }) => ({
      flagKey: keyOf(parent),
      ...rest,
    }))
    if (dependencies.length > 0) {
      const { status } = await call('PATCH', `${path}?${query}`, { dependencies })
      if (status !== 200) {
        await never('dependencies')
        continue
      }
    }
    for (const strategy of feature.strategies ?? []) {
      const body = {
        name: strategy.name,
        parameters: strategy.parameters ?? {},
        constraints: constraintsOf(strategy.constraints),
        variants: variantsOf(strategy.variants),
        segments: (strategy.segments ?? []).map((id) => known.get(id) ?? `segment-${id}`),
      }
      let answer = await add(body)
      if (answer.status !== 201 && withoutBrokenEntries(body)) {
        corrected.push(`${name}: ${feature.name}`)
        answer = await add(body)
      }
      if (answer.status !== 201) await never(`strategy ${strategy.name}`)
    }
  }
  await configuration.refresh()
  const { key } = (await call('POST', 'api-keys', { name, environment })).body
  return async (flagName, context) => {
    const answer = await app.inject({
      method: 'POST',
      url: `/ofrep/v1/evaluate/flags/${keyOf(flagName)}`,
      headers: { 'x-api-key': key },
      payload: { context },
    })
    return answer.json()
  }
}

interface Evaluated {
  value?: unknown
  variant?: string
  metadata?: { enabled: boolean }
}

/** Two files have what clients are told of changes instead of the state that they lead to. */
function stateOf({ features = [], segments = [], events = [] }: Specification['state']) {
  const byName = new Map(features.map((feature) => [feature.name, feature]))
  const byId = new Map(segments.map((segment) => [segment.id, segment]))
  for (const event of events) {
    for (const feature of [...(event.features ?? []), ...(event.feature ? [event.feature] : [])]) {
      byName.set(feature.name, feature)
    }
    for (const segment of [...(event.segments ?? []), ...(event.segment ? [event.segment] : [])]) {
      byId.set(segment.id, segment)
    }
    if (event.featureName) byName.delete(event.featureName)
  }
  return { features: [...byName.values()], segments: [...byId.values()] }
}

const parsed = ({ type, value }: { type: string; value: string }) =>
  type === 'json' ? JSON.parse(value) : type === 'number' ? Number(value) : value

it.each(specifications)('$name', async (specification) => {
  const evaluate = await load(specification)
  const { tests = [], variantTests = [] } = specification
  for (const { description, context, toggleName, expectedResult } of tests) {
    const { metadata } = await evaluate(toggleName, context)
    expect([description, metadata?.enabled ?? false]).toEqual([description, expectedResult])
  }
  for (const { description, context, toggleName, expectedResult: expected } of variantTests) {
    const { variant, value, metadata } = await evaluate(toggleName, context)
    const is = { name: variant ?? 'disabled', enabled: variant !== undefined, on: metadata?.enabled ?? false }
    expect([description, is]).toEqual([
      description,
      { name: expected.name, enabled: expected.enabled, on: expected.feature_enabled },
    ])
    if (expected.payload) expect([description, value]).toEqual([description, parsed(expected.payload)])
  }
})

it('is 279 cases, and what the admin API refuses of them is known', () => {
  const count = (kind: 'tests' | 'variantTests') =>
    specifications.reduce((sum, specification) => sum + (specification[kind]?.length ?? 0), 0)
  expect([specifications.length, count('tests'), count('variantTests')]).toEqual([22, 227, 52])
  expect(refused).toEqual([
    '13-constraint-operators: strategy default of F7.invalid-operator',
    '14-constraint-semver-operators: strategy default of F8.invalidSemverWithLeadingV',
    '15-global-constraints: strategy default of F9.withMissingSegment',
    '17-dependent-features: dependencies of child.with.cycle',
    '17-dependent-features: dependencies of child.with.transitive.dependency',
    '17-dependent-features: dependencies of parents.not.exist.child.enabled',
    '21-regex-constraint-operators: strategy default of invalid-regex-defaults-to-false',
    '21-regex-constraint-operators: strategy default of R90.reject_lookahead',
    '21-regex-constraint-operators: strategy default of R91.reject_backreference',
    '22-cidr-constraint-operator: strategy default of CIDR.invalid.only',
  ])
  expect(corrected).toEqual([
    '06-remote-address-strategy: Feature.remoteAddress.C',
    '22-cidr-constraint-operator: CIDR.mixed.values',
    '22-cidr-constraint-operator: CIDR.ipv6.mixed.values',
  ])
  const used = specifications
    .flatMap(({ state }) => stateOf(state).features)
    .flatMap(({ strategies }) => strategies ?? [])
  const names = new Set<string>(used.map(({ name }) => name))
  const operators = new Set(used.flatMap(({ constraints }) => (constraints ?? []).map(({ operator }) => operator)))
  expect([...names].filter((name) => !(STRATEGY_NAMES as readonly string[]).includes(name))).toEqual([])
  expect(OPERATORS.filter((operator) => !operators.has(operator))).toEqual([])
})
