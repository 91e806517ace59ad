import { writeFile } from 'node:fs/promises'
import { type DataDir, dataDirFrom, ensureJwtSecret, REPOSITORY } from './data-dir.ts'
import { type PortWish, portFrom } from './ports.ts'

/** What `npm start` was asked for. */
export interface StackSettings {
  root: string
  dataDir: DataDir
  host: string
  port: number
  /** null when `DATABASE_URL` names a server of the user */
  postgresPort: number | null
  /** null when `TEMPORAL_ADDRESS`, a profile or a configuration file names a server of the user */
  temporal: { port: number; uiPort: number; namespace: string } | null
  demo: boolean
}

/**
 * Reads the environment.
 * @throws when a port is not a port
 */
export function readSettings(env: NodeJS.ProcessEnv, root = REPOSITORY): StackSettings {
  const ownTemporal = env.TEMPORAL_ADDRESS || env.TEMPORAL_PROFILE || env.TEMPORAL_CONFIG_FILE
  return {
    root,
    dataDir: dataDirFrom(env, root),
    host: env.HOST || '127.0.0.1',
    port: portFrom(env, 'PORT', 3000),
    postgresPort: env.DATABASE_URL ? null : portFrom(env, 'INTERLOCK_POSTGRES_PORT', 54_320),
    temporal: ownTemporal
      ? null
      : {
          port: portFrom(env, 'INTERLOCK_TEMPORAL_PORT', 7233),
          uiPort: portFrom(env, 'INTERLOCK_TEMPORAL_UI_PORT', 8233),
          namespace: env.TEMPORAL_NAMESPACE || 'default',
        },
    demo: env.INTERLOCK_DEMO !== '0',
  }
}

/** The ports that this stack will listen on. */
export function portWishes({ port, postgresPort, temporal }: StackSettings): PortWish[] {
  const wishes: PortWish[] = [{ port, purpose: 'the API', variable: 'PORT' }]
  if (postgresPort) wishes.push({ port: postgresPort, purpose: 'Postgres', variable: 'INTERLOCK_POSTGRES_PORT' })
  if (temporal) {
    wishes.push({ port: temporal.port, purpose: 'Temporal', variable: 'INTERLOCK_TEMPORAL_PORT' })
    wishes.push({ port: temporal.uiPort, purpose: 'the Temporal Web UI', variable: 'INTERLOCK_TEMPORAL_UI_PORT' })
  }
  return wishes
}

/** The address at which this machine reaches the API. */
export function apiUrl({ host, port }: StackSettings): string {
  const everywhere = host === '0.0.0.0' || host === '::'
  const name = everywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}

/** The environment of the API, the worker and the migrations. */
export async function childEnvironment(
  settings: StackSettings,
  env: NodeJS.ProcessEnv,
  started: {
    databaseUrl?: string
    temporalAddress?: string
    temporalUiUrl?: string | null
    notes?: { legacyUrl: string; currentUrl: string } | null
  },
): Promise<NodeJS.ProcessEnv> {
  const child: NodeJS.ProcessEnv = { ...env, PORT: String(settings.port), HOST: settings.host }
  if (started.databaseUrl) child.DATABASE_URL = started.databaseUrl
  if (started.notes && !env.NOTES_LEGACY_URL && !env.NOTES_CURRENT_URL) {
    child.NOTES_LEGACY_URL = started.notes.legacyUrl
    child.NOTES_CURRENT_URL = started.notes.currentUrl
  }
  if (settings.temporal && started.temporalAddress) {
    child.TEMPORAL_ADDRESS = started.temporalAddress
    child.TEMPORAL_NAMESPACE = settings.temporal.namespace
    // The user's own default profile may ask for TLS or an API key, which the dev server does not speak.
    child.TEMPORAL_CONFIG_FILE = settings.dataDir.temporalProfile
    const profile = { address: started.temporalAddress, namespace: settings.temporal.namespace }
    const lines = Object.entries(profile).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    await writeFile(settings.dataDir.temporalProfile, `${['[profile.default]', ...lines].join('\n')}\n`)
  }
  if (settings.temporal && started.temporalUiUrl && !env.INTERLOCK_TEMPORAL_UI_URL) {
    child.INTERLOCK_TEMPORAL_UI_URL = `${started.temporalUiUrl}/namespaces/${settings.temporal.namespace}`
  }
  if (!env.INTERLOCK_JWT_SECRET && !env.INTERLOCK_JWT_JWKS_URL) {
    child.INTERLOCK_JWT_SECRET = await ensureJwtSecret(settings.dataDir)
  }
  return child
}
