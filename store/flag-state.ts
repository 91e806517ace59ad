import {
  type FlagHistoryState,
  foldHistory,
  HISTORY_TYPES,
  type HistoryEvent,
  SNAPSHOT_FIELDS,
} from '../domain/flag-history.ts'
import { Problem } from '../domain/problems.ts'
import { type Database, query } from './database.ts'
import { FORESEEN, foresee, readRecurring } from './expected-occurrences.ts'
import { type FlagAddress, lockFlag } from './flags.ts'
import { pendingOf } from './schedule-preview.ts'
import { transaction } from './transaction.ts'

/**
 * A flag at any instant, to the millisecond: of the past by its events (one written at exactly `at` counts), of the future
 * by the pending schedules due until then, and the occurrences that recurrences would make until then.
 *
 * @param field what the request calls the instant
 * @throws Problem `flag-not-found`, also for an instant before it was created (with when it was)
 */
export async function readFlagState(
  db: Database,
  address: FlagAddress,
  at: Date,
  field: 'at' | 'query.at' = 'query.at',
): Promise<FlagHistoryState> {
  const { flag, now, ahead } = await meet(db, address, at)
  if (at < new Date(flag.createdAt)) throw notYetCreated(address, at, flag.createdAt, field)
  const changes = await lastChanges(db, address, flag.id, ahead ? now : at)
  const foreseen = ahead && foresee(ahead.pending, ahead.recurring, now, at)
  const folded = foldHistory(changes, foreseen?.schedules ?? [])
  if (!folded) throw withoutHistory(address)
  const expected = foreseen && {
    occurrences: foreseen.occurrences,
    limit: FORESEEN,
    until: foreseen.until.toISOString(),
  }
  return { ...address, at: at.toISOString(), certain: !ahead, expected, ...folded }
}

/**
 * Takes the flag's lock for a moment. An event is stamped before it is committed: once the lock was ours, all that are stamped
 * before `now` can be seen, and what is certain does not change any more. They are read without it, since 300,000 events
 * took 0.6 s, and sweeps pass over a flag that is locked.
 */
async function meet(db: Database, address: FlagAddress, at: Date) {
  const { result } = await transaction(
    db,
    async (tx) => {
      const { flag } = await lockFlag(tx, address, { gated: false })
      const [clock] = await tx.query<{ now: Date }>('SELECT clock_timestamp() AS now')
      const { now } = clock as NonNullable<typeof clock>
      // Not in this very millisecond: an event of its rest would count.
      if (at < now) return { flag, now, ahead: null }
      const pending = await pendingOf(tx, flag.id, at)
      return { flag, now, ahead: { pending, recurring: await readRecurring(tx, flag.id) } }
    },
    { origin: { actor: 'interlock', door: 'http' } },
  )
  return result
}

/**
 * The last event that changed each field, the last of all, and the creation, oldest first: a flag that is switched every
 * minute has 500,000 events a year. The creation counts from the row's own time, which answers show; its event is stamped
 * a moment later.
 */
async function lastChanges(db: Database, { environment, flagKey }: FlagAddress, flagId: string, at: Date) {
  const rows = await query<Omit<HistoryEvent, 'at'> & { at: Date }>(
    db,
    `WITH picked AS (
       SELECT last.id FROM unnest($5::text[]) AS field CROSS JOIN LATERAL (
         SELECT id FROM events
         WHERE environment = $1 AND flag_key = $2 AND flag_id = $3 AND type = ANY ($6)
           AND created_at < $4::timestamptz + interval '1 millisecond' AND data -> 'after' ? field
           AND data -> 'before' -> field IS DISTINCT FROM data -> 'after' -> field
         ORDER BY id DESC LIMIT 1) last
       UNION (SELECT id FROM events
         WHERE environment = $1 AND flag_key = $2 AND flag_id = $3 AND type = ANY ($6)
           AND created_at < $4::timestamptz + interval '1 millisecond' ORDER BY id DESC LIMIT 1)
       UNION (SELECT id FROM events
         WHERE environment = $1 AND flag_key = $2 AND flag_id = $3 AND type = 'flag-created' ORDER BY id LIMIT 1)
     )
     SELECT id, type, schedule_id AS "scheduleId", coalesce(data ->> 'createdBy', actor) AS by, created_at AS at,
       data -> 'before' AS before, data -> 'after' AS after
     FROM picked JOIN events USING (id) ORDER BY id`,
    [environment, flagKey, flagId, at, SNAPSHOT_FIELDS, HISTORY_TYPES],
  )
  return rows.map((row): HistoryEvent => ({ ...row, at: row.at.toISOString() }))
}

function notYetCreated({ environment, flagKey }: FlagAddress, at: Date, createdAt: string, field: string): Problem {
  const why = `The flag "${flagKey}" of the environment "${environment}" was created at ${createdAt}; there was none at ${at.toISOString()}.`
  return new Problem('flag-not-found', why, {
    fields: [{ field, message: `must be ${createdAt} or later` }],
    members: { createdAt },
  })
}

function withoutHistory({ environment, flagKey }: FlagAddress): Problem {
  const why = `The flag "${flagKey}" of the environment "${environment}" was made past the API: no event says what it was.`
  return new Problem('flag-not-found', why)
}
