import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { latestOccurrence, nextOccurrences, type Rule } from '../../domain/recurrence.ts'

const MINUTE = 60_000
const DAY = 1_440 * MINUTE

/** Days around which clocks change, of both hemispheres, odd sizes (30 min, a whole day) and odd hours included. */
const CHANGES = [
  ['Europe/Berlin', '2026-03-29'],
  ['Europe/Berlin', '2026-10-25'],
  ['America/New_York', '2026-03-08'],
  ['America/New_York', '2026-11-01'],
  ['Australia/Sydney', '2026-04-05'],
  ['Australia/Sydney', '2026-10-04'],
  ['Australia/Lord_Howe', '2026-04-05'],
  ['Australia/Lord_Howe', '2026-10-04'],
  ['Pacific/Chatham', '2026-04-05'],
  ['Pacific/Chatham', '2026-09-27'],
  ['Pacific/Apia', '2011-12-30'],
  ['America/Sao_Paulo', '2018-02-18'],
  ['America/Sao_Paulo', '2018-11-04'],
  ['Africa/Casablanca', '2026-02-15'],
  ['Africa/Casablanca', '2026-03-22'],
  ['Asia/Kathmandu', '2026-01-01'],
] as const

/** The wall clock at every minute of six days, as Intl has it: instants, and the same as if they were UTC. */
function scan(timeZone: string, day: string): { at: number; wall: number }[] {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  const start = Date.parse(day) - 3 * DAY
  return Array.from({ length: 6 * 1_440 }, (_, i) => {
    const at = start + i * MINUTE
    const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = part
    return { at, wall: Date.UTC(year, month - 1, day, hour, minute) }
  })
}
const scans = CHANGES.map(([timeZone, day]) => ({ timeZone, minutes: scan(timeZone, day) }))

interface Fields {
  minutes: number[] | null
  hours: number[] | null
  days: number[] | null
  weekdays: number[] | null
}

function matches({ minutes, hours, days, weekdays }: Fields, wall: number): boolean {
  const date = new Date(wall)
  const onDay = days?.includes(date.getUTCDate())
  const onWeekday = weekdays?.includes(date.getUTCDay())
  // Either of them, where both are named: as cron has always had it.
  const dayFits = days && weekdays ? onDay || onWeekday : (onDay ?? onWeekday ?? true)
  return Boolean(
    dayFits && (minutes?.includes(date.getUTCMinutes()) ?? true) && (hours?.includes(date.getUTCHours()) ?? true),
  )
}

/** Minute by minute: what the clock shows, shows again, and never shows. */
function oracle(fields: Fields, minutes: { at: number; wall: number }[], { gap, overlap }: Rule): number[] {
  const found = new Set<number>()
  const shown = new Set<number>()
  for (const [i, { at, wall }] of minutes.entries()) {
    const previous = minutes[i - 1]
    for (let missing = (previous?.wall ?? wall) + MINUTE; missing < wall && gap === 'shift'; missing += MINUTE) {
      if (previous && matches(fields, missing)) found.add(previous.at + (missing - previous.wall))
    }
    if (matches(fields, wall) && !(overlap === 'first' && shown.has(wall))) found.add(at)
    shown.add(wall)
  }
  return [...found].sort((a, b) => a - b)
}

const some = (max: number, min = 0) =>
  fc.option(fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }), { nil: null })
const text = (values: number[] | null) => values?.join(',') ?? '*'

