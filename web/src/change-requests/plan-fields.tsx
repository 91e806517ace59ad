import { NativeSelect } from '@mantine/core'
import { useRead } from '../api/queries.ts'
import { TemplateSteps } from '../release-plans/template-steps.tsx'
import type { FieldsOf } from './change-fields.tsx'

/** A release plan that is made of a template. */
export function PlanFields({ draft: { payload }, set }: FieldsOf) {
  const { data: templates = [] } = useRead('/api/admin/release-plan-templates', { query: { limit: 100 } })
  const template = templates.find(({ id }) => id === payload.templateId)
  return (
    <>
      <NativeSelect
        label="Template"
        required
        withAsterisk={false}
        value={String(payload.templateId ?? '')}
        onChange={({ currentTarget }) => set({ templateId: currentTarget.value || undefined })}
        data={[
          { value: '', label: templates.length === 0 ? 'There is none yet' : 'Choose one' },
          ...templates.map(({ id, name }) => ({ value: id, label: name })),
        ]}
      />
      {template && <TemplateSteps milestones={template.milestones} />}
    </>
  )
}
