import { NativeSelect, Stack, Textarea } from '@mantine/core'
import { useState } from 'react'
import { FlagSelect } from '../flags/flag-select.tsx'
import { parseDocument } from '../policies/document-text.ts'
import { ACTIONS, type ActionName, type NewChange, type Payload } from './actions.ts'
import { FlagFields } from './flag-fields.tsx'
import { MilestoneFields } from './milestone-fields.tsx'
import { PlanFields } from './plan-fields.tsx'
import { ScheduleChange } from './schedule-change.tsx'
import { StrategyChange } from './strategy-change.tsx'

/** A change while it is written: of any action, complete or not. */
export interface ChangeDraft {
  action: ActionName
  flagKey: string
  payload: Payload
}

export const NEW_CHANGE: ChangeDraft = { action: 'updateFlag', flagKey: '', payload: {} }

/** What the fields of every action get. */
export interface FieldsOf {
  environment: string
  draft: ChangeDraft
  /** Sets fields of the payload; undefined takes one away. */
  set: (changed: Payload) => void
}

/** Which change, of what, and what it sets. */
export function ChangeFields({
  environment,
  draft,
  onChange,
}: {
  environment: string
  draft: ChangeDraft
  onChange: (draft: ChangeDraft) => void
}) {
  const { action, flagKey, payload } = draft
  const { onFlag, form } = ACTIONS[action]
  const set = (changed: Payload) => {
    const all = Object.entries({ ...payload, ...changed }).filter(([, value]) => value !== undefined)
    onChange({ ...draft, payload: Object.fromEntries(all) })
  }
  const fields = { environment, draft, set }
  return (
    <Stack gap="sm">
      <NativeSelect
        label="What"
        value={action}
        onChange={({ currentTarget }) => {
          const chosen = currentTarget.value as ActionName
          onChange({ action: chosen, flagKey, payload: ACTIONS[chosen].begins })
        }}
        data={Object.entries(ACTIONS).map(([value, { words }]) => ({ value, label: `${words} …` }))}
      />
      {onFlag && (
        <FlagSelect
          environment={environment}
          value={flagKey}
          onChange={(chosen) => onChange({ ...draft, flagKey: chosen, payload: ACTIONS[action].begins })}
        />
      )}
      {(!onFlag || flagKey !== '') && (
        <>
          {form === 'flag' && <FlagFields {...fields} />}
          {form === 'schedule' && <ScheduleChange {...fields} />}
          {form === 'strategy' && <StrategyChange key={`${action} ${flagKey}`} {...fields} />}
          {form === 'plan' && <PlanFields {...fields} />}
          {form === 'milestone' && <MilestoneFields {...fields} />}
          {form === 'json' && <PayloadText key={action} draft={draft} onChange={onChange} />}
        </>
      )}
    </Stack>
  )
}

/** The body of the direct call, for what has no fields of its own. */
function PayloadText({ draft, onChange }: { draft: ChangeDraft; onChange: (draft: ChangeDraft) => void }) {
  const [text, setText] = useState(() => JSON.stringify(draft.payload, null, 2))
  return (
    <Textarea
      label="Payload"
      description="The body of the call that does it directly, with the ids of its path"
      classNames={{ input: 'mono' }}
      spellCheck={false}
      autosize
      minRows={4}
      maxRows={16}
      error={parseDocument(text).problem?.message}
      value={text}
      onChange={({ currentTarget: { value } }) => {
        setText(value)
        const { document } = parseDocument(value)
        if (document) onChange({ ...draft, payload: document as Payload })
      }}
    />
  )
}

export function changeOf({ action, flagKey, payload }: ChangeDraft): NewChange {
  // What is not right about it is the API's to say, field by field.
  return { action, ...(ACTIONS[action].onFlag && { flagKey }), payload } as NewChange
}
