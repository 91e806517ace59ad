/** Names that an installation uses in its Temporal namespace. A prefix keeps several installations apart. */
export interface TemporalNames {
  /** Workflow of one schedule. */
  flagSchedule(scheduleId: string): string
  /** Workflow of one run of a policy version over the catalog. */
  policyRun(policyVersion: number, runId: string): string
  /** Workflow of the release plan of a flag. */
  releasePlan(planId: string): string
  /** Workflow of a change request that has a time. */
  changeRequest(requestId: string): string
  /** Workflow of a gameplan. */
  gameplan(gameplanId: string): string
  /** Workflow of a migration of accounts. */
  accountMigration(migrationId: string): string
  /** The Temporal Schedule that starts the reconciler every minute, and its workflow. */
  reconciler: string
  /** The Temporal Schedule that starts the retention every day, and its workflow. */
  retention: string
  /** `timers` for what must not be late, `batch` for what takes long. */
  queues: { timers: string; batch: string }
}

export function temporalNames(prefix = ''): TemporalNames {
  const named = (name: string) => (prefix ? `${prefix}-${name}` : name)
  return {
    flagSchedule: (scheduleId) => named(`flag-schedule:${scheduleId}`),
    policyRun: (policyVersion, runId) => named(`reeval:${policyVersion}:${runId}`),
    releasePlan: (planId) => named(`release-plan:${planId}`),
    changeRequest: (requestId) => named(`change-request:${requestId}`),
    gameplan: (gameplanId) => named(`gameplan:${gameplanId}`),
    accountMigration: (migrationId) => named(`account-migration:${migrationId}`),
    reconciler: named('reconciler'),
    retention: named('retention'),
    queues: { timers: named('timers'), batch: named('batch') },
  }
}
