import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { REPOSITORY } from '../../dev/data-dir.ts'
import { CLEAN, changed, TEMPLATE } from '../gameplan/corpus.ts'

const directory = await mkdtemp(join(tmpdir(), 'interlock-cli-'))
afterAll(() => rm(directory, { recursive: true, force: true }))

/** As `npx interlock` runs it: the script of `bin` in package.json, in the directory of the user. */
function interlock(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(REPOSITORY, 'cli', 'interlock.mjs'), ...args], {
    cwd: directory,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

async function file(name: string, text: string): Promise<string> {
  await mkdir(dirname(join(directory, name)), { recursive: true })
  await writeFile(join(directory, name), text)
  return name
}

const clean = await file('clean.md', CLEAN)
const wrong = await file('a, b/wrong.md', changed(['5 of 7', '4 of 7'], ['- [x] Early patches', '- [ ] Early patches']))

describe('gameplan lint', () => {
  it('says nothing is wrong, with exit code 0', () => {
    expect(interlock('gameplan', 'lint', clean)).toEqual({
      status: 0,
      stdout: '0 errors, 0 warnings, 0 infos in 1 file\n',
      stderr: '',
    })
  })

  it('says what is wrong and where, with exit code 1', () => {
    const { status, stdout } = interlock('gameplan', 'lint', clean, wrong)
    expect(status).toBe(1)
    const [first, hint] = stdout.split('\n')
    expect(first).toBe(
      'a, b/wrong.md:187:26: error: The sentence says 4 of 7, but 5 of 7 patches are [INFRA] or [GATED]: Patches 1, 2, 3, 3a and 4. [insight-count]',
    )
    expect(hint).toBe('    Correct the numbers, or the classes.')
    expect(stdout).toContain('1 error, 0 warnings, 1 info in 2 files\n')
  })

  it('has exit code 0 for what is only a warning', async () => {
    const untitled = await file('untitled.md', changed(['# Gameplan: streamed-export', '']))
    expect(interlock('gameplan', 'lint', untitled)).toMatchObject({ status: 0 })
  })

  it('says how many rules wait until the template is filled in', async () => {
    const { status, stdout } = interlock('gameplan', 'lint', await file('template.md', TEMPLATE))
    expect(status).toBe(1)
    expect(stdout).toMatch(/template\.md: \d\d rules held back until that is mended/)
  })

  it('writes annotations that GitHub understands', () => {
    const { status, stdout } = interlock('gameplan', 'lint', wrong, '--format', 'github')
    expect(status).toBe(1)
    expect(stdout.split('\n')[0]).toMatch(
      /^::error file=a%2C b\/wrong\.md,line=187,endLine=187,col=26,endColumn=32,title=gameplan%3A insight-count::The sentence says 4 of 7/,
    )
    expect(stdout.split('\n')[1]).toMatch(/^::notice file=a%2C b\/wrong\.md,line=\d+,.*checklist-open::/)
  })

  it('writes JSON', () => {
    const reports = JSON.parse(interlock('gameplan', 'lint', clean, wrong, '--format=json').stdout)
    expect(reports).toMatchObject([
      { file: clean, findings: [], errors: 0 },
      {
        file: wrong,
        errors: 1,
        infos: 1,
        findings: [{ rule: 'insight-count', range: { start: { line: 187, column: 26 } } }, {}],
      },
    ])
  })

  it('looks for the tests in a repository, and nowhere else', async () => {
    const missing = interlock('gameplan', 'lint', clean, '--repo', '.')
    expect(missing.status).toBe(1)
    expect(missing.stdout.match(/\[repo-file-missing\]/g)).toHaveLength(5)
    await file('secret.test.ts', "it('should answer 410 to v1', () => {})")
    const outside = await file(
      'outside.md',
      changed([/src\/export\/exportRoute.db.test.ts \| 2 \| 6/, '../secret.test.ts | 2 | 6']),
    )
    const { stdout } = interlock('gameplan', 'lint', outside, '--repo', 'a, b', '--merged', '2,6')
    expect(stdout).toContain('There is no file ../secret.test.ts in the repository.')
    expect(interlock('gameplan', 'lint', clean, '--repo', '.', '--merged', '1').status).toBe(0)
  })
})

describe('gameplan graph', () => {
  it('draws Mermaid, SVG and JSON', () => {
    expect(interlock('gameplan', 'graph', clean)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^flowchart LR\n/),
    })
    expect(interlock('gameplan', 'graph', clean, '--format', 'svg').stdout).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
    const json = JSON.parse(interlock('gameplan', 'graph', clean, '--format', 'json').stdout)
    expect(json).toMatchObject({ criticalPath: ['1', '3a', '4', '5', '6'], safeCount: 5 })
  })

  it('has exit code 1 when there is nothing to draw', async () => {
    expect(interlock('gameplan', 'graph', await file('empty.md', '')).status).toBe(1)
  })
})

it.each([
  [[], 'A command is needed.'],
  [['plan'], 'There is no command "plan".'],
  [['gameplan'], 'gameplan needs lint or graph.'],
  [['gameplan', 'lint'], 'The file of a gameplan is needed.'],
  [['gameplan', 'lint', clean, '--format', 'xml'], '--format must be text, json, github, not "xml".'],
  [['gameplan', 'lint', clean, '--merged', '1'], '--merged needs --repo.'],
  [['gameplan', 'lint', clean, '--colour'], "Unknown option '--colour'"],
  [['gameplan', 'graph', clean, wrong], 'The file of one gameplan is needed.'],
  [['gameplan', 'lint', 'none.md'], 'none.md cannot be read: ENOENT'],
])('a call that cannot be tried has exit code 2: %j', (args, message) => {
  const { status, stdout, stderr } = interlock(...args)
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toContain(message)
})

it('says how it is used', () => {
  expect(interlock('--help')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('interlock gameplan lint FILE…'),
  })
})
