import { Cron } from 'croner'
import { Temporal } from 'temporal-polyfill'
import { z } from 'zod'
import { Instant } from './text.ts'

export const CRON_RULE = 'must have five fields, minute hour day-of-month month day-of-week, such as "0 9 * * mon-fri"'

export const Occurrence = z
  .object({
    at: Instant,
    local: z.string().meta({ description: 'Wall clock of the zone', example: '2026-03-29T03:30:00+02:00' }),
    remark: z
      .string()
      .nullable()
      .meta({ description: 'What a change of clocks does to it', example: 'clocks go forward, shifted by 1 h' }),
  })
  .meta({ id: 'Occurrence' })
export type Occurrence = z.infer<typeof Occurrence>

/** When something recurs: a cron expression on the wall clock of a zone, and where it ends. */
export interface Rule {
  cron: string
  timeZone: string
  gap: 'skip' | 'shift'
  overlap: 'first' | 'both'
  /** The last instant at which it may occur. */
  until: Date | null
  /** How often it occurs at most; `made` of these are behind it. */
  count: number | null
  made: number
}

const HOUR = 3_600_000
/** A rule that does not occur within so many years never does: the 29th of February comes every 8 at the latest. */
const YEARS = 100

/** The next `n` occurrences after an instant, in order; fewer where the rule ends. @throws RangeError for an unknown zone */
export function nextOccurrences(rule: Rule, after: Date, n: number): Occurrence[] {
  const left = rule.count === null ? n : Math.min(n, rule.count - rule.made)
  const found: Occurrence[] = []
  if (left <= 0) return found
  for (const { at, offset, remark } of occurrencesAfter(rule, after.getTime())) {
    if (rule.until && at > rule.until.getTime()) break
    found.push({ at: new Date(at).toISOString(), local: localTime(at, offset), remark })
    if (found.length === left) break
  }
  return found
}

/** The last occurrence after one instant and up to another. @throws RangeError for an unknown zone */
export function latestOccurrence(rule: Rule, after: Date, through: Date): Occurrence | undefined {
  if (rule.count !== null && rule.made >= rule.count) return undefined
  const until = new Date(Math.min(through.getTime(), rule.until?.getTime() ?? Number.POSITIVE_INFINITY))
  const pattern = parse(rule.cron)
  for (let end = until.getTime(); ; ) {
    // From shortly before the last time that matches on the wall clock: forward from `after`, a year of minutes took 20 s.
    const { offset } = stretchAt(rule.timeZone, end)
    const wall = pattern.previousRuns(1, new Date(end + offset + 1))[0]?.getTime() ?? Number.NEGATIVE_INFINITY
    const start = Math.max(after.getTime(), Math.min(wall - offset, end) - 2 * HOUR)
    const last = nextOccurrences({ ...rule, until, count: null }, new Date(start), Number.POSITIVE_INFINITY).at(-1)
    if (last || start === after.getTime()) return last
    end = start
  }
}

interface Found {
  at: number
  offset: number
  remark: string | null
}

/** A stretch of time in which a zone keeps its offset from UTC; all in milliseconds. */
interface Stretch {
  start: number
  end: number
  offset: number
  /** Offsets of the stretches before and after this one. */
  before: number
  next: number
}

/**
 * Stretch by stretch of constant offset: within one, wall clock and time run in step, so each wall-clock time that the
 * expression matches is one instant. What clocks jump over belongs to the stretch that the jump begins, read with the
 * offset before it; what comes a second time is the beginning of a stretch whose offset is smaller.
 */
