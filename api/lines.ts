import { isUtf8 } from 'node:buffer'
import type { Readable } from 'node:stream'

const LF = 0x0a
const UTF8 = new TextDecoder()

/** A line without its end (LF or CRLF), or what is wrong with it. */
export type Line = { text: string } | { fault: string }

/**
 * The lines of a stream of UTF-8. Not Node's readline, which also breaks at U+2028 and U+2029, which JSON may contain, and
 * puts U+FFFD for what is no UTF-8. A line of more than `longest` bytes is never held whole.
 */
export async function* linesOf(stream: Readable, longest: number): AsyncGenerator<Line> {
  let begun: Buffer[] = []
  let length = 0
  const take = (part: Buffer) => {
    length += part.length
    if (length > longest) begun = []
    else begun.push(part)
  }
  const end = (): Line => {
    const line = length > longest ? { fault: `is longer than ${longest} bytes` } : textOf(Buffer.concat(begun))
    begun = []
    length = 0
    return line
  }
  for await (const chunk of stream) {
    let rest = chunk as Buffer
    for (let at = rest.indexOf(LF); at >= 0; at = rest.indexOf(LF)) {
      take(rest.subarray(0, at))
      yield end()
      rest = rest.subarray(at + 1)
    }
    take(rest)
  }
  if (length > 0) yield end()
}

function textOf(line: Buffer): Line {
  if (!isUtf8(line)) return { fault: 'is not valid UTF-8' }
  // It drops a byte order mark.
  const text = UTF8.decode(line)
  return { text: text.endsWith('\r') ? text.slice(0, -1) : text }
}
