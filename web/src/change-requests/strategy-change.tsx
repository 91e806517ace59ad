import { NativeSelect } from '@mantine/core'
import { useEffect, useState } from 'react'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { changedFields } from '../flags/changed-fields.ts'
import { draftOf, NEW_STRATEGY, nameOf, type StrategyDraft } from '../flags/strategy-draft.ts'
import { StrategyFields } from '../flags/strategy-fields.tsx'
import { served } from '../release-plans/words.ts'
import type { FieldsOf } from './change-fields.tsx'

/** A strategy that is added, or one of the flag's that is changed or deleted. */
export function StrategyChange(fields: FieldsOf) {
  return fields.draft.action === 'addStrategy' ? <Added {...fields} /> : <OfFlag {...fields} />
}

function Added({ draft: { payload }, set }: FieldsOf) {
  const strategy = { ...NEW_STRATEGY, ...payload } as StrategyDraft
  // What is shown is what is asked for, also when nothing of it is touched.
  useEffect(() => {
    if (payload.name === undefined) set({ ...NEW_STRATEGY })
  })
  return <StrategyFields draft={strategy} change={set} />
}

function OfFlag({ environment, draft: { action, flagKey, payload }, set }: FieldsOf) {
  const { data = [] } = useRead('/api/admin/flags/{flagKey}/strategies', {
    path: { flagKey },
    query: { environment },
  })
  const chosen = data.find(({ id }) => id === payload.strategyId)
  return (
    <>
      <NativeSelect
        label="Strategy"
        required
        withAsterisk={false}
        value={String(payload.strategyId ?? '')}
        onChange={({ currentTarget }) => set({ strategyId: currentTarget.value || undefined })}
        data={[
          { value: '', label: data.length === 0 ? 'The flag has none' : 'Choose one' },
          ...data.map((strategy) => ({ value: strategy.id, label: `${nameOf(strategy)}: ${served(strategy)}` })),
        ]}
      />
      {action === 'updateStrategy' && chosen && (
        <Changed key={chosen.id} strategy={chosen} payload={payload} set={set} />
      )}
    </>
  )
}

function Changed({
  strategy,
  payload,
  set,
}: { strategy: schemas['Strategy']; payload: Record<string, unknown> } & Pick<FieldsOf, 'set'>) {
  const before = draftOf(strategy)
  const { strategyId: _, ...asked } = payload
  const [draft, setDraft] = useState<StrategyDraft>({ ...before, ...asked })
  return (
    <StrategyFields
      draft={draft}
      change={(changed) => {
        const after = { ...draft, ...changed }
        setDraft(after)
        // Only what differs: what others change of the rest is no conflict.
        const unset = Object.fromEntries(Object.keys(asked).map((field) => [field, undefined]))
        set({ ...unset, ...changedFields(before, after) })
      }}
    />
  )
}
