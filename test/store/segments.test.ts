import { describe, expect, it } from 'vitest'
import { listEvents } from '../../store/events.ts'
import { getFlag } from '../../store/flags.ts'
import { createSegment, deleteSegment, editSegment, getSegment } from '../../store/segments.ts'
import { addStrategy, listStrategies, updateStrategy } from '../../store/strategies.ts'
import { asAlice, createTestDatabase, one, openTestDatabase } from '../helpers/database.ts'
import { gradual, newPlan, strategy } from '../helpers/milestones.ts'
import { newFlag } from '../helpers/schedules.ts'

const db = openTestDatabase(await createTestDatabase(), { connections: 12 })
const environment = 'production'

let count = 0
const newSegment = async () => {
  const key = `segment-${++count}`
  await asAlice(db, (tx) => createSegment(tx, environment, { key, description: '', constraints: [] }))
  return { environment, segmentKey: key }
}
const remove = (address: Awaited<ReturnType<typeof newSegment>>) => asAlice(db, (tx) => deleteSegment(tx, address))

describe('a segment', () => {
  it('that strategies use is not deleted, and the refusal names them, of milestones that are not active as well', async () => {
    const segment = await newSegment()
    const segments = [segment.segmentKey]
    const flag = await newFlag(db, 'a-flag')
    const { strategy: own } = await asAlice(db, (tx) => addStrategy(tx, flag, strategy({ segments })))
    const plan = await newPlan(
      db,
      [[gradual('5', { segments })], [gradual('5', { segments })]],
      await newFlag(db, 'b-flag'),
    )
    const [[active], [later]] = plan.strategyIds as [[string], [string]]
    await expect(remove(segment)).rejects.toMatchObject({
      code: 'segment-in-use',
      members: {
        uses: 3,
        usedBy: [
          { flagKey: 'a-flag', strategyId: own.id, milestoneId: null },
          { flagKey: 'b-flag', strategyId: active, milestoneId: plan.milestoneIds[0] },
          { flagKey: 'b-flag', strategyId: later, milestoneId: plan.milestoneIds[1] },
        ],
      },
    })
    const free = async (address: { environment: string; flagKey: string }, strategyId: string) =>
      await asAlice(db, (tx) =>
        updateStrategy(tx, { ...address, strategyId }, { edit: { segments: [] } }, { door: 'strategy' }),
      )
    await free(flag, own.id)
    await free(plan, active)
    await expect(remove(segment)).rejects.toMatchObject({ members: { uses: 1 } })
    await free(plan, later)
    await remove(segment)
    await expect(getSegment(db, segment)).rejects.toMatchObject({ code: 'segment-not-found' })
    const { items } = await listEvents(db, { environment, type: ['segment-deleted'], limit: 10 })
    expect(items).toMatchObject([{ data: { segmentKey: segment.segmentKey, after: null } }])
  })

  it('is changed for all who use it as a revision of its own; flags keep theirs', async () => {
    const segment = await newSegment()
    const flag = await newFlag(db)
    await asAlice(db, (tx) => addStrategy(tx, flag, strategy({ segments: [segment.segmentKey] })))
    const [before, flagBefore] = [await getSegment(db, segment), await getFlag(db, flag)]
    const constraint = {
      contextName: 'userId',
      operator: 'NUM_GT' as const,
      values: [],
      value: '1',
      inverted: false,
      caseInsensitive: false,
    }
    const edit = (constraints: (typeof constraint)[]) =>
      asAlice(db, (tx) => editSegment(tx, segment, { constraints }, undefined))
    const after = await edit([constraint])
    expect(after.revision).toBe(flagBefore.revision + 1)
    expect(await one(db, 'SELECT revision FROM configuration_revision')).toEqual({ revision: after.revision })
    expect(await getFlag(db, flag)).toEqual(flagBefore)
    expect(await edit([constraint])).toEqual(after)
    await expect(edit([{ ...constraint, value: 'ten' }])).rejects.toMatchObject({
      code: 'validation-failed',
      fields: [{ field: 'constraints.0.value' }],
    })
    await expect(
      asAlice(db, (tx) => editSegment(tx, segment, { description: 'x' }, before.revision)),
    ).rejects.toMatchObject({ code: 'revision-mismatch' })
  })

  it('that is being given to a strategy and deleted at once is either used or gone', async () => {
    for (let i = 0; i < 15; i++) {
      const segment = await newSegment()
      const flag = await newFlag(db)
      const [added, removed] = await Promise.allSettled([
        asAlice(db, (tx) => addStrategy(tx, flag, strategy({ segments: [segment.segmentKey] }))),
        remove(segment),
      ])
      expect([added.status, removed.status].sort()).toEqual(['fulfilled', 'rejected'])
      const code = added.status === 'rejected' ? added.reason.code : (removed as PromiseRejectedResult).reason.code
      expect(code).toBe(added.status === 'rejected' ? 'unknown-segment' : 'segment-in-use')
      const { strategies } = await listStrategies(db, flag)
      expect(strategies.map(({ segments }) => segments)).toEqual(
        added.status === 'fulfilled' ? [[segment.segmentKey]] : [],
      )
    }
  })
})
