import { z } from 'zod'
import { oneOf, strict } from './strict.ts'
import { Instant, Name, Text } from './text.ts'

export const AccountId = Name.meta({ description: 'Name of the account', example: 'acme' })

const MODES = ['off', 'ready', 'migrating', 'done', 'rollback'] as const
export const AccountMode = oneOf(MODES).meta({
  description:
    'Where the notes are: off and ready: legacy store; migrating: moving to the current one; done: current; rollback: moving back',
})
export type AccountMode = z.infer<typeof AccountMode>

/** The modes that may follow a mode. */
export const NEXT_MODES: Readonly<Record<AccountMode, readonly AccountMode[]>> = {
  off: ['ready'],
  ready: ['migrating', 'off'],
  migrating: ['done', 'rollback'],
  done: ['rollback'],
  rollback: ['off'],
}

/**
 * What every operation on an account's notes carries. The stores refuse one whose epoch is not the account's; `isMigrating`
 * is the mode as the reference names it.
 */
export interface AccountState {
  accountId: string
  mode: AccountMode
  isMigrating: boolean
  epoch: number
}

export type StoreName = 'legacy' | 'current'

/** Which store is what in a mode. No transaction spans both, so exactly one decides between writers. */
export interface StoreRoles {
  /** Where each write takes effect, by compare-and-set. */
  destination: StoreName
  /** Where notes come from; nothing is ever added to it. Null: all is at the destination. */
  source: StoreName | null
}

export function rolesOf(mode: AccountMode): StoreRoles {
  if (mode === 'migrating') return { destination: 'current', source: 'legacy' }
  if (mode === 'rollback') return { destination: 'legacy', source: 'current' }
  return { destination: mode === 'done' ? 'current' : 'legacy', source: null }
}

/** The modes to walk through, one flip each, so that the account is migrating, or is no more. */
export function pathTo(mode: AccountMode, isMigrating: boolean): AccountMode[] {
  if (!isMigrating) return mode === 'migrating' ? ['rollback'] : mode === 'ready' ? ['off'] : []
  if (mode === 'off') return ['ready', 'migrating']
  return mode === 'migrating' ? [] : ['migrating']
}

export const Account = z
  .object({
    id: AccountId,
    name: Text,
    mode: AccountMode,
    isMigrating: z.boolean(),
    epoch: z
      .int()
      .meta({ description: 'Raised by every change of the mode; the stores refuse operations of another one' }),
    nextMode: AccountMode.nullable().meta({ description: 'Mode of a change that is under way' }),
    version: z.int().meta({ description: 'Counts changes; also its ETag' }),
    createdBy: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'Account' })
export type Account = z.infer<typeof Account>

const IsMigrating = z.boolean({ error: 'must be true or false' }).meta({
  description: 'true walks from off over ready to migrating; false, from migrating, is rollback; from ready, off',
})

export const NewAccount = strict({ id: AccountId, name: Text.default(''), isMigrating: IsMigrating.default(false) })
export type NewAccount = z.infer<typeof NewAccount>

export const AccountEdit = strict({
  name: Text.optional(),
  mode: AccountMode.optional(),
  isMigrating: IsMigrating.optional(),
})
  .refine((edit) => Object.keys(edit).length > 0, 'must name at least one of name, mode, isMigrating')
  .refine((edit) => edit.mode === undefined || edit.isMigrating === undefined, {
    path: ['isMigrating'],
    message: 'must not be given together with mode',
  })
export type AccountEdit = z.infer<typeof AccountEdit>
