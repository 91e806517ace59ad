/** An id of a patch: `3`, `3a`, `3.1`. */
export const ID = String.raw`\d+(?:\.\d+)*[A-Za-z]?`

/** `[INFRA]`, also in backticks or with its brackets escaped. */
export const CLASS = '`?\\\\?\\[`?(?<class>[^\\]\\\\`\\r\\n]*)`?\\\\?\\]`?'

const ID_ALONE = new RegExp(`^(?:patch(?:es)?\\s*)?#?(?<id>${ID})$`, 'di')

/** The id in `3a`, `#3a` or `Patch 3a`, when the text is nothing else. */
export function idAlone(text: string): RegExpExecArray | null {
  return ID_ALONE.exec(text)
}

/** Lines of a part of a text, with where they begin. */
export function* linesOf(text: string, start: number, end: number): Generator<{ line: string; start: number }> {
  for (const { 0: line, index } of text.slice(start, end).matchAll(/[^\r\n]+/g)) yield { line, start: start + index }
}
