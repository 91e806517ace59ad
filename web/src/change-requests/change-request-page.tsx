import { Group, Text } from '@mantine/core'
import { useParams } from '@tanstack/react-router'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { EmptyState } from '../components/empty-state.tsx'
import { ErrorPanel } from '../components/error-panel.tsx'
import { Loading } from '../components/loading.tsx'
import { Notice } from '../components/notice.tsx'
import { Page, Section } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { TemporalLink } from '../components/temporal-link.tsx'
import { When } from '../components/when.tsx'
import { useEnvironment } from '../shell/address.ts'
import { Approvals } from './approvals.tsx'
import { AddChange } from './change-actions.tsx'
import { ChangePanel } from './change-panel.tsx'
import { Decisions } from './decisions.tsx'
import { DeleteDraft, EditRequest } from './request-actions.tsx'

type ChangeRequest = schemas['ChangeRequest']

const LATE: Record<ChangeRequest['latePolicy'], string> = {
  apply: 'if it is approved later, it is applied at once',
  expire: 'if it is approved later, it is cancelled',
  ask: 'if it is approved later, somebody decides',
}

export default function ChangeRequestPage() {
  const environment = useEnvironment()
  const { id } = useParams({ from: '/change-requests/$id' })
  const { data, error, refetch } = useRead('/api/admin/environments/{environment}/change-requests/{id}', {
    path: { environment, id },
  })
  if (!data) {
    return <Page title="Change request">{error ? <ErrorPanel error={error} retry={refetch} /> : <Loading />}</Page>
  }
  const about = `Of ${data.authors.join(', ')} in ${data.environment}${data.description && `: ${data.description}`}`
  const editable = !['applied', 'cancelled'].includes(data.state)
  const unhealable = data.conflicts.some(({ kind }) => kind !== 'changed')
  return (
    <Page
      title={data.title}
      about={about}
      actions={
        <>
          <Decisions request={data} />
          {editable && <EditRequest request={data} />}
          {data.state === 'draft' && <DeleteDraft request={data} />}
        </>
      }
    >
      {error && <ErrorPanel error={error} retry={refetch} />}
      <State request={data} />
      {data.conflicts.length > 0 && (
        <Notice title="Something was changed since this was asked for">
          Each conflict is named with its change below.{' '}
          {unhealable
            ? 'What is gone, archived or there already needs another request, or an edit of this one.'
            : 'Rebase to look at what is there now; it can also be applied all the same, with a reason.'}
        </Notice>
      )}
      <Section
        title={data.changes.length === 1 ? '1 change' : `${data.changes.length} changes, applied together`}
        actions={editable && <AddChange request={data} />}
      >
        {data.changes.length === 0 && (
          <EmptyState title="It changes nothing yet">
            Add what it changes: flags, strategies, segments, plans, schedules. All of it is applied together, or none.
          </EmptyState>
        )}
        {data.changes.map((change) => (
          <ChangePanel key={change.id} change={change} request={data} editable={editable} />
        ))}
      </Section>
      <Approvals request={data} />
    </Page>
  )
}

/** Where it is, when it is applied, and why it does not go on. */
function State({ request }: { request: ChangeRequest }) {
  const { state, stateReason, scheduledAt, latePolicy, appliedAt, appliedRevision, workflowId } = request
  const open = !['applied', 'rejected', 'cancelled'].includes(state)
  return (
    <>
      <Group gap="md">
        <Status of={state} />
        <Text component="span" size="sm">
          {appliedAt && (
            <>
              <When at={appliedAt} />
              {appliedRevision === null
                ? '; applications see no difference'
                : `, as configuration revision ${appliedRevision}`}
            </>
          )}
          {open && !scheduledAt && 'Without a time: somebody applies it once it is approved.'}
          {open && scheduledAt && (
            <>
              For <When at={scheduledAt} /> (<When at={scheduledAt} as="relative" />
              ); {LATE[latePolicy]}.
            </>
          )}
        </Text>
        {(state === 'scheduled' || state === 'suspended') && (
          <Text component="span" size="sm">
            <TemporalLink workflowId={workflowId} />
          </Text>
        )}
      </Group>
      {stateReason && (
        <Notice bad={state === 'failed'} title="Why">
          {stateReason}
        </Notice>
      )}
    </>
  )
}
