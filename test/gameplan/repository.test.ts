import { describe, expect, it } from 'vitest'
import { parseGameplan } from '../../domain/gameplan/parse.ts'
import { lintRepository, REPOSITORY_RULES } from '../../domain/gameplan/repository.ts'
import { CLEAN, changed } from './corpus.ts'

const UNIT = 'src/export/streamExport.unit.test.ts'
const BUTTON = 'src/export/exportButton.unit.test.ts'
const ROUTE = 'src/export/exportRoute.db.test.ts'

/** The repository after Patch 2: every test is a stub. */
const STUBBED: Record<string, string | null> = {
  [UNIT]: `describe('streamExport', () => {
  it.skip('should send chunks of at most 500 rows', () => {
    // PENDING: Patch 3a
  })
  it.skip("should close the cursor when the client's gone", () => {
    // PENDING: Patch 3a
  })
})`,
  [BUTTON]: `describe('exports', () => {
  describe.skip('exportButton', () => {
    test('should ask for v2 | v1', () => {
      // PENDING: Patch 5
    })
  })
})`,
  [ROUTE]: `describe('exportRoute', () => {
  it.todo('should stream when the flag is on')
  // PENDING: Patch 4
  xit(\`should answer 410 to v1\`, () => {
    /* PENDING: Patch 6 */
  })
})`,
}

function found(files: Record<string, string | null>, merged: string[] | null = null, text = CLEAN): string[] {
  const known = new Map(Object.entries({ ...STUBBED, ...files }))
  return lintRepository(parseGameplan(text), { files: known, merged }).map(({ rule, message, range }) => {
    return `${rule} ${range.start.line}: ${message}`
  })
}

function edited(file: string, from: string, to: string): Record<string, string> {
  const before = STUBBED[file] ?? ''
  expect(before).toContain(from)
  return { [file]: before.replace(from, to) }
}

describe('the test map and the repository', () => {
  it('agree while everything is stubbed, however that is written', () => {
    expect(found({})).toEqual([])
    expect(found({}, ['1', '2'])).toEqual([])
  })

  it.each([
    ['repo-file-missing', { [UNIT]: null }, null, 'repo-file-missing 164'],
    ['repo-test-missing', edited(ROUTE, '410', '404'), null, 'repo-test-missing 173'],
    ['repo-stub-live', edited(UNIT, "it.skip('should send", "it('should send"), null, 'repo-stub-live 164'],
    ['repo-pending', edited(BUTTON, 'Patch 5', 'Patch 6'), null, 'repo-pending 166'],
    ['repo-test-skipped', {}, ['1', '2', '3', '3a', '4', '5', '6'], 'repo-test-skipped 173'],
  ])('%s is found', (rule, files, merged, finding) => {
    const all = found(files, merged)
    expect(all.filter((one) => one.startsWith(finding))).toHaveLength(1)
    expect(all.every((one) => one.startsWith(rule))).toBe(true)
  })

  it('has a case above for every rule', () => {
    expect(REPOSITORY_RULES.map(({ id }) => id)).toEqual([
      'repo-file-missing',
      'repo-test-missing',
      'repo-stub-live',
      'repo-test-skipped',
      'repo-pending',
    ])
  })

  it('knows from the merged patches what is to run', () => {
    const live = { [UNIT]: (STUBBED[UNIT] ?? '').replaceAll('.skip', '').replace(/ *\/\/ PENDING.*\n/g, '') }
    expect(found(live, ['1', '2', '3', '3a'])).toEqual([])
    expect(found(live, ['1', '2']).join()).toContain(
      'repo-stub-live 164: This test runs already, and Patch 3a is not merged.',
    )
    expect(found({}, ['1', '2', '3', '3A'])[0]).toContain('repo-test-skipped 164')
  })

  it('knows where a skipped block ends', () => {
    const text = `describe.skip('later', () => {\n  it('a', () => {})\n})\n${STUBBED[UNIT]?.replaceAll('.skip', '')}`
    const live = { [UNIT]: text.replace(/ *\/\/ PENDING.*\n/g, '') }
    expect(found(live, ['1', '2', '3', '3a'])).toEqual([])
  })

  it('expects nothing of a patch that is not merged', () => {
    expect(found({ [UNIT]: null, [BUTTON]: '', [ROUTE]: null }, ['1'])).toEqual([])
  })

  it('finds a name that is not in the call by its last part, and says nothing of its state', () => {
    expect(
      found({
        [ROUTE]: 'for (const title of ["should answer 410 to v1", "should stream when the flag is on"]) it(title)',
      }),
    ).toEqual([])
  })

  it('does not confuse a test with one whose name it ends with', () => {
    const longer = edited(
      UNIT,
      "'should send chunks of at most 500 rows'",
      "'never should send chunks of at most 500 rowsets'",
    )
    expect(found(longer)).toHaveLength(1)
    const text = changed(['| exportRoute > should answer 410 to v1 |', '| should answer 410 to v1 |'])
    expect(found({}, null, text)).toEqual([])
  })
})
