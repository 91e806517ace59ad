import { useAll, usePages } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import type { StatusName } from '../components/status.tsx'
import { local } from '../components/time.ts'
import { updatesText } from '../flags/updates-text.ts'
import { waiting } from '../release-plans/words.ts'
import {
  flagLink,
  type ItemLink,
  isLate,
  migrationLink,
  OPERATIONS_LINK,
  planLink,
  requestLink,
  runLink,
} from './items.ts'

/** Something that is late, has failed, or goes on only when somebody does something. */
export interface Trouble {
  id: string
  /** Worst first. */
  rank: number
  status: StatusName
  what: string
  why: string
  /** Since when, in milliseconds since 1970. */
  since: number
  link: ItemLink
  /** What can be done about it right here. */
  retry?: schemas['Schedule']
  plan?: schemas['ReleasePlan']
  /** What is done elsewhere, and where; on its own page when that is not said. */
  act: string
  actLink?: ItemLink
}

/** Failed schedules are kept for ever; those before are history. */
const FAILED_DAYS = 30
const DAY_MS = 86_400_000

const LATE = 0
const FAILED = 1
const BLOCKED = 2

/** What needs somebody, the worst first, whatever time is looked at. `plans` are those with something in it. */
export function useTrouble(
  environment: string,
  flagKey: string | undefined,
  plans: schemas['ReleasePlan'][],
  now: number,
): { troubles: Trouble[]; isPending: boolean } {
  const dueFrom = new Date(Math.floor(now / DAY_MS - FAILED_DAYS) * DAY_MS).toISOString()
  const failed = useAll('/api/admin/schedules', {
    query: { environment, flagKey, status: 'failed', dueFrom, limit: 200 },
  })
  // In the order in which they are due: the late ones are at the beginning.
  const next = usePages('/api/admin/schedules', { query: { environment, flagKey, status: 'pending', limit: 200 } })
  const requests = useAll('/api/admin/environments/{environment}/change-requests', {
    path: { environment },
    query: { flagKey, state: ['in-review', 'suspended', 'failed'], limit: 200 },
  })
  const runs = usePages('/api/admin/catalog-policy-runs', { query: { limit: 50 } })
  const migrations = usePages('/api/admin/account-migrations', { query: { limit: 50 } })
  const dead = usePages('/api/admin/outbox', { query: { state: 'dead', limit: 50 } })

  const ofNoFlag = flagKey
    ? []
    : [...ofRuns(runs.data ?? []), ...ofMigrations(migrations.data ?? []), ...ofOutbox(dead.data ?? [])]
  const troubles = [
    ...ofLate(next.data ?? [], now),
    ...failed.data.map(ofFailed),
    ...plans.flatMap(ofPlan),
    ...requests.data.map((request) => ofRequest(request, now)),
    ...ofNoFlag,
  ]
  return {
    troubles: troubles.sort((one, other) => one.rank - other.rank || other.since - one.since),
    isPending: [failed, next, requests, runs, migrations, dead].some(({ isPending }) => isPending),
  }
}

function ofLate(pending: schemas['Schedule'][], now: number): Trouble[] {
  return pending
    .filter((schedule) => isLate(schedule, now))
    .map(({ id, flagKey, scheduledAt, updates }) => ({
      id,
      rank: LATE,
      status: 'late',
      what: `${flagKey}: ${updatesText(updates)}`,
      why: 'Due and not applied yet. Is a worker running?',
      since: Date.parse(scheduledAt),
      link: flagLink(flagKey),
      act: 'Look at workers',
      actLink: OPERATIONS_LINK,
    }))
}

function ofFailed(schedule: schemas['Schedule']): Trouble {
  return {
    id: schedule.id,
    rank: FAILED,
    status: 'failed',
    what: `${schedule.flagKey}: ${updatesText(schedule.updates)}`,
    why: schedule.errorMessage ?? 'It could not be applied.',
    since: Date.parse(schedule.scheduledAt),
    link: flagLink(schedule.flagKey),
    // A release is tried again as a whole, by making it anew.
    ...(!schedule.releaseId && { retry: schedule }),
    act: 'Open it',
  }
}

