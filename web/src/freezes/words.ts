import type { schemas } from '../api/schema.ts'

type Mode = schemas['Freeze']['mode']

/** What becomes of schedules that would be due inside a freeze. */
export const MODES: Record<Mode, { short: string; label: string; meanwhile: string }> = {
  refuse: {
    short: 'is refused',
    label: 'Refuse what is scheduled into it',
    meanwhile:
      'Schedules that are made or moved into it are refused. Those that are pending inside stay, and are applied.',
  },
  defer: {
    short: 'is put off to its end',
    label: 'Put it off to its end',
    meanwhile:
      'Schedules that are made or moved into it are put off to its end, and so are those that are pending inside.',
  },
}

/** Holds whichever the mode. */
export const ALWAYS =
  'Milestones of release plans wait for its end, and so do change requests that are due inside. Whoever must can override it, with a reason.'
