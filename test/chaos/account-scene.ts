import { freePort } from '../../dev/ports.ts'
import { createToken } from '../../dev/token.ts'
import { type Database, openDatabase } from '../../store/database.ts'
import { openNoteStores } from '../../store/notes/postgres.ts'
import type { NoteDatabases } from '../../store/notes/roles.ts'
import { quiet } from '../helpers/database.ts'
import { type LossyProxy, startLossyProxy, through } from '../helpers/lossy-proxy.ts'
import type { NodePart } from '../helpers/parts.ts'
import { JWT_SECRET, type Servers, startServers } from '../helpers/processes.ts'
import { type Caller, createCaller } from './caller.ts'

/** The product with two APIs, two workers and two note stores. */
export interface AccountScene {
  servers: Servers
  apis: [NodePart, NodePart]
  workers: [NodePart, NodePart]
  /** Base URLs of the APIs. */
  urls: string[]
  token: string
  caller: Caller
  db: Database
  /** The note stores, straight. */
  databases: NoteDatabases
  /** Starts the road of APIs and workers to the current store, which is not there before. */
  openCurrentStore(): Promise<LossyProxy>
  stop(): Promise<void>
}

/** Starts all of it; the current store cannot be reached yet. */
export async function startAccountScene(): Promise<AccountScene> {
  const servers = await startServers()
  const closing: (() => unknown)[] = [servers.stop]
  const stop = async () => {
    for (let next = closing.pop(); next; next = closing.pop()) await next()
  }
  try {
    const straight = await servers.createNoteStores()
    const stores = openNoteStores(straight, quiet) as NonNullable<ReturnType<typeof openNoteStores>>
    const db = openDatabase({ url: servers.databaseUrl, name: 'api', log: quiet })
    closing.push(stores.close, () => db.pool.end())
    const [road, ...ports] = [await freePort(), await freePort(), await freePort()] as [number, number, number]
    const settings = {
      NOTES_LEGACY_URL: straight.NOTES_LEGACY_URL,
      NOTES_CURRENT_URL: through({ port: road } as LossyProxy, straight.NOTES_CURRENT_URL),
    }
    const apis = ports.map((port) => servers.another('api', { ...settings, PORT: String(port) }))
    const workers = [0, 1].map(() => servers.another('worker', settings))
    await Promise.all([...apis, ...workers].map((part) => part.start()))
    const urls = ports.map((port) => `http://127.0.0.1:${port}`)
    return {
      servers,
      apis: apis as AccountScene['apis'],
      workers: workers as AccountScene['workers'],
      urls,
      token: await createToken({ secret: JWT_SECRET, subject: 'chaos', role: 'admin' }),
      caller: await createCaller(urls),
      db,
      databases: stores.databases,
      async openCurrentStore() {
        const proxy = await startLossyProxy(Number(new URL(straight.NOTES_CURRENT_URL).port), road)
        closing.push(() => proxy.close())
        return proxy
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
