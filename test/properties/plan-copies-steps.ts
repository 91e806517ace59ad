import fc from 'fast-check'
import type { PoolClient } from 'pg'
import type { StrategyEdit } from '../../domain/strategy.ts'
import type { Database } from '../../store/database.ts'
import { one } from '../helpers/database.ts'

const edit: fc.Arbitrary<StrategyEdit> = fc
  .record(
    {
      title: fc.constantFrom(null, 't', 'u'),
      parameters: fc.constantFrom<Record<string, string>[]>(
        { rollout: '20', stickiness: 'userId' },
        { rollout: '100', groupId: 'g' },
        { rollout: '60' },
        { rollout: '-1' },
      ),
      segments: fc.subarray(['at', 'de']),
      disabled: fc.boolean(),
      sortOrder: fc.nat({ max: 3 }),
      variants: fc.constantFrom(
        [],
        ['b', 'a'].map((name, i) => ({ name, weight: i + 1, stickiness: 'default' })),
      ),
    },
    { requiredKeys: [] },
  )
  .filter((value) => Object.keys(value).length > 0)

const nth = fc.nat({ max: 40 })
const place = fc.nat({ max: 2 })
const what = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.record({
      do: fc.constant('edit' as const),
      nth,
      edit,
      via: fc.constantFrom('strategy', 'milestone', 'schedule', 'bulk', 'release', 'request'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      nth,
      via: fc.constantFrom('strategy', 'milestone', 'request'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      place: fc.option(place),
      via: fc.constantFrom('direct', 'request'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('reorder' as const),
      of: fc.boolean(),
      via: fc.constantFrom('direct', 'request'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('start' as const), place, via: fc.constantFrom('direct', 'request') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('delete' as const),
      keep: fc.boolean(),
      via: fc.constantFrom('direct', 'request'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const, 'pass' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('repair' as const),
      from: fc.constantFrom('runtime' as const, 'milestone' as const),
    }),
  },
)
/** Most go through; some have a statement refused, or lose their connection, on the way. */
const fate = fc.option(
  fc.record({ at: fc.integer({ min: 2, max: 30 }), how: fc.constantFrom('refused' as const, 'terminated' as const) }),
  { freq: 3 },
)
export const step = fc.record({ what, fate })
export type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** A database whose n-th statement of transactions is refused, or never comes back. */
export function doomed(db: Database, observer: Database, { at, how }: NonNullable<Step['fate']>): Database {
  let count = 0
  const wrap = (client: PoolClient) =>
    new Proxy(client, {
      get: (target, name) => {
        const member = Reflect.get(target, name)
        if (name !== 'query') return typeof member === 'function' ? member.bind(target) : member
        return async (...args: Parameters<PoolClient['query']>) => {
          if (++count === at) {
            if (how === 'refused') return await target.query('SELECT 1 / 0')
            const { processID } = target as unknown as { processID: number }
            await one(observer, 'SELECT pg_terminate_backend($1, 2000)', [processID])
          }
          return await target.query(...args)
        }
      },
    })
  const pool = new Proxy(db.pool, {
    get: (target, name) => {
      if (name === 'connect') return async () => wrap(await target.connect())
      const member = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  return { ...db, pool }
}
