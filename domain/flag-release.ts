import { z } from 'zod'
import { DueTime, FlagSchedule, ScheduleStatus, ScheduleUpdates, ScheduleWarning } from './flag-schedule.ts'
import { Problem } from './problems.ts'
import { strict } from './strict.ts'
import { Environment, FlagKey, Instant, Text } from './text.ts'

/** Flags that one release changes at most: it holds their locks together. */
const RELEASE_CHANGES = 100

const NUMBER_OF_CHANGES = `must be a list of 1 to ${RELEASE_CHANGES} changes`
const EMPTY_EDIT = 'must name at least one of scheduledAt, comment'

/** Changes of several flags that are applied at one instant, as one configuration revision, or not at all. */
export const FlagRelease = z
  .object({
    id: z.uuid(),
    scheduledAt: Instant,
    status: ScheduleStatus,
    comment: z.string().nullable(),
    changes: z
      .array(
        z.object({
          scheduleId: z.uuid().meta({ description: 'Its schedule, which has a workflow and events of its own' }),
          flagKey: FlagKey,
          environment: Environment,
          updates: FlagSchedule.shape.updates,
        }),
      )
      .meta({ description: 'In the order in which they were asked for' }),
    appliedAt: Instant.nullable(),
    appliedRevision: z.int().nullable().meta({ description: 'The one configuration revision that all changes made' }),
    errorMessage: z.string().nullable().meta({ description: 'Which flag could not be changed, and why' }),
    deferredFrom: FlagSchedule.shape.deferredFrom,
    freezeId: FlagSchedule.shape.freezeId,
    warnings: z
      .array(ScheduleWarning.extend({ flagKey: FlagKey, environment: Environment }))
      .optional()
      .meta({ description: 'Only in the answer to what caused them' }),
    version: z.int().meta({ description: 'Counts edits; also the ETag' }),
    createdBy: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: 'FlagRelease' })
export type FlagRelease = z.infer<typeof FlagRelease>

export const NewRelease = strict({
  scheduledAt: DueTime,
  comment: Text.optional(),
  changes: z
    .array(
      strict({
        flagKey: FlagKey,
        environment: Environment.optional().meta({ description: 'That of the query when it is not named' }),
        updates: ScheduleUpdates,
      }),
      { error: NUMBER_OF_CHANGES },
    )
    .min(1, NUMBER_OF_CHANGES)
    .max(RELEASE_CHANGES, NUMBER_OF_CHANGES),
})
export type NewRelease = z.infer<typeof NewRelease>

export const ReleaseEdit = strict({ scheduledAt: DueTime.optional(), comment: Text.optional() })
  .refine((edit) => Object.keys(edit).length > 0, EMPTY_EDIT)
  .meta({ minProperties: 1 })
export type ReleaseEdit = z.infer<typeof ReleaseEdit>

/**
 * Refuses to do something to one schedule of a release: it is applied, moved and cancelled as a whole, and fails as a whole.
 *
 * @throws Problem `schedule-part-of-release`
 */
export function refuseMember({
  releaseId,
  status,
}: {
  releaseId: string | null
  status: FlagSchedule['status']
}): void {
  if (!releaseId) return
  const instead =
    status === 'failed'
      ? 'which failed as a whole. Make a new release instead.'
      : `and only with it. PATCH or DELETE /api/admin/releases/${releaseId} instead.`
  const why = `It belongs to the release ${releaseId}, ${instead}`
  throw new Problem('schedule-part-of-release', why, { members: { releaseId } })
}

/** A refusal of one change of a release: it names the flag, and its fields are paths into the request. */
export function ofChange(
  { code, message, fields, members }: Problem,
  { flagKey, environment }: { flagKey: string; environment: string },
  index: number,
): Problem {
  const own = fields.length > 0 ? fields : [{ field: 'flagKey', message }]
  const pathOf = (field: string) =>
    field === 'scheduledAt' || field.startsWith('query.') ? field : `changes.${index}.${field.replace(/^path\./, '')}`
  return new Problem(code, `Flag "${flagKey}" (${environment}): ${message}`, {
    fields: own.map(({ field, message }) => ({ field: pathOf(field), message })),
    members: { ...members, flagKey, environment },
  })
}
