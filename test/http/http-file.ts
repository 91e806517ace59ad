import { Script } from 'node:vm'

export interface HttpStep {
  title: string
  /** Sends the request; returns one line for each assertion that does not hold. */
  run(): Promise<string[]>
}

/**
 * Reads the part of the `.http` format (as httpYac has it) that our files use: `@variable = value`, `### title`,
 * `# @name`, requests with headers and a body, `{{ expression }}`, and assertions `?? status|header|body … == value`.
 *
 * @param overrides values for the file's variables
 */
export function readHttpFile(text: string, overrides: Record<string, string>): HttpStep[] {
  const [head = '', ...blocks] = text.split(/^### /m)
  const variables: Record<string, unknown> = Object.fromEntries(
    [...head.matchAll(/^@(\w+) *= *(.*)$/gm)].map(([, name, value]) => [
      name as string,
      overrides[name as string] ?? value,
    ]),
  )
  const fill = (source: string) =>
    source.replaceAll(/\{\{(.+?)\}\}/g, (_, expression) =>
      String(new Script(expression).runInNewContext({ ...variables })),
    )
  return blocks.map((block) => {
    const [title = '', ...lines] = block.split('\n')
    const name = lines
      .find((line) => line.startsWith('# @name '))
      ?.slice(8)
      .trim()
    const assertions = lines.filter((line) => line.startsWith('?? ')).map((line) => line.slice(3))
    const request = lines
      .filter((line) => !line.startsWith('#') && !line.startsWith('?? '))
      .join('\n')
      .trim()
    const run = async () => {
      const [headLines = '', ...body] = fill(request).split('\n\n')
      const [start = '', ...headers] = headLines.split('\n')
      const [method = 'GET', url = ''] = start.split(' ')
      const response = await fetch(url, {
        method,
        headers: headers.map((line) => line.split(/: */) as [string, string]),
        ...(body.length > 0 && { body: body.join('\n\n') }),
      })
      const answer = await response.json()
      if (name) variables[name] = answer
      return assertions.map(fill).filter((assertion) => !holds(assertion, response, answer))
    }
    return { title, run }
  })
}

function holds(assertion: string, response: Response, body: unknown): boolean {
  const [, kind, path = '', operator, expected = ''] =
    /^(status|header|body)(?: (\S+))? (==|includes|matches|exists) ?(.*)$/.exec(assertion) ?? []
  const actual = kind === 'status' ? response.status : kind === 'header' ? response.headers.get(path) : at(body, path)
  if (operator === '==') return String(actual) === expected
  if (operator === 'includes') return String(actual).includes(expected)
  if (operator === 'matches') return new RegExp(expected).test(String(actual))
  if (operator === 'exists') return actual !== undefined && actual !== null
  throw new Error(`Cannot read the assertion "${assertion}"`)
}

function at(value: unknown, path: string): unknown {
  const steps = path
    .replaceAll(/\[(\d+)\]/g, '.$1')
    .split('.')
    .filter(Boolean)
  return steps.reduce<unknown>((object, step) => (object as Record<string, unknown> | undefined)?.[step], value)
}
