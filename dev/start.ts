import { prettyFactory } from 'pino-pretty'
import { startReaper } from './leftovers.ts'
import { readSettings, type StackSettings } from './settings.ts'
import { createStack } from './stack.ts'

/** A second signal this soon is the same Ctrl-C: the terminal sends it to npm and to us, and npm passes its own on. */
const SAME_SIGNAL_MS = 1_000

/**
 * `npm start`: runs the local stack until a signal ends it, then exits with 0; with 1 when it can't be started or one
 * of its services is given up.
 * @param root the repository; tests give one of their own
 */
export async function main(root?: string): Promise<void> {
  // A closed terminal or pipe must not take the stack down before it has been stopped.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const settings = readOrExit(root)
  const reaper = startReaper(settings.dataDir.pids)
  let ending: Promise<never> | null = null
  const stack = createStack({
    settings,
    env: process.env,
    say,
    print: printer(),
    onGiveUp: (error) => end(1, error),
  })

  function end(code: number, error?: Error): void {
    ending ??= (async () => {
      if (error) process.stderr.write(`\n${error.message}\n`)
      await stack.stop()
      reaper.kill('SIGKILL')
      if (!error) say('Stopped.')
      process.exit(code)
    })()
  }

  let firstSignal = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      firstSignal ||= Date.now()
      if (!ending) {
        say('\nStopping… (once more to kill)')
        end(0)
      } else if (Date.now() - firstSignal > SAME_SIGNAL_MS) {
        stack.kill()
        process.exit(130)
      }
    })
  }

  if (process.env.npm_lifecycle_event) onOrphaned(() => end(0))

  try {
    banner(settings, await stack.start())
  } catch (error) {
    end(1, error as Error)
  }
}

function readOrExit(root?: string): StackSettings {
  try {
    return readSettings(process.env, root)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(1)
  }
}

/** npm passes SIGTERM to the shell between it and us, and the shell dies of it without telling anybody. */
function onOrphaned(act: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    act()
  }, 500)
  timer.unref()
}

/** On a terminal the JSON lines of worker and API become readable; in a pipe they stay what they are. */
function printer(): (line: string) => void {
  const pretty = prettyFactory({
    colorize: true,
    messageKey: 'message',
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
  })
  return (line) => process.stdout.write(process.stdout.isTTY && line.startsWith('{') ? pretty(line) : `${line}\n`)
}

function banner(
  { dataDir, temporal }: StackSettings,
  { apiUrl, temporalUiUrl, databaseUrl }: { apiUrl: string; temporalUiUrl: string | null; databaseUrl: string },
): void {
  const lines = ['', 'Interlock is ready. Ctrl-C stops everything.', '', `  API           ${apiUrl}`]
  lines.push(`  Admin UI      ${apiUrl}/admin`)
  lines.push(`  API docs      ${apiUrl}/docs`)
  if (temporalUiUrl) lines.push(`  Temporal UI   ${temporalUiUrl}`)
  if (temporal) lines.push(`  Temporal      127.0.0.1:${temporal.port}, namespace ${temporal.namespace}`)
  lines.push(`  Postgres      ${withoutSecret(databaseUrl)}`)
  lines.push(`  Data and logs ${dataDir.path}`, '')
  if (process.env.INTERLOCK_JWT_JWKS_URL) {
    lines.push('Tokens come from your identity provider (INTERLOCK_JWT_JWKS_URL).')
  } else {
    lines.push('Log in with a token, and try it:', '')
    lines.push('  TOKEN=$(npm run -s token -- --role admin --subject alice)')
    lines.push(`  curl -s ${apiUrl}/api/admin/flags -H "Authorization: Bearer $TOKEN"`)
    lines.push('', 'The README has a tour with curl, also of how applications read.')
  }
  say(`${lines.join('\n')}\n`)
}

/** The embedded server's password is no secret and makes the line one to paste; the user's own may be one. */
function withoutSecret(url: string): string {
  return process.env.DATABASE_URL ? url.replace(/(:\/\/[^:/@]+):[^@]*@/, '$1:…@') : url
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

if (import.meta.main) await main()
