import { describe, expect, it } from 'vitest'
import type { Dependency } from '../../domain/strategy.ts'
import { archiveFlag } from '../../store/flag-archive.ts'
import { createFlag, editFlag, getFlag } from '../../store/flags.ts'
import { asAlice, createTestDatabase, openTestDatabase } from '../helpers/database.ts'
import { type Address, newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase(), { connections: 12 })

const on = (...parents: { flagKey: string }[]): Dependency[] =>
  parents.map(({ flagKey }) => ({ flagKey, enabled: true, variants: [] }))
const depend = (child: Address, ...parents: { flagKey: string }[]) =>
  asAlice(db, (tx) => editFlag(tx, child, { dependencies: on(...parents) }))
const archive = (address: Address) => asAlice(db, (tx) => archiveFlag(tx, address))
const revive = (address: Address, dependencies?: Dependency[]) =>
  asAlice(db, (tx) => editFlag(tx, address, { archived: false, ...(dependencies && { dependencies }) }))
const refused = (message: string, field = 'dependencies.0.flagKey') => ({
  code: 'dependency-refused',
  fields: [{ field, message: expect.stringContaining(message) }],
})

describe('a flag', () => {
  it('depends on flags of its environment that exist and are not archived, each named once', async () => {
    const [parent, other, child] = [await newFlag(db), await newFlag(db), await newFlag(db)]
    const { revision } = await depend(child, parent, other)
    expect(await getFlag(db, child)).toMatchObject({ revision, dependencies: on(parent, other) })
    expect((await depend(child, parent, other)).revision).toBe(revision)

    await expect(depend(child, { flagKey: 'nowhere' })).rejects.toMatchObject(refused('must name a flag of the'))
    await expect(depend(child, parent, parent)).rejects.toMatchObject(refused('once', 'dependencies.1.flagKey'))
    const staging = { key: 'elsewhere', description: '', enabled: true, rolloutPercentage: 100 }
    await asAlice(db, (tx) => createFlag(tx, 'staging', staging))
    await expect(depend(child, { flagKey: 'elsewhere' })).rejects.toMatchObject(refused('must name a flag of the'))
    const gone = await newFlag(db)
    await archive(gone)
    await expect(depend(child, parent, gone)).rejects.toMatchObject(refused('archived', 'dependencies.1.flagKey'))
    expect((await getFlag(db, child)).revision).toBe(revision)
  })

  it('is made with dependencies that are checked as well', async () => {
    const parent = await newFlag(db)
    const input = (key: string, ...parents: { flagKey: string }[]) => ({
      key,
      description: '',
      enabled: true,
      rolloutPercentage: 100,
      dependencies: on(...parents),
    })
    const made = await asAlice(db, (tx) => createFlag(tx, 'production', input('made-with', parent)))
    expect(made.dependencies).toEqual(on(parent))
    for (const [parents, message] of [
      [[{ flagKey: 'nowhere' }], 'must name a flag of the'],
      [[{ flagKey: 'itself' }], 'another flag'],
      [[{ flagKey: 'made-with' }], 'depends on no other'],
    ] as const) {
      await expect(
        asAlice(db, (tx) => createFlag(tx, 'production', input('itself', ...parents))),
      ).rejects.toMatchObject(refused(message))
    }
  })

  it('does not depend on itself, on one that depends on it, or on one that depends on another', async () => {
    const [top, middle, low] = [await newFlag(db), await newFlag(db), await newFlag(db)]
    await depend(middle, top)
    await expect(depend(top, top)).rejects.toMatchObject(refused('another flag'))
    await expect(depend(top, middle)).rejects.toMatchObject(refused('does not depend on it'))
    await expect(depend(low, middle)).rejects.toMatchObject(refused('depends on no other'))
    await expect(depend(top, low)).rejects.toMatchObject({
      ...refused('empty', 'dependencies'),
      members: { dependents: [middle.flagKey] },
    })
  })

  it('is not archived while others depend on it, which are named', async () => {
    const [parent, one, two] = [await newFlag(db), await newFlag(db, 'dependent-1'), await newFlag(db, 'dependent-2')]
    await depend(one, parent)
    await depend(two, parent)
    const named = (...dependents: string[]) => ({ code: 'flag-depended-on', members: { dependents } })
    await expect(archive(parent)).rejects.toMatchObject(named('dependent-1', 'dependent-2'))
    await archive(one)
    await expect(archive(parent)).rejects.toMatchObject(named('dependent-2'))
    await depend(two)
    expect((await archive(parent)).archivedAt).not.toBeNull()
    await expect(revive(one)).rejects.toMatchObject(refused('archived'))
    expect((await getFlag(db, one)).archivedAt).not.toBeNull()
    expect(await revive(one, [])).toMatchObject({ archivedAt: null, dependencies: [] })
    await revive(parent)
    await depend(two, parent)
    await archive(two)
    expect(await revive(two)).toMatchObject({ archivedAt: null, dependencies: on(parent) })
  })
})

describe('at once', () => {
  /** Does all at the same time, many times over; how many of each round were done. */
  const race = async (round: () => Promise<(() => Promise<unknown>)[]>) => {
    const done: number[] = []
    for (let i = 0; i < 15; i++) {
      const settled = await Promise.allSettled((await round()).map((work) => work()))
      for (const result of settled) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: expect.stringMatching(/depend/) })
      }
      done.push(settled.filter(({ status }) => status === 'fulfilled').length)
    }
    return new Set(done)
  }

  it('two flags do not come to depend on each other, nor three in a chain or a circle', async () => {
    const pairs = await race(async () => {
      const [a, b] = [await newFlag(db), await newFlag(db)]
      return [() => depend(a, b), () => depend(b, a)]
    })
    expect(pairs).toEqual(new Set([1]))
    const circles = await race(async () => {
      const [a, b, c] = [await newFlag(db), await newFlag(db), await newFlag(db)]
      return [() => depend(a, b), () => depend(b, c), () => depend(c, a)]
    })
    expect(circles).toEqual(new Set([1]))
  })

  it('no flag comes to depend on one that is being archived', async () => {
    const archived = await race(async () => {
      const [parent, child] = [await newFlag(db), await newFlag(db)]
      return [() => depend(child, parent), () => archive(parent)]
    })
    expect(archived).toEqual(new Set([1]))
  })
})
