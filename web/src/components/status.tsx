import classes from './status.module.css'

type Tone = 'good' | 'moving' | 'waiting' | 'bad' | 'over' | 'careful'

/** Every status of the product, once: how it is called and how it looks. */
const STATUSES = {
  on: ['On', 'good'],
  off: ['Off', 'over'],
  archived: ['Archived', 'over'],

  matches: ['Matches', 'good'],
  'no-match': ['Does not match', 'over'],

  pending: ['Pending', 'waiting'],
  applied: ['Applied', 'good'],
  failed: ['Failed', 'bad'],
  cancelled: ['Cancelled', 'over'],

  running: ['Running', 'moving'],
  success: ['Success', 'good'],
  promoted: ['Promoted', 'good'],

  unprepared: ['Not prepared', 'over'],
  preparing: ['Preparing', 'moving'],
  ready: ['Ready', 'waiting'],
  resumable: ['Run failed', 'bad'],
  replaced: ['Replaced', 'over'],

  eligible: ['Eligible', 'good'],
  ineligible: ['Ineligible', 'over'],
  error: ['Error', 'bad'],

  active: ['Active', 'good'],
  paused: ['Paused', 'careful'],
  completed: ['Completed', 'good'],
  ended: ['Ended', 'over'],

  draft: ['Draft', 'over'],
  'in-review': ['In review', 'waiting'],
  approved: ['Approved', 'good'],
  rejected: ['Rejected', 'bad'],
  scheduled: ['Scheduled', 'waiting'],
  suspended: ['Suspended', 'careful'],

  dispatched: ['Dispatched', 'good'],
  dead: ['Dead letter', 'bad'],

  ok: ['OK', 'good'],
  broken: ['Broken', 'bad'],

  live: ['Live', 'good'],
  connecting: ['Connecting', 'waiting'],
  polling: ['Every 5 s', 'careful'],
} as const satisfies Record<string, [word: string, tone: Tone]>

export type StatusName = keyof typeof STATUSES

/** A status as a word with a dot: never by colour alone. */
export function Status({ of }: { of: StatusName }) {
  const [word, tone] = STATUSES[of]
  return (
    <span className={classes.status} data-tone={tone}>
      {word}
    </span>
  )
}
