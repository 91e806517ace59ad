import { readFileSync } from 'node:fs'
import { MAX_LENGTH } from '../../domain/gameplan/parse.ts'

/** A complete gameplan in which nothing is wrong. */
export const CLEAN = readFileSync(new URL('fixtures/streamed-export.md', import.meta.url), 'utf8')
/** The format's template, as it comes. */
export const TEMPLATE = readFileSync(new URL('../../domain/gameplan/template.md', import.meta.url), 'utf8')

type Change = [from: string | RegExp, to: string]
interface Case {
  rule: string
  /** The source at which the finding is; what the finding begins with. */
  at: string
  text: string
}

/** The clean gameplan with changes, each of which must change something. */
export function changed(...changes: Change[]): string {
  return changes.reduce((text, [from, to]) => {
    const after = text.replace(from, () => to)
    if (after === text) throw new Error(`The fixture has no ${from}`)
    return after
  }, CLEAN)
}

function section(name: string): RegExp {
  return new RegExp(`^## ${name}\\n[\\s\\S]*?(?=^## |(?![\\s\\S]))`, 'm')
}

const GRAPH_5 = '- Patch 5 [BEHAVIOR] -> [2, 4]'
const ROW_410 = '| exportRoute > should answer 410 to v1 | src/export/exportRoute.db.test.ts | 2 | 6 |'
const PENDING = '    // PENDING: Patch 3a\n    // setup'
const STUBS = /```ts\ndescribe[\s\S]*?```\n/
const CHUNKS = 'streamExport > should send chunks of at most 500 rows | src/export/streamExport.unit.test.ts |'

/** Without [GATED] patches. */
const UNGATED: Change[] = [
  ['5 of 7 patches are `[INFRA]`/`[GATED]`', '3 of 7 patches are `[INFRA]`'],
  [/\[GATED\]/g, '[BEHAVIOR]'],
  ['2. Implement its tests', '2. Implement its tests, because it is used at once'],
  ['Take the new path where the flag says so', 'Take the new path, because it is better'],
]

function withPatch7(heading: string, patchClass: string, insight: string): Change[] {
  return [
    ['## Test Map', `### Patch 7 ${heading}\n\n## Test Map`],
    [GRAPH_5, `${GRAPH_5}\n- Patch 7 ${patchClass} -> []`],
    ['5 of 7', insight],
  ]
}

