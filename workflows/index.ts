export { flagSchedule } from './flag-schedule.ts'
export { reconcile } from './reconcile.ts'
