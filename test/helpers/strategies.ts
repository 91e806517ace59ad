import { expect } from 'vitest'
import type { Constraint, NewStrategy, StrategyEdit, Variant } from '../../domain/strategy.ts'
import type { Database } from '../../store/database.ts'
import { listEvents } from '../../store/events.ts'
import { type Door, type StrategyAddress, updateStrategy } from '../../store/strategies.ts'
import { asAlice } from './database.ts'
import { copies, gradual, newPlan, newSegments, type Plan } from './milestones.ts'

export const variant = (name: string, weight: number): Variant => ({ name, weight, stickiness: 'userId' })

export const constraint: Constraint = {
  contextName: 'country',
  operator: 'IN',
  values: ['de', 'at'],
  inverted: false,
  caseInsensitive: false,
}

/** A strategy with something in every field. */
export const FULL: NewStrategy = gradual('40', {
  title: 'Forty percent',
  constraints: [constraint],
  variants: [variant('b', 1), variant('a', 2)],
  segments: ['staff', 'beta'],
  disabled: true,
  sortOrder: 7,
})

export const DOORS: Door[] = ['strategy', 'milestone']

/** The address of one of a plan's strategies. */
export const at = ({ environment, flagKey, strategyIds }: Plan, milestone = 0, place = 0) => ({
  environment,
  flagKey,
  strategyId: strategyIds[milestone]?.[place] as string,
})

/** Strategies of plans in `production`, where the segments beta, staff and testers are. */
export async function strategies(db: Database) {
  await newSegments(db, 'production', 'beta', 'staff', 'testers')
  return {
    /** A plan with one active milestone of these strategies, and another of the same that is not active. */
    planOf: (...first: NewStrategy[]) => newPlan(db, [first, first]),
    edit: (address: StrategyAddress, change: StrategyEdit, door: Door = 'strategy') =>
      asAlice(db, (tx) => updateStrategy(tx, address, { edit: change }, { door })),
    /** Expects both copies of the active milestone to be equal, and returns them. */
    requireEqual: async ({ milestoneIds }: Plan): Promise<unknown[]> => {
      const { runtime, milestone } = await copies(db, milestoneIds[0] as string)
      expect(runtime).toEqual(milestone)
      return runtime
    },
    /** The oldest first. */
    eventsOf: async ({ environment, flagKey }: { environment: string; flagKey: string }) =>
      (await listEvents(db, { environment, flagKey, limit: 100 })).items.reverse(),
  }
}
