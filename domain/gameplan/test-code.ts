/** A test as its source tells: found by text, not by running it. */
export interface TestInCode {
  /** With the names of the blocks around it, `describe > should do X`; which those are, the indentation says. */
  name: string
  start: number
  end: number
  skipped: boolean
  pending: { id: string; start: number; end: number } | null
}

const CALL =
  /(?<![\w.$])(?<kind>x?describe|x?it|x?test|context|suite)(?<modifiers>(?:\.\w+)*)\s*(?:\([^()\n]*\)\s*)?\(\s*(?<quote>['"`])(?<title>(?:\\.|(?!\k<quote>)[^\\\r\n])*)\k<quote>/
const PENDING = /(?:\/\/|#|\/\*)\s*PENDING:\s*Patch\s+#?(?<id>[\w.]*\w)/di

/** Tests of a text in JavaScript or TypeScript, in their order. */
export function findTests(text: string): TestInCode[] {
  const tests: TestInCode[] = []
  const around: { title: string; indentation: number; skipped: boolean }[] = []
  for (const { 0: line, index } of text.matchAll(/[^\r\n]+/g)) {
    const call = CALL.exec(line)
    const pending = PENDING.exec(line)
    const commented = /^\s*(\/\/|\*)/.test(line)
    if (call?.groups && !commented) {
      const { kind = '', modifiers = '', title = '' } = call.groups
      const indentation = line.length - line.trimStart().length
      while (around.length > 0 && (around.at(-1)?.indentation ?? 0) >= indentation) around.pop()
      const skipped = kind.startsWith('x') || /\.(skip|todo)\b/.test(modifiers) || (around.at(-1)?.skipped ?? false)
      const plain = title.replace(/\\(.)/g, '$1')
      if (/describe|context|suite/.test(kind)) around.push({ title: plain, indentation, skipped })
      else {
        const name = [...around.map((block) => block.title), plain].join(' > ')
        const start = index + call.index
        tests.push({ name, start, end: start + call[0].length, skipped, pending: null })
      }
    }
    const last = tests.at(-1)
    const at = pending?.indices?.groups?.id
    if (last && at && !last.pending) {
      last.pending = { id: line.slice(...at), start: index + at[0], end: index + at[1] }
    }
  }
  return tests
}

/** Whether the test in the code is the one of the map: there may be more blocks around it than the map names. */
export function isNamed(inCode: string, inMap: string): boolean {
  const [code, map] = [words(inCode), words(inMap)]
  return code === map || code.endsWith(` > ${map}`)
}

function words(name: string): string {
  return name
    .split('>')
    .map((part) => part.trim().replace(/\s+/g, ' '))
    .join(' > ')
}
