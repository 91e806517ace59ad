import { setTimeout as delay } from 'node:timers/promises'
import type { StackProcess } from './leftovers.ts'
import { describeExit, type Exit } from './processes.ts'

/** A process that runs. */
export interface Running {
  pid: number
  /** resolves when it has ended, for whatever reason */
  exited: Promise<Exit>
  /** asks it to end, insists after a while, and resolves when it is gone */
  stop(): Promise<void>
}

/** Something that is to be kept running. */
export interface Service {
  name: string
  /** `onSpawn` is to be told of a process at once, also when it takes long to become ready */
  start(onSpawn: (pid: number) => void): Promise<Running>
  /** the end of its output, for the message when it is given up */
  lastLines(): Promise<string>
}

export interface SupervisorOptions {
  /** takes a line for the user */
  say: (line: string) => void
  /** told whenever a process comes or goes, with all that run, in the order of their start */
  onChange: (processes: StackProcess[]) => void
  /** ends the stack; called once, when a service ended too often in too short a time */
  onGiveUp: (error: Error) => void
  /** default 5 within 30,000 ms */
  crashes?: { limit: number; withinMs: number }
  /** wait before the first new start, doubled up to `maxMs`; default 100 to 5,000 ms */
  backoff?: { firstMs: number; maxMs: number }
}

/** Keeps services running, and stops them in the reverse of their order. */
export class Supervisor {
  readonly #options: Required<SupervisorOptions>
  readonly #services: Supervised[] = []
  #gaveUp = false

  constructor(options: SupervisorOptions) {
    this.#options = {
      crashes: { limit: 5, withinMs: 30_000 },
      backoff: { firstMs: 100, maxMs: 5_000 },
      ...options,
    }
  }

  /**
   * Starts a service; from then on it is started again whenever it ends.
   * @throws what its first start throws
   */
  async start<R extends Running>(service: Service & { start(onSpawn: (pid: number) => void): Promise<R> }): Promise<R> {
    const supervised = new Supervised(service, this.#options, this.#changed, this.#giveUp)
    this.#services.push(supervised)
    return (await supervised.start()) as R
  }

  /** Stops all services one after the other, the last first; those still starting are waited for. */
  async stop(): Promise<void> {
    // All at once learn that an end is no crash any more: the API may well end when Postgres does.
    for (const service of this.#services) service.beginStop()
    for (const service of this.#services.toReversed()) await service.stop()
  }

  /** Ends every process at once, without asking. */
  kill(): void {
    for (const service of this.#services) {
      service.beginStop()
      if (service.pid !== null) killNow(service.pid)
    }
  }

  #changed = () => {
    const processes = this.#services.flatMap(({ name, pid }) => (pid === null ? [] : [{ name, pid }]))
    this.#options.onChange(processes)
  }

  #giveUp = (error: Error) => {
    if (this.#gaveUp) return
    this.#gaveUp = true
    this.#options.onGiveUp(error)
  }
}

class Supervised {
  readonly name: string
  /** of the process that runs or is starting */
  pid: number | null = null
  readonly #service: Service
  readonly #options: Required<SupervisorOptions>
  readonly #changed: () => void
  readonly #giveUp: (error: Error) => void
  readonly #stopping = new AbortController()
  #starting: Promise<Running> | null = null
  #running: Running | null = null
  #watch: Promise<void> = Promise.resolve()
  #crashes: number[] = []

  constructor(
    service: Service,
    options: Required<SupervisorOptions>,
    changed: () => void,
    giveUp: (error: Error) => void,
  ) {
    this.name = service.name
    this.#service = service
    this.#options = options
    this.#changed = changed
    this.#giveUp = giveUp
  }

  async start(): Promise<Running> {
    const running = await this.#startOnce()
    this.#watch = this.#keepRunning(running)
    return running
  }

  beginStop(): void {
    this.#stopping.abort()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#starting?.catch(() => {})
    await this.#running?.stop()
    await this.#watch
  }

  async #startOnce(): Promise<Running> {
    this.#starting = this.#service.start((pid) => this.#setPid(pid))
    try {
      this.#running = await this.#starting
      this.#setPid(this.#running.pid)
      return this.#running
    } catch (error) {
      this.#setPid(null)
      throw error
    } finally {
      this.#starting = null
    }
  }

  async #keepRunning(first: Running): Promise<void> {
    for (let running: Running | null = first; running; running = await this.#again()) {
      const exit = await running.exited
      this.#running = null
      this.#setPid(null)
      if (this.#stopping.signal.aborted) return
      this.#crashes.push(Date.now())
      this.#options.say(`${this.name} ended (${describeExit(exit)}); starting it again`)
    }
  }

  /** Starts it anew, as often as it takes; null when the stack stops or it is given up. */
  async #again(): Promise<Running | null> {
    const { backoff, say } = this.#options
    while (await this.#mayTryAgain()) {
      const wait = Math.min(backoff.firstMs * 2 ** (this.#crashes.length - 1), backoff.maxMs)
      await delay(wait, undefined, { signal: this.#stopping.signal }).catch(() => {})
      if (this.#stopping.signal.aborted) return null
      try {
        const running = await this.#startOnce()
        say(`${this.name} runs again`)
        return running
      } catch (error) {
        this.#crashes.push(Date.now())
        say(`${this.name} could not be started again: ${(error as Error).message}`)
      }
    }
    return null
  }

  async #mayTryAgain(): Promise<boolean> {
    const { limit, withinMs } = this.#options.crashes
    this.#crashes = this.#crashes.filter((at) => at > Date.now() - withinMs)
    if (this.#crashes.length < limit) return true
    const lines = await this.#service.lastLines()
    const times = `${this.#crashes.length} times in ${withinMs / 1_000} s`
    this.#giveUp(new Error(`${this.name} ended ${times} and is given up. Its last lines:\n${lines}`))
    return false
  }

  #setPid(pid: number | null): void {
    if (pid === this.pid) return
    this.pid = pid
    this.#changed()
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was faster.
  }
}
