import { z } from 'zod'
import type { Snapshot, Wish } from '../domain/change-request-conflicts.ts'
import { checkConstraint, checkStrategy, checkVariants } from '../domain/evaluation/check.ts'
import { FlagEdit, NewFlag } from '../domain/flag.ts'
import { NewSchedule } from '../domain/flag-schedule.ts'
import type { FieldProblem } from '../domain/problems.ts'
import { MilestoneEdit, NewReleasePlan, StartMilestone } from '../domain/release-plan.ts'
import { NewSegment, SegmentEdit } from '../domain/segment.ts'
import {
  type Constraint,
  NewStrategy,
  SegmentKey,
  type StrategyContent,
  StrategyEdit,
  Ulid,
} from '../domain/strategy.ts'
import { changeContent, contentOf, toFields } from '../domain/strategy-content.ts'
import { strict } from '../domain/strict.ts'
import { FlagKey } from '../domain/text.ts'
import {
  readFlag,
  readMilestone,
  readOrder,
  readPlace,
  readPlan,
  readSegment,
  readStrategy,
} from './change-request-targets.ts'
import type { Database } from './database.ts'
import { archiveFlag } from './flag-archive.ts'
import { createSchedule } from './flag-schedules.ts'
import { createFlag, editFlag, type FlagAddress } from './flags.ts'
import { approveMilestone, editMilestone, startMilestone } from './milestones.ts'
import { resumePlan } from './release-plan-control.ts'
import { createPlan, deletePlan } from './release-plans.ts'
import type { ScheduleGuards } from './schedule-guards.ts'
import { createSegment, deleteSegment, editSegment } from './segments.ts'
import { addStrategy, removeStrategy, updateStrategy } from './strategies.ts'
import { reorderStrategies } from './strategy-order.ts'
import type { Transaction } from './transaction.ts'

export interface Action<P = Record<string, unknown>> {
  /** The calls that do the same at once. */
  routes: string[]
  /** What that call takes: its body, and of its path what names more than the flag. */
  payload: z.ZodType<P>
  /** Whether it is about a flag that the change names; one that is made has its key in the payload. */
  onFlag: boolean
  /** For people. */
  target(at: FlagAddress, payload: P): string
  /** Finds events of the target by one of their data. */
  inEvents?(payload: P): Record<string, unknown>
  read(from: Database | Transaction, at: FlagAddress, payload: P): Promise<Snapshot>
  makes?: boolean
  /** Every field of the snapshot matters, also those that it does not set. */
  whole?: boolean
  wanted?(payload: P): Record<string, unknown>
  /** What is wrong with the payload beyond its shape. */
  check?(payload: P, before: Snapshot): FieldProblem[]
  /** The store function of the direct call. */
  execute(tx: Transaction, at: FlagAddress, payload: P, options: ExecuteOptions): Promise<unknown>
}

interface ExecuteOptions {
  guards: ScheduleGuards
  overrideFreeze: boolean
}

const action = <P>(it: Action<P>): Action => it as unknown as Action
const flagOf = ({ flagKey }: FlagAddress) => `flag ${flagKey}`
const constraints = (list: Constraint[] = []) =>
  list.flatMap((constraint, i) => toFields(checkConstraint(constraint), ['constraints', i]))
const ofPlan = { planId: Ulid }
const ofMilestone = { planId: Ulid, milestoneId: Ulid }
const planPath = '/flags/:flagKey/release-plans/:planId'
const milestonePath = `${planPath}/milestones/:milestoneId`
const strategyPaths = ['/flags/:flagKey/strategies/:strategyId', `${planPath}/milestone-strategies/:strategyId`]
const hasMore = (keys: string[]) => (payload: object) => Object.keys(payload).some((key) => !keys.includes(key))
const MORE = 'must name at least one field to change'

