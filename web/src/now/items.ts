import { linkOptions } from '@tanstack/react-router'
import type { schemas } from '../api/schema.ts'
import { looksOf, type StatusName } from '../components/status.tsx'
import { period } from '../components/time.ts'
import { updatesText } from '../flags/updates-text.ts'

/** The lanes, from top to bottom. */
export const LANES = {
  freezes: 'Freezes',
  schedules: 'Schedules',
  plans: 'Release plans',
  requests: 'Change requests',
  runs: 'Policy runs',
  migrations: 'Account migrations',
} as const
export type Lane = keyof typeof LANES

/** Something that was, is, or will be. Instants in milliseconds since 1970. */
export interface TimelineItem {
  id: string
  lane: Lane
  /** What it is about: `dark-mode`. */
  title: string
  /** What happens: `On, 25 %`. */
  what: string
  status: StatusName
  from: number
  /** Where it ends, of what lasts. */
  to: number | undefined
  /** For its card, beside all that. */
  more: string[]
  /** The page that has more of it. */
  link: ItemLink
  /** What can be moved to another time. */
  schedule?: schemas['Schedule']
}

export function flagLink(flagKey: string) {
  return linkOptions({ to: '/flags/$flagKey', params: { flagKey } })
}

export function planLink(flagKey: string, planId: string) {
  return linkOptions({ to: '/release-plans/$flagKey/$planId', params: { flagKey, planId } })
}

export function requestLink(id: string) {
  return linkOptions({ to: '/change-requests/$id', params: { id } })
}

export function runLink(runId: string) {
  return linkOptions({ to: '/policies/runs/$runId', params: { runId } })
}

export function migrationLink(migrationId: string) {
  return linkOptions({ to: '/account-migrations/$migrationId', params: { migrationId } })
}

const FREEZES_LINK = linkOptions({ to: '/freezes' })
export const OPERATIONS_LINK = linkOptions({ to: '/operations' })

export type ItemLink =
  | ReturnType<typeof flagLink | typeof planLink | typeof requestLink | typeof runLink | typeof migrationLink>
  | typeof FREEZES_LINK
  | typeof OPERATIONS_LINK

/** Schedules are applied within milliseconds; the rest is what a page may be behind, and that clocks differ. */
const LATE_MS = 10_000

/** Is it due, and not applied? */
export function isLate({ status, scheduledAt }: schemas['Schedule'], now: number): boolean {
  return status === 'pending' && Date.parse(scheduledAt) < now - LATE_MS
}

/** Schedules, but those that were cancelled: nothing happened at their time. */
export function ofSchedules(schedules: schemas['Schedule'][], now: number): TimelineItem[] {
  return schedules
    .filter(({ status }) => status !== 'cancelled')
    .map((schedule) => ({
      id: schedule.id,
      lane: 'schedules',
      title: schedule.flagKey,
      what: updatesText(schedule.updates),
      status: isLate(schedule, now) ? 'late' : schedule.status,
      from: Date.parse(schedule.scheduledAt),
      to: undefined,
      more: [
        schedule.comment,
        schedule.recurrenceId && 'An occurrence of a recurrence; the next one is made after it',
        schedule.releaseId && 'Part of a release of several flags, which is moved as a whole',
        schedule.deferredFrom && 'Put off by a freeze',
        schedule.appliedRevision !== null && `Configuration revision ${schedule.appliedRevision}`,
        schedule.errorMessage,
        `By ${schedule.createdBy}`,
      ].filter((text) => typeof text === 'string'),
      link: flagLink(schedule.flagKey),
      ...(schedule.status === 'pending' && !schedule.releaseId && { schedule }),
    }))
}

/** The milestones of plans that have started, or will by themselves. */
export function ofPlans(plans: schemas['ReleasePlan'][]): TimelineItem[] {
  return plans.flatMap((plan) =>
    plan.milestones.flatMap((milestone, n): TimelineItem[] => {
      const at = milestone.startedAt ?? milestone.willStartAt
      if (!at) return []
      const [first, before] = [milestone.startedAt, plan.milestones[n - 1]]
      return [
        {
          id: milestone.id,
          lane: 'plans',
          title: plan.flagKey,
          what: milestone.name,
          status: milestone.status === 'running' ? planStatus(plan) : first ? 'completed' : 'scheduled',
          from: Date.parse(at),
          to: undefined,
          more: [
            `Milestone ${n + 1} of ${plan.milestones.length} of ${plan.name}`,
            before?.approvedBy ? `Approved by ${before.approvedBy}` : '',
          ].filter(Boolean),
          link: planLink(plan.flagKey, plan.id),
        },
      ]
    }),
  )
}

