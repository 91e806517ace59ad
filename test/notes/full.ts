import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { explore } from './explore.ts'
import { scenarios } from './scenarios.ts'

/**
 * `npm run test:full`: every interleaving of two and three operations, in every mode, with every flip and a crash, on all
 * processors. `npm test` has the part that takes a minute. `-- --every 20` explores each twentieth scenario.
 */
const PARTS = [
  { what: 'two operations, a crash', size: 2, flips: false },
  { what: 'two operations, a flip, a crash', size: 2, flips: true },
  { what: 'three operations, a crash', size: 3, flips: false },
  { what: 'three operations, a flip, a crash', size: 3, flips: true },
]

interface Share {
  part: number
  every: number
  first: number
}

interface Explored {
  scenarios: number
  states: number
  interleavings: number
  violations: string[]
}

async function exploreShare({ part, every, first }: Share): Promise<Explored> {
  const { size, flips } = PARTS[part] as (typeof PARTS)[0]
  const total: Explored = { scenarios: 0, states: 0, interleavings: 0, violations: [] }
  for (const [n, scenario] of scenarios(size, { flips }).entries()) {
    if (n % every !== first) continue
    const { states, interleavings, violation } = await explore(scenario)
    total.scenarios++
    total.states += states
    total.interleavings += interleavings
    if (violation) total.violations.push(`${JSON.stringify(scenario)}\n${violation}`)
  }
  return total
}

if (isMainThread) {
  const sparse = Number(process.argv[process.argv.indexOf('--every') + 1]) || 1
  const workers = availableParallelism()
  for (const [part, { what }] of PARTS.entries()) {
    const begun = performance.now()
    const shares = await Promise.all(
      Array.from({ length: workers }, (_, worker) => {
        const data: Share = { part, every: workers * sparse, first: worker * sparse }
        return new Promise<Explored>((resolve, reject) => {
          const thread = new Worker(new URL(import.meta.url), { workerData: data })
          thread.once('message', resolve)
          thread.once('error', reject)
        })
      }),
    )
    const sum = (of: 'scenarios' | 'states' | 'interleavings') => shares.reduce((total, share) => total + share[of], 0)
    const violations = shares.flatMap((share) => share.violations)
    const seconds = Math.round((performance.now() - begun) / 1_000)
    const size = `${sum('scenarios')} scenarios, ${sum('states')} states, ${sum('interleavings').toExponential(2)} interleavings`
    console.log(`${what}: ${size}, ${violations.length} violations (${seconds} s)`)
    for (const violation of violations.slice(0, 3)) console.log(violation)
    if (violations.length > 0) process.exitCode = 1
  }
} else {
  parentPort?.postMessage(await exploreShare(workerData as Share))
}
