import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { CatalogPolicy, NewPolicy } from '../domain/catalog-policy.ts'
import type { MediaItemLine } from '../domain/media-item.ts'
import type { Condition } from '../domain/policy/document.ts'
import type { PolicyPreview } from '../domain/policy-preview.ts'
import type { PolicyRunSummary } from '../domain/policy-run.ts'
import { callApi, type DemoOptions } from './demo.ts'
import { importLines } from './import.ts'

const require = createRequire(import.meta.url)

const POLL_MS = 100
const PATIENCE_MS = 20_000
/** The films were collected until then: what is later is a year of two digits that was taken for one of this century. */
const COLLECTED_UNTIL = Date.parse('2012-01-01T00:00:00Z')

// Data of the world: each field is asked for its type first, so that junk is a reason and no error.
const isRated: Condition = { field: 'metadata.imdbRating', is: 'number' }
const ratedBelow = (rating: number): Condition => ({
  all: [isRated, { field: 'metadata.imdbRating', lt: rating }],
})
const fewerVotesThan = (votes: number): Condition => ({
  all: [
    { field: 'metadata.imdbVotes', is: 'number' },
    { field: 'metadata.imdbVotes', lt: votes },
  ],
})

const LAUNCH: NewPolicy = {
  name: 'Demo: launch rules',
  document: {
    rules: [
      { reason: 'no-title', verdict: 'ineligible', when: { field: 'title', exists: false } },
      { reason: 'adults-only', verdict: 'ineligible', when: { field: 'metadata.mpaaRating', in: ['NC-17', 'Open'] } },
      { reason: 'poorly-rated', verdict: 'ineligible', when: ratedBelow(5) },
      { reason: 'not-rated', verdict: 'pending', when: { not: isRated } },
      { reason: 'few-votes', verdict: 'pending', when: fewerVotesThan(1_000) },
      { reason: 'release-unknown', verdict: 'pending', when: { field: 'releasedAt', exists: false } },
    ],
    relevance: {
      add: [
        { sqrt: { max: [0, { field: 'trendingScore' }] } },
        // biome-ignore lint/suspicious/noThenProperty: a word of the policy language
        { if: isRated, then: { multiply: [10, { field: 'metadata.imdbRating' }] }, else: 30 },
      ],
    },
  },
}

/** Stricter on what is liked, easier on what is old: its diff has items that go, that come, and that change their reasons. */
const STRICTER: NewPolicy = {
  name: 'Demo: stricter launch rules',
  document: {
    ...LAUNCH.document,
    rules: [
      { reason: 'no-title', verdict: 'ineligible', when: { field: 'title', exists: false } },
      { reason: 'adults-only', verdict: 'ineligible', when: { field: 'metadata.mpaaRating', in: ['NC-17', 'Open'] } },
      { reason: 'poorly-rated', verdict: 'ineligible', when: ratedBelow(6) },
      {
        reason: 'panned',
        verdict: 'ineligible',
        when: {
          all: [
            { field: 'metadata.rottenTomatoesRating', is: 'number' },
            { field: 'metadata.rottenTomatoesRating', lt: 20 },
          ],
        },
      },
      { reason: 'not-rated', verdict: 'pending', when: { not: isRated } },
      { reason: 'few-votes', verdict: 'pending', when: fewerVotesThan(500) },
    ],
  },
}

/**
 * Makes a catalog through the HTTP API: some 3,200 films, junk included, a policy that is live and a stricter one that is
 * ready to be prepared. What is there says where an earlier call was interrupted, and this one goes on from there. A
 * catalog that is somebody's own, by an item or a policy in it, is left alone.
 *
 * @returns the number of films; undefined when the demo was complete already, or the catalog is not the demo's
 * @throws when the API answers with an error, or policy 1 is not evaluated within 20 s
 */
