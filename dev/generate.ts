import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { seededRandom } from '../bench/statistics.ts'

const USAGE = 'npm run -s generate -- --items 1000000 [--seed 1] > items.ndjson'
/** Items in a write. */
const CHUNK = 500

const NOUNS = 'Harbour Winter Letter Garden Signal River Stranger Orchard Engine Island Witness Promise'.split(' ')
const ADJECTIVES = 'Last Silent Golden Broken Distant Second Crooked Burning Hidden Paper'.split(' ')
const GENRES = ['Drama', 'Comedy', 'Action', 'Adventure', 'Thriller/Suspense', 'Horror', 'Musical', null]
const RATINGS = ['R', 'R', 'R', 'PG-13', 'PG-13', 'PG', 'G', 'Not Rated', 'NC-17', null]
const SOURCES = ['Original Screenplay', 'Original Screenplay', 'Based on Book/Short Story', 'Remake', null]
const DISTRIBUTORS = ['Northlight', 'Paper Moon', 'Old Harbour', 'Third Floor', null]
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/**
 * Makes items 1 to `count` as NDJSON, `CHUNK` lines at a time: films with the metadata of the demo's, so that its policies
 * say something of them. One in a hundred has metadata of wrong types, or lacks some; every line is one that an import
 * takes. The same seed makes the same items.
 */
export function* generate(count: number, seed: number): Generator<string> {
  const random = seededRandom(seed)
  for (let from = 1; from <= count; from += CHUNK) {
    let lines = ''
    for (let id = from; id < from + CHUNK && id <= count; id++) lines += `${JSON.stringify(item(id, random))}\n`
    yield lines
  }
}

function item(id: number, random: () => number): object {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const below = (limit: number) => Math.floor(random() * limit)
  const title = `The ${pick(ADJECTIVES)} ${pick(NOUNS)} ${id}`
  const [year, month, day] = [1950 + below(75), below(12), 1 + below(28)]
  const votes = Math.floor(18 * 28_000 ** random())
  const budget = 10_000 * (1 + below(10_000))
  const gross = Math.floor(budget * 4 * random() ** 2)
  // The mean of two, so that the middle is more frequent than the ends.
  const rating = Math.round(14 + 39 * (random() + random())) / 10
  const metadata: Record<string, unknown> = {
    title,
    usGross: Math.floor(gross * random()),
    worldwideGross: gross,
    usDvdSales: random() < 0.2 ? below(50_000_000) : null,
    productionBudget: budget,
    releaseDate: `${MONTHS[month]} ${String(day).padStart(2, '0')} ${year}`,
    mpaaRating: pick(RATINGS),
    runningTimeMin: random() < 0.4 ? 60 + below(120) : null,
    distributor: pick(DISTRIBUTORS),
    source: pick(SOURCES),
    majorGenre: pick(GENRES),
    creativeType: null,
    director: null,
    rottenTomatoesRating: random() < 0.7 ? 1 + below(100) : null,
    imdbRating: random() < 0.93 ? rating : null,
    imdbVotes: random() < 0.93 ? votes : null,
  }
  const releasedAt = random() < 0.98 ? `${year}-${two(month + 1)}-${two(day)}T00:00:00.000Z` : null
  const made = { id, title, mediaType: 'movie', releasedAt, trendingScore: metadata.imdbVotes ?? 0, metadata }
  return random() < 0.01 ? spoilt(made, below(5)) : made
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}

function spoilt<T extends { title: unknown; metadata: Record<string, unknown> }>(made: T, how: number): object {
  const { metadata } = made
  if (how === 0) return { ...made, title: null, metadata: { ...metadata, title: null } }
  if (how === 1) return { ...made, metadata: { ...metadata, imdbRating: String(metadata.imdbRating) } }
  if (how === 2) return { ...made, metadata: { ...metadata, imdbVotes: 'n/a', mpaaRating: 18 } }
  if (how === 3) return { ...made, metadata: { ...metadata, rottenTomatoesRating: [metadata.rottenTomatoesRating] } }
  return { ...made, metadata: {} }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { items: { type: 'string' }, seed: { type: 'string', default: '1' } } })
  const count = wholeNumber('--items', values.items)
  const seed = wholeNumber('--seed', values.seed)
  // Whoever reads may have read enough, as `head` has.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.stderr.write(`${error.message}\n`)
    process.exit(error.code === 'EPIPE' ? 0 : 1)
  })
  for (const lines of generate(count, seed)) {
    if (!process.stdout.write(lines)) await once(process.stdout, 'drain')
  }
}

function wholeNumber(name: string, text: string | undefined): number {
  if (!/^\d{1,10}$/.test(text ?? '')) throw new Error(`${name} must be a whole number of at most 10 digits.`)
  return Number(text)
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\nUsage: ${USAGE}\n`)
    process.exitCode = 1
  })
}
