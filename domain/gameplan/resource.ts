import { z } from 'zod'
import { DueTime } from '../flag-schedule.ts'
import { Ulid } from '../strategy.ts'
import { oneOf, strict } from '../strict.ts'
import { Environment, FlagKey, Instant, Text } from '../text.ts'
import { PATCH_CLASSES } from './model.ts'
import { MAX_LENGTH } from './parse.ts'
import { FLAG_STATES } from './run.ts'
import { ID } from './syntax.ts'

const Markdown = z
  .string({ error: 'must be a Markdown text' })
  .min(1, 'must not be empty')
  .max(MAX_LENGTH, `must be at most ${MAX_LENGTH} characters`)
  .refine((text) => text.isWellFormed(), 'must be valid Unicode')
  .refine((text) => !text.includes('\0'), 'must not contain the character NUL')

/** A document, of which there is nothing else to say. */
export const GameplanDocument = strict({ markdown: Markdown })

const ID_RULE = 'must be the id of a patch, such as 3a'
export const PatchId = z
  .string()
  .max(50, ID_RULE)
  .regex(new RegExp(`^${ID}$`), ID_RULE)

const AFTER_RULE = 'must be an integer from 1 to 315360000, in seconds (ten years)'

const HOWS = {
  'at-once': strict({ how: z.literal('at-once') }),
  schedule: strict({
    how: z.literal('schedule'),
    scheduledAt: DueTime.optional().meta({ description: 'When that has passed by then, the flag is switched at once' }),
    afterSeconds: z.int({ error: AFTER_RULE }).min(1, AFTER_RULE).max(315_360_000, AFTER_RULE).optional(),
  }).refine(
    ({ scheduledAt, afterSeconds }) => (scheduledAt === undefined) !== (afterSeconds === undefined),
    'must name scheduledAt or afterSeconds, which counts from when the flag can be switched',
  ),
  'release-plan': strict({ how: z.literal('release-plan'), templateId: Ulid }),
}

/** How the flag is switched once the patch that activates it is merged. */
export const Activation = z
  .discriminatedUnion('how', [HOWS['at-once'], HOWS.schedule, HOWS['release-plan']], {
    error: `must be an object whose "how" is ${Object.keys(HOWS).join(', ')}`,
  })
  .meta({ id: 'GameplanActivation' })
export type Activation = z.infer<typeof Activation>

export const GameplanStart = strict({ activation: Activation.optional() })

export const Answer = strict({ answer: Text.min(1, 'must not be empty') })

export const GameplanStatus = oneOf(['draft', 'running', 'paused', 'completed', 'cancelled'])
export type GameplanStatus = z.infer<typeof GameplanStatus>

const PatchState = z.enum(['blocked', 'ready', 'merged', 'skipped'])

const GameplanPatch = z
  .object({
    id: z.string().meta({ description: 'As the author writes it', example: '3a' }),
    title: z.string().nullable(),
    class: z.enum(PATCH_CLASSES).nullable(),
    dependencies: z.array(z.string()),
    state: PatchState,
    waitsFor: z
      .array(z.string())
      .meta({ description: 'Of its dependencies those that are neither merged nor skipped' }),
    flagStep: z.enum(['introduced', 'activated']).nullable().meta({ description: 'What its merge does with the flag' }),
    pullRequest: z
      .string()
      .nullable()
      .meta({ description: 'That merged it, or took it back', example: 'acme/shop#17' }),
    reason: z.string().nullable(),
    decidedAt: Instant.nullable(),
    decidedBy: z.string().nullable(),
  })
  .meta({ id: 'GameplanPatch' })

const Gate = z.object({
  number: z.int().meta({ description: 'Its place in the document, from 1' }),
  text: z.string(),
  done: z.boolean(),
  doneAt: Instant.nullable(),
  doneBy: z.string().nullable().meta({ description: 'null: it is ticked in the document' }),
})

const GameplanFlag = z.object({
  key: FlagKey,
  introduced: z.string(),
  activated: z.string(),
  state: z.enum(FLAG_STATES).meta({
    description:
      'planned: it has its release plan, which has not begun; switching: the schedule or the plan is under way',
  }),
  scheduleId: z.uuid().nullable(),
  releasePlanId: Ulid.nullable(),
  changeRequestId: Ulid.nullable().meta({ description: 'What waits for reviewers before the gameplan can go on' }),
})

export const GameplanSummary = z
  .object({
    id: Ulid,
    environment: Environment,
    title: z.string(),
    status: GameplanStatus,
    pauseReason: z.string().nullable(),
    revision: z.int().meta({ description: 'Of the document' }),
    version: z.int().meta({ description: 'Counts every change; also the ETag' }),
    flag: GameplanFlag.nullable(),
    activation: Activation.nullable().meta({ description: 'null before it is started' }),
    problem: z
      .object({ step: z.string(), code: z.string(), detail: z.string() })
      .nullable()
      .meta({ description: 'Why the flag could not be changed; it is tried again every minute' }),
    progress: z.object({ patches: z.int(), done: z.int(), openGates: z.int() }),
    createdBy: z.string(),
    startedBy: z.string().nullable(),
    createdAt: Instant,
    startedAt: Instant.nullable(),
    finishedAt: Instant.nullable(),
    updatedAt: Instant,
    workflowId: z.string(),
  })
  .meta({ id: 'GameplanSummary' })
export type GameplanSummary = Omit<z.infer<typeof GameplanSummary>, 'workflowId'>

export const Gameplan = GameplanSummary.extend({
  patches: z.array(GameplanPatch),
  criteria: z.array(Gate),
  questions: z.array(Gate.extend({ answer: z.string().nullable() })),
  markdown: z.string().meta({ description: "The author's text, byte for byte" }),
}).meta({ id: 'Gameplan' })
export type Gameplan = Omit<z.infer<typeof Gameplan>, 'workflowId'>

const Point = z.object({ line: z.int(), column: z.int(), offset: z.int() })

const Finding = z
  .object({
    rule: z.string(),
    severity: z.enum(['error', 'warning', 'info']),
    message: z.string(),
    hint: z.string(),
    range: z
      .object({ start: Point, end: Point })
      .meta({ description: 'Lines and columns from 1, offsets from 0, in UTF-16 code units' }),
    item: z.int().nullable().meta({ description: 'Of the mergability checklist' }),
    ticked: z.boolean(),
  })
  .meta({ id: 'GameplanFinding' })

/** What is wrong with a document, and what of that keeps it from being run. */
export const GameplanLint = z
  .object({
    findings: z.array(Finding),
    errors: z.int(),
    warnings: z.int(),
    infos: z.int(),
    heldBack: z.array(z.string()).meta({ description: 'Rules that cannot judge before what they read is mended' }),
    obstacles: z
      .array(z.string())
      .meta({ description: 'Rules that were broken so that it cannot be run; none: it can' }),
  })
  .meta({ id: 'GameplanLint' })
export type GameplanLint = z.infer<typeof GameplanLint>

export const GameplanGraph = z
  .object({
    patches: z.array(
      z.object({
        id: z.string(),
        title: z.string().nullable(),
        class: z.enum(PATCH_CLASSES).nullable(),
        dependencies: z.array(z.string()),
        layer: z.int().nullable().meta({ description: 'From 0; patches of a layer can go in parallel' }),
        safe: z.boolean(),
        early: z.boolean(),
        critical: z.boolean(),
        state: PatchState,
      }),
    ),
    layers: z.array(z.array(z.string())),
    criticalPath: z.array(z.string()),
    cyclic: z.array(z.string()),
    safeCount: z.int(),
  })
  .meta({ id: 'GameplanGraph' })
