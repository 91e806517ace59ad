import type { schemas } from '../api/schema.ts'

export type Mode = schemas['Account']['mode']

export const MODES = ['off', 'ready', 'migrating', 'done', 'rollback'] as const satisfies Mode[]

/** Where the notes of an account are, by its mode. */
export const WHERE: Record<Mode, string> = {
  off: 'All notes are in the legacy store, as if there were one; older builds may write.',
  ready: 'All notes are in the legacy store, and older builds are shut out.',
  migrating: 'Writes take effect in the current store and take their note along; a sweep moves the rest.',
  done: 'All notes are in the current store.',
  rollback: 'Writes take effect in the legacy store and take their note back; a sweep moves the rest.',
}

/** The modes that may follow a mode, and what that step does. */
export const NEXT: Record<Mode, { mode: Mode; label: string; does: string; danger?: boolean }[]> = {
  off: [
    {
      mode: 'ready',
      label: 'Make ready',
      does: 'Older builds are shut out of both stores for good, for this and all other accounts. Its notes stay where they are.',
    },
  ],
  ready: [
    {
      mode: 'migrating',
      label: 'Begin to move',
      does: 'From now on its notes are written to the current store. Notes move when they are written; a migration sweeps the rest.',
    },
    {
      mode: 'off',
      label: 'Back to off',
      does: 'Nothing has moved yet. Older builds stay shut out until somebody lets them in again.',
    },
  ],
  migrating: [
    {
      mode: 'done',
      label: 'Set to done',
      does: 'It is served from the current store alone. Refused while the legacy store holds any of its notes.',
    },
    {
      mode: 'rollback',
      label: 'Take back',
      does: 'From now on its notes are written to the legacy store again. Notes go back when they are written; a sweep takes the rest.',
      danger: true,
    },
  ],
  done: [
    {
      mode: 'rollback',
      label: 'Take back',
      does: 'From now on its notes are written to the legacy store again. Notes go back when they are written; a sweep takes the rest.',
      danger: true,
    },
  ],
  rollback: [
    {
      mode: 'off',
      label: 'Set to off',
      does: 'It is served from the legacy store alone, as before. Refused while the current store holds any of its notes.',
    },
  ],
}
