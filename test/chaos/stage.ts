import { freePort } from '../../dev/ports.ts'
import { type LossyProxy, startLossyProxy, through } from '../helpers/lossy-proxy.ts'
import type { NodePart, Part } from '../helpers/parts.ts'
import { type Servers, startServers } from '../helpers/processes.ts'
import type { Order, Point, Report } from './points.ts'

/** A worker or an API that can be meddled with: stopped at a point, cut off, its clock moved. */
export interface Player extends Part {
  name: string
  /** Tells it something, if it runs; `heard` gets what it says from then on. */
  order(what: Order, heard?: (report: Report) => void): void
  /** From now on, until it is started again, its wall clock differs by so much. */
  setClock(byMs: number): void
  /** Its roads to the servers. */
  toPostgres: LossyProxy
  toTemporal: LossyProxy
}

/** The whole product with two workers and two APIs. */
export interface Stage extends Servers {
  workers: [Player, Player]
  apis: [Player, Player]
  /** Base URLs of the APIs. */
  urls: string[]
}

const PATIENCE_MS = 40_000

/** Starts two workers and two APIs, each with roads of its own to one Postgres and one Temporal. */
export async function startStage(): Promise<Stage> {
  const servers = await startServers()
  const proxies: LossyProxy[] = []
  const stop = async () => {
    for (const proxy of proxies) proxy.open()
    await servers.stop()
    for (const proxy of proxies) proxy.close()
  }
  const proxyTo = async (port: string | undefined) => {
    const proxy = await startLossyProxy(Number(port))
    proxies.push(proxy)
    return proxy
  }
  const player = async (kind: 'worker' | 'api', nth: number, env: NodeJS.ProcessEnv = {}): Promise<Player> => {
    const toPostgres = await proxyTo(new URL(servers.databaseUrl).port)
    const toTemporal = await proxyTo(servers.temporalAddress.split(':')[1])
    const roads = {
      DATABASE_URL: through(toPostgres, servers.databaseUrl),
      TEMPORAL_ADDRESS: `127.0.0.1:${toTemporal.port}`,
    }
    const part = servers.another(kind, { ...env, ...roads }, { preload: 'test/chaos/preload.ts' })
    return { ...part, ...ordersTo(part), name: `${kind} ${nth}`, toPostgres, toTemporal }
  }
  try {
    const ports = [await freePort(), await freePort()]
    const workers: Stage['workers'] = [await player('worker', 1), await player('worker', 2)]
    const apis = (await Promise.all(
      ports.map((port, n) => player('api', n + 1, { PORT: String(port) })),
    )) as Stage['apis']
    await Promise.all([...workers, ...apis].map((one) => one.start()))
    return { ...servers, workers, apis, urls: ports.map((port) => `http://127.0.0.1:${port}`), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function ordersTo(part: NodePart): Pick<Player, 'order' | 'setClock'> {
  const order = (what: Order) => part.send(what)
  return {
    order(what, heard) {
      part.onMessage = (report) => heard?.(report as Report)
      order(what)
    },
    setClock: (clockMs) => order({ clockMs }),
  }
}

/**
 * Has the first of some players that gets to a point stand still there. @throws when none of them gets there in 40 s
 */
export async function holdFirst(players: Player[], point: Point): Promise<Player> {
  const reached = Promise.withResolvers<Player>()
  const late = () => reached.reject(new Error(`Nobody got to ${point} in ${PATIENCE_MS} ms`))
  const giveUp = setTimeout(late, PATIENCE_MS)
  const heldBy = (player: Player) => (report: Report) => {
    if (report.at === point) reached.resolve(player)
  }
  for (const player of players) player.order({ hold: point }, heldBy(player))
  let first: Player | undefined
  try {
    first = await reached.promise
    return first
  } finally {
    clearTimeout(giveUp)
    for (const player of players) if (player !== first) player.order({ release: true })
  }
}