describe('occurrences', () => {
  it('are those of a scan of every minute with Intl', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...scans),
        // Mostly at the hours at which clocks change.
        fc.record({
          minutes: some(59),
          hours: fc.oneof(some(23), some(4)),
          days: some(31, 1),
          weekdays: some(6),
        }),
        fc.constantFrom('skip' as const, 'shift' as const),
        fc.constantFrom('first' as const, 'both' as const),
        fc.integer({ min: 1 * DAY, max: 5 * DAY }),
        ({ timeZone, minutes }, fields, gap, overlap, start) => {
          const cron = [fields.minutes, fields.hours, fields.days, null, fields.weekdays].map(text).join(' ')
          const first = minutes[0]?.at ?? 0
          const [after, until] = [new Date(first + start), new Date(first + 5.5 * DAY)]
          const rule: Rule = { cron, timeZone, gap, overlap, until, count: null, made: 0 }
          const expected = oracle(fields, minutes, rule).filter((at) => at > after.getTime() && at <= until.getTime())
          const found = nextOccurrences(rule, after, 10_000)
          expect(found.map(({ at }) => Date.parse(at))).toEqual(expected)
          expect(latestOccurrence(rule, after, until)).toEqual(found.at(-1))
        },
      ),
      { numRuns: 400 },
    )
  })

  const rule = (cron: string, timeZone: string, more: Partial<Rule> = {}): Rule => ({
    cron,
    timeZone,
    gap: 'shift',
    overlap: 'first',
    until: null,
    count: null,
    made: 0,
    ...more,
  })
  const two = (wanted: Rule, from: string) =>
    nextOccurrences(wanted, new Date(from), 2).map(({ local, remark }) => [local, remark])
  const forward = 'clocks go forward, shifted by 1 h'

  it('that clocks jump over are shifted by the jump, or left out', () => {
    const berlin = rule('30 2 * * *', 'Europe/Berlin')
    expect(two(berlin, '2026-03-28T12:00:00Z')).toEqual([
      ['2026-03-29T03:30:00+02:00', forward],
      ['2026-03-30T02:30:00+02:00', null],
    ])
    expect(two({ ...berlin, gap: 'skip' }, '2026-03-28T12:00:00Z')[0]).toEqual(['2026-03-30T02:30:00+02:00', null])
    // Southern spring; and a gap at midnight, which is not the first minute of that day.
    expect(two(rule('15 2 * * *', 'Australia/Sydney'), '2026-10-03T10:00:00Z')[0]).toEqual([
      '2026-10-04T03:15:00+11:00',
      forward,
    ])
    expect(two(rule('0 0 * * *', 'America/Sao_Paulo'), '2018-11-03T12:00:00Z')[0]).toEqual([
      '2018-11-04T01:00:00-02:00',
      forward,
    ])
    expect(two(rule('0 3 * * *', 'Pacific/Chatham'), '2026-09-26T10:00:00Z')[0]).toEqual([
      '2026-09-27T04:00:00+13:45',
      forward,
    ])
  })

  it('that come twice are the first, or both', () => {
    for (const [timeZone, from, first, second] of [
      ['Europe/Berlin', '2026-10-24T12:00:00Z', '2026-10-25T02:30:00+02:00', '2026-10-25T02:30:00+01:00'],
      ['Australia/Sydney', '2026-04-04T10:00:00Z', '2026-04-05T02:30:00+11:00', '2026-04-05T02:30:00+10:00'],
    ] as const) {
      const both = two(rule('30 2 * * *', timeZone, { overlap: 'both' }), from)
      expect(both).toEqual([
        [first, 'clocks go back, the first of two'],
        [second, 'clocks go back, the second of two'],
      ])
      const only = two(rule('30 2 * * *', timeZone), from)
      expect(only[0]?.[0]).toBe(first)
      expect(only[1]?.[0]).not.toBe(second)
    }
  })

  it('end with `until`, which is included, and with `count`', () => {
    const daily = rule('0 9 * * *', 'UTC')
    const from = new Date('2026-01-01T00:00:00Z')
    const until = new Date('2026-01-03T09:00:00Z')
    expect(nextOccurrences({ ...daily, until }, from, 10)).toHaveLength(3)
    expect(nextOccurrences({ ...daily, count: 5, made: 3 }, from, 10)).toHaveLength(2)
    expect(nextOccurrences({ ...daily, count: 5, made: 5 }, from, 10)).toEqual([])
    expect(latestOccurrence({ ...daily, count: 5, made: 5 }, from, until)).toBeUndefined()
  })

  it('are found years ahead and years ago without walking there', () => {
    const leap = rule('0 0 29 feb *', 'Europe/Berlin')
    expect(nextOccurrences(leap, new Date('2096-03-01T00:00:00Z'), 1)[0]?.local).toBe('2104-02-29T00:00:00+01:00')
    const minutes = rule('* * * 1 *', 'Europe/Berlin')
    const [after, now] = [new Date('2016-12-01T00:00:00Z'), new Date('2026-12-01T00:00:00Z')]
    const start = performance.now()
    expect(latestOccurrence(minutes, after, now)?.local).toBe('2026-01-31T23:59:00+01:00')
    expect(performance.now() - start).toBeLessThan(1_000)
  })
})