function planStatus({ status }: schemas['ReleasePlan']): StatusName {
  return status === 'paused' || status === 'completed' ? status : 'running'
}

/** Change requests that were applied, or have a time. */
export function ofRequests(requests: schemas['ChangeRequestSummary'][]): TimelineItem[] {
  return requests.flatMap(({ id, title, state, stateReason, appliedAt, scheduledAt, authors }) => {
    const at = appliedAt ?? scheduledAt
    if (!at) return []
    const more = [stateReason ?? '', `By ${authors.join(', ')}`].filter(Boolean)
    const item = { id, title, what: '', status: state, from: Date.parse(at), to: undefined, more }
    return [{ ...item, lane: 'requests' as const, link: requestLink(id) }]
  })
}

/** Freezes of the environment. */
export function ofFreezes(freezes: schemas['Freeze'][]): TimelineItem[] {
  return freezes.map(({ id, from, to, reason, mode, createdBy }) => ({
    id,
    lane: 'freezes',
    title: reason,
    what: mode === 'defer' ? 'puts schedules off' : 'refuses schedules',
    status: 'frozen',
    from: Date.parse(from),
    to: Date.parse(to),
    more: [`By ${createdBy}`],
    link: FREEZES_LINK,
  }))
}

/** Policy runs; what is running ends where it is expected to. */
export function ofRuns(runs: schemas['PolicyRunSummary'][], now: number): TimelineItem[] {
  return runs.map((run) => ({
    id: run.runId,
    lane: 'runs',
    title: `Policy ${run.targetPolicyVersion}`,
    what: run.kind === 'rollback' ? 'rollback' : `${Math.floor(run.progress * 100)} %`,
    status: run.status,
    from: Date.parse(run.startedAt),
    to: endOf(run, run.status === 'running', now),
    more: [
      `${(run.processed + run.handedOver).toLocaleString('en')} of ${run.totalReadySnapshot?.toLocaleString('en') ?? 'its'} items`,
      run.promotedBy ? `Promoted by ${run.promotedBy}` : '',
      run.lastError ?? '',
      `By ${run.createdBy}`,
    ].filter(Boolean),
    link: runLink(run.runId),
  }))
}

/** Account migrations, in the same way. */
export function ofMigrations(migrations: schemas['AccountMigration'][], now: number): TimelineItem[] {
  return migrations.map((migration) => {
    const { id, name, status, direction, progress, accounts, cohort, cohorts, reason, createdBy } = migration
    const all = accounts.pending + accounts.moving + accounts.moved + accounts.returned
    return {
      id,
      lane: 'migrations',
      title: name || 'Accounts',
      what: `${Math.floor(progress * 100)} %${direction === 'back' ? ', going back' : ''}`,
      status,
      from: Date.parse(migration.startedAt),
      to: endOf(migration, migration.finishedAt === null, now),
      more: [
        `${accounts.moved.toLocaleString('en')} of ${all.toLocaleString('en')} accounts, cohort ${cohort} of ${cohorts.length}`,
        reason ?? '',
        `By ${createdBy}`,
      ].filter(Boolean),
      link: migrationLink(id),
    }
  })
}

function endOf(
  { finishedAt, etaSeconds }: { finishedAt: string | null; etaSeconds: number | null },
  goesOn: boolean,
  now: number,
): number {
  if (finishedAt) return Date.parse(finishedAt)
  return now + (goesOn ? (etaSeconds ?? 0) * 1_000 : 0)
}

/** `dark-mode, On, 25 %: pending`: what a screen reader says of it, but for when. */
export function nameOf({ title, what }: TimelineItem): string {
  return what ? `${title}, ${what}` : title
}

/** `12 schedules`; `2 freezes`. */
export function countOf(lane: Lane, count: number): string {
  return `${count.toLocaleString('en')} ${LANES[lane].toLowerCase()}`
}

/** Late, failed, halted. */
export function isBad({ status }: TimelineItem): boolean {
  return looksOf(status).tone['data-tone'] === 'bad'
}

/** How long it lasts, where it does. */
export function lengthOf({ from, to }: TimelineItem): string | undefined {
  return to === undefined ? undefined : period(Math.max(0, to - from) / 1_000)
}
