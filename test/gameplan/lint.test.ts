import { describe, expect, it } from 'vitest'
import { lintGameplan, RULES } from '../../domain/gameplan/lint.ts'
import { parseGameplan } from '../../domain/gameplan/parse.ts'
import { CLEAN, CORPUS, changed, TEMPLATE } from './corpus.ts'

function rulesOf(text: string, rules = RULES): string[] {
  return lintGameplan(parseGameplan(text), rules).findings.map(({ rule }) => rule)
}

describe('a document with one thing wrong', () => {
  it.each(CORPUS.map(({ rule, at, text }) => [rule, at, text]))('%s at "%s"', (rule, at, text) => {
    const { findings } = lintGameplan(parseGameplan(text))
    expect(findings.map((finding) => finding.rule)).toEqual([rule])
    const [finding] = findings
    const { start, end } = finding?.range ?? expect.fail()
    expect(text.slice(start.offset).startsWith(at)).toBe(true)
    expect(text.split('\n')[start.line - 1]?.slice(start.column - 1, start.column + 9)).toBe(
      text.slice(start.offset).split('\n')[0]?.slice(0, 10),
    )
    expect(end.offset).toBeGreaterThanOrEqual(start.offset)
    expect(finding?.message).toMatch(/\S.*\.$/)
    expect(finding?.hint).toMatch(/\S/)
  })

  it('is there for every rule, and nothing is found by the others', () => {
    expect([...new Set(CORPUS.map(({ rule }) => rule))].sort()).toEqual(RULES.map(({ id }) => id).sort())
    for (const { rule, text } of CORPUS) {
      const others = RULES.filter(({ id }) => id !== rule)
      expect([rule, rulesOf(text, others)]).toEqual([rule, []])
    }
  })
})

it('finds nothing in a complete gameplan, in whatever order its sections are', () => {
  expect(rulesOf(CLEAN)).toEqual([])
  const [start = '', ...sections] = CLEAN.split(/^(?=## )/m)
  expect(
    rulesOf(
      start +
        sections
          .map((section) => `${section.trimEnd()}\n\n`)
          .toReversed()
          .join(''),
    ),
  ).toEqual([])
})

it('finds nothing but the placeholders in the template, and says what it could not judge', () => {
  const { findings, errors, heldBack } = lintGameplan(parseGameplan(TEMPLATE))
  expect(new Set(findings.map(({ rule }) => rule))).toEqual(new Set(['placeholder']))
  expect(errors).toBe(21)
  expect(findings.map(({ message }) => message)).toContain('The template\'s "X of Y" is still here.')
  expect(heldBack).toEqual(expect.arrayContaining(['graph-patch-unknown', 'test-patch-unknown', 'insight-count']))
  expect(heldBack).not.toContain('section-missing')
})

it('takes keys in capitals, and braces in code, for what they are', () => {
  expect(rulesOf(changed(['`ENABLE_STREAMED_EXPORT`\n', 'ENABLE_MY_FEATURE\n']))).toEqual([])
  expect(rulesOf(changed(['Rows are read', '`{ result }`\n\nRows are {read}']))).toEqual([])
})

it('counts the classes that the sentence names', () => {
  const wrong = changed(['5 of 7 patches are `[INFRA]`/`[GATED]`', '4 of 7 patches are `[INFRA]`'])
  expect(lintGameplan(parseGameplan(wrong)).findings[0]?.message).toBe(
    'The sentence says 4 of 7, but 3 of 7 patches are [INFRA]: Patches 1, 2 and 3.',
  )
  expect(rulesOf(changed(['5 of 7 patches are `[INFRA]`/`[GATED]`', '3 of 7 patches are `[INFRA]`']))).toEqual([])
})

it('says which item of the checklist a finding contradicts, and whether that is ticked', () => {
  const graph: [RegExp, string][] = [
    [/- Patch 3 \[INFRA\] -> \[\]/, '- Patch 3 [INFRA] -> [5]'],
    [/\[1, 2, 3\]/, '[1, 2]'],
    [/ Patches 1-3.*/, ''],
  ]
  expect(lintGameplan(parseGameplan(changed(...graph))).findings).toMatchObject([{ item: 8, ticked: true }])
  const open = changed(...graph, ['- [x] Dependency graph', '- [ ] Dependency graph'])
  expect(lintGameplan(parseGameplan(open)).findings[0]).toMatchObject({ item: 8, ticked: false })
})

it('judges an empty document by what is missing', () => {
  expect(new Set(rulesOf(''))).toEqual(new Set(['title-missing', 'section-missing', 'patches-missing']))
})