const CASES: [rule: string, at: string, ...changes: Change[]][] = [
  ['document-too-long', '# Gameplan', ['Rows are read', 'x'.repeat(5_001)]],
  ['document-too-long', '# Gameplan', ['Rows are read', '- x\n\ny\n\n'.repeat(1_000)]],
  ['document-too-long', '# Gameplan', ['Rows are read', 'x\n'.repeat(MAX_LENGTH / 2)]],
  ['placeholder', '{Criterion 1}', ['`v1` is answered with 410', '{Criterion 1}']],
  ['placeholder', '{project-name}', ['# Gameplan: streamed-export', '# Gameplan: {project-name}']],
  ['title-missing', 'Problem Statement', ['# Gameplan: streamed-export\n', '']],
  ['section-missing', 'streamed-export', [section('Open Questions'), '']],
  ['section-missing', 'streamed-export', [section('Test Map'), ''], [STUBS, '']],
  ['section-repeated', 'Explicit Opinions', ['## Patches', '## Explicit Opinions\n\nNone.\n\n## Patches']],
  ['section-empty', 'Explicit Opinions', [section('Explicit Opinions'), '## Explicit Opinions\n\n<!-- later -->\n\n']],
  ['criteria-missing', 'Acceptance Criteria', [section('Acceptance Criteria'), '## Acceptance Criteria\n\nNone.\n\n']],
  ['criterion-without-checkbox', '`v1` is', ['- [ ] `v1` is', '- `v1` is']],
  ['questions-open', 'Do we', ['- [x] Do we', '- [ ] Do we']],
  ['flag-undocumented', 'Feature Flagging', ...UNGATED, [/Both paths exist[\s\S]*?(?=### Patch Ordering)/, '']],
  ['flag-name', 'export v2', ['`ENABLE_STREAMED_EXPORT`\n', '`export v2`\n']],
  ['flag-name', 'Patch 1', ['- Flag Name: `ENABLE_STREAMED_EXPORT`\n', '']],
  ['flag-repeated', '- Flag Name', ['- Introduced', '- Flag Name: other\n- Introduced']],
  ['flag-step-missing', 'ENABLE_STREAMED_EXPORT', [/- Activated.*\n/, '']],
  [
    'flag-step-missing',
    'the first',
    ['Introduced: Patch 1 (as [INFRA] - adding the flag itself)', 'Introduced: the first'],
  ],
  ['flag-patch-unknown', '7', ['Activated: Patch 5', 'Activated: Patch 7']],
  ['flag-class', 'Patch 4', ['Activated: Patch 5', 'Activated: Patch 4']],
  ['flag-class', 'GATED', ['Patch 5 (as [BEHAVIOR]', 'Patch 5 (as [GATED]']],
  ['flag-order', '5 (as', ...UNGATED, ['-> [1, 2, 3]', '-> [2, 3]']],
  ['gated-without-flag', '### Patch 3a', [/\*\*Feature Flag Template[\s\S]*?(?=### Patch Ordering)/, '']],
  ['gated-before-flag', '### Patch 3a', ['-> [1, 2, 3]', '-> [2, 3]'], ['[GATED] -> [3a]', '[GATED] -> [1, 3a]']],
  ['gated-after-activation', '### Patch 4', [GRAPH_5, '- Patch 5 [BEHAVIOR] -> [2, 3a]'], ['-> [5]', '-> [4, 5]']],
  ['patch-heading-unreadable', '### Patch Six', ['### Patch 6 [', '### Patch Six [']],
  ['patches-missing', 'streamed-export', [section('Patches'), '']],
  ['patch-class', 'FEATURE', ['6 [BEHAVIOR]: Ref', '6 [FEATURE]: Ref'], ['6 [BEHAVIOR] ->', '6 [FEATURE] ->']],
  ['patch-class', '### Patch 6', ['6 [BEHAVIOR]: Ref', '6: Ref']],
  ['patch-repeated', '1', ['### Patch 4 [GATED]', '### Patch 1 [INFRA]: Add the flag\n\nOff.\n\n### Patch 4 [GATED]']],
  ['patch-title-missing', '### Patch 3 ', ['[INFRA]: Add types', '[INFRA]']],
  ['patch-empty', '### Patch 3 ', [/\*\*Files to modify:\*\* `src\/export\/types.ts`\n\n.*\n/, '']],
  [
    'behavior-size',
    '### Patch 6',
    ['- src/export/exportRoute.ts\n', '- src/export/exportRoute.ts\n- src/export/bufferExport.ts\n'],
  ],
  ['behavior-justified', '### Patch 6', [/It cannot be deferred.*\n/, '']],
  ['graph-line-unreadable', '- Patch 6', ['[BEHAVIOR] -> [5]', '[BEHAVIOR] after 5']],
  ['graph-missing', 'Dependency Graph', [section('Dependency Graph'), '## Dependency Graph\n\nSee below.\n\n']],
  ['graph-patch-missing', '### Patch 6', [/\n- Patch 6 .*/, '']],
  ['graph-patch-unknown', '8', [GRAPH_5, `- Patch 8 [INFRA] -> []\n${GRAPH_5}`]],
  ['graph-row-repeated', '5', [GRAPH_5, `${GRAPH_5}\n${GRAPH_5}`]],
  ['graph-dependency-unknown', '3b', [GRAPH_5, '- Patch 5 [BEHAVIOR] -> [2, 3b, 4]']],
  ['graph-dependency-repeated', '02', [GRAPH_5, '- Patch 5 [BEHAVIOR] -> [2, 4, 02]']],
  ['graph-cycle', '- Patch 6', ['[BEHAVIOR] -> [5]', '[BEHAVIOR] -> [5, 6]']],
  ['graph-cycle', '- Patch 3a', ['-> [1, 2, 3]', '-> [1, 2, 3, 4]']],
  ['graph-class', 'INFRA', ['- Patch 4 [GATED]', '- Patch 4 [INFRA]']],
  ['graph-class', '- Patch 4', ['- Patch 4 [GATED]', '- Patch 4']],
  [
    'behavior-early',
    '- Patch 7',
    ...withPatch7('[BEHAVIOR]: Say `v2`\n\nNo tests: it is a text. It cannot be gated.', '[BEHAVIOR]', '5 of 8'),
  ],
  [
    'infra-late',
    '- Patch 3 ',
    ['- Patch 3 [INFRA] -> []', '- Patch 3 [INFRA] -> [5]'],
    ['-> [1, 2, 3]', '-> [1, 2]'],
    [' Patches 1-3 can be parallelized.', ''],
  ],
  [
    'stubs-late',
    '- Patch 3 ',
    [ROW_410, ROW_410.replace('| 2 |', '| 3 |')],
    ['- Patch 3 [INFRA] -> []', '- Patch 3 [INFRA] -> [5]'],
    ['-> [1, 2, 3]', '-> [1, 2]'],
    ['[BEHAVIOR] -> [5]', '[BEHAVIOR] -> [3, 5]'],
    [' Patches 1-3 can be parallelized.', ''],
  ],
  ['insight-missing', 'Dependency Graph', [/\*\*Mergability insight.*\n/, '']],
  ['insight-missing', 'Mergability insight', ['5 of 7 patches are `[INFRA]`/`[GATED]` and', 'Most patches']],
  ['insight-count', '4 of 7', ['5 of 7', '4 of 7']],
  ['insight-count', '5 of 8', ['5 of 7', '5 of 8']],
  ['insight-count', '5 of 7', ['are `[INFRA]`/`[GATED]` and', 'are `[INFRA]` and']],
  ['insight-parallel', 'Patches 1-3a', ['Patches 1-3 can', 'Patches 1-3a can']],
  ['insight-parallel', 'Patches 5-9', ['Patches 1-3 can', 'Patches 5-9 can']],
  ['insight-parallel', 'Patches 1-3 ', ['can be parallelized', 'can be parallelized after Patch 4']],
  ['insight-parallel', 'Patch 5 ', ['Patches 1-3 can be parallelized', 'Patch 5 can go in parallel after Patch 2']],
  ['test-map-unreadable', '| Test Name | File | Patch', [/Stub Patch \| Impl Patch/, 'Patch | Impl Patch']],
  ['tests-missing', 'Test Map', [section('Test Map'), '## Test Map\n\nNone.\n\n']],
  ['test-incomplete', ROW_410.replace('| 2 |', '| - |'), [ROW_410, ROW_410.replace('| 2 |', '| - |')]],
  [
    'test-incomplete',
    ROW_410.replace('src/export/exportRoute.db.test.ts', ''),
    [ROW_410, ROW_410.replace('src/export/exportRoute.db.test.ts', '')],
  ],
  ['test-patch-unknown', '2 or 3', [ROW_410, ROW_410.replace('| 2 |', '| 2 or 3 |')]],
  ['test-stub-class', '3a', [ROW_410, ROW_410.replace('| 2 |', '| 3a |')]],
  [
    'test-stub-order',
    '5 |',
    ...withPatch7('[INFRA]: Add a stub\n\nOf the button.', '[INFRA]', '6 of 8'),
    ['| 2 | 5 |', '| 7 | 5 |'],
  ],
  [
    'test-impl-class',
    '3 |',
    [ROW_410, `${ROW_410}\n| types > should have a last chunk | src/export/other.test.ts | 2 | 3 |`],
    ['- Patch 3 [INFRA] -> []', '- Patch 3 [INFRA] -> [2]'],
    [' Patches 1-3 can be parallelized.', ''],
    ['`src/export/types.ts`\n', '`src/export/types.ts`, `src/export/other.test.ts`\n'],
  ],
  [
    'test-impl-elsewhere',
    '4 |',
    [
      'should ask for v2 \\| v1 | src/export/exportButton.unit.test.ts | 2 | 5 |',
      'should ask for v2 | src/export/exportButton.unit.test.ts | 2 | 4 |',
    ],
    [
      '- `src/export/exportRoute.db.test.ts`\n\n**Changes:**',
      '- `src/export/exportRoute.db.test.ts`\n- `src/export/exportButton.unit.test.ts`\n\n**Changes:**',
    ],
    ['(2 files)', '(3 files)'],
    [ROW_410, `${ROW_410}\n| button > should show | src/export/exportButton.unit.test.ts | 2 | 5 |`],
  ],
  [
    'test-not-colocated',
    'src/export/exportButton.unit',
    [/- `src\/export\/exportButton.unit.test.ts`\n(?=\n\*\*Changes)/, ''],
  ],
  ['test-repeated', 'exportRoute > should answer', [ROW_410, `${ROW_410}\n${ROW_410}`]],
  ['patches-untested', 'Test Map', [`${ROW_410}\n`, '']],
  [
    'stub-unmapped',
    "it.skip('should stop",
    ['  it.skip("should', "  it.skip('should stop', () => {\n    // PENDING: Patch 3a\n  })\n\n  it.skip(\"should"],
  ],
  ['stub-pending', '4', [PENDING, PENDING.replace('3a', '4')]],
  ['stub-pending-missing', "it.skip('should send", [PENDING, '    // setup']],
  ['stub-not-skipped', "it('should send", ["it.skip('should send", "it('should send"]],
  ['stub-patch', "it.skip('should send", [`${CHUNKS} 2 |`, `${CHUNKS} 1 |`]],
  ['checklist-item-missing', 'Mergability Checklist', [/- \[x\] `\[BEHAVIOR\]` patches are as small.*\n/, '']],
  ['checklist-open', 'Early patches', ['- [x] Early patches', '- [ ] Early patches']],
]

/** Documents in each of which one rule is broken, once. */
export const CORPUS: Case[] = CASES.map(([rule, at, ...changes]) => ({ rule, at, text: changed(...changes) }))
