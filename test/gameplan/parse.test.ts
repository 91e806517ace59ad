import { describe, expect, it } from 'vitest'
import { editGameplan, renamePatch, tick } from '../../domain/gameplan/edit.ts'
import { lintGameplan } from '../../domain/gameplan/lint.ts'
import type { Gameplan, Marked } from '../../domain/gameplan/model.ts'
import { parseGameplan, printGameplan } from '../../domain/gameplan/parse.ts'
import { CLEAN, CORPUS, changed, TEMPLATE } from './corpus.ts'

const plan = parseGameplan(CLEAN)

function values(marked: (Marked<unknown> | null)[]): unknown[] {
  return marked.map((one) => one?.value ?? null)
}

/** What a document says, without where. */
function said(text: string): unknown {
  const { preamble, sections, ...rest } = parseGameplan(text)
  return JSON.parse(JSON.stringify(rest, (key, value) => (/^(range|mark|heading|text)$/.test(key) ? undefined : value)))
}

describe('the model', () => {
  it('has what the document says', () => {
    expect(plan.title?.value).toBe('streamed-export')
    expect(plan.sections.map(({ key }) => key)).not.toContain(null)
    expect(plan.flag).toMatchObject({
      type: { value: 'Environment Variable' },
      name: { value: 'ENABLE_STREAMED_EXPORT' },
      introduced: { patch: { value: '1' }, class: { value: 'INFRA' } },
      activated: { patch: { value: '5' }, class: { value: 'BEHAVIOR' } },
    })
    expect(plan.criteria.map(({ checked }) => checked)).toEqual([true, false, false, false])
    expect(plan.questions).toMatchObject([{ checked: true }])
    expect(plan.patches.map(({ id, class: given, title }) => values([id, given, title]))).toEqual([
      ['1', 'INFRA', 'Add the flag'],
      ['2', 'INFRA', 'Add test stubs'],
      ['3', 'INFRA', 'Add types'],
      ['3a', 'GATED', 'Read with a cursor'],
      ['4', 'GATED', 'Stream from the route'],
      ['5', 'BEHAVIOR', 'Wire up the flag'],
      ['6', 'BEHAVIOR', 'Refuse `v1`'],
    ])
    const [first, , third, , , , last] = plan.patches
    expect(values(first?.files ?? [])).toEqual(['src/config/flags.ts'])
    expect(values(first?.changes ?? [])).toEqual(['Add ENABLE_STREAMED_EXPORT, off everywhere'])
    expect(values(third?.files ?? [])).toEqual(['src/export/types.ts'])
    expect(values(last?.files ?? [])).toEqual(['src/export/exportRoute.ts', 'src/export/exportRoute.db.test.ts'])
    expect(plan.stubs).toMatchObject([
      { name: { value: 'streamExport > should send chunks of at most 500 rows' }, skipped: true, patchId: '2' },
      { name: { value: "streamExport > should close the cursor when the client's gone" }, pending: { value: '3a' } },
    ])
    expect(plan.tests).toHaveLength(5)
    expect(plan.tests[1]).toMatchObject({
      file: { value: 'src/export/streamExport.unit.test.ts' },
      implPatch: { value: '3a' },
    })
    expect(plan.tests[2]?.name.value).toBe('exportButton > should ask for v2 | v1')
    expect(plan.graph.map(({ id, dependencies }) => [id.value, ...values(dependencies)])).toEqual([
      ['1'],
      ['2'],
      ['3'],
      ['3a', '1', '2', '3'],
      ['4', '3a'],
      ['5', '2', '4'],
      ['6', '5'],
    ])
    expect(plan.insight?.counted).toMatchObject({
      count: { value: 5 },
      total: { value: 7 },
      classes: ['INFRA', 'GATED'],
    })
    expect(plan.checklist.map(({ checked }) => checked)).toEqual(Array(9).fill(true))
    expect(plan.problems).toEqual([])
  })

  it('survives JSON', () => {
    expect(lintGameplan(JSON.parse(JSON.stringify(plan)))).toEqual(lintGameplan(plan))
  })

  it('knows where everything is: the source at an id is the id', () => {
    const source = ({ range }: Marked) => CLEAN.slice(range.start.offset, range.end.offset)
    const ids = [
      ...plan.patches.map(({ id }) => id),
      ...plan.graph.flatMap(({ id, dependencies }) => [id, ...dependencies]),
      ...plan.tests.flatMap(({ stubPatch, implPatch }) => [stubPatch, implPatch]),
      ...plan.stubs.map(({ pending }) => pending),
    ].filter((id) => id !== null)
    expect(ids.map(source)).toEqual(ids.map(({ value }) => value))
    expect(ids).toHaveLength(7 + 7 + 7 + 10 + 2)
  })
})

