import { canonicalId, type GraphRow, sameId, sectionOf } from '../model.ts'
import { type Facts, listed, patchesNamed, type Rule, unread } from './rule.ts'

export const GRAPH_RULES: Rule[] = [
  unread('graph-line-unreadable', 'error', 'Every line of the dependency graph can be read.'),
  {
    id: 'graph-missing',
    severity: 'error',
    demands: 'There is a dependency graph.',
    hint: 'Add a section `## Dependency Graph` with a line such as `- Patch 2 [GATED] -> [1]` for every patch.',
    reads: ['patches'],
    check: ({ plan, top }) => {
      const unread = plan.problems.some(({ code }) => code === 'graph-line-unreadable')
      if (plan.graph.length > 0 || unread) return []
      const section = sectionOf(plan, 'dependency-graph')
      return [{ range: section?.heading.range ?? top, message: 'There is no dependency graph.' }]
    },
  },
  {
    id: 'graph-patch-missing',
    severity: 'error',
    demands: 'Every patch is in the dependency graph.',
    hint: 'Add its line; `-> []` when it depends on nothing.',
    reads: ['patches', 'graph-rows'],
    check: (facts) =>
      facts.patches
        .filter(({ id }) => !facts.isOrdered(id.value))
        .map(({ id, heading }) => ({ range: heading, message: `Patch ${id.value} is not in the dependency graph.` })),
  },
  {
    id: 'graph-patch-unknown',
    severity: 'error',
    demands: 'Every line of the dependency graph is of a patch that has a heading.',
    hint: 'Add the patch under "Patches", or remove the line.',
    reads: ['patches', 'graph-rows'],
    check: (facts) =>
      facts.plan.graph
        .filter(({ id }) => !facts.patch(id.value))
        .map(({ id }) => ({ range: id.range, message: `There is no heading of a Patch ${id.value}.` })),
  },
  {
    id: 'graph-row-repeated',
    severity: 'error',
    demands: 'No patch has two lines in the dependency graph.',
    hint: 'Make one line of the two.',
    reads: ['graph-rows'],
    check: ({ plan }) =>
      plan.graph
        .filter(({ id }, index) => plan.graph.findIndex((row) => sameId(row.id.value, id.value)) < index)
        .map(({ id }) => ({ range: id.range, message: `Patch ${id.value} has a line already; that one counts.` })),
  },
  {
    id: 'graph-dependency-unknown',
    severity: 'error',
    demands: 'Every dependency is a patch.',
    hint: 'Correct the id, or remove it.',
    reads: ['patches', 'graph-rows'],
    check: ({ plan, nodes }) =>
      plan.graph.flatMap((row) =>
        row.dependencies
          .filter(({ value }) => !nodes.some(({ id }) => sameId(id, value)))
          .map(({ value, range }) => ({
            range,
            message: `Patch ${row.id.value} depends on Patch ${value}, which does not exist.`,
          })),
      ),
  },
  {
    id: 'graph-dependency-repeated',
    severity: 'warning',
    demands: 'No dependency is named twice in a line.',
    hint: 'Remove one; is another patch meant?',
    reads: ['graph-rows'],
    check: ({ plan }) =>
      plan.graph.flatMap(({ id, dependencies }) =>
        dependencies
          .filter((one, index) => dependencies.findIndex((other) => sameId(other.value, one.value)) < index)
          .map(({ value, range }) => ({ range, message: `Patch ${id.value} names Patch ${value} twice.` })),
      ),
  },
  {
    id: 'graph-cycle',
    severity: 'error',
    demands: 'No patch waits for itself, also by way of others.',
    hint: 'None of them could ever start: remove one of these dependencies.',
    reads: ['graph-rows'],
    check: cycles,
  },
  {
    id: 'graph-class',
    severity: 'error',
    demands: 'A patch has the same class in its heading and in the graph.',
    hint: 'Correct the one that is wrong.',
    reads: ['patches', 'graph-rows'],
    check: (facts) =>
      facts.plan.graph.flatMap((row) => {
        const patch = facts.patch(row.id.value)
        const [here, there] = [row.class?.value, patch?.class?.value]
        if (!patch?.class || here === there) return []
        const said = here === undefined ? 'has no class here' : `is [${here}] here`
        const message = `Patch ${row.id.value} ${said} and [${there}] in its heading, line ${patch.heading.start.line}.`
        return [{ range: row.class?.range ?? row.range, message }]
      }),
  },
  {
    id: 'behavior-early',
    severity: 'warning',
    demands: 'No [BEHAVIOR] patch is among those that depend on nothing, when the plan has [INFRA] patches.',
    hint: 'Early patches contain only non-functional changes: let it depend on those that prepare it.',
    item: 2,
    reads: ['patches', 'graph-rows'],
    check: (facts) =>
      facts.plan.graph
        .filter(({ id, dependencies }) => dependencies.length === 0 && classOf(facts, id.value) === 'BEHAVIOR')
        .filter(() => facts.patches.some((patch) => patch.class?.value === 'INFRA'))
        .map(({ id, range }) => ({
          range,
          message: `Patch ${id.value} [BEHAVIOR] depends on nothing: it may ship first.`,
        })),
  },
  {
    id: 'infra-late',
    severity: 'warning',
    demands: 'No [INFRA] patch waits for a [BEHAVIOR] patch (those with test stubs have a rule of their own).',
    hint:
      'Let it depend on [INFRA] patches only, so that it can ship early. If it tests behaviour, the tests belong into the ' +
      'patches that they test.',
    item: 8,
    reads: ['patches', 'graph-rows'],
    check: (facts) =>
      facts.plan.graph
        .filter(({ id }) => classOf(facts, id.value) === 'INFRA' && !hasStubs(facts, id.value))
        .flatMap((row) => lateness(facts, row)),
  },
  {
    id: 'stubs-late',
    severity: 'warning',
    demands: 'No patch with test stubs waits for a [BEHAVIOR] patch.',
    hint: 'Skipped tests need nothing of the code that they will test: let it depend on [INFRA] patches only.',
    item: 3,
    reads: ['patches', 'graph-rows', 'test-map'],
    check: (facts) =>
      facts.plan.graph
        .filter(({ id }) => classOf(facts, id.value) === 'INFRA' && hasStubs(facts, id.value))
        .flatMap((row) => lateness(facts, row)),
  },
]

