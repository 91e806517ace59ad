/** Names that an installation uses in its Temporal namespace. A prefix keeps several installations apart. */
export interface TemporalNames {
  /** Workflow of one schedule. */
  flagSchedule(scheduleId: string): string
  /** The Temporal Schedule that starts the reconciler every minute, and its workflow. */
  reconciler: string
  queues: { timers: string }
}

export function temporalNames(prefix = ''): TemporalNames {
  const named = (name: string) => (prefix ? `${prefix}-${name}` : name)
  return {
    flagSchedule: (scheduleId) => named(`flag-schedule:${scheduleId}`),
    reconciler: named('reconciler'),
    queues: { timers: named('timers') },
  }
}
