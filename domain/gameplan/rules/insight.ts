import { type Patch, sameId, sectionOf } from '../model.ts'
import { type Facts, listed, type Objection, patchesNamed, type Rule } from './rule.ts'

export const INSIGHT_RULES: Rule[] = [
  {
    id: 'insight-missing',
    severity: 'warning',
    demands: 'Beneath the graph a sentence counts the patches that change nothing to be seen.',
    hint: 'Add "**Mergability insight**: X of Y patches are `[INFRA]`/`[GATED]` and can ship without changing observable behavior."',
    reads: ['dependency-graph', 'graph-rows'],
    check: ({ plan }) => {
      const section = sectionOf(plan, 'dependency-graph')
      if (!section || plan.insight?.counted) return []
      const message = plan.insight ? 'The insight counts no patches.' : 'There is no mergability insight.'
      return [{ range: plan.insight?.range ?? section.heading.range, message }]
    },
  },
  {
    id: 'insight-count',
    severity: 'error',
    demands: 'That sentence counts right.',
    hint: 'Correct the numbers, or the classes.',
    reads: ['dependency-graph', 'patches'],
    check: (facts) => {
      const { patches, plan } = facts
      const counted = plan.insight?.counted
      if (!counted) return []
      const classes = counted.classes.length > 0 ? counted.classes : ['INFRA', 'GATED']
      const meant = patches.filter((patch) => classes.includes(patch.class?.value ?? ''))
      if (counted.count.value === meant.length && counted.total.value === patches.length) return []
      const names = listed(
        classes.map((name) => `[${name}]`),
        'or',
      )
      const which = meant.length > 0 ? `: ${patchesNamed(meant)}` : ''
      const said = `The sentence says ${counted.count.value} of ${counted.total.value}`
      return [
        {
          range: { start: counted.count.range.start, end: counted.total.range.end },
          message: `${said}, but ${meant.length} of ${patches.length} patches are ${names}${which}.`,
        },
      ]
    },
  },
  {
    id: 'insight-parallel',
    severity: 'warning',
    demands: 'What is said to go in parallel can.',
    hint: 'Correct the sentence, or the graph.',
    reads: ['dependency-graph', 'patches', 'graph-rows'],
    check: parallel,
  },
]

function parallel(facts: Facts): Objection[] {
  const said = facts.plan.insight?.parallel
  if (!said) return []
  const at = (id: string) => facts.patches.findIndex((patch) => sameId(patch.id.value, id))
  const [from, to] = [at(said.from.value), at(said.to?.value ?? said.from.value)]
  const after = said.after && facts.patch(said.after.value)
  if (from === -1 || to === -1 || (said.after && !after)) {
    return [{ range: said.range, message: 'The sentence names a patch that does not exist.' }]
  }
  const meant = facts.patches.slice(from, to + 1)
  const waits = (one: Patch, other: Patch) => facts.waitsFor(one.id.value, other.id.value)
  const chained = meant.filter((one) => meant.some((other) => waits(one, other)))
  if (chained.length > 0) {
    const verb = chained.length === 1 ? 'waits' : 'wait'
    return [{ range: said.range, message: `${patchesNamed(chained)} ${verb} for others of these.` }]
  }
  if (!after) return []
  const early = meant.filter((one) => !waits(one, after))
  if (early.length > 0) {
    const verb = early.length === 1 ? 'does' : 'do'
    return [{ range: said.range, message: `${patchesNamed(early)} ${verb} not wait for Patch ${after.id.value}.` }]
  }
  const others = facts.patches.filter((other) => other !== after && !waits(after, other))
  const held = meant.filter((one) => others.some((other) => waits(one, other)))
  if (held.length === 0) return []
  const also = others.filter((other) => held.some((one) => waits(one, other)))
  const verb = held.length === 1 ? 'waits' : 'wait'
  return [{ range: said.range, message: `${patchesNamed(held)} also ${verb} for ${patchesNamed(also)}.` }]
}
