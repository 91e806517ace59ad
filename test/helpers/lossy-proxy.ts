import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy in front of a server on this machine, that fails on demand. */
export interface LossyProxy {
  port: number
  /** Breaks all connections; new ones get through. */
  cut(): void
  /** Nothing gets through and nobody is told, until `open`: what was sent meanwhile arrives then. */
  blackHole(): void
  open(): void
  /**
   * Breaks the next connection that sends COMMIT: before the server has seen it, or once it has answered. `meanwhile` runs
   * then, and until it is done nobody gets through. Resolves when all that is over.
   */
  cutAtCommit(when: 'before' | 'after', meanwhile?: () => Promise<void>): Promise<void>
  close(): void
}

interface Cut {
  when: 'before' | 'after'
  happened: () => Promise<void>
}

/**
 * @param targetPort of a server on 127.0.0.1, which may come and go
 * @param port of the proxy; 0: one that is free
 */
export async function startLossyProxy(targetPort: number, port = 0): Promise<LossyProxy> {
  const sockets = new Set<Socket>()
  let hole = false
  let refusing = false
  let wanted: Cut | undefined
  const server = createServer((downstream) => {
    if (refusing) return downstream.destroy()
    const upstream = connect(targetPort, '127.0.0.1')
    const ends = [downstream, upstream]
    const destroy = () => {
      for (const end of ends) end.destroy()
    }
    for (const socket of ends) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket)
          destroy()
        })
      if (hole) socket.pause()
    }
    let cutAtReply: Cut | undefined
    downstream.on('data', (chunk) => {
      const cut = wanted && chunk.includes('COMMIT') ? wanted : undefined
      if (cut) wanted = undefined
      if (cut?.when === 'before') {
        void cut.happened().finally(destroy)
        return
      }
      cutAtReply = cut
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (!cutAtReply) return downstream.write(chunk)
      destroy()
      void cutAtReply.happened()
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    blackHole() {
      hole = true
      for (const socket of sockets) socket.pause()
    },
    open() {
      hole = false
      for (const socket of sockets) socket.resume()
    },
    cutAtCommit: (when, meanwhile) =>
      new Promise((resolve, reject) => {
        const happened = async () => {
          refusing = meanwhile !== undefined
          try {
            await meanwhile?.()
            resolve()
          } catch (error) {
            reject(error)
          } finally {
            refusing = false
          }
        }
        wanted = { when, happened }
      }),
    close() {
      cut()
      server.close()
    },
  }
}

/** A connection string that goes through the proxy. */
export function through({ port }: LossyProxy, url: string): string {
  const there = new URL(url)
  there.port = String(port)
  return there.href
}