/** Everything that a change request can do; a request is these, in its order. */
export const ACTIONS = {
  createFlag: action({
    routes: ['POST /flags'],
    payload: NewFlag,
    onFlag: false,
    makes: true,
    target: (_, { key }) => `flag ${key}`,
    read: (from, at, { key }) => readFlag(from, { ...at, flagKey: key }),
    check: ({ variants = [] }) => toFields(checkVariants(variants), ['variants']),
    execute: (tx, { environment }, input) => createFlag(tx, environment, input),
  }),
  updateFlag: action({
    routes: ['PATCH /flags/:flagKey'],
    payload: FlagEdit,
    onFlag: true,
    target: flagOf,
    read: readFlag,
    wanted: (edit) => edit,
    check: ({ variants = [] }) => toFields(checkVariants(variants), ['variants']),
    execute: (tx, at, edit) => editFlag(tx, at, edit),
  }),
  archiveFlag: action({
    routes: ['DELETE /flags/:flagKey'],
    payload: strict({}),
    onFlag: true,
    whole: true,
    target: flagOf,
    read: readFlag,
    wanted: () => ({ archived: true }),
    execute: (tx, at) => archiveFlag(tx, at),
  }),
  addStrategy: action({
    routes: ['POST /flags/:flagKey/strategies', `POST ${milestonePath}/strategies`],
    payload: strict({ ...NewStrategy.shape, milestoneId: Ulid.optional() }),
    onFlag: true,
    target: flagOf,
    read: readPlace,
    check: (input) => toFields(checkStrategy(contentOf(input, 0))),
    execute: (tx, at, { milestoneId, ...input }) => addStrategy(tx, at, input, milestoneId ? { milestoneId } : {}),
  }),
  updateStrategy: action({
    routes: strategyPaths.flatMap((path) => [`PATCH ${path}`, `PUT ${path}`]),
    payload: strict({ strategyId: Ulid, ...StrategyEdit.shape }).refine(hasMore(['strategyId']), MORE),
    onFlag: true,
    target: (_, { strategyId }) => `strategy ${strategyId}`,
    inEvents: ({ strategyId }) => ({ strategyId }),
    read: (from, at, { strategyId }) => readStrategy(from, at, strategyId),
    wanted: ({ strategyId: _, segments, ...edit }) => ({
      ...edit,
      ...(segments && { segments: [...new Set(segments)].sort() }),
    }),
    check: ({ strategyId: _, ...edit }, before) =>
      toFields(checkStrategy(changeContent(before as unknown as StrategyContent, { edit }))),
    execute: (tx, at, { strategyId, ...edit }) =>
      updateStrategy(tx, { ...at, strategyId }, { edit }, { door: 'strategy' }),
  }),
  deleteStrategy: action({
    routes: strategyPaths.map((path) => `DELETE ${path}`),
    payload: strict({ strategyId: Ulid }),
    onFlag: true,
    whole: true,
    target: (_, { strategyId }) => `strategy ${strategyId}`,
    inEvents: ({ strategyId }) => ({ strategyId }),
    read: (from, at, { strategyId }) => readStrategy(from, at, strategyId),
    execute: (tx, at, { strategyId }) => removeStrategy(tx, { ...at, strategyId }, { door: 'strategy' }),
  }),
  reorderStrategies: action({
    routes: ['POST /flags/:flagKey/strategies/reorder'],
    payload: strict({
      ids: z.array(Ulid).max(1000, 'must name each of the strategies once'),
      milestoneId: Ulid.optional(),
    }),
    onFlag: true,
    target: flagOf,
    read: (from, at, { milestoneId }) => readOrder(from, at, milestoneId),
    wanted: ({ ids }) => ({ ids }),
    execute: (tx, at, { ids, milestoneId }) => reorderStrategies(tx, at, ids, milestoneId ? { milestoneId } : {}),
  }),
  createSegment: action({
    routes: ['POST /segments'],
    payload: NewSegment,
    onFlag: false,
    makes: true,
    target: (_, { key }) => `segment ${key}`,
    inEvents: ({ key }) => ({ segmentKey: key }),
    read: (from, { environment }, { key }) => readSegment(from, environment, key),
    check: (input) => constraints(input.constraints),
    execute: (tx, { environment }, input) => createSegment(tx, environment, input),
  }),
  updateSegment: action({
    routes: ['PATCH /segments/:segmentKey'],
    payload: strict({ segmentKey: SegmentKey, ...SegmentEdit.shape }).refine(hasMore(['segmentKey']), MORE),
    onFlag: false,
    target: (_, { segmentKey }) => `segment ${segmentKey}`,
    inEvents: ({ segmentKey }) => ({ segmentKey }),
    read: (from, { environment }, { segmentKey }) => readSegment(from, environment, segmentKey),
    wanted: ({ segmentKey: _, ...edit }) => edit,
    check: (edit) => constraints(edit.constraints),
    execute: (tx, { environment }, { segmentKey, ...edit }) => editSegment(tx, { environment, segmentKey }, edit),
  }),
  deleteSegment: action({
    routes: ['DELETE /segments/:segmentKey'],
    payload: strict({ segmentKey: SegmentKey }),
    onFlag: false,
    whole: true,
    target: (_, { segmentKey }) => `segment ${segmentKey}`,
    inEvents: ({ segmentKey }) => ({ segmentKey }),
    read: (from, { environment }, { segmentKey }) => readSegment(from, environment, segmentKey),
    execute: (tx, { environment }, { segmentKey }) => deleteSegment(tx, { environment, segmentKey }),
  }),
  addReleasePlan: action({
    routes: ['POST /flags/:flagKey/release-plans'],
    payload: NewReleasePlan,
    onFlag: true,
    whole: true,
    target: flagOf,
    read: readPlace,
    execute: (tx, at, input) => createPlan(tx, at, input),
  }),
  deleteReleasePlan: action({
    routes: [`DELETE ${planPath}`],
    payload: strict({ ...ofPlan, keepStrategies: z.boolean({ error: 'must be true or false' }).default(false) }),
    onFlag: true,
    whole: true,
    target: (_, { planId }) => `release plan ${planId}`,
    inEvents: ({ planId }) => ({ planId }),
    read: readPlan,
    execute: (tx, at, { planId, keepStrategies }) => deletePlan(tx, { ...at, planId }, { keepStrategies }),
  }),
  startMilestone: action({
    routes: [`POST ${milestonePath}/start`],
    payload: strict({ ...ofMilestone, ...StartMilestone.shape }),
    onFlag: true,
    whole: true,
    target: (_, { milestoneId }) => `milestone ${milestoneId}`,
    inEvents: ({ planId }) => ({ planId }),
    read: (from, at, payload) => readPlan(from, at, payload),
    execute: (tx, at, { planId, milestoneId, enable }, { overrideFreeze }) =>
      startMilestone(tx, { ...at, planId, milestoneId }, { enable, overrideFreeze }),
  }),
  updateMilestone: action({
    routes: [`PATCH ${milestonePath}`],
    payload: strict({ ...ofMilestone, ...MilestoneEdit.shape }).refine(hasMore(['planId', 'milestoneId']), MORE),
    onFlag: true,
    target: (_, { milestoneId }) => `milestone ${milestoneId}`,
    inEvents: ({ milestoneId }) => ({ milestoneId }),
    read: readMilestone,
    wanted: ({ planId: _, milestoneId: __, ...edit }) => edit,
    execute: (tx, at, { planId, milestoneId, ...edit }) => editMilestone(tx, { ...at, planId, milestoneId }, edit),
  }),
  approveMilestone: action({
    routes: [`POST ${milestonePath}/approve`],
    payload: strict(ofMilestone),
    onFlag: true,
    whole: true,
    target: (_, { milestoneId }) => `milestone ${milestoneId}`,
    inEvents: ({ planId }) => ({ planId }),
    read: (from, at, { planId }) => readPlan(from, at, { planId }),
    execute: (tx, at, payload) => approveMilestone(tx, { ...at, ...payload }),
  }),
  resumeReleasePlan: action({
    routes: [`POST ${planPath}/resume`],
    payload: strict(ofPlan),
    onFlag: true,
    whole: true,
    target: (_, { planId }) => `release plan ${planId}`,
    inEvents: ({ planId }) => ({ planId }),
    read: readPlan,
    execute: (tx, at, { planId }) => resumePlan(tx, { ...at, planId }),
  }),
  createSchedule: action({
    routes: ['POST /flags/:flagKey/schedule'],
    payload: NewSchedule,
    onFlag: true,
    target: flagOf,
    read: readPlace,
    execute: (tx, at, input, { guards, overrideFreeze }) =>
      createSchedule(tx, at, input, { ...guards, overrideFreeze }),
  }),
} satisfies Record<string, Action>

