import type { Connection } from '@temporalio/client'
import type { Log } from '../runtime/log.ts'
import { DUE_AT, ENVIRONMENT, FLAG_KEY, POLICY_VERSION } from '../workflows/search-attributes.ts'
import { CALL_DEADLINE_MS } from './connection.ts'

// Numbers of IndexedValueType in Temporal's API.
const KEYWORD = 2
const INT = 3
const DATETIME = 6
const CLI_TYPES: Record<number, string> = { [KEYWORD]: 'Keyword', [INT]: 'Int', [DATETIME]: 'Datetime' }
const REGISTERED = {
  [FLAG_KEY.name]: KEYWORD,
  [ENVIRONMENT.name]: KEYWORD,
  [DUE_AT.name]: DATETIME,
  [POLICY_VERSION.name]: INT,
}

/**
 * Registers what is missing. Where the service forbids it (Temporal Cloud), says which commands an operator has to run;
 * workflows cannot be started before.
 */
export async function registerSearchAttributes(connection: Connection, namespace: string, log: Log): Promise<void> {
  const within = <T>(call: () => Promise<T>) => connection.withDeadline(Date.now() + CALL_DEADLINE_MS, call)
  try {
    const { customAttributes } = await within(() => connection.operatorService.listSearchAttributes({ namespace }))
    const missing = Object.entries(REGISTERED).filter(([name]) => !(name in customAttributes))
    if (missing.length === 0) return
    const searchAttributes = Object.fromEntries(missing)
    await within(() => connection.operatorService.addSearchAttributes({ namespace, searchAttributes }))
    log.info({ searchAttributes: missing.map(([name]) => name) }, 'Registered search attributes')
  } catch (error) {
    const commands = Object.entries(REGISTERED).map(
      ([name, type]) => `temporal operator search-attribute create --name ${name} --type ${CLI_TYPES[type]}`,
    )
    log.warn({ err: error, commands }, 'Could not check the search attributes; make sure that they exist')
  }
}
