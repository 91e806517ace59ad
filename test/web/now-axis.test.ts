import { describe, expect, it, vi } from 'vitest'
import {
  positionOf,
  rangeAround,
  snap,
  stepFrom,
  stretches,
  ticks,
  timeOf,
  viewAround,
} from '../../web/src/now/axis.ts'
import { layOut } from '../../web/src/now/layout.ts'

// Before anything is imported: what formats times keeps the zone that it began with.
vi.hoisted(() => {
  process.env.TZ = 'Europe/Berlin'
})

const at = (text: string) => Date.parse(text)
const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16)
const clocks = (found: { label: string; zone: string | undefined }[]) =>
  found.map(({ label, zone }) => (zone ? `${label} ${zone}` : label))

describe('an axis', () => {
  it('has now at a third, moves by a sixtieth, and reads by whole spans', () => {
    const view = viewAround(at('2026-11-21T12:10:00Z'), 'day')
    expect([iso(view.from), iso(view.to)]).toEqual(['2026-11-21T04:00', '2026-11-22T04:00'])
    expect(viewAround(at('2026-11-21T12:20:00Z'), 'day')).toEqual(view)
    expect(positionOf(at('2026-11-21T10:00:00Z'), view, 960)).toBe(240)
    expect(timeOf(240, view, 960)).toBe(6 * 3_600_000)
    const range = rangeAround(view, 'day')
    expect([iso(range.from), iso(range.to)]).toEqual(['2026-11-21T00:00', '2026-11-23T00:00'])
  })

  it('shows what clocks show where they go forward and back, and says that they do', () => {
    const spring = ticks({ from: at('2027-03-27T23:00Z'), to: at('2027-03-28T07:00Z') }, 'day')
    expect(clocks(spring)).toEqual(['00:00', '04:00 CEST', '06:00', '08:00'])
    const autumn = ticks({ from: at('2026-10-24T22:00Z'), to: at('2026-10-25T05:00Z') }, 'day')
    expect(clocks(autumn)).toEqual(['00:00', '02:00', '02:00 CET', '04:00'])
    expect(autumn.map((tick) => iso(tick.at))).toEqual([
      '2026-10-24T22:00',
      '2026-10-25T00:00',
      '2026-10-25T01:00',
      '2026-10-25T03:00',
    ])
    const week = ticks({ from: at('2026-10-22T10:00Z'), to: at('2026-10-27T10:00Z') }, 'week')
    expect(week.map((tick) => iso(tick.at).slice(5))).toEqual([
      '10-22T22:00',
      '10-23T22:00',
      '10-24T22:00',
      '10-25T23:00',
      '10-26T23:00',
    ])
    expect(clocks(week)).toEqual(['Fri 23', 'Sat 24', 'Sun 25', 'Mon 26 CET', 'Tue 27'])
  })

  it('says of which day, or of which month', () => {
    const days = stretches({ from: at('2026-10-25T10:00Z'), to: at('2026-10-26T10:00Z') }, 'day')
    expect(days.map(({ from, label }) => [iso(from).slice(5), label])).toEqual([
      ['10-25T10:00', 'Sunday 25 October'],
      ['10-25T23:00', 'Monday 26 October'],
    ])
    const months = stretches({ from: at('2026-10-25T10:00Z'), to: at('2026-11-24T10:00Z') }, 'month')
    expect(months.map(({ label }) => label)).toEqual(['October 2026', 'November 2026'])
  })

  it('moves by the clock: to the next quarter, hour or sixth hour, in the hour that comes twice as well', () => {
    expect(iso(stepFrom(at('2026-11-21T09:07:00Z'), 'day', 1))).toBe('2026-11-21T09:15')
    expect(iso(stepFrom(at('2026-11-21T09:07:00Z'), 'day', -1))).toBe('2026-11-21T09:00')
    expect(iso(stepFrom(at('2026-11-21T09:15:00Z'), 'day', -1))).toBe('2026-11-21T09:00')
    // 00:00 to 06:00 of a day of 23 hours, and back.
    expect(iso(stepFrom(at('2027-03-27T23:00:00Z'), 'month', 1))).toBe('2027-03-28T04:00')
    expect(iso(stepFrom(at('2027-03-28T04:00:00Z'), 'month', -1))).toBe('2027-03-27T23:00')
    // Every hour of the night in which clocks go back, one after the other, and back again.
    const night = ['2026-10-24T23:00', '2026-10-25T00:00', '2026-10-25T01:00', '2026-10-25T02:00']
    for (const [n, hour] of night.slice(1).entries()) {
      expect(iso(stepFrom(at(`${night[n]}:00Z`), 'week', 1))).toBe(hour)
      expect(iso(stepFrom(at(`${hour}:00Z`), 'week', -1))).toBe(night[n])
    }
    // Where clocks jump over midnight.
    process.env.TZ = 'Africa/Cairo'
    expect(iso(stepFrom(at('2027-04-29T22:00:00Z'), 'month', -1))).toBe('2027-04-29T16:00')
    process.env.TZ = 'Europe/Berlin'
    expect(iso(snap(at('2026-11-21T09:08:00Z'), 'day'))).toBe('2026-11-21T09:15')
    expect(iso(snap(at('2026-11-21T14:40:00Z'), 'month'))).toBe('2026-11-21T17:00')
  })
})

describe('a lane', () => {
  const things = (...starts: number[]) => starts.map((x, n) => ({ name: `${n}`, x, width: 50 }))
  const names = (marks: { items: { name: string }[] }[]) =>
    marks.map(({ items }) => items.map(({ name }) => name).join())

  it('puts what would cover each other into rows, and counts what is too much for them', () => {
    const apart = layOut(things(200, 0, 20), { rows: 2, bin: 100 })
    expect(apart.map(({ x, row }) => [x, row])).toEqual([
      [0, 0],
      [20, 1],
      [200, 0],
    ])
    // The third is too much for two rows: those of the same hundred pixels become one; one alone stays itself.
    const crowded = layOut(things(0, 20, 40, 110, 400), { rows: 2, bin: 100 })
    expect(names(crowded)).toEqual(['0,1,2', '3', '4'])
    expect(crowded[0]).toMatchObject({ x: 0, row: 0 })
    // Two of them have room in two of four rows, beside what is too much.
    expect(names(layOut(things(40, 45, 50, 55, 60, 105, 110), { rows: 4, bin: 100 }))).toEqual(['0,1,2,3,4', '5', '6'])
  })

  it('draws ten thousand things as a few marks, none of which covers another', () => {
    const many = things(...Array.from({ length: 10_000 }, (_, n) => (n * 7919) % 1_000))
    const marks = layOut(many, { rows: 4, bin: 100 })
    expect(marks).toHaveLength(10)
    expect(marks.reduce((sum, { items }) => sum + items.length, 0)).toBe(10_000)
    for (const [n, mark] of marks.entries()) {
      const before = marks.slice(0, n).filter(({ row }) => row === mark.row)
      expect(before.every(({ x, width }) => x + width <= mark.x)).toBe(true)
    }
  })
})
