import { Text } from '@mantine/core'
import { Link, useNavigate } from '@tanstack/react-router'
import { client } from '../api/client.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { Page } from '../components/page.tsx'
import { TemplateForm } from './template-form.tsx'

export default function NewTemplatePage() {
  const navigate = useNavigate()
  return (
    <Page title="Write a template" about={<Link to="/release-plan-templates">All templates</Link>}>
      <TemplateForm
        save={(body, problem) => (
          <ConfirmButton
            variant="filled"
            label="Create the template"
            blocked={problem}
            run={async ({ reason, key }) => {
              const { data } = await client.POST('/api/admin/release-plan-templates', {
                params: { query: { reason }, header: { 'idempotency-key': key } },
                body,
              })
              if (data) {
                await navigate({ to: '/release-plan-templates/$templateId', params: { templateId: data.id } })
              }
            }}
          >
            <Text size="sm">
              “{body.name}” with its {body.milestones.length} milestones can be chosen when a plan is created, in every
              environment. No flag changes by this.
            </Text>
          </ConfirmButton>
        )}
      />
    </Page>
  )
}
