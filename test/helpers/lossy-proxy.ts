import { connect, createServer, type Socket } from 'node:net'
import { afterAll } from 'vitest'

/** A TCP proxy that cuts the first connection at its COMMIT: before the server has seen it, or once it has answered. */
export async function startLossyProxy(target: string, when: 'before' | 'after') {
  const { hostname, port, pathname, username, password } = new URL(target)
  let cut = 0
  const sockets = new Set<Socket>()
  const server = createServer((downstream) => {
    const upstream = connect(Number(port), hostname)
    for (const socket of [downstream, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    let committing = false
    downstream.on('data', (chunk) => {
      committing = cut === 0 && chunk.includes('COMMIT')
      if (committing && when === 'before') {
        cut++
        downstream.destroy()
        upstream.destroy()
      } else upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (committing && when === 'after') {
        cut++
        downstream.destroy()
        upstream.destroy()
      } else downstream.write(chunk)
    })
    upstream.on('close', () => downstream.destroy())
    downstream.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address() as { port: number }
  return { url: `postgres://${username}:${password}@127.0.0.1:${address.port}${pathname}`, cut: () => cut }
}
