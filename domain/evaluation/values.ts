import { BlockList, isIP } from 'node:net'
import { RE2JS } from 're2js'
import { parse, type SemVer } from 'semver'
import { parseDate } from '../policy/dates.ts'

/** A decimal number, such as 12, -0.5 or 1e3; not what JavaScript would also take, such as an empty text or 0x10. */
export function parseNumber(text: string): number | undefined {
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : undefined
}

/** Milliseconds since the epoch of a date (midnight UTC) or an instant with its zone; what is finer is cut off. */
export function parseTime(text: string): number | undefined {
  // Some languages write microseconds, or nanoseconds.
  return text.length <= 40 ? parseDate(text.replace(/(\.\d{3})\d+/, '$1')) : undefined
}

/** A version as semver.org has it; the package would also take v1.2.3. */
export function parseVersion(text: string): SemVer | undefined {
  return /^\d/.test(text) ? (parse(text) ?? undefined) : undefined
}

/** A whole number from 0 to 100. */
export function parsePercentage(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) && Number(text) <= 100 ? Number(text) : undefined
}

const MAX_INSTRUCTIONS = 1000
// Repeats are unrolled when a pattern is compiled: without this, one of 107 characters took 0.3 s to be found too long.
const MAX_UNROLLED = 50_000
// The worst pattern took 55 ns per instruction and character, so this is 0.3 s.
const MAX_STEPS = 5_000_000

/**
 * The search for a regular expression anywhere in a text, in time linear in the text's length: RE2, which knows no look-around
 * and no back-reference. In a text longer than 5,000,000 ÷ the pattern's instructions (at most 1,000) it finds nothing.
 */
export function compilePattern(pattern: string, caseInsensitive: boolean): ((text: string) => boolean) | undefined {
  let repeats = 1
  for (const [, least, most] of pattern.matchAll(/\{(\d{1,9}),?(\d{0,9})\}/g)) repeats += Number(most || least)
  if (pattern.length * repeats > MAX_UNROLLED) return undefined
  try {
    const compiled = RE2JS.compile(pattern, caseInsensitive ? RE2JS.CASE_INSENSITIVE : 0)
    const instructions = compiled.programSize()
    if (instructions > MAX_INSTRUCTIONS) return undefined
    return (text) => text.length * instructions <= MAX_STEPS && compiled.test(text)
  } catch {
    return undefined
  }
}

interface Range {
  network: string
  prefix: number
  family: 'ipv4' | 'ipv6'
}

/** An IPv4 or IPv6 address, or a range of them such as 10.0.0.0/8. */
export function parseRange(text: string): Range | undefined {
  const [network = '', prefix, ...rest] = text.split('/')
  const version = isIP(network)
  // A zone, as in fe80::1%eth0, is a name of one machine only.
  if (version === 0 || network.includes('%') || rest.length > 0) return undefined
  const bits = version === 4 ? 32 : 128
  if (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)) return undefined
  return { network, prefix: prefix === undefined ? bits : Number(prefix), family: version === 4 ? 'ipv4' : 'ipv6' }
}

/** Whether an address is in one of the ranges; ::ffff:10.0.0.1 is 10.0.0.1. */
export function compileRanges(ranges: Range[]): (address: string) => boolean {
  const list = new BlockList()
  for (const { network, prefix, family } of ranges) list.addSubnet(network, prefix, family)
  return (address) => {
    const version = isIP(address)
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6')
  }
}
