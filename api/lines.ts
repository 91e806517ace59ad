import type { Readable } from 'node:stream'

/**
 * The lines of a stream of UTF-8, without their ends (LF or CRLF). Not Node's readline, which also breaks at U+2028 and
 * U+2029, which JSON may contain. A line of more than `longest` characters comes as undefined, and is never held whole.
 */
export async function* linesOf(stream: Readable, longest: number): AsyncGenerator<string | undefined> {
  const decoder = new TextDecoder()
  let begun = ''
  let tooLong = false
  for await (const chunk of stream) {
    const parts = decoder.decode(chunk as Buffer, { stream: true }).split('\n')
    for (const [n, part] of parts.entries()) {
      if (n > 0) {
        yield tooLong ? undefined : withoutReturn(begun)
        begun = ''
        tooLong = false
      }
      if (begun.length + part.length > longest) tooLong = true
      begun = tooLong ? '' : begun + part
    }
  }
  if (begun !== '' || tooLong) yield tooLong ? undefined : withoutReturn(begun)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