describe('what real documents do', () => {
  it.each<[string, (text: string) => string]>([
    ['CRLF', (text) => text.replaceAll('\n', '\r\n')],
    ['a byte order mark', (text) => `\uFEFF${text}`],
    ['no line end at the end', (text) => text.trimEnd()],
    ['a graph outside of a code block', (text) => text.replace(/```\n(- Patch 1 [^`]*)```/, '$1')],
    [
      'a graph without bullets, in tildes',
      (text) =>
        text.replace(/```\n(- Patch 1 [^`]*)```/, (_, rows) => `~~~text\n${rows.replaceAll('- Patch', 'Patch')}~~~`),
    ],
    ['other arrows', (text) => text.replaceAll('] -> [', '] → [')],
    ['Patch before every dependency', (text) => text.replace('[1, 2, 3]', '[Patch 1, Patch 2, Patch 3]')],
    [
      'no brackets around dependencies',
      (text) => text.replace('-> [1, 2, 3]', '-> 1, 2, 3').replace('-> []', '-> none'),
    ],
    ['remarks after dependencies', (text) => text.replace('-> [1, 2, 3]', '-> [1, 2, 3] (types first)')],
    ['tabs', (text) => text.replace(/^- \[x\] /gm, '-\t[x]\t').replace('- Patch 3a', '-\tPatch 3a')],
    ['classes in backticks', (text) => text.replace(/^(### Patch \w+) (\[\w+\])/gm, '$1 `$2`')],
    ['escaped brackets', (text) => text.replace(/^(### Patch \w+) \[(\w+)\]/gm, '$1 \\[$2\\]')],
    ['small letters', (text) => text.replace(/^### Patch/gm, '### patch').replace('3a [GATED] ->', '3A [gated] ->')],
    ['closed headings', (text) => text.replace(/^(##+ .*?)( #+)?$/gm, '$1 ###')],
    ['underlined headings', (text) => text.replace(/^## (.*)$/gm, '$1\n----')],
    [
      'numbered headings',
      (text) => text.replace('## Patches', '## 9. Patches').replace('## Test Map', '## **Test Map**:'),
    ],
    ['the other spelling', (text) => text.replaceAll('Mergability', 'Mergeability')],
    ['patches as sections', (text) => text.replace(/^### Patch/gm, '## Patch')],
    ['patches in groups', (text) => text.replace('### Patch 3 ', '### Late ones\n\n### Patch 3 ')],
    ['stars for bullets', (text) => text.replace(/^- /gm, '* ')],
    [
      'columns in another order',
      (text) => text.replace(/^\| ((?:\\\||[^|])+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm, '| $4 | $2 | $1 | $3 |'),
    ],
    [
      'a comment in a list',
      (text) => text.replace('- `src/config/flags.ts`', '- `src/config/flags.ts` <!-- Patch 7 -->'),
    ],
    [
      'a drawing beside the graph',
      (text) => text.replace('## Dependency Graph', '## Dependency Graph\n\n```mermaid\nPatch 1 --> Patch 2\n```'),
    ],
  ])('%s', (_, change) => {
    const text = change(CLEAN)
    expect(text).not.toBe(CLEAN)
    expect(printGameplan(parseGameplan(text))).toBe(text)
    const findings = lintGameplan(parseGameplan(text)).findings
    expect(findings.map(({ rule, message }) => `${rule}: ${message}`)).toEqual([])
    const { graph, tests, patches } = parseGameplan(text)
    expect([graph.length, tests.length, patches.length]).toEqual([7, 5, 7])
  })

  it('reads the same with CRLF, and says lines and columns as an editor does', () => {
    const text = changed(['Patch 6 [BEHAVIOR] -> [5]', 'Patch 6 [BEHAVIOR] -> [55]'])
    const windows = text.replaceAll('\n', '\r\n')
    expect(said(windows)).toEqual(said(text))
    const [one, other] = [text, windows].map(
      (each) =>
        lintGameplan(parseGameplan(each)).findings.find(({ rule }) => rule === 'graph-dependency-unknown')?.range.start,
    )
    expect([other?.line, other?.column]).toEqual([one?.line, one?.column])
    expect(windows.split('\r\n')[(one?.line ?? 0) - 1]?.slice((one?.column ?? 0) - 1)).toBe('55]')
  })

  it('does not take a patch from a comment, or a test from an example', () => {
    const text = changed(
      ['## Test Map', '<!--\n### Patch 7 [INFRA]: Later\n-->\n\n## Test Map'],
      ['## Dependency Graph', '## Dependency Graph\n\n<!--\n- Patch 7 [INFRA] -> []\n-->'],
    )
    expect(lintGameplan(parseGameplan(text)).findings).toEqual([])
    expect(plan.stubs).toHaveLength(2)
  })
})

describe('edits', () => {
  it('tick a checkbox, and change nothing else', () => {
    const box = plan.criteria[1] ?? expect.fail()
    const edited = editGameplan(plan, tick(box, true))
    expect(edited).toBe(CLEAN.replace('- [ ] The first byte', '- [x] The first byte'))
    const again = parseGameplan(edited)
    expect(editGameplan(again, tick(again.criteria[1] ?? expect.fail(), false))).toBe(CLEAN)
    expect(tick(box, false)).toEqual([])
  })

  it('rename a patch wherever the format names it', () => {
    const edited = editGameplan(plan, renamePatch(plan, '3a', '7'))
    const expected = CLEAN.replace('### Patch 3a', '### Patch 7')
      .replaceAll('PENDING: Patch 3a', 'PENDING: Patch 7')
      .replace('| 2 | 3a |', '| 2 | 7 |')
      .replace('| Patch 3a |', '| Patch 7 |')
      .replace('- Patch 3a', '- Patch 7')
      .replace('-> [3a]', '-> [7]')
    expect(edited).toBe(expected)
    expect(lintGameplan(parseGameplan(edited)).findings).toEqual([])
    const flag = editGameplan(plan, renamePatch(plan, '1', '12'))
    expect(flag).toContain('Introduced: Patch 12 (as')
    expect(flag).toContain('Patches 12-3 can be')
  })

  it('refuse what would be no id, or two patches of one id', () => {
    expect(() => renamePatch(plan, '3a', 'three')).toThrow('"three" is no id of a patch')
    expect(() => renamePatch(plan, '3a', '4')).toThrow('There is a Patch 4 already')
    expect(() => renamePatch(plan, '9', '10')).toThrow('There is no Patch 9')
  })
})

it('gives every document back, byte for byte', () => {
  for (const text of [CLEAN, TEMPLATE, ...CORPUS.map((one) => one.text)]) {
    const read: Gameplan = parseGameplan(text)
    expect(printGameplan(read)).toBe(text)
  }
})
