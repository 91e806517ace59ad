import { endLeftovers } from './leftovers.ts'

/**
 * Waits for the end of the process that holds the other end of standard input, and then ends what that process
 * started and could not stop itself (it was killed). Arguments: the pids file, the process that wrote it.
 */
const [file, owner] = process.argv.slice(2)
process.on('SIGINT', () => {}).on('SIGHUP', () => {})
process.stdin.resume().once('close', async () => {
  if (file) await endLeftovers(file, Number(owner))
})
