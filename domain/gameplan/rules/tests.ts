import { type MappedTest, type Marked, type Patch, sameId, sectionOf } from '../model.ts'
import { counted, listed, patchesNamed, type Rule, unread } from './rule.ts'

const NO_TESTS = /\bno( new)? tests?\b/i

export const TEST_RULES: Rule[] = [
  unread('test-map-unreadable', 'error', 'The test map has its four columns.'),
  {
    id: 'tests-missing',
    severity: 'warning',
    demands: 'The test map has a test.',
    hint: 'Add a row for every test: | Test Name | File | Stub Patch | Impl Patch |.',
    item: 5,
    reads: ['test-map'],
    check: ({ plan }) =>
      plan.sections
        .filter(({ key }) => key === 'test-map' && plan.tests.length === 0)
        .map(({ heading }) => ({ range: heading.range, message: 'The test map has no test.' })),
  },
  {
    id: 'test-incomplete',
    severity: 'error',
    demands: 'Every test has a name, a file, a stub patch and an impl patch.',
    hint: 'Fill the cell.',
    item: 5,
    reads: ['test-map'],
    check: ({ plan }) =>
      plan.tests.flatMap(({ name, file, stubPatch, implPatch, range }) => {
        const missing = [
          ...(name.value ? [] : ['Test Name']),
          ...(file.value ? [] : ['File']),
          ...(stubPatch ? [] : ['Stub Patch']),
          ...(implPatch ? [] : ['Impl Patch']),
        ]
        return missing.length > 0 ? [{ range, message: `This test has no ${listed(missing)}.` }] : []
      }),
  },
  {
    id: 'test-patch-unknown',
    severity: 'error',
    demands: 'The patches of every test exist.',
    hint: 'Correct the id, or add the patch.',
    item: 5,
    reads: ['test-map', 'patches'],
    check: (facts) =>
      facts.plan.tests.flatMap(({ stubPatch, implPatch }) =>
        [stubPatch, implPatch]
          .filter((id): id is Marked => id !== null && !facts.patch(id.value))
          .map(({ value, range }) => ({ range, message: `There is no Patch ${value}.` })),
      ),
  },
  {
    id: 'test-stub-class',
    severity: 'error',
    demands: 'The stub patch of every test is [INFRA].',
    hint: 'Skipped tests change nothing: put them into an [INFRA] patch.',
    item: 3,
    reads: ['test-map', 'patches'],
    check: (facts) =>
      facts.plan.tests.flatMap(({ stubPatch }) => {
        const patch = facts.patch(stubPatch?.value)
        if (!stubPatch || !patch?.class || patch.class.value === 'INFRA') return []
        return [{ range: stubPatch.range, message: `Stub Patch ${stubPatch.value} is [${patch.class.value}].` }]
      }),
  },
  {
    id: 'test-stub-order',
    severity: 'error',
    demands: 'The impl patch of every test waits for its stub patch, by the graph.',
    hint: 'Add the dependency to the graph, or name another stub patch.',
    item: 3,
    reads: ['test-map', 'patches', 'graph-rows'],
    check: (facts) =>
      facts.plan.tests.flatMap(({ stubPatch, implPatch }) => {
        if (!stubPatch || !implPatch || !facts.patch(stubPatch.value) || !facts.patch(implPatch.value)) return []
        if (!facts.isOrdered(implPatch.value) || facts.waitsFor(implPatch.value, stubPatch.value)) return []
        const message = sameId(stubPatch.value, implPatch.value)
          ? `Patch ${implPatch.value} is stub patch and impl patch of this test.`
          : `Patch ${implPatch.value} does not wait for the stub of this test in Patch ${stubPatch.value}.`
        return [{ range: implPatch.range, message }]
      }),
  },
  {
    id: 'test-impl-class',
    severity: 'warning',
    demands: 'The impl patch of every test is [GATED] or [BEHAVIOR].',
    hint: 'A test goes live in the patch with the code that it tests.',
    item: 4,
    reads: ['test-map', 'patches'],
    check: (facts) =>
      facts.plan.tests.flatMap(({ implPatch }) =>
        implPatch && facts.patch(implPatch.value)?.class?.value === 'INFRA'
          ? [{ range: implPatch.range, message: `Impl Patch ${implPatch.value} is [INFRA].` }]
          : [],
      ),
  },
  {
    id: 'test-impl-elsewhere',
    severity: 'warning',
    demands: "When only another patch names the file that a test's file is about, that is the impl patch.",
    hint: 'Name the patch that implements the tested code, or add the file to its list.',
    item: 6,
    reads: ['test-map', 'patches'],
    check: (facts) =>
      facts.plan.tests.flatMap((test) => {
        const impl = facts.patch(test.implPatch?.value)
        if (!impl || !test.implPatch || impl.files.length === 0 || namesCodeOf(test, impl)) return []
        const others = facts.patches.filter((patch) => namesCodeOf(test, patch))
        if (others.length === 0) return []
        const names = `${patchesNamed(others)} ${others.length === 1 ? 'does' : 'do'}`
        const message = `Impl Patch ${test.implPatch.value} does not name the file that ${test.file.value} is about; ${names}.`
        return [{ range: test.implPatch.range, message }]
      }),
  },
  {
    id: 'test-not-colocated',
    severity: 'info',
    demands: 'The impl patch of every test names its file, if it names any.',
    hint: 'Tests go live in the same patch as the code that they test: add the file to its list.',
    item: 4,
    reads: ['test-map', 'patches'],
    check: (facts) =>
      facts.plan.tests.flatMap(({ file, implPatch }, index) => {
        const impl = facts.patch(implPatch?.value)
        if (!impl || impl.files.length === 0 || file.value === '') return []
        if (impl.files.some(({ value }) => value === file.value)) return []
        const same = (other: MappedTest) =>
          other.file.value === file.value && facts.patch(other.implPatch?.value) === impl
        if (facts.plan.tests.findIndex(same) < index) return []
        const tests = counted(facts.plan.tests.filter(same).length, 'test')
        const message = `Patch ${impl.id.value} is to implement ${tests} of ${file.value}, which is not among its files.`
        return [{ range: file.range, message }]
      }),
  },
  {
    id: 'test-repeated',
    severity: 'warning',
    demands: 'No test is in the map twice.',
    hint: 'Remove one row; a test has one stub patch and one impl patch.',
    reads: ['test-map'],
    check: ({ plan }) =>
      plan.tests
        .filter(({ name, file }, index) => {
          const first = plan.tests.findIndex(
            (other) => other.name.value === name.value && other.file.value === file.value,
          )
          return name.value !== '' && first < index
        })
        .map(({ name }) => ({ range: name.range, message: 'This test is in the map already.' })),
  },
  {
    id: 'patches-untested',
    severity: 'info',
    demands:
      'Every [GATED] and every [BEHAVIOR] patch implements a test of the map; those that do not, and do not say "No tests" with a reason, are counted.',
    hint: 'Add their tests, or say why there are none: "No tests: …".',
    item: 5,
    reads: ['test-map', 'patches'],
    check: (facts) => {
      const functional = facts.patches.filter(({ class: given }) => /^(GATED|BEHAVIOR)$/.test(given?.value ?? ''))
      const tested = new Set(facts.plan.tests.map(({ implPatch }) => facts.patch(implPatch?.value)))
      const untested = functional.filter((patch) => !tested.has(patch) && !NO_TESTS.test(patch.text))
      const section = sectionOf(facts.plan, 'test-map')
      if (!section || facts.plan.tests.length === 0 || untested.length === 0) return []
      const verb = untested.length === 1 ? 'has' : 'have'
      const all = `${untested.length} of ${functional.length} [GATED] and [BEHAVIOR] patches`
      return [
        { range: section.heading.range, message: `${all} ${verb} no test in the map: ${patchesNamed(untested)}.` },
      ]
    },
  },
]

/** Whether the patch names `foo.ts` of the test's `foo.test.ts` or `foo.unit.test.ts`. */
function namesCodeOf({ file }: MappedTest, patch: Patch): boolean {
  const match = /^(?<code>.*?)(\.(test|spec))\.\w+$/.exec(file.value)
  const code = match?.groups?.code
  if (!code) return false
  const stems = [code, code.replace(/\.[\w-]+$/, '')]
  return patch.files.some(({ value }) => value !== file.value && stems.includes(value.replace(/\.\w+$/, '')))
}
