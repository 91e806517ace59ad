import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { RULES } from '../../domain/gameplan/lint.ts'
import { REPOSITORY_RULES } from '../../domain/gameplan/repository.ts'

it('docs/gameplans.md has every rule, as the code has it', async () => {
  const text = await readFile('docs/gameplans.md', 'utf8')
  const rows = [...text.matchAll(/^\| `([\w-]+)` +\| (\w+) +\| (.*?) +\| (\d?) +\|$/gm)].map(([, ...cells]) => cells)
  const rules = [...RULES, ...REPOSITORY_RULES].map(({ id, severity, demands, item }) => [
    id,
    severity,
    demands,
    String(item ?? ''),
  ])
  expect(rows).toEqual(rules)
})

it('what docs/gameplans.md links to is there', async () => {
  const text = await readFile('docs/gameplans.md', 'utf8')
  const links = [...text.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, path = '']) => path)
  expect(links).toHaveLength(2)
  for (const path of links) expect(await readFile(path, 'utf8')).toMatch(/^# Gameplan: /)
})
