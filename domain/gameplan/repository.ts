import { type Finding, ruleFinding } from './lint.ts'
import { canonicalId, type Gameplan, type MappedTest, sameId } from './model.ts'
import type { Objection, Rule } from './rules/rule.ts'
import { findTests, isNamed, type TestInCode } from './test-code.ts'

/** What is known of a repository. */
export interface Repository {
  /** The text of every file of the test map; null or absent: there is no such file. */
  files: ReadonlyMap<string, string | null>
  /** Ids of the patches that are merged; null: not known, and all stubs are expected to be there. */
  merged: readonly string[] | null
}

type RepositoryRule = Omit<Rule, 'check' | 'reads'> & { check(test: SoughtTest): string | null }

/** A row of the test map with what its file has. */
interface SoughtTest extends MappedTest {
  fileExists: boolean
  /** Its name is in the file, if only as text. */
  named: boolean
  /** null: no call of `it` or `test` with that name was found, so that nothing is known but the name. */
  code: TestInCode | null
  /** Whether the impl patch is merged; null: not known. */
  implemented: boolean | null
}

/**
 * Rules of a document and a repository. They read text and run nothing: a test is a call of `it` or `test` with its name
 * as a literal. Of others only the last part of the name is looked for, as a literal, and no state is known.
 */
export const REPOSITORY_RULES: readonly RepositoryRule[] = [
  {
    id: 'repo-file-missing',
    severity: 'error',
    demands: 'Every file of the test map exists.',
    hint: 'Correct the path, which is relative to the repository, or add the file with the stubs.',
    item: 5,
    check: ({ fileExists, file }) => (fileExists ? null : `There is no file ${file.value} in the repository.`),
  },
  {
    id: 'repo-test-missing',
    severity: 'error',
    demands: 'Every test of the map is in its file.',
    hint: 'Correct the name, or add the stub.',
    item: 5,
    check: ({ fileExists, named, file }) => (fileExists && !named ? `This test is not in ${file.value}.` : null),
  },
  {
    id: 'repo-stub-live',
    severity: 'error',
    demands: 'A test that is only stubbed is skipped.',
    hint: 'Write `it.skip`, or remove the comment PENDING when it is implemented.',
    item: 3,
    check: ({ code, file, implPatch, implemented }) => {
      if (!code || code.skipped) return null
      if (code.pending) return `This test is pending in ${file.value}, but not skipped.`
      return implemented === false ? `This test runs already, and Patch ${implPatch?.value} is not merged.` : null
    },
  },
  {
    id: 'repo-test-skipped',
    severity: 'error',
    demands: 'A test whose impl patch is merged runs.',
    hint: 'Remove `.skip`, and implement the test.',
    item: 4,
    check: ({ code, file, implPatch, implemented }) =>
      code?.skipped && implemented
        ? `This test is skipped in ${file.value}, and Patch ${implPatch?.value} is merged.`
        : null,
  },
  {
    id: 'repo-pending',
    severity: 'error',
    demands: 'A stub is pending for the Impl Patch of the test map.',
    hint: 'Correct the comment, or the map.',
    item: 6,
    check: ({ code, file, implPatch }) =>
      code?.pending && implPatch && !sameId(code.pending.id, implPatch.value)
        ? `This test is pending for Patch ${code.pending.id} in ${file.value}.`
        : null,
  },
]

/** Judges the test map by the files that it names; `rules` is for tests. */
export function lintRepository(plan: Gameplan, repository: Repository, rules = REPOSITORY_RULES): Finding[] {
  return soughtTests(plan, repository).flatMap((test) =>
    rules.flatMap((rule) => {
      const message = rule.check(test)
      const range = rule.id === 'repo-file-missing' ? test.file.range : test.name.range
      const objection: Objection | null = message ? { range, message } : null
      return objection ? [ruleFinding(plan, rule, objection)] : []
    }),
  )
}

const QUOTES = ["'", '"', '`']

/** The tests that are to be in the repository: those whose stub patch is merged, or all when that is not known. */
function soughtTests(plan: Gameplan, { files, merged }: Repository): SoughtTest[] {
  const known = merged && new Set(merged.map(canonicalId))
  const isMerged = (id: string | undefined) => known?.has(canonicalId(id ?? ''))
  const complete = plan.tests.filter(({ name, file }) => name.value !== '' && file.value !== '')
  return complete.flatMap((test): SoughtTest[] => {
    const implemented = isMerged(test.implPatch?.value) ?? null
    if (known && !implemented && !isMerged(test.stubPatch?.value)) return []
    const text = files.get(test.file.value) ?? null
    const code = findTests(text ?? '').find(({ name }) => isNamed(name, test.name.value)) ?? null
    const last = test.name.value.split('>').at(-1)?.trim() ?? ''
    const named = code !== null || QUOTES.some((quote) => text?.includes(`${quote}${last}${quote}`))
    return [{ ...test, fileExists: text !== null, named, code, implemented }]
  })
}
