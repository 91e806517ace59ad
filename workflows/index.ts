export { flagSchedule } from './flag-schedule.ts'
export { policyRun } from './policy-run.ts'
export { reconcile } from './reconcile.ts'
export { retention } from './retention.ts'
