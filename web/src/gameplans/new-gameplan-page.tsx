import { Text } from '@mantine/core'
import { Link, useNavigate } from '@tanstack/react-router'
import template from '../../../domain/gameplan/template.md?raw'
import { client } from '../api/client.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { Page } from '../components/page.tsx'
import { useEnvironment } from '../shell/address.ts'
import { DocumentEditor, type Draft } from './document-editor.tsx'
import { counted } from './words.ts'

/** A gameplan is written beginning with the template of the format. */
export default function NewGameplanPage() {
  return (
    <Page
      title="New gameplan"
      about={
        <>
          Replace what is in braces, or paste a document; it is judged as you write.{' '}
          <Link to="/gameplans">All gameplans</Link>
        </>
      }
    >
      <DocumentEditor begun={template} actions={(draft) => <Create draft={draft} />} />
    </Page>
  )
}

function Create({ draft: { markdown, plan, blocked } }: { draft: Draft }) {
  const environment = useEnvironment()
  const navigate = useNavigate()
  return (
    <ConfirmButton
      variant="filled"
      label="Create"
      title={`Create the gameplan “${plan.title?.value ?? 'Untitled'}”?`}
      blocked={blocked}
      run={async ({ reason, key }) => {
        const { data } = await client.POST('/api/admin/gameplans', {
          params: { query: { environment, reason }, header: { 'idempotency-key': key } },
          body: { markdown },
        })
        if (data) void navigate({ to: '/gameplans/$id', params: { id: data.id } })
      }}
    >
      <Text size="sm">
        It is kept in {environment} as a draft, with {counted(plan.patches.length, 'patch', 'patches')}. Nothing happens
        before somebody starts it, and its document can be revised.
      </Text>
    </ConfirmButton>
  )
}
