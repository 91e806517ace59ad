import { Text } from '@mantine/core'
import { type ReactNode, useRef } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { useSession } from '../api/session.ts'
import { AsRead } from '../components/as-read.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { ApplyRequest } from './apply-request.tsx'
import { useSelfApproval, whyNot } from './approvals.tsx'
import { parametersOf } from './parameters.ts'
import { ScheduleRequest } from './schedule-request.tsx'

type ChangeRequest = schemas['ChangeRequest']
type State = ChangeRequest['state']

const DECIDED: State[] = ['in-review', 'approved', 'scheduled', 'suspended', 'failed']
const REVIEWED: State[] = ['in-review', 'approved', 'scheduled']
const TIMED: State[] = ['approved', 'scheduled', 'suspended']
const APPLICABLE: State[] = ['approved', 'scheduled', 'suspended', 'failed']

/** All that can be done with a request in its state. */
export function Decisions({ request }: { request: ChangeRequest }) {
  const { data: session } = useSession()
  const selfApproval = useSelfApproval(request.environment)
  const { state, changes, conflicts, authors, approvals } = request
  const count = changes.length === 1 ? '1 change' : `${changes.length} changes`
  const own = selfApproval === false && session && authors.includes(session.subject)
  const approved = approvals.some(
    (approval) => approval.approver === session?.subject && !whyNot(approval, request, selfApproval ?? false),
  )
  return (
    <>
      {state === 'draft' && (
        <Decision
          request={request}
          verb="submit"
          label="Submit"
          blocked={changes.length === 0 ? 'It changes nothing yet: add a change first.' : undefined}
          filled
        >
          Reviewers are asked to read its {count}. It needs {request.requiredApprovals} of them to approve.
        </Decision>
      )}
      {REVIEWED.includes(state) && (
        <Decision
          request={request}
          verb="approve"
          label="Approve"
          blocked={
            own
              ? 'You had a hand in it: somebody else approves it.'
              : approved
                ? 'You have approved it as it is.'
                : undefined
          }
          filled={state === 'in-review'}
        >
          You have read its {count}. With {request.requiredApprovals} approvals it{' '}
          {request.scheduledAt ? 'is scheduled and applied by itself' : 'can be applied'}. Your reason is kept as the
          comment; any edit of the request revokes the approval.
        </Decision>
      )}
      {APPLICABLE.includes(state) && <ApplyRequest request={request} />}
      {TIMED.includes(state) && <ScheduleRequest request={request} />}
      {conflicts.length > 0 && (state === 'draft' || DECIDED.includes(state)) && (
        <Decision
          request={request}
          verb="rebase"
          label="Rebase"
          blocked={
            conflicts.every(({ kind }) => kind === 'changed')
              ? undefined
              : 'What is gone, archived or there already cannot be looked at again: edit the request.'
          }
        >
          Its {count} are compared with what is there now. Where reviewers would see something else, their approvals are
          revoked and it is reviewed again.
        </Decision>
      )}
      {DECIDED.includes(state) && (
        <Decision request={request} verb="reject" label="Reject" danger>
          None of its {count} are made. That is final, unless its creator edits it and submits it again.
        </Decision>
      )}
      {(state === 'draft' || state === 'rejected' || DECIDED.includes(state)) && (
        <Decision request={request} verb="cancel" label="Cancel the request" danger>
          None of its {count} will ever be made. That cannot be taken back.
        </Decision>
      )}
    </>
  )
}

function Decision({
  request,
  verb,
  label,
  filled = false,
  children,
  ...button
}: {
  request: ChangeRequest
  verb: 'submit' | 'approve' | 'reject' | 'cancel' | 'rebase'
  label: string
  filled?: boolean
  blocked?: string | undefined
  danger?: boolean
  children: ReactNode
}) {
  const read = useRef(request.version)
  return (
    <ConfirmButton
      label={label}
      title={`${label}: “${request.title}”?`}
      variant={filled ? 'filled' : 'default'}
      run={(confirmed) =>
        client.POST(`/api/admin/environments/{environment}/change-requests/{id}/${verb}`, {
          params: parametersOf(request, confirmed, read.current),
        })
      }
      {...button}
    >
      <Text size="sm">{children}</Text>
      <AsRead version={request.version} read={read} />
    </ConfirmButton>
  )
}
