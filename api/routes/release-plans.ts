import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { DueTime } from '../../domain/flag-schedule.ts'
import { NewReleasePlan, PlanStatus, ReleasePlan, ReleasePlanSummary } from '../../domain/release-plan.ts'
import { Ulid } from '../../domain/strategy.ts'
import { strict } from '../../domain/strict.ts'
import { Environment, FlagKey } from '../../domain/text.ts'
import type { Database } from '../../store/database.ts'
import { pausePlan, resumePlan } from '../../store/release-plan-control.ts'
import { createPlan, deletePlan, getPlan, listPlans, listPlansOfFlag } from '../../store/release-plans.ts'
import type { TemporalNames } from '../../temporal/ids.ts'
import { created, ok, paged } from '../openapi.ts'
import { gatedProblems, readProblems, writeProblems } from '../problems.ts'
import {
  editHeaders,
  environmentQuery,
  etag,
  expectedVersion,
  idempotencyHeader,
  pageQuery,
  sendPage,
  write,
  writeQuery,
} from '../requests.ts'

const tags = ['release plans']
const ofFlag = z.object({ flagKey: FlagKey })
export const ofPlan = ofFlag.extend({ planId: Ulid })
export const planPath = '/flags/:flagKey/release-plans/:planId'

/** A plan as answers have it. */
export const shownPlan = (names: TemporalNames) => (plan: ReleasePlan) => ({
  ...plan,
  workflowId: names.releasePlan(plan.id),
})

const COMMANDS = [
  {
    name: 'pause',
    run: pausePlan,
    summary: 'Pause a release plan',
    description: 'No milestone starts by itself; users keep what they have. Pausing a paused one changes nothing.',
    problems: ['plan-not-running'],
  },
  {
    name: 'resume',
    run: resumePlan,
    summary: 'Go on with a paused release plan',
    description:
      'What was left of the dwell time is still to come; what follows is later by the pause. Resuming a running one changes nothing.',
    problems: ['plan-not-paused', 'change-request-required'],
  },
] as const

export function releasePlanRoutes({ db, names }: { db: Database; names: TemporalNames }): FastifyPluginAsyncZod {
  const shown = shownPlan(names)

  return async (app) => {
    app.post('/flags/:flagKey/release-plans', {
      schema: {
        tags,
        summary: 'Give a flag a release plan',
        description:
          'Made from a template, or complete in itself. It is a draft: nothing changes for users before a milestone is started. A flag has one plan.',
        params: ofFlag,
        querystring: strict(writeQuery),
        headers: z.object(idempotencyHeader),
        body: NewReleasePlan,
        response: {
          201: created(ReleasePlan, { etag: true }),
          ...gatedProblems(
            'flag-not-found',
            'flag-archived',
            'plan-exists',
            'template-not-found',
            'template-archived',
            'unknown-segment',
            'too-many-strategies',
          ),
        },
      },
      handler: async (request, reply) => {
        const { environment } = request.query
        const { flagKey } = request.params
        const plan = await write(db, request, (tx) => createPlan(tx, { environment, flagKey }, request.body))
        const location = `/api/admin/flags/${flagKey}/release-plans/${plan.id}?environment=${environment}`
        return reply
          .code(201)
          .headers({ location, ...etag(plan.version) })
          .send(shown(plan))
      },
    })

    app.get('/flags/:flagKey/release-plans', {
      schema: {
        tags,
        summary: 'List the release plan of a flag: one, or none',
        params: ofFlag,
        querystring: strict(environmentQuery),
        response: { 200: ok(z.array(ReleasePlan)), ...readProblems('flag-not-found') },
      },
      handler: async (request, reply) => {
        const plans = await listPlansOfFlag(db, { ...request.params, ...request.query })
        return reply.send(plans.map(shown))
      },
    })

    app.get('/release-plans', {
      schema: {
        tags,
        summary: 'List the release plans of all flags, the newest first',
        querystring: strict({
          environment: Environment.optional(),
          flagKey: FlagKey.optional(),
          status: PlanStatus.optional(),
          dueBefore: DueTime.optional().meta({ description: 'The next milestone is planned to start before' }),
          ...pageQuery,
        }),
        response: { 200: paged(ReleasePlanSummary), ...readProblems() },
      },
      handler: async (request, reply) => {
        const { dueBefore, ...filter } = request.query
        const due = dueBefore === undefined ? undefined : new Date(dueBefore)
        return reply.send(sendPage(request, reply, await listPlans(db, { ...filter, dueBefore: due })))
      },
    })

    app.get(planPath, {
      schema: {
        tags,
        summary: 'Read a release plan: where it is, what it waits for, when the rest will start',
        params: ofPlan,
        querystring: strict(environmentQuery),
        response: { 200: ok(ReleasePlan, { etag: true }), ...readProblems('flag-not-found', 'plan-not-found') },
      },
      handler: async (request, reply) => {
        const plan = await getPlan(db, { ...request.params, ...request.query })
        return reply.headers(etag(plan.version)).send(shown(plan))
      },
    })

    app.delete(planPath, {
      schema: {
        tags,
        summary: 'Delete a release plan',
        description:
          'The strategies of its active milestone go with it; with `keepStrategies=true` they are the flag’s own from now on, and nothing changes for users. Answers with the plan as it was.',
        params: ofPlan,
        querystring: strict({
          ...writeQuery,
          keepStrategies: z.stringbool({ error: 'must be true or false' }).default(false),
        }),
        headers: editHeaders,
        response: {
          200: ok(ReleasePlan),
          ...gatedProblems('flag-not-found', 'plan-not-found', 'revision-mismatch'),
        },
      },
      handler: async (request, reply) => {
        const { environment, keepStrategies } = request.query
        const address = { ...request.params, environment }
        const options = { keepStrategies, expectedVersion: expectedVersion(request.headers) }
        return reply.send(shown(await write(db, request, (tx) => deletePlan(tx, address, options))))
      },
    })

    for (const { name, run, summary, description, problems } of COMMANDS) {
      app.post(`${planPath}/${name}`, {
        schema: {
          tags,
          summary,
          description,
          params: ofPlan,
          querystring: strict(writeQuery),
          headers: z.object(idempotencyHeader),
          response: {
            200: ok(ReleasePlan, { etag: true }),
            ...writeProblems('flag-not-found', 'flag-archived', 'plan-not-found', ...problems),
          },
        },
        handler: async (request, reply) => {
          const address = { ...request.params, environment: request.query.environment }
          const plan = await write(db, request, (tx) => run(tx, address))
          return reply.headers(etag(plan.version)).send(shown(plan))
        },
      })
    }
  }
}
