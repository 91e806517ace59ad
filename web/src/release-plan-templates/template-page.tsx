import { Text } from '@mantine/core'
import { Link, useParams } from '@tanstack/react-router'
import { useRef } from 'react'
import { client } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Notice } from '../components/notice.tsx'
import { Page, Section } from '../components/page.tsx'
import { When } from '../components/when.tsx'
import { TemplateSteps } from '../release-plans/template-steps.tsx'
import { type TemplateBody, TemplateForm } from './template-form.tsx'

type Template = schemas['ReleasePlanTemplate']

export default function TemplatePage() {
  const { templateId } = useParams({ from: '/release-plan-templates/$templateId' })
  const { data, error, refetch } = useRead('/api/admin/release-plan-templates/{templateId}', { path: { templateId } })
  if (!data) {
    return <Page title="Template">{error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />}</Page>
  }
  const about = (
    <>
      Of {data.createdBy}, changed <When at={data.updatedAt} as="relative" /> ·{' '}
      <Link to="/release-plan-templates">All templates</Link>
    </>
  )
  return (
    <Page
      // Another template begins anew; an edit of this one by others does not take away what is being written.
      key={data.id}
      title={data.name}
      about={about}
      actions={data.archivedAt ? undefined : <Archive template={data} />}
    >
      {error && <ErrorPanel error={error} retry={refetch} />}
      {data.archivedAt ? (
        <>
          <Notice title="Archived">
            It makes no plans any more, since <When at={data.archivedAt} />. Plans that were made of it stay as they
            are.
          </Notice>
          <Section title="Milestones">
            <TemplateSteps milestones={data.milestones} />
          </Section>
        </>
      ) : (
        <TemplateForm
          template={data}
          save={(body, problem) => <Save template={data} body={body} problem={problem} />}
        />
      )}
    </Page>
  )
}

function Save({ template, body, problem }: { template: Template; body: TemplateBody; problem: string | undefined }) {
  const read = useRef(template.version)
  return (
    <ConfirmButton
      variant="filled"
      label="Save"
      title={`Save “${body.name}”?`}
      blocked={problem}
      run={({ reason, key }) =>
        client.PUT('/api/admin/release-plan-templates/{templateId}', {
          params: {
            path: { templateId: template.id },
            query: { reason },
            header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
          },
          body,
        })
      }
    >
      <Text size="sm">
        Plans that are made from now on have these {body.milestones.length} milestones. Those that were made of it
        before stay as they are.
      </Text>
      <AsRead version={template.version} read={read} />
    </ConfirmButton>
  )
}

function Archive({ template: { id: templateId, name, version } }: { template: Template }) {
  const read = useRef(version)
  return (
    <ConfirmButton
      danger
      label="Archive"
      title={`Archive “${name}”?`}
      run={({ reason, key }) =>
        client.DELETE('/api/admin/release-plan-templates/{templateId}', {
          params: {
            path: { templateId },
            query: { reason },
            header: { 'idempotency-key': key, 'if-match': `"${read.current}"` },
          },
        })
      }
    >
      <Text size="sm">
        No plan can be made of it any more, and its name is free again. Plans that were made of it stay as they are. It
        cannot be brought back.
      </Text>
      <AsRead version={version} read={read} />
    </ConfirmButton>
  )
}
