import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { Origin } from '../domain/event.ts'
import { MediaItemLine } from '../domain/media-item.ts'
import { Problem } from '../domain/problems.ts'
import type { Database } from '../store/database.ts'
import { putItems } from '../store/media-items.ts'
import { transaction } from '../store/transaction.ts'
import { linesOf } from './lines.ts'

/** Items in a transaction: it holds the barrier's shared side for about 20 ms, so that a run that begins hardly waits. */
const BATCH = 500
/** Wrong lines that are reported one by one; of the others only the number. */
const REPORTED = 1_000
const LONGEST_LINE = 256 * 1024

export const ImportReport = z
  .object({
    lines: z.int(),
    created: z.int(),
    updated: z.int(),
    unchanged: z.int(),
    failed: z.int(),
    errors: z.array(z.object({ line: z.int(), message: z.string() })).meta({ description: 'The first 1000' }),
  })
  .meta({ id: 'ImportReport' })
export type ImportReport = z.infer<typeof ImportReport>

/**
 * Writes the items of an NDJSON stream, line by line as PUT would, in batches. Lines that are wrong are reported by number
 * (the first is 1) and left out; empty ones are skipped.
 *
 * @throws Problem `import-interrupted` when the stream broke off: what was written is in its members
 */
export async function importItems(db: Database, stream: Readable, origin: Origin): Promise<ImportReport> {
  const report: ImportReport = { lines: 0, created: 0, updated: 0, unchanged: 0, failed: 0, errors: [] }
  let batch = new Map<number, MediaItemLine>()
  const flush = async () => {
    if (batch.size === 0) return
    const items = [...batch.values()]
    batch = new Map()
    const { result } = await transaction(db, (tx) => putItems(tx, items), { origin })
    report.created += result.created
    report.updated += result.updated
    report.unchanged += result.unchanged
  }
  try {
    for await (const line of linesOf(stream, LONGEST_LINE)) {
      report.lines++
      if ('text' in line && line.text.trim() === '') continue
      const item = 'text' in line ? readLine(line.text) : line.fault
      if (typeof item === 'string') {
        report.failed++
        if (report.errors.length < REPORTED) report.errors.push({ line: report.lines, message: item })
        continue
      }
      // Later lines win, as they would one by one.
      if (batch.has(item.id)) await flush()
      batch.set(item.id, item)
      if (batch.size === BATCH) await flush()
    }
    await flush()
    return report
  } catch (error) {
    if (!stream.destroyed || stream.readableEnded) throw error
    throw new Problem(
      'import-interrupted',
      'The request broke off. Send it again: what is written already stays as it is.',
      {
        members: { ...report },
        cause: error,
      },
    )
  }
}

/** The item of a line, or what is wrong with it. */
function readLine(line: string): MediaItemLine | string {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch (error) {
    return `is not valid JSON: ${(error as Error).message}`
  }
  const parsed = MediaItemLine.safeParse(json)
  if (parsed.success) return parsed.data
  return parsed.error.issues
    .flatMap((issue) => {
      const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined]
      return keys.map((key) => [[...issue.path, key].filter((part) => part !== undefined).join('.'), issue.message])
    })
    .map((parts) => parts.filter(Boolean).join(' '))
    .join('; ')
}
