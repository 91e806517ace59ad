import { useEffect, useState } from 'react'

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'long' })
const UNITS: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
]

/** Now in milliseconds, again every `everyMs`. */
export function useNow(everyMs = 1_000): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

/** `in 3 minutes`, `2 days ago`. */
export function relative(at: string | number | Date, now: number): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1_000)
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second' as const, 1]
  return RELATIVE.format(Math.trunc(seconds / size), unit)
}

/** In the zone of the user: today only the time, else the day as well. */
export function local(at: string | number | Date, now: number): string {
  const date = new Date(at)
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
  if (date.toDateString() === new Date(now).toDateString()) return time
  const year = date.getFullYear() === new Date(now).getFullYear() ? undefined : 'numeric'
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year })}, ${time}`
}

/** `2026-03-01 08:00:00 UTC` */
export function utc(at: string | number | Date): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** A period in seconds as people say it: `340 ms`, `12 s`, `3.5 min`, `2.1 h`, `4 d`. */
export function period(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`
  if (seconds < 120) return `${round(seconds)} s`
  if (seconds < 7_200) return `${round(seconds / 60)} min`
  if (seconds < 172_800) return `${round(seconds / 3_600)} h`
  return `${round(seconds / 86_400)} d`
}

function round(value: number): string {
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10)
}