export type ActionName = keyof typeof ACTIONS

/** A change as requests name it. */
export interface NewChange {
  action: ActionName
  flagKey?: string | undefined
  payload: Record<string, unknown>
}

const NAMES = Object.keys(ACTIONS) as ActionName[]

/** Every action with the body of its direct call. */
export const NewChange = z.discriminatedUnion(
  'action',
  NAMES.map((name) => {
    const { onFlag, payload } = ACTIONS[name]
    return strict({ action: z.literal(name), ...(onFlag && { flagKey: FlagKey }), payload })
  }) as unknown as [z.core.$ZodTypeDiscriminable],
  { error: `must be one of ${NAMES.join(', ')}` },
) as unknown as z.ZodType<NewChange>

export function wishOf({ action: name, payload }: { action: string; payload: Record<string, unknown> }): Wish {
  const { makes = false, whole = false, wanted } = ACTIONS[name as ActionName] as Action
  const named = Object.entries(wanted?.(payload) ?? {}).filter(([, value]) => value !== undefined)
  return { makes, whole, wanted: Object.fromEntries(named) }
}

/** The action that does what a direct call does, if there is one; `route` as `PATCH /flags/:flagKey`. */
export function actionOf(route: string): ActionName | null {
  return NAMES.find((name) => ACTIONS[name].routes.includes(route)) ?? null
}
