import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import type { ImportReport } from '../api/media-import.ts'
import { localToken } from './token.ts'

const USAGE = 'npm run -s import -- FILE.ndjson [--url http://127.0.0.1:3000] [--token …]   (- for standard input)'
const LINES = 5_000
/** Characters from which a request is sent although it has fewer lines. */
const LARGE = 16 * 1024 * 1024
/** The API answers within five minutes, or not at all. */
const PATIENCE_MS = 300_000

type Counts = Pick<ImportReport, 'lines' | 'created' | 'updated' | 'unchanged' | 'failed'>

export interface ImportOptions {
  /** base URL, e.g. `http://127.0.0.1:3000` */
  url: string
  /** of an admin */
  token: string
  input: AsyncIterable<string>
  /** lines in a request; default 5,000 */
  linesPerRequest?: number
  /** told of each line that the API refused, by its number in the input */
  onRefused?: (line: number, message: string) => void
  /** told what is done so far, after each request */
  onProgress?: (counts: Counts) => void
}

/**
 * Sends NDJSON to a running API, a few thousand lines at a time. What is wrong with lines is reported, the others are
 * written; sent again, they change nothing.
 *
 * @throws Error that says which lines were not taken, and why, when a request fails
 */
export async function importLines(options: ImportOptions): Promise<Counts> {
  const { input, linesPerRequest = LINES, onRefused = () => {}, onProgress = () => {} } = options
  const counts: Counts = { lines: 0, created: 0, updated: 0, unchanged: 0, failed: 0 }
  for await (const lines of batches(input, linesPerRequest)) {
    const report = await send(options, lines).catch((error: Error) => {
      const done = `Lines ${counts.lines + 1} to ${counts.lines + lines.length} were not all taken`
      throw new Error(`${error.message}\n${done}; run it again, what is written already stays as it is.`)
    })
    for (const { line, message } of report.errors) onRefused(counts.lines + line, message)
    counts.lines += lines.length
    counts.created += report.created
    counts.updated += report.updated
    counts.unchanged += report.unchanged
    counts.failed += report.failed
    onProgress(counts)
  }
  return counts
}

async function* batches(input: AsyncIterable<string>, most: number): AsyncGenerator<string[]> {
  let batch: string[] = []
  let size = 0
  for await (const line of linesOf(input)) {
    batch.push(line)
    size += line.length
    if (batch.length < most && size < LARGE) continue
    yield batch
    batch = []
    size = 0
  }
  if (batch.length > 0) yield batch
}

async function* linesOf(input: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of input) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() as string
    yield* lines
    if (rest.length > LARGE) throw new Error(`A line of more than ${LARGE} characters: is this NDJSON?`)
  }
  if (rest !== '') yield rest
}

async function send({ url, token }: ImportOptions, lines: string[]): Promise<ImportReport> {
  const address = new URL('/api/admin/media-items/import', url)
  const answer = await fetch(address, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: lines.join('\n'),
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).catch((error: Error) => {
    const { code, message } = (error.cause ?? error) as { code?: string; message: string }
    throw new Error(`${url} does not answer (${code ?? message}). Is it running?`)
  })
  const text = await answer.text()
  if (answer.ok) return JSON.parse(text)
  if (answer.status === 401 || answer.status === 403) {
    throw new Error(`The API refused the token (${answer.status}): it must be a valid one of an admin. ${text}`)
  }
  throw new Error(`The API answered ${answer.status}: ${text.slice(0, 2_000)}`)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { url: { type: 'string' }, token: { type: 'string' } },
    allowPositionals: true,
  })
  const [file, ...more] = positionals
  if (!file || more.length > 0) throw new Error(`One file is needed.\nUsage: ${USAGE}`)
  const url = values.url ?? `http://127.0.0.1:${process.env.PORT || 3000}`
  const input = await open(file)
  const token = values.token ?? process.env.INTERLOCK_TOKEN ?? (await localToken({ role: 'admin', subject: 'import' }))
  const begun = performance.now()
  let told = begun
  let reported = 0
  const refuse = (line: number, message: string) => {
    process.stderr.write(`line ${line}: ${message}\n`)
    reported += 1
  }
  const progress = ({ lines, failed }: Counts) => {
    if (performance.now() - told < 1_000) return
    told = performance.now()
    console.log(`  ${number(lines)} lines, ${number(failed)} refused (${rate(lines, begun)})`)
  }
  const counts = await importLines({ url, token, input, onRefused: refuse, onProgress: progress })
  const { lines, created, updated, unchanged, failed } = counts
  if (failed > reported) process.stderr.write(`… and ${number(failed - reported)} more lines\n`)
  console.log(
    `${number(lines)} lines: ${number(created)} created, ${number(updated)} updated, ${number(unchanged)} unchanged, ` +
      `${number(failed)} refused (${rate(lines, begun)})`,
  )
  if (failed > 0) process.exitCode = 1
}

async function open(file: string): Promise<Readable> {
  if (file === '-') return process.stdin.setEncoding('utf8')
  const stream = createReadStream(file, 'utf8')
  // A missing file is told before anything else is tried.
  await new Promise((resolve, reject) => stream.once('open', resolve).once('error', reject))
  return stream
}

function number(value: number): string {
  return value.toLocaleString('en')
}

function rate(lines: number, begun: number): string {
  const seconds = (performance.now() - begun) / 1_000
  return `${seconds.toFixed(1)} s, ${number(Math.round(lines / seconds))}/s`
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  })
}
