/** Instants are milliseconds since 1970; clocks are those of the user's zone, changes of summer time included. */

export type Zoom = 'hour' | 'day' | 'week' | 'month'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

interface Measure {
  /** How much is shown at once. */
  span: number
  /** By how much something is moved; a part of an hour, or hours of a day. */
  step: number
}

const MEASURES: Record<Zoom, Measure> = {
  hour: { span: HOUR, step: MINUTE },
  day: { span: DAY, step: 15 * MINUTE },
  week: { span: 7 * DAY, step: HOUR },
  month: { span: 30 * DAY, step: 6 * HOUR },
}

export const ZOOMS = Object.keys(MEASURES) as Zoom[]

/** A stretch of time that is shown: from `from`, until and without `to`. */
export interface View {
  from: number
  to: number
}

/**
 * The view in which `at` is a third from its beginning: more is ahead than behind. It moves in steps of a sixtieth, so that what is
 * in it is not laid out again with every second.
 */
export function viewAround(at: number, zoom: Zoom): View {
  const { span } = MEASURES[zoom]
  const step = span / 60
  const from = Math.floor((at - span / 3) / step) * step
  return { from, to: from + span }
}

/** Where the user goes by half a view, to what was (-1) or to what will be (1): the instant to look around. */
export function pan({ from }: View, zoom: Zoom, direction: -1 | 1): number {
  const { span } = MEASURES[zoom]
  return from + span / 3 + (direction * span) / 2
}

/**
 * What is read for a view: whole spans, of which the view touches two at most. Reads are kept by their parameters, so these must not
 * change with every second.
 */
export function rangeAround({ from, to }: View, zoom: Zoom): View {
  const { span } = MEASURES[zoom]
  return { from: Math.floor(from / span) * span, to: Math.ceil(to / span) * span }
}

/** Where an instant is, in pixels from the left. */
export function positionOf(at: number, { from, to }: View, width: number): number {
  return ((at - from) / (to - from)) * width
}

/** How much time so many pixels are. */
export function timeOf(pixels: number, { from, to }: View, width: number): number {
  return (pixels / width) * (to - from)
}

/** The nearest time by the clock that something can be moved to. */
export function snap(at: number, zoom: Zoom): number {
  return onClock(at, zoom, Math.round)
}

/** The next time by the clock before (-1) or after (1) `at` that something can be moved to. */
export function stepFrom(at: number, zoom: Zoom, direction: -1 | 1): number {
  const next = onClock(at, zoom, (steps) => (direction > 0 ? Math.floor(steps) + 1 : Math.ceil(steps) - 1))
  // Where clocks jump over midnight, the step before 01:00 would be 00:00, which is 01:00 there.
  return next === at ? onClock(at + direction * MEASURES[zoom].step, zoom, Math.round) : next
}

function onClock(at: number, zoom: Zoom, round: (steps: number) => number): number {
  const { step } = MEASURES[zoom]
  const offset = offsetOf(at)
  const wall = round((at + offset) / step) * step
  // By the offset it has: of an hour that comes twice, the second one stays the second one.
  if (step <= HOUR) return wall - offset
  const day = new Date(wall)
  return new Date(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate(), day.getUTCHours()).getTime()
}

export interface Tick {
  at: number
  label: string
  /** `CET`, where clocks have changed since the tick before. */
  zone: string | undefined
}

/** The lines of a view, with what clocks show there. */
export function ticks(view: View, zoom: Zoom): Tick[] {
  const found = zoom === 'week' || zoom === 'month' ? days(view) : hours(view, zoom)
  const label = LABELS[zoom]
  return found.map((at, n) => {
    const changed = offsetOf(found[n - 1] ?? at) !== offsetOf(at)
    return { at, label: label.format(at), zone: changed ? zoneOf(at) : undefined }
  })
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const LABELS = {
  hour: CLOCK,
  day: CLOCK,
  week: new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric' }),
  month: new Intl.DateTimeFormat('en-GB', { day: 'numeric' }),
}
const ZONE_NAME = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' })

function hours({ from, to }: View, zoom: 'hour' | 'day'): number[] {
  const found = []
  // Every zone's clock is at a whole quarter of an hour when that of UTC is: only then can it be at a whole hour.
  const step = zoom === 'hour' ? 5 * MINUTE : 15 * MINUTE
  for (let at = Math.ceil(from / step) * step; at < to; at += step) {
    const clock = new Date(at)
    if (zoom === 'hour' || (clock.getMinutes() === 0 && clock.getHours() % 2 === 0)) found.push(at)
  }
  return found
}

function days({ from, to }: View): number[] {
  const found = []
  const first = new Date(from)
  for (let n = 0; ; n++) {
    const at = new Date(first.getFullYear(), first.getMonth(), first.getDate() + n).getTime()
    if (at >= to) return found
    if (at >= from) found.push(at)
  }
}

/** A day or a month, as far as it is in a view. */
export interface Stretch extends View {
  label: string
}

const DAY_NAME = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' })
const MONTH_NAME = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric' })

/** What the ticks of a view are of: days, or months. */
export function stretches({ from, to }: View, zoom: Zoom): Stretch[] {
  const ofDays = zoom === 'hour' || zoom === 'day'
  const name = ofDays ? DAY_NAME : MONTH_NAME
  const found: Stretch[] = []
  for (let at = from; at < to; ) {
    const here = new Date(at)
    const [year, month, day] = [here.getFullYear(), here.getMonth(), here.getDate()]
    const next = (ofDays ? new Date(year, month, day + 1) : new Date(year, month + 1, 1)).getTime()
    found.push({ from: at, to: Math.min(next, to), label: name.format(at) })
    at = next
  }
  return found
}

function offsetOf(at: number): number {
  return -new Date(at).getTimezoneOffset() * MINUTE
}

function zoneOf(at: number): string | undefined {
  return ZONE_NAME.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value
}