function classOf(facts: Facts, id: string): string | undefined {
  return facts.patch(id)?.class?.value
}

function hasStubs(facts: Facts, id: string): boolean {
  return facts.plan.tests.some(({ stubPatch }) => stubPatch && sameId(stubPatch.value, id))
}

function lateness(facts: Facts, { id, range }: GraphRow) {
  const before = facts.patches.filter(
    (patch) => patch.class?.value === 'BEHAVIOR' && facts.waitsFor(id.value, patch.id.value),
  )
  if (before.length === 0) return []
  return [{ range, message: `Patch ${id.value} [INFRA] waits for [BEHAVIOR] ${patchesNamed(before)}.` }]
}

/** One objection for patches that all wait for each other, at the first of them. */
function cycles(facts: Facts) {
  const reported = new Set<string>()
  return facts.plan.graph.flatMap((row) => {
    const id = row.id.value
    if (reported.has(canonicalId(id)) || !facts.waitsFor(id, id)) return []
    const members = facts.nodes.filter((node) => facts.waitsFor(node.id, id) && facts.waitsFor(id, node.id))
    for (const member of members) reported.add(canonicalId(member.id))
    const names = listed(members.map((member) => member.id))
    const message =
      members.length === 1 ? `Patch ${id} depends on itself.` : `Patches ${names} wait for each other, in a circle.`
    return [{ range: row.range, message }]
  })
}
