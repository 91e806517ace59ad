import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { inject } from 'vitest'
import { findTemporalCli } from '../../dev/temporal-cli.ts'

const run = promisify(execFile)

/** Runs the real `temporal` CLI against the tests' server, as an operator would. Returns what it prints. */
export async function temporal(...args: string[]): Promise<string> {
  const env = { ...process.env, TEMPORAL_ADDRESS: inject('services').temporalAddress, NO_COLOR: '1' }
  const { stdout } = await run(await findTemporalCli(), args, { env })
  return stdout
}
