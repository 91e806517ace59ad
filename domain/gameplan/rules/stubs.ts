import { type MappedTest, type Stub, sameId } from '../model.ts'
import { isNamed } from '../test-code.ts'
import type { Facts, Rule } from './rule.ts'

export const STUB_RULES: Rule[] = [
  {
    id: 'stub-unmapped',
    severity: 'warning',
    demands: 'Every test stub of the document is in the test map.',
    hint: 'Add its row, with the names of the blocks around it: `describe > should do X`.',
    item: 5,
    reads: ['test-map'],
    check: ({ plan }) =>
      plan.stubs
        .filter((stub) => plan.tests.length > 0 && !rowOf(plan.tests, stub))
        .map(({ name }) => ({ range: name.range, message: `"${name.value}" is not in the test map.` })),
  },
  {
    id: 'stub-pending',
    severity: 'error',
    demands: 'A stub is pending for the Impl Patch of the test map.',
    hint: 'Correct the comment, or the map.',
    item: 6,
    reads: ['test-map', 'patches'],
    check: ({ plan }) =>
      plan.stubs.flatMap((stub) => {
        const impl = rowOf(plan.tests, stub)?.implPatch
        if (!impl || !stub.pending || sameId(impl.value, stub.pending.value)) return []
        const where = `line ${impl.range.start.line}`
        const message = `The stub is pending for Patch ${stub.pending.value}, and the test map says ${impl.value}, ${where}.`
        return [{ range: stub.pending.range, message }]
      }),
  },
  {
    id: 'stub-pending-missing',
    severity: 'warning',
    demands: 'Every stub says which patch it is pending for.',
    hint: 'Add `// PENDING: Patch N`, with the Impl Patch of the test map.',
    reads: ['test-map'],
    check: ({ plan }) =>
      plan.stubs
        .filter(({ pending }) => pending === null)
        .map(({ name }) => ({ range: name.range, message: 'This stub does not say which patch it is pending for.' })),
  },
  {
    id: 'stub-not-skipped',
    severity: 'error',
    demands: 'Every pending test is skipped.',
    hint: 'Write `it.skip`: an empty test that runs passes, and an early patch changes nothing.',
    item: 3,
    reads: ['test-map'],
    check: ({ plan }) =>
      plan.stubs
        .filter(({ skipped }) => !skipped)
        .map(({ name }) => ({ range: name.range, message: 'This test is pending, but not skipped.' })),
  },
  {
    id: 'stub-patch',
    severity: 'error',
    demands: 'A stub in the text of a patch is in the Stub Patch of the test map.',
    hint: 'Move the stub, or correct the map.',
    item: 3,
    reads: ['test-map', 'patches'],
    check: (facts: Facts) =>
      facts.plan.stubs.flatMap((stub) => {
        const stated = rowOf(facts.plan.tests, stub)?.stubPatch
        if (!stated || !stub.patchId || sameId(stated.value, stub.patchId)) return []
        const message = `The stub is in Patch ${stub.patchId}, and the test map says ${stated.value}, line ${stated.range.start.line}.`
        return [{ range: stub.name.range, message }]
      }),
  },
]

function rowOf(tests: MappedTest[], stub: Stub): MappedTest | undefined {
  return tests.find(({ name }) => isNamed(stub.name.value, name.value))
}
