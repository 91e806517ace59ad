import { z } from 'zod'

const port = z.coerce.number().int().min(0).max(65535)
const optional = z.string().min(1).optional()
const days = z.coerce.number().int().min(1).max(36_500)

/** Every setting of the API and the worker, read once at start. The README has the same table for people. */
const Settings = z.object({
  PORT: port.default(3000),
  HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
  NOTES_LEGACY_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }).optional(),
  NOTES_CURRENT_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }).optional(),
  INTERLOCK_REVERSE_WINDOW_HOURS: z.coerce.number().min(0).max(8_760).default(72),
  INTERLOCK_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]{0,40}$/, 'at most 40 of A-Z a-z 0-9 . _ -')
    .default(''),
  INTERLOCK_JWT_SECRET: z.string().min(32, 'needs at least 32 characters').optional(),
  INTERLOCK_JWT_JWKS_URL: z.url().optional(),
  INTERLOCK_JWT_ISSUER: optional,
  INTERLOCK_JWT_AUDIENCE: optional,
  INTERLOCK_TEMPORAL_UI_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }).optional(),
  INTERLOCK_GITHUB_WEBHOOK_SECRET: z.string().min(16, 'needs at least 16 characters').optional(),
  INTERLOCK_BACKLOG_ALERT: z.coerce.number().int().positive().default(500),
  INTERLOCK_LATENESS_SLO_SECONDS: z.coerce.number().min(0.002).max(3600).default(5),
  INTERLOCK_SCHEDULE_RETRIES: z.coerce.number().int().min(0).max(3).default(0),
  INTERLOCK_RETAIN_APPLIED_DAYS: days.default(90),
  INTERLOCK_RETAIN_CANCELLED_DAYS: days.default(30),
  INTERLOCK_MAX_PENDING_PER_FLAG: z.coerce.number().int().min(0).default(0),
  INTERLOCK_CONFLICTS: z.enum(['allow', 'warn', 'refuse']).default('allow'),
  INTERLOCK_WORKER_BUILD_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,200}$/, 'at most 200 of A-Z a-z 0-9 . _ -')
    .optional(),
  // Temporal refuses dots and colons in this name: they separate it from the build id.
  INTERLOCK_WORKER_DEPLOYMENT: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,200}$/, 'at most 200 of A-Z a-z 0-9 _ -')
    .default('interlock'),
})

export type Config = z.infer<typeof Settings>

/** What the settings say of schedules, as the store's functions take it. */
export function scheduleSettings(config: Config) {
  return {
    /** Automatic retries of a schedule that fails. */
    retries: config.INTERLOCK_SCHEDULE_RETRIES,
    retention: {
      appliedDays: config.INTERLOCK_RETAIN_APPLIED_DAYS,
      cancelledDays: config.INTERLOCK_RETAIN_CANCELLED_DAYS,
    },
    /** How long accounts that have moved can go back. */
    reverseWindowHours: config.INTERLOCK_REVERSE_WINDOW_HOURS,
    guards: { maxPendingPerFlag: config.INTERLOCK_MAX_PENDING_PER_FLAG, conflicts: config.INTERLOCK_CONFLICTS },
  }
}

/** The version that the worker registers as; undefined without a build id, and then it takes whatever no version takes. */
export function workerVersion(config: Config): { deploymentName: string; buildId: string } | undefined {
  const { INTERLOCK_WORKER_DEPLOYMENT: deploymentName, INTERLOCK_WORKER_BUILD_ID: buildId } = config
  return buildId === undefined ? undefined : { deploymentName, buildId }
}

export type ScheduleSettings = ReturnType<typeof scheduleSettings>

/**
 * Reads and checks the environment. The connection to Temporal is not here: `temporal/connection.ts` takes it from the
 * same variables and profiles as the `temporal` CLI.
 *
 * @throws Error with one line for each setting that is missing or wrong
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = Settings.safeParse(set)
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`)
    throw new Error(`These settings are missing or wrong:\n${lines.join('\n')}`)
  }
  return parsed.data
}

/**
 * The key that tokens are checked with; there is no default, so that no installation can forget it.
 *
 * @throws Error when there is neither a secret nor a JWKS URL, or both
 */
export function requireTokenKey(config: Config): { secret: string } | { jwksUrl: string } {
  const { INTERLOCK_JWT_SECRET: secret, INTERLOCK_JWT_JWKS_URL: jwksUrl } = config
  if (secret && jwksUrl) throw new Error('Set INTERLOCK_JWT_SECRET or INTERLOCK_JWT_JWKS_URL, not both')
  if (secret) return { secret }
  if (!jwksUrl) throw new Error('Set INTERLOCK_JWT_SECRET (HS256, at least 32 characters) or INTERLOCK_JWT_JWKS_URL')
  if (!config.INTERLOCK_JWT_ISSUER || !config.INTERLOCK_JWT_AUDIENCE) {
    throw new Error('With INTERLOCK_JWT_JWKS_URL, set INTERLOCK_JWT_ISSUER and INTERLOCK_JWT_AUDIENCE as well')
  }
  return { jwksUrl }
}
