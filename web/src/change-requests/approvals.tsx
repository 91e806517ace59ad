import { Text } from '@mantine/core'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { type Column, Rows } from '../components/data-table.tsx'
import { Section } from '../components/page.tsx'
import { When } from '../components/when.tsx'

type ChangeRequest = schemas['ChangeRequest']
type Approval = schemas['ChangeRequestApproval']

/** Whether its environment lets people approve what they have written themselves; undefined until that is known. */
export function useSelfApproval(environment: string): boolean | undefined {
  return useRead('/api/admin/environments/{environment}', { path: { environment } }).data?.selfApproval
}

/** Who approved what, when, and whether that still counts. */
export function Approvals({ request }: { request: ChangeRequest }) {
  const { approvals, requiredApprovals, environment } = request
  const selfApproval = useSelfApproval(environment) ?? false
  const counted = approvals.filter((approval) => whyNot(approval, request, selfApproval) === undefined).length
  const columns: Column<Approval>[] = [
    { header: 'Who', cell: ({ approver }) => approver },
    { header: 'When', cell: ({ createdAt }) => <When at={createdAt} /> },
    {
      header: 'For',
      cell: ({ scheduledAt }) => (scheduledAt ? <When at={scheduledAt} /> : 'any time'),
    },
    { header: 'Comment', cell: ({ comment }) => comment },
    { header: 'Counts', cell: (approval) => whyNot(approval, request, selfApproval) ?? 'yes' },
  ]
  return (
    <Section title={`Approvals: ${counted} of ${requiredApprovals}`}>
      {approvals.length === 0 ? (
        <Text size="sm" className="quiet">
          Nobody has approved it yet. Any edit of it revokes approvals.
        </Text>
      ) : (
        <Rows
          label="Approvals"
          columns={columns}
          rows={approvals}
          rowKey={({ approver, createdAt }) => `${approver} ${createdAt}`}
        />
      )}
    </Section>
  )
}

/** Why an approval does not count for the request as it is now; undefined: it does. */
export function whyNot(
  { approver, revokedAt, contentHash, scheduledAt }: Approval,
  request: ChangeRequest,
  selfApproval: boolean,
): string | undefined {
  if (revokedAt !== null) return 'no: what was approved was changed'
  if (contentHash !== request.contentHash) return 'no: it was for other content'
  if (scheduledAt !== null && scheduledAt !== request.scheduledAt) return 'no: it was for another time'
  if (!selfApproval && request.authors.includes(approver)) return 'no: its own author'
}
