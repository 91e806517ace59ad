import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Evidence, type Gate, PolicyRunStatus, readiness } from '../../domain/policy-run.ts'

const share = fc.double({ min: 0, max: 1, noNaN: true })
const few = fc.nat({ max: 5 })

const evidence: fc.Arbitrary<Evidence> = fc.record({
  status: fc.constantFrom(...PolicyRunStatus.options),
  coverage: fc.oneof(share, fc.constant(1), fc.constant(Number.NaN)),
  errors: few,
  regressions: fc.option(few, { nil: undefined }),
  maintained: fc.boolean(),
  superseded: fc.boolean(),
})
const gate: fc.Arbitrary<Gate> = fc.record(
  { coverageThreshold: share, maxErrors: few, maxRegressions: few },
  { requiredKeys: [] },
)

describe('readiness', () => {
  it('P1: ready exactly when a success has enough coverage, few enough errors, and evidence that stands', () => {
    fc.assert(
      fc.property(evidence, gate, (known, asked) => {
        const { readyToPromote } = readiness(known, asked)
        const { coverageThreshold = 1, maxErrors = 0, maxRegressions = Number.POSITIVE_INFINITY } = asked
        expect(readyToPromote).toBe(
          known.status === 'success' &&
            known.coverage >= coverageThreshold &&
            known.errors <= maxErrors &&
            (known.regressions ?? 0) <= maxRegressions &&
            known.maintained &&
            !known.superseded,
        )
      }),
      { numRuns: 2_000 },
    )
  })

  it('P2: only a success is ever ready, whatever the thresholds', () => {
    fc.assert(
      fc.property(evidence, gate, (known, asked) => {
        const { readyToPromote, blockingReasons } = readiness(known, asked)
        expect(readyToPromote).toBe(blockingReasons.length === 0)
        if (known.status !== 'success') expect(blockingReasons.join()).toContain(`the run is ${known.status}`)
      }),
    )
  })

  it('gives every reason, and no coverage that looks complete and is not', () => {
    const known = { status: 'success', errors: 3, regressions: 9, maintained: false, superseded: true } as const
    const { blockingReasons } = readiness({ ...known, coverage: 0.9999999 }, { maxErrors: 2, maxRegressions: 8 })
    expect(blockingReasons).toEqual([
      'a newer run of this policy exists',
      'coverage is 99.9999 %, below 100 %',
      '3 items could not be evaluated, more than 2',
      '9 items would disappear, more than 8',
      'writers evaluate this version no more, so its evidence is void: prepare it again',
    ])
  })
})
