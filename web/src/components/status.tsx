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
  revoked: ['Revoked', 'over'],
  expired: ['Expired', 'over'],
  paused: ['Paused', 'careful'],
  completed: ['Completed', 'good'],
  ended: ['Ended', 'over'],

  draft: ['Draft', 'over'],
  'in-review': ['In review', 'waiting'],
  approved: ['Approved', 'good'],
  rejected: ['Rejected', 'bad'],
  scheduled: ['Scheduled', 'waiting'],
  suspended: ['Suspended', 'careful'],

  halted: ['Halted', 'bad'],
  stopped: ['Stopped', 'over'],
  done: ['Done', 'good'],
  'rolled-back': ['Rolled back', 'over'],
  'going-back': ['Going back', 'moving'],

  'not-begun': ['Not begun', 'waiting'],
  moving: ['Moving', 'moving'],
  moved: ['Moved', 'good'],
  returned: ['Taken back', 'over'],

  holds: ['Holds now', 'careful'],
  'to-come': ['To come', 'waiting'],

  late: ['Late', 'bad'],
  blocked: ['Blocked', 'careful'],
  frozen: ['Frozen', 'careful'],

  waiting: ['Blocked', 'over'],
  merged: ['Merged', 'good'],
  skipped: ['Skipped', 'over'],

  'not-made': ['Not created', 'over'],
  made: ['Created, off', 'waiting'],
  planned: ['Planned', 'waiting'],
  switching: ['Being switched', 'moving'],
  switched: ['Switched on', 'good'],

  warning: ['Warning', 'careful'],
  info: ['Note', 'over'],

  dispatched: ['Dispatched', 'good'],
  dead: ['Dead letter', 'bad'],

  ok: ['OK', 'good'],
  broken: ['Broken', 'bad'],

  live: ['Live', 'good'],
  connecting: ['Connecting', 'waiting'],
  polling: ['Every 5 s', 'careful'],
} as const satisfies Record<string, [word: string, tone: Tone]>

export type StatusName = keyof typeof STATUSES

/** The word of a status, and what gives an element its colour, as `--tone`. */
export function looksOf(of: StatusName) {
  const [word, tone] = STATUSES[of]
  return { word, tone: { className: classes.tone, 'data-tone': tone } }
}

/** A status as a word with a dot: never by colour alone. */
export function Status({ of }: { of: StatusName }) {
  const [word, tone] = STATUSES[of]
  return (
    <span className={`${classes.tone} ${classes.status}`} data-tone={tone}>
      {word}
    </span>
  )
}
