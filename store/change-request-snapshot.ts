import { type FieldProblem, Problem } from '../domain/problems.ts'
import { refuseFields } from '../domain/strategy-content.ts'
import { type NewChange, wishOf } from './change-request-actions.ts'
import { actionNamed, addressOf } from './change-request-conflicts.ts'
import type { ChangeRow, Loaded } from './change-request-rows.ts'
import type { Transaction } from './transaction.ts'

/**
 * What a change is about, as it is now.
 *
 * @throws Problem `…-not-found` when that is not there and no earlier change of the request makes it, `…-exists` when it is there
 *   and the change makes it, `flag-archived`, `validation-failed`
 */
export async function snapshotOf(
  tx: Transaction,
  { row, changes }: Loaded,
  change: NewChange,
): Promise<ChangeRow['snapshot']> {
  const { action: name, flagKey, payload } = change
  const action = actionNamed(name)
  const at = addressOf(row.environment, { flag_key: flagKey ?? null })
  const snapshot = await action.read(tx, at, payload)
  const target = action.target(at, payload)
  const madeBefore = changes.some((earlier) => {
    const { makes, target: targetOf } = actionNamed(earlier.action)
    return makes && targetOf(at, earlier.payload) === target
  })
  const { makes, wanted } = wishOf({ action: name, payload })
  if (makes && snapshot)
    throw new Problem(target.startsWith('flag') ? 'flag-exists' : 'segment-exists', `There is a ${target} already.`)
  if (!makes && !snapshot && !madeBefore) throw missing(target, row.environment, flagKey)
  if (snapshot?.archived === true && wanted.archived !== false) {
    throw new Problem('flag-archived', `The flag "${flagKey}" is archived. Bring it back first.`, {
      fields: [{ field: 'flagKey', message: 'must name a flag that is not archived' }],
    })
  }
  if (snapshot || makes || madeBefore) refuseFields(inPayload(action.check?.(payload, snapshot) ?? []))
  return snapshot
}

function inPayload(fields: FieldProblem[]): FieldProblem[] {
  return fields.map(({ field, message }) => ({ field: `payload.${field}`, message }))
}

function missing(target: string, environment: string, flagKey?: string): Problem {
  const what = `There is no ${target} in the environment "${environment}"${flagKey ? `, of the flag "${flagKey}"` : ''}.`
  const kinds = {
    flag: 'flag',
    strategy: 'strategy',
    segment: 'segment',
    release: 'plan',
    milestone: 'milestone',
  } as const
  const kind = kinds[target.split(' ')[0] as keyof typeof kinds]
  return new Problem(`${kind}-not-found`, what)
}
