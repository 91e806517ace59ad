import { expect, it } from 'vitest'
import { applyChanges, NOTHING, readChanges, type Snapshot } from '../../store/configuration.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'

const { call, db } = await createTestApp(await createTestDatabase())

async function read(before: Snapshot): Promise<Snapshot> {
  const client = await db.pool.connect()
  try {
    return applyChanges(before, await readChanges(client, before.revision))
  } finally {
    client.release()
  }
}

const pickOne = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

const ENVIRONMENTS = ['production', 'staging']
const FLAGS = ['a', 'b', 'c', 'd']
const SEGMENTS = ['s', 't', 'u']
const constraints = () => [{ contextName: 'userId', operator: 'IN', values: [String(Math.random())] }]

/** One random change as an admin makes it; those that are refused change nothing. */
async function change(): Promise<void> {
  const query = `environment=${pickOne(ENVIRONMENTS)}`
  const [key, segment] = [pickOne(FLAGS), pickOne(SEGMENTS)]
  const strategy = () => ({
    name: 'flexibleRollout',
    parameters: { rollout: String(Math.floor(Math.random() * 100)) },
    constraints: constraints(),
    segments: Math.random() < 0.5 ? [segment] : [],
    sortOrder: Math.floor(Math.random() * 5),
  })
  const anyStrategy = async () => {
    const { body } = await call('GET', `flags/${key}/strategies?${query}`)
    return Array.isArray(body) && body.length > 0 ? pickOne(body).id : 'none'
  }
  await pickOne([
    () => call('POST', `flags?${query}`, { key }),
    () => call('PATCH', `flags/${key}?${query}`, { enabled: Math.random() < 0.5, archived: false }),
    () => call('PATCH', `flags/${key}?${query}`, { variants: [{ name: String(Math.random()), weight: 1 }] }),
    () => call('DELETE', `flags/${key}?${query}`),
    () => call('POST', `flags/${key}/strategies?${query}`, strategy()),
    () => call('POST', `flags/${key}/strategies?${query}`, strategy()),
    async () => call('PUT', `flags/${key}/strategies/${await anyStrategy()}?${query}`, strategy()),
    async () => call('DELETE', `flags/${key}/strategies/${await anyStrategy()}?${query}`),
    () => call('POST', `segments?${query}`, { key: segment, constraints: constraints() }),
    () => call('PATCH', `segments/${segment}?${query}`, { constraints: constraints() }),
    () => call('DELETE', `segments/${segment}?${query}`),
    () => call('POST', 'api-keys', { name: 'x', environment: 'production' }),
    async () => {
      const { body } = await call('GET', 'api-keys?limit=1')
      await call('DELETE', `api-keys/${body[0]?.id}`)
    },
  ])()
}

/** Without the segments that no strategy refers to: that one of those is deleted is nothing that anybody would see. */
function whatIsSeen({ revision, environments, apiKeys }: Snapshot) {
  const seen = [...environments].map(([name, { flags, segments }]) => {
    const used = new Set(
      [...flags.values()].flatMap(({ strategies }) => strategies.flatMap(({ segments }) => segments)),
    )
    return [name, { flags: [...flags], segments: [...segments].filter(([key]) => used.has(key)).sort() }] as const
  })
  const withFlags = seen.filter(([, { flags }]) => flags.length > 0)
  return { revision, environments: new Map(withFlags), apiKeys: new Map([...apiKeys].sort()) }
}

it('read change by change, beside writers, is the configuration that is read at once', async () => {
  let followed = NOTHING
  const revisions = new Set<number>()
  for (let round = 0; round < 60; round++) {
    const writing = Promise.all(Array.from({ length: 4 }, change))
    for (let n = 0; n < 3; n++) {
      followed = await read(followed)
      revisions.add(followed.revision)
    }
    await writing
    if (round % 10 !== 9) continue
    followed = await read(followed)
    expect(whatIsSeen(followed)).toEqual(whatIsSeen(await read(NOTHING)))
  }
  expect(revisions.size).toBeGreaterThan(30)
  const all = [...followed.environments.values()].flatMap(({ flags }) => [...flags.values()])
  expect(all.flatMap(({ strategies }) => strategies).length).toBeGreaterThan(0)
})

it('what did not change stays the same object, so that what is parsed of it is kept', async () => {
  await call('POST', 'flags?environment=kept', { key: 'one' })
  await call('POST', 'flags?environment=kept', { key: 'two' })
  await call('POST', 'segments?environment=kept', { key: 's', constraints: constraints() })
  const before = await read(NOTHING)
  await call('PATCH', 'flags/two?environment=kept', { enabled: true })
  const after = await read(before)
  const [then, now] = [before, after].map(({ environments }) => environments.get('kept'))
  expect(now?.flags.get('two')).toMatchObject({ enabled: true })
  expect(now?.flags.get('one')).toBe(then?.flags.get('one'))
  expect(now?.segments.get('s')).toBe(then?.segments.get('s'))
  expect(after.environments.get('production')).toBe(before.environments.get('production'))
  expect(await read(after)).toBe(after)
})

it('a database that is behind what was read from it is refused', async () => {
  const newer = { ...(await read(NOTHING)), revision: 1e9 }
  await expect(read(newer)).rejects.toThrow(/^Postgres is at revision \d+, and 1000000000 was read from it before$/)
})