/** A plan that somebody or something has stopped, or that waits for a person or a metric. */
function ofPlan(plan: schemas['ReleasePlan']): Trouble[] {
  const { id, flagKey, name, status, pauseReason, pausedAt, waitsFor, updatedAt } = plan
  const held = status === 'running' && waitsFor.length > 0 && !waitsFor.includes('time')
  if (status !== 'paused' && !held) return []
  const active = plan.milestones.find((milestone) => milestone.id === plan.activeMilestoneId)
  return [
    {
      id,
      rank: BLOCKED,
      status: status === 'paused' ? 'paused' : 'blocked',
      what: `${flagKey}: ${name}`,
      why:
        status === 'paused'
          ? (pauseReason ?? 'Somebody paused it.')
          : `At “${active?.name}”, waits for ${waiting(waitsFor)}.`,
      since: Date.parse(pausedAt ?? active?.startedAt ?? updatedAt),
      link: planLink(flagKey, id),
      plan,
      act: 'Open it',
    },
  ]
}

function ofRequest(request: schemas['ChangeRequestSummary'], now: number): Trouble {
  const { id, title, state, stateReason, scheduledAt, updatedAt } = request
  const due = scheduledAt ? `; to be applied ${local(scheduledAt, now)}` : ''
  return {
    id,
    rank: state === 'failed' ? FAILED : BLOCKED,
    status: state,
    what: title,
    why: state === 'in-review' ? `Waits for an approval${due}.` : (stateReason ?? 'It stands still.'),
    since: Date.parse(updatedAt),
    link: requestLink(id),
    act: state === 'in-review' ? 'Review it' : 'Open it',
  }
}

/** The newest run of each policy that has failed, and those that do not get on. */
function ofRuns(runs: schemas['PolicyRunSummary'][]): Trouble[] {
  return runs
    .filter((run, n) => runs.findIndex(({ targetPolicyId }) => targetPolicyId === run.targetPolicyId) === n)
    .filter(({ status, failingSince }) => status === 'failed' || (status === 'running' && failingSince))
    .map(({ runId, status, targetPolicyVersion, lastError, failingSince, finishedAt, startedAt }) => ({
      id: runId,
      rank: FAILED,
      status: status === 'failed' ? 'failed' : 'late',
      what: `Run of policy ${targetPolicyVersion}`,
      why: lastError ?? 'It does not get on.',
      since: Date.parse(failingSince ?? finishedAt ?? startedAt),
      link: runLink(runId),
      act: 'Open it',
    }))
}

function ofMigrations(migrations: schemas['AccountMigration'][]): Trouble[] {
  return migrations
    .filter(
      ({ status, failingSince }) =>
        status === 'halted' || status === 'paused' || (status === 'running' && failingSince),
    )
    .map(({ id, name, status, reason, lastError, findings, failingSince, startedAt }) => ({
      id,
      rank: status === 'paused' ? BLOCKED : FAILED,
      status: status === 'running' ? 'late' : status,
      what: `Accounts: ${name || 'a migration'}`,
      why: reason ?? lastError ?? (findings.length > 0 ? `${findings.length} findings` : 'It stands still.'),
      since: Date.parse(failingSince ?? startedAt),
      link: migrationLink(id),
      act: 'Open it',
    }))
}

function ofOutbox(dead: schemas['OutboxRow'][]): Trouble[] {
  const [last] = dead
  if (!last) return []
  return [
    {
      id: 'outbox',
      rank: BLOCKED,
      status: 'dead',
      what: `${dead.length.toLocaleString('en')} ${dead.length === 1 ? 'message' : 'messages'} to Temporal`,
      why: last.lastError ?? 'Refused too often.',
      since: Date.parse(last.createdAt),
      link: OPERATIONS_LINK,
      act: 'Open the outbox',
    },
  ]
}
