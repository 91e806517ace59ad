import { z } from 'zod'
import { NewStrategy, Strategy, Ulid } from './strategy.ts'
import { oneOf, strict } from './strict.ts'
import { Environment, FlagKey, Instant, Text, textUpTo } from './text.ts'

const Name = textUpTo(200).min(1, 'must not be empty')

const AFTER_RULE = 'must be an integer from 1 to 315360000, in seconds (ten years)'

/** What the next milestone waits for: a time, an approval, or both; whichever comes later. */
export const Progression = strict({
  afterSeconds: z
    .int({ error: AFTER_RULE })
    .min(1, AFTER_RULE)
    .max(315_360_000, AFTER_RULE)
    .optional()
    .meta({ description: 'Seconds after which the next milestone starts', example: 86_400 }),
  approval: z
    .boolean({ error: 'must be true or false' })
    .default(false)
    .meta({ description: 'Whether somebody has to approve first' }),
}).refine(
  ({ afterSeconds, approval }) => afterSeconds !== undefined || approval,
  'must name afterSeconds, approval: true, or both; without a progression the next milestone is started by hand',
)
export type Progression = z.infer<typeof Progression>

const NewMilestone = strict({
  name: Name,
  strategies: z
    .array(NewStrategy, { error: 'must be a list of strategies' })
    .min(1, 'must have at least one strategy: a flag without any is on for everybody')
    .max(30, 'must be at most 30 strategies'),
  progression: Progression.nullable().default(null),
})
export type NewMilestone = z.infer<typeof NewMilestone>

const Milestones = z
  .array(NewMilestone, { error: 'must be a list of milestones' })
  .min(1, 'must have at least one milestone')
  .max(50, 'must be at most 50 milestones')

export const NewTemplate = strict({ name: Name, description: Text.default(''), milestones: Milestones })
export type NewTemplate = z.infer<typeof NewTemplate>

const ShownProgression = z.object({ afterSeconds: z.int().optional(), approval: z.boolean() }).nullable()

/** A plan to be made on any flag of any environment. */
export const ReleasePlanTemplate = z
  .object({
    id: Ulid,
    name: z.string(),
    description: z.string(),
    milestones: z.array(
      z.object({
        name: z.string(),
        strategies: z.array(
          Strategy.pick({
            name: true,
            title: true,
            parameters: true,
            constraints: true,
            variants: true,
            segments: true,
            disabled: true,
          }).extend({ sortOrder: z.int().optional() }),
        ),
        progression: ShownProgression,
      }),
    ),
    version: z.int().meta({ description: 'Counts edits; also the ETag' }),
    archivedAt: Instant.nullable(),
    createdBy: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'ReleasePlanTemplate' })
export type ReleasePlanTemplate = z.infer<typeof ReleasePlanTemplate>

const ANCHOR_RULE = 'must be planned or actual'
const Anchor = z.enum(['planned', 'actual'], { error: ANCHOR_RULE }).meta({
  description:
    'What dwell times count from: when a milestone was planned to start, so that lateness never adds up, or when it did',
})

/** Made from a template, or complete in itself. */
export const NewReleasePlan = strict({
  templateId: Ulid.optional().meta({ description: 'Instead of name, description and milestones' }),
  name: Name.optional(),
  description: Text.optional(),
  milestones: Milestones.optional(),
  anchor: Anchor.default('planned'),
}).superRefine(({ templateId, name, description, milestones }, context) => {
  const own = { name, description, milestones }
  for (const [field, value] of Object.entries(own)) {
    const path = [field]
    if (templateId !== undefined && value !== undefined)
      context.addIssue({ code: 'custom', path, message: 'is given by the template: name either of the two' })
    if (templateId === undefined && value === undefined && field !== 'description')
      context.addIssue({ code: 'custom', path, message: 'is needed without a templateId' })
  }
})
export type NewReleasePlan = z.infer<typeof NewReleasePlan>

export const PlanStatus = oneOf(['draft', 'running', 'paused', 'completed'])
export type PlanStatus = z.infer<typeof PlanStatus>

const WaitsFor = z.array(z.enum(['time', 'approval', 'hand', 'metric'])).meta({
  description:
    'Until the next milestone starts: `time`, `approval`, a fresh `metric` of a safeguard, or the `hand` of somebody who starts or resumes it',
})
export type WaitsFor = z.infer<typeof WaitsFor>

export const Milestone = z
  .object({
    id: Ulid,
    name: z.string(),
    status: z
      .enum(['done', 'running', 'next', 'waiting'])
      .meta({ description: 'One that is done without `startedAt` was passed over' }),
    progression: ShownProgression,
    plannedAt: Instant.nullable().meta({ description: 'When it was planned to start; of later ones, when it is' }),
    startedAt: Instant.nullable(),
    willStartAt: Instant.nullable().meta({
      description: 'Of later ones: not before now and not inside a freeze; null when it depends on more than time',
    }),
    approvedAt: Instant.nullable(),
    approvedBy: z.string().nullable(),
    strategies: z.array(Strategy),
  })
  .meta({ id: 'Milestone' })
export type Milestone = z.infer<typeof Milestone>

/** The plan of a flag without its milestones, as lists have it. */
export const ReleasePlanSummary = z
  .object({
    id: Ulid,
    flagKey: FlagKey,
    environment: Environment,
    flagEnabled: z.boolean().meta({ description: 'False: nobody sees any of it until the flag is switched on' }),
    templateId: Ulid.nullable(),
    name: z.string(),
    description: z.string(),
    status: PlanStatus,
    anchor: Anchor,
    activeMilestoneId: Ulid.nullable(),
    waitsFor: WaitsFor,
    nextAt: Instant.nullable().meta({ description: 'When the next milestone is planned to start by itself' }),
    remainingSeconds: z.number().nullable().meta({ description: 'While it is paused: what is left of the dwell time' }),
    pausedAt: Instant.nullable(),
    pauseReason: z.string().nullable(),
    version: z.int().meta({ description: 'Counts changes; also the ETag' }),
    createdBy: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'ReleasePlanSummary' })
export type ReleasePlanSummary = z.infer<typeof ReleasePlanSummary>

export const ReleasePlan = ReleasePlanSummary.extend({
  workflowId: z.string().meta({ description: 'Its workflow at Temporal' }),
  milestones: z.array(Milestone),
}).meta({ id: 'ReleasePlan' })
export type ReleasePlan = Omit<z.infer<typeof ReleasePlan>, 'workflowId'>

export const StartMilestone = strict({
  enable: z
    .boolean({ error: 'must be true or false' })
    .default(false)
    .meta({ description: 'Switch the flag on as well, in the same transaction' }),
})

export const MilestoneEdit = strict({
  name: Name.optional(),
  progression: Progression.nullable().optional().meta({ description: 'Replaced as a whole; null: by hand' }),
}).refine((edit) => Object.keys(edit).length > 0, 'must name at least one of name, progression')
export type MilestoneEdit = z.infer<typeof MilestoneEdit>
