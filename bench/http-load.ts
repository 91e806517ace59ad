import { connect, type Socket } from 'node:net'

/** A request that is sent over and over. */
export interface LoadRequest {
  /** Base URL. */
  url: string
  path: string
  headers: Record<string, string>
  body: string
}

/**
 * Sends a POST over `connections` connections for `forMs` milliseconds, on each the next one when the answer is there.
 * Written on sockets: a client of its own weight would hide the server's.
 *
 * @returns the time of each answer, in milliseconds
 * @throws Error when an answer is not 200
 */
export async function load(
  request: LoadRequest,
  { connections, forMs }: { connections: number; forMs: number },
): Promise<number[]> {
  const until = performance.now() + forMs
  const each = await Promise.all(Array.from({ length: connections }, () => askUntil(request, until)))
  return each.flat()
}

async function askUntil({ url, path, headers, body }: LoadRequest, until: number): Promise<number[]> {
  const { hostname, port } = new URL(url)
  const lines = Object.entries({ host: hostname, 'content-length': String(Buffer.byteLength(body)), ...headers })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const bytes = Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n${body}`)
  const socket = connect(Number(port), hostname).setNoDelay(true)
  const times: number[] = []
  try {
    while (performance.now() < until) {
      const sent = performance.now()
      socket.write(bytes)
      await readAnswer(socket)
      times.push(performance.now() - sent)
    }
  } finally {
    socket.destroy()
  }
  return times
}

function readAnswer(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing: number | undefined
    let head = Buffer.alloc(0)
    const onData = (chunk: Buffer) => {
      if (missing === undefined) {
        head = Buffer.concat([head, chunk])
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        const text = head.toString('latin1', 0, end)
        if (!text.startsWith('HTTP/1.1 200')) return finish(new Error(`It answered ${head.toString()}`))
        missing = Number(/content-length: (\d+)/i.exec(text)?.[1]) - (head.length - end - 4)
      } else missing -= chunk.length
      if (missing <= 0) finish()
    }
    const finish = (error?: Error) => {
      socket.off('data', onData).off('error', finish)
      if (error) reject(error)
      else resolve()
    }
    socket.on('data', onData).on('error', finish)
  })
}
