import pg from 'pg'
import { compilePolicy } from '../domain/policy/compile.ts'
import type { PolicyDocument } from '../domain/policy/document.ts'
import type { Stack } from './stack.ts'

// A catalog written by SQL, policies over it, and what a plain statement does with them: the limit of the machine.

/** Five rules, one of them with an `all`, one on an array, and a formula. */
export const POLICY: PolicyDocument = {
  rules: [
    { reason: 'adult', verdict: 'ineligible', when: { field: 'metadata.adult', eq: true } },
    {
      reason: 'disliked',
      verdict: 'ineligible',
      when: {
        all: [
          { field: 'metadata.imdb.rating', lt: 4 },
          { field: 'metadata.imdb.votes', gte: 1_000 },
        ],
      },
    },
    { reason: 'genre', verdict: 'ineligible', when: { field: 'metadata.genres', contains: 'reality' } },
    { reason: 'country', verdict: 'ineligible', when: { field: 'metadata.country', in: ['KP', 'XX'] } },
    { reason: 'unrated', verdict: 'pending', when: { field: 'metadata.certification', exists: false } },
  ],
  relevance: {
    add: [{ field: 'trendingScore' }, { multiply: [10, { field: 'metadata.imdb.rating', default: 5 }] }],
  },
}

/** The same with a higher bar, so that a diff with the first finds changes of every kind. */
export const STRICTER: PolicyDocument = {
  ...POLICY,
  rules: POLICY.rules.map((rule) =>
    rule.reason === 'disliked'
      ? { ...rule, when: { field: 'metadata.imdb.rating', lt: 4.5 } }
      : rule.reason === 'country'
        ? { ...rule, when: { field: 'metadata.country', in: ['KP', 'FR'] } }
        : rule,
  ),
}

// The same in every run: every value hangs on the number alone.
const INSERT = `
  INSERT INTO media_items (id, title, media_type, released_at, metadata, ingestion_status, trending_score)
  SELECT n, 'The title of item ' || n, (ARRAY['movie', 'movie', 'series', 'episode'])[1 + h % 4],
    timestamptz '1980-01-01Z' + (h % 16000) * interval '1 day',
    jsonb_build_object('imdb', jsonb_build_object('id', 'tt' || lpad(n::text, 8, '0'), 'rating', (h % 91 + 10) / 10.0,
        'votes', h % 50000), 'adult', h % 50 = 0, 'genres', to_jsonb((ARRAY['drama', 'comedy', 'crime', 'thriller', 'horror',
        'romance', 'sci-fi', 'reality', 'documentary', 'animation', 'family', 'war'])[1 + h % 10:2 + h % 10 + h % 2]),
      'country', (ARRAY['US', 'GB', 'FR', 'DE', 'JP', 'KR', 'IN', 'XX'])[1 + h / 7 % 8], 'language', 'en',
      'runtimeMinutes', 20 + h % 180, 'overview', repeat(md5(n::text) || ' ', 3 + h % 3))
      || CASE WHEN h % 20 = 7 THEN '{}' ELSE jsonb_build_object('certification', (ARRAY['G', 'PG', 'PG-13', 'R'])[1 + h % 4]) END,
    CASE WHEN n % 20 = 0 THEN 'pending' ELSE 'ready' END, h % 100000 / 100.0
  FROM (SELECT n, hashint8(n) & 1073741823 AS h FROM generate_series(1, $1::bigint) AS n) s`

/** What the rows must say about the catalog they measured on. */
export const CATALOG =
  'item metadata about 360 bytes of jsonb, 95 % ready; 5 rules and a formula; VACUUM ANALYZE before'

/** A connection with the settings of the server, as somebody with psql has it. */
export async function connectPlain(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

const catalogs = new WeakMap<Stack, Map<number, Promise<string>>>()

/** Makes a database with items 1 to `count` and returns its URL. They are generated once, then copied. */
export async function createCatalog(stack: Stack, name: string, count: number): Promise<string> {
  const made = catalogs.get(stack) ?? new Map<number, Promise<string>>()
  catalogs.set(stack, made)
  const source = made.get(count) ?? generateCatalog(stack, count)
  made.set(count, source)
  return await stack.createDatabase(name, await source)
}

async function generateCatalog(stack: Stack, count: number): Promise<string> {
  const name = `template_catalog_${count}`
  const client = await connectPlain(await stack.createDatabase(name))
  try {
    await client.query(INSERT, [count])
    await client.query('VACUUM ANALYZE media_items')
  } finally {
    await client.end()
  }
  return name
}

/** The partition of a version. */
export function evaluationsOf(version: number): string {
  return `media_catalog_evaluations_v${version}`
}

/** What a plain statement needs first: the partition of a version, made and attached. */
export async function attachEvaluations(client: pg.Client, version: number): Promise<void> {
  const name = evaluationsOf(version)
  await client.query(
    `CREATE TABLE ${name} (LIKE media_catalog_evaluations INCLUDING ALL, CHECK (policy_version = ${version}))`,
  )
  await client.query(`ALTER TABLE media_catalog_evaluations ATTACH PARTITION ${name} FOR VALUES IN (${version})`)
}

/** Evaluates the catalog in one statement; `conflict` is what follows `INSERT … SELECT`. */
export async function evaluateInOne(
  client: pg.Client,
  document: PolicyDocument,
  version: number,
  conflict = '',
): Promise<void> {
  const { over, values } = compilePolicy(document, 1)
  const ready = `(SELECT * FROM media_items WHERE ingestion_status = 'ready' AND deleted_at IS NULL)`
  await client.query(
    `INSERT INTO ${evaluationsOf(version)} (media_item_id, policy_version, item_version, status, reasons, relevance)
     SELECT id, ${version}, version, status::evaluation_status, reasons, relevance FROM (${over(ready, ['id', 'version'])}) v
     ${conflict}`,
    values,
  )
}

/** Writes every row again, also those that are as they should be. */
export const UPSERT_ALL = `ON CONFLICT (media_item_id, policy_version) DO UPDATE SET item_version = excluded.item_version,
  status = excluded.status, reasons = excluded.reasons, relevance = excluded.relevance, evaluated_at = excluded.evaluated_at`

/** Removes a version's evaluations, so that the next competitor finds the disk and the caches as this one did. */
export async function dropEvaluations(client: pg.Client, version: number): Promise<void> {
  await client.query('DELETE FROM evaluated_versions WHERE version = $1', [version])
  await client.query(`ALTER TABLE media_catalog_evaluations DETACH PARTITION ${evaluationsOf(version)}`)
  await client.query(`DROP TABLE ${evaluationsOf(version)}`)
}

/** Has nobody pay for the writes of whoever came before. */
export async function settle(client: pg.Client): Promise<void> {
  await client.query('CHECKPOINT')
}
