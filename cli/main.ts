import { gameplan, USAGE, UsageError } from './gameplan.ts'

/** `npx interlock …`: exit code 0, 1 when something was found that is wrong, 2 when it could not be tried. */
try {
  const [command, ...args] = process.argv.slice(2)
  if (command === '--help' || command === '-h') process.stdout.write(USAGE)
  else if (command === 'gameplan') {
    const { output, code } = await gameplan(args)
    process.exitCode = code
    // Whoever reads may have read enough, as `head` has.
    process.stdout.on('error', () => {})
    process.stdout.write(output)
  } else throw new UsageError(command === undefined ? 'A command is needed.' : `There is no command "${command}".`)
} catch (error) {
  const usage = error instanceof UsageError ? `\n${USAGE}` : '\n'
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}${usage}`)
  process.exitCode = 2
}