function* occurrencesAfter({ cron, timeZone, gap, overlap }: Rule, after: number): Generator<Found> {
  const pattern = parse(cron)
  const horizon = after + YEARS * 365.25 * 24 * HOUR
  const nextWall = (wall: number) => pattern.nextRun(new Date(wall))?.getTime() ?? Number.POSITIVE_INFINITY
  for (let stretch = stretchAt(timeZone, after); stretch.start < horizon; stretch = stretchAt(timeZone, stretch.end)) {
    const { start, end, offset, before } = stretch
    const from = Math.max(after, start - 1)
    let shifted = gap === 'shift' && offset > before ? nextWall(from + before) - before : Number.POSITIVE_INFINITY
    const first = overlap === 'first' && offset < before ? Math.max(from, start + before - offset - 1) : from
    let own = nextWall(first + offset) - offset
    for (;;) {
      if (shifted >= start + offset - before) shifted = Number.POSITIVE_INFINITY
      const at = Math.min(own, shifted)
      if (at >= end || at === Number.POSITIVE_INFINITY) break
      yield { at, offset, remark: remarkOf(at, stretch, at < own) }
      if (own === at) own = nextWall(own + offset) - offset
      if (shifted === at) shifted = nextWall(shifted + before) - before
    }
    if (end === Number.POSITIVE_INFINITY || own === Number.POSITIVE_INFINITY) return
  }
}

function remarkOf(at: number, { start, end, offset, before, next }: Stretch, shifted: boolean): string | null {
  if (shifted) return `clocks go forward, shifted by ${hours(offset - before)}`
  if (next < offset && at >= end - (offset - next)) return 'clocks go back, the first of two'
  if (offset < before && at < start + (before - offset)) return 'clocks go back, the second of two'
  return null
}

function stretchAt(timeZone: string, instant: number): Stretch {
  const here = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(timeZone)
  // A stretch begins with the transition itself, which `previous` would go behind.
  const began = here.add({ nanoseconds: 1 }).getTimeZoneTransition('previous')
  const ends = here.getTimeZoneTransition('next')
  const offset = offsetOf(here)
  return {
    start: began?.epochMilliseconds ?? Number.NEGATIVE_INFINITY,
    end: ends?.epochMilliseconds ?? Number.POSITIVE_INFINITY,
    offset,
    before: began ? offsetOf(began.subtract({ nanoseconds: 1 })) : offset,
    next: ends ? offsetOf(ends) : offset,
  }
}

function offsetOf({ offsetNanoseconds }: Temporal.ZonedDateTime): number {
  return offsetNanoseconds / 1e6
}

function hours(ms: number): string {
  return ms % HOUR === 0 ? `${ms / HOUR} h` : `${ms / 60_000} min`
}

function localTime(at: number, offset: number): string {
  const minutes = Math.abs(Math.trunc(offset / 60_000))
  const [h, m] = [Math.trunc(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0'))
  return `${new Date(at + offset).toISOString().slice(0, 19)}${offset < 0 ? '-' : '+'}${h}:${m}`
}

// Matched zone-free, as UTC: what a change of clocks does is ours to say.
function parse(cron: string): Cron {
  return new Cron(cron, { timezone: 'UTC', mode: '5-part' })
}

/** What is wrong with a cron expression, for people; undefined when nothing is. */
export function wrongWithCron(text: string): string | undefined {
  // Five plain fields: no nicknames (@daily) and none of the extensions (L, W, #, ?) that other crons do not share.
  if (!/^([\w*,/-]+ +){4}[\w*,/-]+$/.test(text) || /\d[LW]|\bL/i.test(text)) return CRON_RULE
  try {
    return parse(text).nextRun() ? undefined : 'must name a day that exists; there is none like this'
  } catch (error) {
    const why = (error as Error).message.replace(/^CronPattern: /, '')
    // It counts days and months from 0 where it says what is wrong with them.
    return `${CRON_RULE} (${why.replace(/(?<= (month|day): )-?\d+$/, (value) => String(Number(value) + 1))})`
  }
}

/** Is this the name of an IANA time zone that this process knows? */
export function isTimeZone(name: string): boolean {
  // Offsets such as +02:00 are accepted by Temporal, but no zones: they know no summer time.
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return Boolean(Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name))
  } catch {
    return false
  }
}
