import murmurhash from 'murmurhash'
import type { EvaluationContext } from './model.ts'

const encoder = new TextEncoder()
const bytes = new Uint8Array(256)

/**
 * The place from 1 to `range` that a text has in a group: MurmurHash3 (x86, 32 bits) of `<group>:<text>`. The hash is taken of the
 * UTF-8 bytes, as most clients of this protocol do; the Node client of Unleash takes the low byte of each UTF-16 unit
 * instead, and so puts a text beyond ASCII elsewhere ('Zoë' in 'g' is 63 here, 73 there).
 */
export function bucketOf(text: string, groupId: string, range: number, seed: number): number {
  return (murmurhash(encode(`${groupId}:${text}`), seed) % range) + 1
}

/** The text in UTF-8, valid until the next call. For ASCII a loop takes half of the time of TextEncoder. */
function encode(text: string): Uint8Array {
  if (text.length * 3 > bytes.length) {
    // A buffer of its own for a text this long, lest one request grows the common one for ever.
    return encoder.encode(text)
  }
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return bytes.subarray(0, encoder.encodeInto(text, bytes).written)
    bytes[i] = code
  }
  return bytes.subarray(0, text.length)
}

/**
 * The text that someone keeps their bucket by: the field that `stickiness` names, or for `default` the first of `fields` that
 * the context has. Null when that is random, undefined when the field is missing.
 */
export function stickyText(
  stickiness: string,
  fields: readonly string[],
  context: EvaluationContext,
): string | null | undefined {
  if (stickiness === 'random') return null
  if (stickiness !== 'default') return context.get(stickiness) || undefined
  for (const field of fields) {
    const text = context.get(field)
    if (text) return text
  }
  return null
}
