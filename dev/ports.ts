import { randomInt } from 'node:crypto'
import { connect, createServer } from 'node:net'

/** One port that the local stack is about to listen on. */
export interface PortWish {
  port: number
  /** who wants it, as a reader would say it: `the API` */
  purpose: string
  /** the environment variable that changes it */
  variable: string
}

/** Says whether a TCP port can be bound on `host` right now. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** Says whether something accepts connections on a port. */
export function isPortAnswering(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: 1_000 })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}

/**
 * Returns a TCP port that was free a moment ago, for callers that don't care which. Below those that systems give out by
 * themselves: Temporal asks for such ones for its inner services, and was given ours before it listened on it.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    if (await isPortFree(port, host)) return port
  }
}

/**
 * Checks every port before anything is started.
 * @throws one error that names each port that can't be had, what it is for and which variable changes it
 */
export async function requireFreePorts(wishes: readonly PortWish[], host = '127.0.0.1'): Promise<void> {
  const problems: string[] = []
  const claimed = new Map<number, PortWish>()
  for (const wish of wishes) {
    const other = claimed.get(wish.port)
    claimed.set(wish.port, wish)
    if (other) {
      problems.push(
        `Port ${wish.port} is asked for twice, by ${other.purpose} (${other.variable}) and ${wish.purpose} (${wish.variable}).`,
      )
    } else if (!(await isPortFree(wish.port, host))) {
      problems.push(
        `Port ${wish.port} for ${wish.purpose} is in use. Stop what listens there, ` +
          `or choose another: ${wish.variable}=${wish.port + 1} npm start`,
      )
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

/**
 * Reads a port from a variable.
 * @throws when it is set to something that is not a whole number from 1 to 65535
 */
export function portFrom(env: NodeJS.ProcessEnv, variable: string, fallback: number): number {
  const text = env[variable]
  if (text === undefined || text === '') return fallback
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`${variable}=${text} is not a port: a whole number from 1 to 65535 is needed`)
  }
  return port
}
