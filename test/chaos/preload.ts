import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import pg from 'pg'
import type { Order, Point, Report } from './points.ts'

/**
 * Loaded into a worker or an API before its own code: on order it stands still at a named point of a transaction that
 * changes something, so that somebody can be killed exactly there, or its wall clock jumps.
 */
if (isMainThread) meddle()

function meddle(): void {
  let wanted: Point | undefined
  let release = () => {}
  let clockMs = 0
  const pass = async (point: Point) => {
    if (wanted !== point) return
    wanted = undefined
    const report: Report = { at: point }
    process.send?.(report)
    await new Promise<void>((resolve) => (release = resolve))
  }
  process.on('message', (order: Order) => {
    if ('hold' in order) wanted = order.hold
    else if ('clockMs' in order) clockMs = order.clockMs
    else {
      wanted = undefined
      release()
    }
  })
  process.channel?.unref()
  shiftClock(() => clockMs)
  holdTransactions(pass)
  if (process.argv[1]?.endsWith('worker/main.ts')) holdCompletions(pass)
}

function shiftClock(byMs: () => number): void {
  const now = Date.now.bind(Date)
  Date.now = () => now() + byMs()
  globalThis.Date = new Proxy(Date, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [target.now()] : args, newTarget),
  })
}

type Pass = (point: Point) => Promise<void>

// What a transaction ends with if it has changed something: events, messages and the proof of its commit.
const FLUSH = /^\s*WITH new_events/

function holdTransactions(pass: Pass): void {
  type Client = pg.Client & { connectionParameters: { application_name: string } }
  const query = pg.Client.prototype.query as (this: Client, ...args: unknown[]) => unknown
  const states = new WeakMap<Client, { statements: number; flushed: boolean }>()
  const held = async (client: Client, text: string, send: () => Promise<unknown>) => {
    const state = states.get(client)
    if (text === 'BEGIN') states.set(client, { statements: 0, flushed: false })
    if (!state || text === 'BEGIN') return await send()
    if (text === 'COMMIT' || text === 'ROLLBACK') states.delete(client)
    if (text === 'COMMIT') {
      if (state.flushed) await pass('before-commit')
      const result = await send()
      if (state.flushed) await pass('after-commit')
      return result
    }
    if (FLUSH.test(text)) {
      state.flushed = true
      await pass('between-statements')
    } else if (state.statements++ === 0) await pass('before-first-statement')
    return await send()
  }
  const patched = function (this: Client, ...args: unknown[]): unknown {
    const [asked] = args as [string | { text?: string }]
    const text = typeof asked === 'string' ? asked : asked?.text
    const ours = /^interlock-(api|sweep)$/.test(this.connectionParameters.application_name)
    if (!ours || args.length !== 1 || text === undefined) return query.apply(this, args)
    return held(this, text, async () => await query.apply(this, args))
  }
  pg.Client.prototype.query = patched as typeof pg.Client.prototype.query
}

/** The result of `applyDueChanges` on its way to Temporal: of all activities, it alone says only that. */
function holdCompletions(pass: Pass): void {
  const require = createRequire(import.meta.resolve('@temporalio/worker'))
  const { native } = require('@temporalio/core-bridge') as {
    native: { workerCompleteActivityTask(worker: unknown, completion: Uint8Array): Promise<void> }
  }
  const complete = native.workerCompleteActivityTask
  native.workerCompleteActivityTask = async (worker, completion) => {
    const text = Buffer.from(completion).toString('latin1')
    if (text.includes('"applied"') && !text.includes('"status"')) await pass('before-activity-completion')
    await complete(worker, completion)
  }
}
