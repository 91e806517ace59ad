import { queryClient } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'

/** What the stream tells of an event. */
export type EventNotice = Pick<
  schemas['Event'],
  'id' | 'type' | 'environment' | 'flagKey' | 'scheduleId' | 'policyVersion' | 'runId' | 'revision'
>

const FLAGS = '/api/admin/flags'
const SCHEDULES = '/api/admin/schedules'
const ENVIRONMENTS = '/api/admin/environments'
const CHANGE_REQUESTS = '/api/admin/environments/{environment}/change-requests'

/** By the beginning of an event's type: the reads that it may change, by the beginning of their paths. The first that fits. */
const TOUCHED: [type: string, paths: string[]][] = [
  ['flag-', [FLAGS, SCHEDULES, ENVIRONMENTS, CHANGE_REQUESTS]],
  ['feature-strategy', [FLAGS, CHANGE_REQUESTS]],
  ['feature-strategies', [FLAGS, CHANGE_REQUESTS]],
  ['schedule', [FLAGS, SCHEDULES, '/api/admin/releases']],
  ['recurrence-', [FLAGS, SCHEDULES]],
  ['release-plan', [FLAGS, '/api/admin/release-plan', CHANGE_REQUESTS]],
  ['milestone-', [FLAGS, '/api/admin/release-plan', CHANGE_REQUESTS]],
  ['safeguard-', [FLAGS, '/api/admin/release-plan', CHANGE_REQUESTS]],
  ['release-', [FLAGS, SCHEDULES, '/api/admin/releases']],
  ['freeze-', ['/api/admin/freezes', SCHEDULES]],
  ['segment-', ['/api/admin/segments', FLAGS, CHANGE_REQUESTS]],
  ['environment-', [ENVIRONMENTS]],
  ['change-request-', [CHANGE_REQUESTS]],
  ['gameplan-', ['/api/admin/gameplans']],
  ['outbox-', ['/api/admin/outbox', SCHEDULES]],
  ['policy-', ['/api/admin/catalog-polic', '/api/catalog']],
  ['account-', ['/api/admin/account']],
  ['api-key-', ['/api/admin/api-keys']],
]

/** Reads again, of what is shown, everything that `events` may have changed; the rest when it is shown. */
export function invalidateBy(events: EventNotice[]): void {
  void queryClient.invalidateQueries({
    predicate: ({ queryKey: [path, parameters] }) => events.some((event) => touches(event, String(path), parameters)),
  })
}

export function invalidateRuns(): void {
  void queryClient.invalidateQueries({
    predicate: ({ queryKey: [path] }) => String(path).startsWith('/api/admin/catalog-policy-runs'),
  })
}

function touches({ type, environment, flagKey }: EventNotice, path: string, parameters: unknown): boolean {
  if (path === '/api/admin/events') return true
  const [, paths] = TOUCHED.find(([beginning]) => type.startsWith(beginning)) ?? []
  // An event that nobody has put into the table may change anything.
  if (paths && !paths.some((beginning) => path.startsWith(beginning))) return false
  const of = { ...partOf(parameters, 'query'), ...partOf(parameters, 'path') }
  const about = (asked: unknown, happened: string | null) => !asked || !happened || asked === happened
  return about(of.environment, environment) && about(of.flagKey, flagKey)
}

function partOf(parameters: unknown, place: string): Record<string, unknown> {
  return (parameters as Record<string, Record<string, unknown>> | undefined)?.[place] ?? {}
}
