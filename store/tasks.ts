import { taskRef } from './effects.ts'

/** Payload of a nudge: the id is what matters, the rest becomes search attributes should the workflow have to be started. */
export interface FlagScheduleNudge {
  scheduleId: string
  flagKey: string
  environment: string
  scheduledAt: string
}

/** "Read your row again", to the workflow of a schedule, which is started when it does not run. */
export const nudgeFlagSchedule = taskRef<FlagScheduleNudge>('nudge-flag-schedule')

export interface ReleasePlanNudge {
  planId: string
  flagKey: string
  environment: string
  /** When the next milestone is planned to start by itself. */
  nextAt: string | null
}

/** "Read your row again", to the workflow of a release plan. */
export const nudgeReleasePlan = taskRef<ReleasePlanNudge>('nudge-release-plan')

export interface ChangeRequestNudge {
  requestId: string
  environment: string
  /** Of a request about a single flag. */
  flagKey: string | null
  dueAt: string | null
}

/** "Read your row again", to the workflow of a change request that has a time. */
export const nudgeChangeRequest = taskRef<ChangeRequestNudge>('nudge-change-request')

export interface PolicyRunNudge {
  runId: string
  policyVersion: number
}

/** "Read your row again", to the workflow of a policy run. */
export const nudgePolicyRun = taskRef<PolicyRunNudge>('nudge-policy-run')

export interface AccountMigrationNudge {
  migrationId: string
}

/** "Read your row again", to the workflow of a migration of accounts. */
export const nudgeAccountMigration = taskRef<AccountMigrationNudge>('nudge-account-migration')

export interface GameplanNudge {
  gameplanId: string
  environment: string
  flagKey: string | null
}

/** "Read your row again", to the workflow of a gameplan. */
export const nudgeGameplan = taskRef<GameplanNudge>('nudge-gameplan')
