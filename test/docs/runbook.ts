import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll } from 'vitest'
import { REPOSITORY } from '../../dev/data-dir.ts'
import { findTemporalCli } from '../../dev/temporal-cli.ts'

interface Command {
  /** Heading that it is under. */
  section: string
  language: 'sh' | 'sql'
  text: string
  ran: boolean
}

/**
 * The commands of a document's code blocks: in `sh` a line each, a backslash at its end continues it; a block of `sql` is
 * one. Comments and assignments of variables are none.
 */
function commandsOf(markdown: string): Command[] {
  const commands: Command[] = []
  let section = ''
  let block: { language: string; lines: string[] } | undefined
  for (const line of markdown.split('\n')) {
    const fence = /^ *```(\w*)$/.exec(line)
    if (fence && block) {
      const add = (text: string) =>
        commands.push({ section, language: block?.language as 'sh' | 'sql', text, ran: false })
      const text = block.lines.map((text) => text.trim()).join('\n')
      if (block.language === 'sql') add(text)
      if (block.language === 'sh')
        for (const command of text.replaceAll(/\\\n/g, ' ').split('\n')) if (isCommand(command)) add(command)
      block = undefined
    } else if (fence) block = { language: fence[1] as string, lines: [] }
    else if (block) block.lines.push(line)
    else section = /^#+ (.*)$/.exec(line)?.[1] ?? section
  }
  return commands
}

/** Not a comment, and not only variables or functions that are set. */
function isCommand(line: string): boolean {
  return (
    line !== '' &&
    !line.startsWith('#') &&
    !/^([A-Z]+=(\S*|\$\(.*\)) *)+(#.*)?$/.test(line) &&
    !/^\w+\(\) \{/.test(line)
  )
}

export interface Runbook {
  commands: Command[]
  section(heading: string): Section
}

export interface Section {
  /** The one command that contains this, or matches it; it counts as run. */
  take(part: string | RegExp): string
  /** Runs it as written, with these shell variables; resolves with what it printed. */
  run(part: string | RegExp, variables?: Record<string, string>): Promise<string>
  /** The same, of a command that prints JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: bodies of all routes, looked at field by field
  json(part: string | RegExp, variables?: Record<string, string>): Promise<any>
  /** Commands that were not run yet. */
  left(): string[]
}

/**
 * Opens a document whose commands are run as an operator would run them: in bash, with the real CLI.
 *
 * @param env variables of every command, beside TEMPORAL_ADDRESS and the like
 * @param prelude bash code that goes before every command
 */
export async function openRunbook(file: string, env: Record<string, string>, prelude = ''): Promise<Runbook> {
  const bin = await mkdtemp(join(tmpdir(), 'interlock-runbook-'))
  afterAll(() => rm(bin, { recursive: true }))
  await symlink(await findTemporalCli(), join(bin, 'temporal'))
  const path = [bin, dirname(process.execPath), process.env.PATH].join(delimiter)
  const commands = commandsOf(await readFile(file, 'utf8'))
  const bash = async (script: string, variables: Record<string, string>) => {
    const options = {
      cwd: REPOSITORY,
      env: { HOME: process.env.HOME, PATH: path, NO_COLOR: '1', ...env, ...variables },
    }
    const running = promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', `${prelude}\n${script}`], options)
    // Whoever asks is answered no.
    running.child.stdin?.end()
    return (await running).stdout
  }
  return {
    commands,
    section(heading) {
      const own = commands.filter(({ section }) => section === heading)
      if (own.length === 0) throw new Error(`${file} has no commands under "${heading}"`)
      const take = (part: string | RegExp) => {
        const [found, ...others] = own.filter(({ text }) =>
          typeof part === 'string' ? text.includes(part) : part.test(text),
        )
        if (!found || others.length > 0)
          throw new Error(`"${part}" is in ${found ? others.length + 1 : 0} commands of "${heading}"`)
        found.ran = true
        return found.text
      }
      const run = (part: string | RegExp, variables = {}) => bash(take(part), variables)
      return {
        take,
        run,
        json: async (part, variables) => JSON.parse(await run(part, variables)),
        left: () => own.filter(({ ran }) => !ran).map(({ text }) => text),
      }
    },
  }
}
