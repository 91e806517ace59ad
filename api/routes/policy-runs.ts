import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { PolicyDiff } from '../../domain/policy-diff.ts'
import { Gate, Pace, PolicyRun, PolicyRunStatus, PolicyRunSummary } from '../../domain/policy-run.ts'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { diffRun } from '../../store/policy-diff.ts'
import { promoteRun } from '../../store/policy-promote.ts'
import { cancelRun, paceRun, resumeRun } from '../../store/policy-run-control.ts'
import { readRun } from '../../store/policy-run-report.ts'
import { getRun, listRuns, type StoredRun } from '../../store/policy-runs.ts'
import type { TemporalNames } from '../../temporal/ids.ts'
import { accepted, counted, ok } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import { idempotencyHeader, offsetQuery, optionsOf, reasonQuery, sendOffsetPage, write } from '../requests.ts'

const tags = ['catalog policy runs']
const ofRun = z.object({ runId: z.uuid('must be the id of a run') })
const headers = z.object(idempotencyHeader)
const LIMIT_RULE = 'must be an integer from 0 to 500'

const Promotion = z.object({
  success: z.literal(true),
  runId: z.uuid(),
  policyVersion: z.int(),
  previousVersion: z.int().nullable(),
  coverage: z.number(),
  revision: z.int().meta({ description: 'Configuration revision that the promotion made' }),
  promotedAt: z.string(),
  promotedBy: z.string(),
})

export interface PolicyRunRoutesOptions {
  db: Database
  /** A pool for reads of whole tables. */
  scanDb: Database
  names: TemporalNames
}

export function policyRunRoutes({ db, scanDb, names }: PolicyRunRoutesOptions): FastifyPluginAsyncZod {
  const shown = <Run extends StoredRun>(run: Run) => ({
    ...run,
    workflowId: names.policyRun(run.targetPolicyVersion, run.runId),
  })

  return async (app) => {
    app.get('/catalog-policy-runs', {
      schema: {
        tags,
        summary: 'List runs, the newest first',
        querystring: strict({
          status: PolicyRunStatus.optional(),
          policyId: z.uuid('must be the id of a policy').optional(),
          ...offsetQuery,
        }),
        response: { 200: counted(PolicyRunSummary), ...readProblems() },
      },
      handler: async (request, reply) => {
        const { runs, total } = await listRuns(db, request.query)
        return reply.send(sendOffsetPage(request, reply, runs.map(shown), { ...request.query, total }))
      },
    })

    app.get('/catalog-policy-runs/:runId', {
      schema: {
        tags,
        summary: 'Read a run: counters, progress, and whether it is ready to be promoted',
        params: ofRun,
        querystring: strict({}),
        response: { 200: ok(PolicyRun), ...readProblems('run-not-found') },
      },
      handler: async (request, reply) => reply.send(shown(await readRun(scanDb, request.params.runId))),
    })

    app.get('/catalog-policy-runs/:runId/diff', {
      schema: {
        tags,
        summary: 'What would change for the public: against the version that was active when the run began',
        params: ofRun,
        querystring: strict({
          limit: z.coerce
            .number({ error: LIMIT_RULE })
            .int(LIMIT_RULE)
            .min(0, LIMIT_RULE)
            .max(500, LIMIT_RULE)
            .default(50),
        }),
        response: { 200: ok(PolicyDiff), ...readProblems('run-not-found', 'run-not-complete', 'evaluations-gone') },
      },
      handler: async (request, reply) =>
        reply.send(await diffRun(scanDb, await getRun(db, request.params.runId), request.query.limit)),
    })

    app.patch('/catalog-policy-runs/:runId', {
      schema: {
        tags,
        summary: 'Slow a running run down, or speed it up',
        params: ofRun,
        querystring: strict(reasonQuery),
        headers,
        body: Pace,
        response: { 200: ok(PolicyRunSummary), ...writeProblems('run-not-found', 'run-not-running') },
      },
      handler: async (request, reply) =>
        reply.send(shown(await write(db, request, (tx) => paceRun(tx, request.params.runId, request.body)))),
    })

    app.post('/catalog-policy-runs/:runId/cancel', {
      schema: {
        tags,
        summary: 'Cancel a running run: when this answers, none of its evaluations is written any more',
        params: ofRun,
        querystring: strict(reasonQuery),
        headers,
        response: { 200: ok(PolicyRunSummary), ...writeProblems('run-not-found', 'run-not-running') },
      },
      handler: async (request, reply) =>
        reply.send(shown(await write(db, request, (tx) => cancelRun(tx, request.params.runId)))),
    })

    app.post('/catalog-policy-runs/:runId/resume', {
      schema: {
        tags,
        summary: 'Go on with a failed run, from its cursor',
        params: ofRun,
        querystring: strict(reasonQuery),
        headers,
        response: {
          202: accepted(PolicyRunSummary),
          ...writeProblems('run-not-found', 'run-not-failed', 'policy-active', 'policy-run-running'),
        },
      },
      handler: async (request, reply) =>
        reply.code(202).send(shown(await write(db, request, (tx) => resumeRun(tx, request.params.runId)))),
    })

    app.post('/catalog-policy-runs/:runId/promote', {
      schema: {
        tags,
        summary: 'Make the version of a run the one that the public sees, in one instant',
        description:
          'Coverage and errors are counted anew, by query. What was live stays evaluated for 24 hours, to be gone back to.',
        params: ofRun,
        querystring: strict(reasonQuery),
        headers,
        body: Gate.nullish(),
        response: { 200: ok(Promotion), ...writeProblems('run-not-found', 'promotion-blocked') },
      },
      handler: async (request, reply) => {
        const { runId } = request.params
        const { run, ...rest } = await promoteRun(scanDb, runId, request.body ?? {}, optionsOf(request))
        return reply.send({
          success: true as const,
          runId,
          policyVersion: run.targetPolicyVersion,
          ...rest,
          promotedAt: run.promotedAt as string,
          promotedBy: run.promotedBy as string,
        })
      },
    })
  }
}
