import { ActivityCancellationType, type ActivityOptions, type LocalActivityOptions } from '@temporalio/workflow'

/** To read the workflow's row. */
export const READ = {
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
} satisfies LocalActivityOptions

/** For an *until*: to wait the last second and do what is due. A worker that is killed meanwhile is missed after 2 s without a heartbeat. */
export const FIRE = {
  startToCloseTimeout: '10s',
  heartbeatTimeout: '2s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '2s' },
  // A lock in Postgres decides between a command and what is due, so a command need not wait for the activity.
  cancellationType: ActivityCancellationType.TRY_CANCEL,
} satisfies ActivityOptions

/** For a *run*: to work for about 5 s. A worker that was killed is missed after 10 s without a heartbeat. */
export const SLICE = {
  startToCloseTimeout: '5m',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10s' },
  // Its fence keeps what it still does from being written, so nobody has to wait for it.
  cancellationType: ActivityCancellationType.TRY_CANCEL,
} satisfies ActivityOptions

/** To carry out what an operator asks: given up after half a minute, so that the workflow goes on; its sender sees why. */
export const COMMAND = {
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', maximumInterval: '5s' },
} satisfies ActivityOptions

/** To tell the row that its workflow was cancelled; never given up. */
export const CANCELLED = {
  startToCloseTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
} satisfies ActivityOptions
