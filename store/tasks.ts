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

export interface PolicyRunNudge {
  runId: string
  policyVersion: number
}

/** "Read your row again", to the workflow of a policy run. */
export const nudgePolicyRun = taskRef<PolicyRunNudge>('nudge-policy-run')
