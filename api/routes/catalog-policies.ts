import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { CatalogPolicy, NewPolicy } from '../../domain/catalog-policy.ts'
import { NewPreview, PolicyPreview } from '../../domain/policy-preview.ts'
import { Gate, PolicyRunStatus, Prepare } from '../../domain/policy-run.ts'
import { strict } from '../../domain/strict.ts'
import { createPolicy, getPolicy, listPolicies } from '../../store/catalog-policies.ts'
import type { Database } from '../../store/database.ts'
import { previewPolicy } from '../../store/policy-preview.ts'
import { prepareRun, rollbackRun } from '../../store/policy-run-control.ts'
import { accepted, created, ok, paged } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import { idempotencyHeader, pageQuery, reasonQuery, sendPage, write } from '../requests.ts'

const tags = ['catalog policies']
const ofPolicy = z.object({ id: z.uuid('must be the id of a policy') })
const Started = z.object({ runId: z.uuid(), status: PolicyRunStatus })
const headers = z.object(idempotencyHeader)

export function catalogPolicyRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/catalog-policies', {
      schema: {
        tags,
        summary: 'Create a policy: the next version, which nobody sees before it is prepared and promoted',
        description: 'Documents are immutable. The language is described in docs/policies.md.',
        querystring: strict(reasonQuery),
        headers,
        body: NewPolicy,
        response: { 201: created(CatalogPolicy), ...writeProblems() },
      },
      handler: async (request, reply) => {
        const policy = await write(db, request, (tx) => createPolicy(tx, request.body))
        return reply.code(201).header('location', `/api/admin/catalog-policies/${policy.id}`).send(policy)
      },
    })

    app.get('/catalog-policies', {
      schema: {
        tags,
        summary: 'List policies, the newest version first',
        querystring: strict(pageQuery),
        response: { 200: paged(CatalogPolicy), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listPolicies(db, request.query))),
    })

    app.get('/catalog-policies/:id', {
      schema: {
        tags,
        summary: 'Read a policy',
        params: ofPolicy,
        querystring: strict({}),
        response: { 200: ok(CatalogPolicy), ...readProblems('policy-not-found') },
      },
      handler: async (request, reply) => reply.send(await getPolicy(db, request.params.id)),
    })

    app.post('/catalog-policies/preview', {
      config: { changesNothing: true },
      schema: {
        tags,
        summary: 'What would a document say of some items, beside the active version? Changes nothing',
        querystring: strict({}),
        body: NewPreview,
        response: { 200: ok(PolicyPreview), ...writeProblems() },
      },
      handler: async (request, reply) => reply.send(await previewPolicy(db, request.body.document, request.body)),
    })

    app.post('/catalog-policies/:id/prepare', {
      schema: {
        tags,
        summary: 'Evaluate the whole catalog for a policy, beside the live one',
        description: 'Readers and writers of the catalog go on. Follow the run at `GET /catalog-policy-runs/:runId`.',
        params: ofPolicy,
        querystring: strict(reasonQuery),
        headers,
        body: Prepare.nullish(),
        response: {
          202: accepted(Started),
          ...writeProblems('policy-not-found', 'policy-active', 'policy-run-running'),
        },
      },
      handler: async (request, reply) => {
        const options = request.body ?? Prepare.parse({})
        const { runId, status } = await write(db, request, (tx) => prepareRun(tx, request.params.id, options))
        return reply.code(202).header('location', `/api/admin/catalog-policy-runs/${runId}`).send({ runId, status })
      },
    })

    app.post('/catalog-policies/:id/rollback', {
      schema: {
        tags,
        summary: 'Go back to a policy that was live within the last 24 hours',
        description:
          'Nothing is evaluated anew: a run of its own verifies by query that everything is there, and is promoted. Thresholds are those of its promotion, unless given here.',
        params: ofPolicy,
        querystring: strict(reasonQuery),
        headers,
        body: Gate.nullish(),
        response: {
          202: accepted(Started),
          ...writeProblems('policy-not-found', 'policy-active', 'policy-run-running', 'reverse-window-over'),
        },
      },
      handler: async (request, reply) => {
        const gate = request.body ?? {}
        const { runId, status } = await write(db, request, (tx) => rollbackRun(tx, request.params.id, gate))
        return reply.code(202).header('location', `/api/admin/catalog-policy-runs/${runId}`).send({ runId, status })
      },
    })
  }
}
