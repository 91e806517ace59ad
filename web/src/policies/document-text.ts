/** Something that is wrong at a place of a document; `field` is a path such as `document.rules.0.when`. */
export interface FieldProblem {
  field: string
  message: string
}

/** The JSON of a text, or why it is none. */
export function parseDocument(text: string): { document?: unknown; problem?: FieldProblem } {
  try {
    return { document: JSON.parse(text) }
  } catch (error) {
    return { problem: { field: 'document', message: `is not JSON: ${(error as Error).message}` } }
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g

/**
 * Where the value at `path` (`rules.0.when`) begins in the text of a JSON document, or, when it is missing, the nearest value
 * around it.
 */
export function locate(text: string, path: string): number {
  const wanted = path === '' ? [] : path.split('.')
  const here: (string | number)[] = []
  let best = { depth: 0, at: 0 }
  let name: string | undefined
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === ',') {
      const place = here.at(-1)
      if (typeof place === 'number') here[here.length - 1] = place + 1
    } else if (token === ':') {
      here[here.length - 1] = name as string
    } else if (token === '}' || token === ']') {
      here.pop()
    } else {
      const fits = here.length <= wanted.length && here.every((part, depth) => String(part) === wanted[depth])
      if (fits && here.length > best.depth) best = { depth: here.length, at: index }
      if (token.startsWith('"')) name = JSON.parse(token)
      if (token === '{') here.push('')
      if (token === '[') here.push(0)
    }
  }
  return best.at
}

/** The line of a place in a text, counted from 1. */
export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}
