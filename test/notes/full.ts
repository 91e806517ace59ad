import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { type Explored, explore } from './explore.ts'
import { scenarios } from './scenarios.ts'
import type { Scenario } from './world.ts'

/**
 * `npm run test:full`: every interleaving of two and three operations, in every mode, with every flip and a crash, on all
 * processors. `npm test` has the part that takes half a minute. `-- --every 20` explores each twentieth scenario, and
 * with `--from 3` those that come three behind them: so that several machines, or nights, share the work.
 */
const PARTS = [
  { what: 'two operations, a crash', size: 2, flips: false },
  { what: 'two operations, a flip, a crash', size: 2, flips: true },
  { what: 'three operations, a crash', size: 3, flips: false },
  { what: 'three operations, a flip, a crash', size: 3, flips: true },
]

if (isMainThread) {
  const { values } = parseArgs({
    options: { every: { type: 'string', default: '1' }, from: { type: 'string', default: '0' } },
  })
  const [every, from] = [Number(values.every), Number(values.from)]
  const workers = Array.from({ length: availableParallelism() }, () => new Worker(new URL(import.meta.url)))
  console.log(
    'Every order of statements, with and without one crash before each of them. A state is entered once: it is what both stores and the',
    "account's row hold, what each operation can still know, and how a map may stand that has answered the same: all that decides what",
    'follows. Of operations that differ in what they write alone, the first begins first; the rest are the same by other names.',
  )
  for (const { what, size, flips } of PARTS) {
    const begun = performance.now()
    const all = scenarios(size, { flips }).filter((_, n) => n % every === from)
    const explored: Explored[] = []
    const violations: string[] = []
    const left = [...all]
    // Whoever has time takes the next one: some take a thousand times as long as others.
    await Promise.all(
      workers.map(async (worker) => {
        for (let scenario = left.pop(); scenario; scenario = left.pop()) {
          const one = await exploreIn(worker, scenario)
          explored.push(one)
          if (one.violation) violations.push(`${JSON.stringify(scenario)}\n${one.violation}`)
        }
      }),
    )
    const sum = (of: 'states' | 'interleavings') => explored.reduce((total, one) => total + one[of], 0)
    const seconds = Math.round((performance.now() - begun) / 1_000)
    const found = `${all.length} scenarios, ${sum('states')} states, ${sum('interleavings').toExponential(2)} interleavings`
    console.log(`${what}: ${found}, ${violations.length} violations (${seconds} s)`)
    for (const violation of violations.slice(0, 3)) console.log(violation)
    if (violations.length > 0) process.exitCode = 1
  }
  for (const worker of workers) void worker.terminate()
} else {
  parentPort?.on('message', async (scenario: Scenario) => parentPort?.postMessage(await explore(scenario)))
}

function exploreIn(worker: Worker, scenario: Scenario): Promise<Explored> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (explored: Explored) => {
      worker.off('error', reject)
      resolve(explored)
    })
    worker.postMessage(scenario)
  })
}
