import { isMainThread } from 'node:worker_threads'
import pg from 'pg'
import type { SweepPoint } from './sweep-points.ts'

/** Loaded into a worker before its own code: on order it stands still at a named point of a sweep or a flip. */
if (isMainThread) meddle()

function meddle(): void {
  const POINTS: [SweepPoint, RegExp, 'before' | 'after'][] = [
    ['before-merge', /FROM note_merge\(/, 'before'],
    ['after-merge', /FROM note_merge\(/, 'after'],
    ['after-forget', /SELECT note_forget\(/, 'after'],
    ['before-advance', /UPDATE account_migration_ranges SET cursor/, 'before'],
    ['between-raises', /INSERT INTO account_epochs AS/, 'after'],
    ['before-publish', /SET mode = next_mode/, 'before'],
  ]
  let wanted: SweepPoint | undefined
  process.on('message', ({ hold }: { hold: SweepPoint }) => {
    wanted = hold
  })
  process.channel?.unref()
  const query = pg.Client.prototype.query as (this: pg.Client, ...args: unknown[]) => unknown
  const pass = async (text: string, when: 'before' | 'after') => {
    const point = POINTS.find(([name, pattern, at]) => name === wanted && at === when && pattern.test(text))
    if (!point) return
    wanted = undefined
    process.send?.({ at: point[0] })
    await new Promise(() => {})
  }
  const patched = function (this: pg.Client, ...args: unknown[]): unknown {
    const [asked] = args as [string | { text?: string }]
    const text = typeof asked === 'string' ? asked : asked?.text
    if (!text || !POINTS.some(([, pattern]) => pattern.test(text))) return query.apply(this, args)
    // As a pool asks.
    const done = args.at(-1)
    if (typeof done === 'function') {
      const passOn = (...result: unknown[]) => void pass(text, 'after').then(() => done(...result))
      void pass(text, 'before').then(() => query.apply(this, [...args.slice(0, -1), passOn]))
      return undefined
    }
    return (async () => {
      await pass(text, 'before')
      const result = await query.apply(this, args)
      await pass(text, 'after')
      return result
    })()
  }
  pg.Client.prototype.query = patched as typeof pg.Client.prototype.query
}
