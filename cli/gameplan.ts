import { readFile } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { drawnGraph, type PatchGraph, patchNodes } from '../domain/gameplan/graph.ts'
import { type LintReport, lintGameplan, reportOf } from '../domain/gameplan/lint.ts'
import { toMermaid } from '../domain/gameplan/mermaid.ts'
import type { Gameplan } from '../domain/gameplan/model.ts'
import { parseGameplan } from '../domain/gameplan/parse.ts'
import { lintRepository } from '../domain/gameplan/repository.ts'
import { toSvg } from '../domain/gameplan/svg.ts'
import { FORMATS } from './report.ts'

export const USAGE = `Usage:
  interlock gameplan lint FILE… [--format text|json|github] [--repo DIR [--merged IDS]]
      Judges gameplans. --repo looks for the tests of the test map in their files;
      --merged 1,2,3a says which patches are merged, so that stubs are told from tests that must run.
  interlock gameplan graph FILE [--format mermaid|svg|json]
      Draws the dependency graph.
Exit code: 0, 1 when a gameplan has errors (lint) or no patches (graph), 2 when it could not be tried.
`

/** The call itself is wrong. */
export class UsageError extends Error {}

/** What goes to stdout, and the exit code. */
export interface Outcome {
  output: string
  code: 0 | 1
}

/**
 * @param args after `gameplan`
 * @throws UsageError, and Error when a file cannot be read
 */
export async function gameplan([command, ...args]: string[]): Promise<Outcome> {
  if (command === 'lint') return await lint(args)
  if (command === 'graph') return await graph(args)
  if (command === '--help' || command === '-h') return { output: USAGE, code: 0 }
  throw new UsageError(command === undefined ? 'gameplan needs lint or graph.' : `There is no "gameplan ${command}".`)
}

async function lint(args: string[]): Promise<Outcome> {
  const { values, positionals } = argumentsOf(args, {
    format: { type: 'string', default: 'text' },
    repo: { type: 'string' },
    merged: { type: 'string' },
  })
  const format = choice(FORMATS, values.format)
  if (positionals.length === 0) throw new UsageError('The file of a gameplan is needed.')
  if (values.merged !== undefined && values.repo === undefined) throw new UsageError('--merged needs --repo.')
  const merged = values.merged?.split(',').map((id) => id.trim()) ?? null
  const reports = await Promise.all(
    positionals.map(async (file) => {
      const plan = parseGameplan(await readText(file))
      const report = lintGameplan(plan)
      return { file, ...(values.repo === undefined ? report : await withRepository(plan, report, values.repo, merged)) }
    }),
  )
  return { output: format(reports), code: reports.some(({ errors }) => errors > 0) ? 1 : 0 }
}

async function withRepository(plan: Gameplan, report: LintReport, directory: string, merged: string[] | null) {
  // A map that is not filled in, or cannot be read, names nothing that could be looked for.
  if (report.heldBack.includes('tests-missing')) return report
  const names = [...new Set(plan.tests.map(({ file }) => file.value))]
  const texts = await Promise.all(names.map((name) => textWithin(directory, name)))
  const files = new Map(names.map((name, index) => [name, texts[index] ?? null]))
  const found = [...report.findings, ...lintRepository(plan, { files, merged })]
  return { ...report, ...reportOf(found.sort((one, other) => one.range.start.offset - other.range.start.offset)) }
}

/** Null when there is no such file in the directory. */
async function textWithin(directory: string, name: string): Promise<string | null> {
  const path = join(directory, name)
  const way = relative(directory, path)
  if (isAbsolute(name) || isAbsolute(way) || way.startsWith('..')) return null
  return await readFile(path, 'utf8').catch(() => null)
}

async function graph(args: string[]): Promise<Outcome> {
  const { values, positionals } = argumentsOf(args, { format: { type: 'string', default: 'mermaid' } })
  const draw = choice(DRAWINGS, values.format)
  const [file] = positionals
  if (file === undefined || positionals.length > 1) throw new UsageError('The file of one gameplan is needed.')
  const drawn = drawnGraph(patchNodes(parseGameplan(await readText(file))))
  return { output: draw(drawn), code: drawn.patches.length > 0 ? 0 : 1 }
}

const DRAWINGS: Record<string, (graph: PatchGraph) => string> = {
  mermaid: toMermaid,
  svg: toSvg,
  json: (drawn) => `${JSON.stringify(drawn, null, 2)}\n`,
}

function argumentsOf<const Options extends NonNullable<Parameters<typeof parseArgs>[0]>['options']>(
  args: string[],
  options: Options,
) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function choice<Choice>(choices: Record<string, Choice>, name: string): Choice {
  const chosen = Object.hasOwn(choices, name) ? choices[name] : undefined
  if (chosen === undefined) throw new UsageError(`--format must be ${Object.keys(choices).join(', ')}, not "${name}".`)
  return chosen
}

async function readText(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((error: Error) => {
    throw new Error(`${file} cannot be read: ${error.message}`)
  })
}
