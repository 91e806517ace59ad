import { Client, Connection } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { dataConverter } from './data-converter.ts'
import { refuseInsideTransaction } from './inside-transaction.ts'

/** Milliseconds that a call to Temporal may take; without a deadline it could wait for ever. */
export const CALL_DEADLINE_MS = 5_000

/**
 * A client of the server that the `temporal` CLI would use: `TEMPORAL_ADDRESS` and the like, or a profile of
 * `temporal.toml`. It connects with its first call, so that an API without Temporal starts and says so in `/readyz`.
 */
export function connectClient(): { client: Client; connection: Connection; namespace: string } {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig()
  const connection = Connection.lazy(connectionOptions)
  const client = new Client({
    connection,
    namespace,
    dataConverter,
    interceptors: { workflow: [refuseInsideTransaction] },
  })
  return { client, connection, namespace }
}
