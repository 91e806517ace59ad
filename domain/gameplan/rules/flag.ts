import { type Flag, type FlagStep, type PatchClass, sameId } from '../model.ts'
import { type Facts, type Objection, patchesNamed, type Rule, unread } from './rule.ts'

const KEY = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/

export const FLAG_RULES: Rule[] = [
  {
    id: 'flag-undocumented',
    severity: 'warning',
    demands: 'The flagging strategy names a flag, or says why none is needed.',
    hint: 'Name the flag, or explain why none is needed.',
    item: 1,
    reads: ['feature-flagging-strategy'],
    check: ({ plan }) =>
      plan.sections
        .filter(({ key }) => key === 'feature-flagging-strategy' && !plan.flag && !plan.flagProse)
        .map(({ heading }) => ({ range: heading.range, message: 'The flagging strategy is not documented.' })),
  },
  {
    id: 'flag-name',
    severity: 'error',
    demands: 'The flag has a name that can be its key: 1 to 100 of A-Z a-z 0-9 . _ -.',
    hint: 'Write it as `- Flag Name: ENABLE_MY_CHANGE`.',
    item: 1,
    reads: ['feature-flagging-strategy'],
    check: ({ plan: { flag } }) => {
      if (!flag || (flag.name && KEY.test(flag.name.value))) return []
      if (flag.name) return [{ range: flag.name.range, message: `"${flag.name.value}" cannot be the key of a flag.` }]
      const range = (flag.introduced ?? flag.activated)?.range
      return range ? [{ range, message: 'The flag has no name.' }] : []
    },
  },
  unread('flag-repeated', 'warning', 'No field of the flag is there twice.'),
  {
    id: 'flag-step-missing',
    severity: 'error',
    demands: 'A flag is introduced by a patch and activated by one.',
    hint: 'Add `- Introduced: Patch N (as [INFRA] - …)` and `- Activated: Patch M (as [BEHAVIOR] - …)`.',
    item: 1,
    reads: ['feature-flagging-strategy'],
    check: ({ plan: { flag } }) =>
      steps(flag).flatMap(({ name, step }) => {
        if (!flag || step?.patch) return []
        const range = (step ?? flag.name ?? flag.introduced ?? flag.activated)?.range
        return range ? [{ range, message: `The flag does not say in which patch it is ${name}.` }] : []
      }),
  },
  {
    id: 'flag-patch-unknown',
    severity: 'error',
    demands: 'The patches that introduce and activate the flag exist.',
    hint: 'Correct the id, or add the patch.',
    item: 1,
    reads: ['feature-flagging-strategy', 'patches'],
    check: (facts) =>
      steps(facts.plan.flag).flatMap(({ step }) =>
        step?.patch && !facts.patch(step.patch.value)
          ? [{ range: step.patch.range, message: `There is no Patch ${step.patch.value}.` }]
          : [],
      ),
  },
  {
    id: 'flag-class',
    severity: 'error',
    demands: 'The patch that introduces the flag is [INFRA], the one that activates it is [BEHAVIOR].',
    hint: 'Correct the class, or name another patch.',
    item: 1,
    reads: ['feature-flagging-strategy', 'patches'],
    check: (facts) => steps(facts.plan.flag).flatMap(({ step, wanted }) => (step ? classOf(facts, step, wanted) : [])),
  },
  {
    id: 'flag-order',
    severity: 'error',
    demands: 'The patch that activates the flag waits for the one that introduces it.',
    hint: 'Add the dependency to the graph.',
    item: 1,
    reads: ['feature-flagging-strategy', 'patches', 'graph-rows'],
    check: (facts) => {
      const { introduced, activated } = known(facts)
      if (!introduced || !activated || facts.waitsFor(activated.value, introduced.value)) return []
      const message = `Patch ${activated.value} activates the flag, and does not wait for Patch ${introduced.value}, which introduces it.`
      return [{ range: activated.range, message }]
    },
  },
  {
    id: 'gated-without-flag',
    severity: 'warning',
    demands: 'A plan with [GATED] patches has a flag.',
    hint: 'Say which flag gates them.',
    item: 1,
    reads: ['feature-flagging-strategy', 'patches'],
    check: (facts) => {
      const gated = gatedOf(facts)
      const [first] = gated
      if (!first || facts.plan.flag) return []
      const verb = gated.length === 1 ? 'is' : 'are'
      return [{ range: first.heading, message: `${patchesNamed(gated)} ${verb} [GATED], and the plan names no flag.` }]
    },
  },
  {
    id: 'gated-before-flag',
    severity: 'warning',
    demands: 'Every [GATED] patch waits for the patch that introduces the flag.',
    hint: 'Add the dependency to the graph.',
    reads: ['feature-flagging-strategy', 'patches', 'graph-rows'],
    check: (facts) => {
      const { introduced } = known(facts)
      if (!introduced) return []
      return orderedGated(facts)
        .filter(({ id }) => !facts.waitsFor(id.value, introduced.value))
        .map(({ id, heading }) => ({
          range: heading,
          message: `Patch ${id.value} [GATED] does not wait for Patch ${introduced.value}, which introduces the flag.`,
        }))
    },
  },
  {
    id: 'gated-after-activation',
    severity: 'warning',
    demands: 'The patch that activates the flag waits for every [GATED] patch.',
    hint: 'What comes later ships to everybody who has the flag: add the dependency, or call it [BEHAVIOR].',
    reads: ['feature-flagging-strategy', 'patches', 'graph-rows'],
    check: (facts) => {
      const { activated } = known(facts)
      if (!activated) return []
      return orderedGated(facts)
        .filter(({ id }) => !sameId(id.value, activated.value) && !facts.waitsFor(activated.value, id.value))
        .map(({ id, heading }) => ({
          range: heading,
          message: `Patch ${activated.value} activates the flag, and does not wait for Patch ${id.value} [GATED].`,
        }))
    },
  },
]

function steps(flag: Flag | null): { name: string; step: FlagStep | null; wanted: PatchClass }[] {
  if (!flag) return []
  return [
    { name: 'introduced', step: flag.introduced, wanted: 'INFRA' },
    { name: 'activated', step: flag.activated, wanted: 'BEHAVIOR' },
  ]
}

/** The ids of the flag's two steps, as far as the graph says when they come. */
function known(facts: Facts) {
  const { flag } = facts.plan
  const found = (step: FlagStep | null | undefined) => {
    const id = step?.patch
    return id && facts.patch(id.value) && facts.isOrdered(id.value) ? id : undefined
  }
  return { introduced: found(flag?.introduced), activated: found(flag?.activated) }
}

function gatedOf(facts: Facts) {
  return facts.patches.filter((patch) => patch.class?.value === 'GATED')
}

function orderedGated(facts: Facts) {
  return gatedOf(facts).filter(({ id }) => facts.isOrdered(id.value))
}

/** The class in the heading and the one said beside the flag. */
function classOf(facts: Facts, step: FlagStep, wanted: PatchClass): Objection[] {
  const actual = facts.patch(step.patch?.value)?.class?.value
  if (actual !== undefined && actual !== wanted) {
    return [{ range: step.range, message: `Patch ${step.patch?.value} is [${actual}], not [${wanted}].` }]
  }
  if (step.class && step.class.value !== wanted) {
    return [{ range: step.class.range, message: `This says [${step.class.value}], and it should be [${wanted}].` }]
  }
  return []
}