export async function loadDemoCatalog(api: DemoOptions): Promise<number | undefined> {
  const policies: CatalogPolicy[] = await callApi(api, 'GET', 'catalog-policies?limit=2')
  const [first] = policies
  if (policies.length > 1 || (first && first.name !== LAUNCH.name)) return undefined
  if (!first && (await hasItems(api))) return undefined
  // It comes before the films, to tell that they are the demo's.
  const launch: CatalogPolicy = first ?? (await callApi(api, 'POST', 'catalog-policies', LAUNCH))
  const films = await readFilms()
  await makeLive(api, launch, films)
  // It comes last: who finds it knows that all is there.
  await callApi(api, 'POST', 'catalog-policies', STRICTER)
  return films.length
}

async function hasItems(api: DemoOptions): Promise<boolean> {
  const body = { document: { rules: [] }, sample: 1 }
  const preview: PolicyPreview = await callApi(api, 'POST', 'catalog-policies/preview', body)
  return preview.items.length > 0
}

async function makeLive(api: DemoOptions, { id }: CatalogPolicy, films: MediaItemLine[]): Promise<void> {
  const until = Date.now() + PATIENCE_MS
  while (Date.now() < until) {
    const runs: PolicyRunSummary[] = await callApi(api, 'GET', `catalog-policy-runs?policyId=${id}&limit=1`)
    const [run] = runs
    if (run?.status === 'promoted') return
    if (run?.status === 'running') {
      await wait(POLL_MS)
    } else if (run?.status === 'failed') {
      await callApi(api, 'POST', `catalog-policy-runs/${run.runId}/resume`)
    } else if (run?.status === 'success' && (await isReady(api, run))) {
      await callApi(api, 'POST', `catalog-policy-runs/${run.runId}/promote`)
    } else {
      await importFilms(api, films)
      await callApi(api, 'POST', `catalog-policies/${id}/prepare`)
    }
  }
  throw new Error(`Policy 1 of the demo was not evaluated within ${PATIENCE_MS / 1_000} s`)
}

async function isReady(api: DemoOptions, { runId }: PolicyRunSummary): Promise<boolean> {
  const { readyToPromote } = await callApi(api, 'GET', `catalog-policy-runs/${runId}`)
  return readyToPromote
}

async function importFilms({ url, token }: DemoOptions, films: MediaItemLine[]): Promise<void> {
  const input = films.map((film) => `${JSON.stringify(film)}\n`)
  const { failed } = await importLines({ url, token, input: toAsync(input) })
  if (failed > 0) throw new Error(`${failed} films of the demo were refused`)
}

async function* toAsync(lines: string[]): AsyncGenerator<string> {
  yield* lines
}

/** The films of vega-datasets as items: their fields as they are, NULLs and odd values included, are the metadata. */
async function readFilms(): Promise<MediaItemLine[]> {
  // The package lets nobody import its data, only the module beside it.
  const build = require.resolve('vega-datasets')
  const films: Record<string, unknown>[] = JSON.parse(await readFile(join(build, '../../data/movies.json'), 'utf8'))
  return films.map((film, position) => {
    const votes = film['IMDB Votes']
    return {
      id: position + 1,
      // Some are numbers, as of the film 1941.
      title: film.Title === null ? null : String(film.Title),
      mediaType: 'movie',
      releasedAt: releaseOf(film['Release Date']),
      ingestionStatus: 'ready',
      trendingScore: typeof votes === 'number' ? votes : 0,
      metadata: Object.fromEntries(Object.entries(film).map(([name, value]) => [camelCase(name), value])),
    }
  })
}

/** `Jun 12 1998` as an instant; null for what is no date, or one that cannot be: the metadata keeps it as it is. */
function releaseOf(date: unknown): string | null {
  const ms = Date.parse(`${date} UTC`)
  return ms < COLLECTED_UNTIL ? new Date(ms).toISOString() : null
}

/** `US DVD Sales` becomes `usDvdSales`. */
function camelCase(name: string): string {
  return name.toLowerCase().replace(/ (.)/g, (_, letter: string) => letter.toUpperCase())
}
