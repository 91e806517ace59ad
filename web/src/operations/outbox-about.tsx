import { Link } from '@tanstack/react-router'
import type { schemas } from '../api/schema.ts'

/** What a message is about: the page of it where there is one, and the message itself. */
export function OutboxAbout({ row: { payload } }: { row: schemas['OutboxRow'] }) {
  const { flagKey, environment, planId, requestId, migrationId, runId } = payload as Record<string, string | undefined>
  const search = { env: environment }
  return (
    <>
      {planId && flagKey ? (
        <Link to="/release-plans/$flagKey/$planId" params={{ flagKey, planId }} search={search}>
          Release plan of {flagKey}
        </Link>
      ) : requestId ? (
        <Link to="/change-requests/$id" params={{ id: requestId }} search={search}>
          Change request
        </Link>
      ) : migrationId ? (
        <Link to="/account-migrations/$migrationId" params={{ migrationId }}>
          Account migration
        </Link>
      ) : runId ? (
        <Link to="/policies/runs/$runId" params={{ runId }}>
          Run of a policy
        </Link>
      ) : (
        flagKey && (
          <Link to="/flags/$flagKey" params={{ flagKey }} search={search}>
            {flagKey}
          </Link>
        )
      )}
      <div className="mono quiet">{JSON.stringify(payload)}</div>
    </>
  )
}
