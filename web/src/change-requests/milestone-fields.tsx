import { Checkbox, NativeSelect, Text } from '@mantine/core'
import { useEffect } from 'react'
import { useRead } from '../api/queries.ts'
import type { FieldsOf } from './change-fields.tsx'

/** The flag's release plan, which of its milestones, and how. */
export function MilestoneFields({ environment, draft: { action, flagKey, payload }, set }: FieldsOf) {
  const { data } = useRead('/api/admin/flags/{flagKey}/release-plans', { path: { flagKey }, query: { environment } })
  const plan = data?.[0]
  // A flag has one plan: it needs no choice, only to be named.
  useEffect(() => {
    if (plan && payload.planId !== plan.id) set({ planId: plan.id })
  })
  if (data && !plan) return <Text size="sm">It has no release plan in {environment}.</Text>
  if (!plan) return null
  return (
    <>
      <Text size="sm">
        Of the plan “{plan.name}”, which is {plan.status}.
      </Text>
      {(action === 'startMilestone' || action === 'approveMilestone') && (
        <NativeSelect
          label="Milestone"
          required
          withAsterisk={false}
          value={String(payload.milestoneId ?? '')}
          onChange={({ currentTarget }) => set({ milestoneId: currentTarget.value || undefined })}
          data={[
            { value: '', label: 'Choose one' },
            ...plan.milestones.map(({ id, name, status }) => ({ value: id, label: `${name} (${status})` })),
          ]}
        />
      )}
      {action === 'startMilestone' && !plan.flagEnabled && (
        <Checkbox
          label="Switch the flag on as well"
          checked={payload.enable === true}
          onChange={({ currentTarget }) => set({ enable: currentTarget.checked })}
        />
      )}
      {action === 'deleteReleasePlan' && (
        <Checkbox
          label="Keep the strategies of its active milestone"
          checked={payload.keepStrategies === true}
          onChange={({ currentTarget }) => set({ keepStrategies: currentTarget.checked })}
        />
      )}
    </>
  )
}
