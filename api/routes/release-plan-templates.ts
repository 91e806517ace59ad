import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { NewTemplate, ReleasePlanTemplate } from '../../domain/release-plan.ts'
import { Ulid } from '../../domain/strategy.ts'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import {
  archiveTemplate,
  createTemplate,
  getTemplate,
  listTemplates,
  replaceTemplate,
} from '../../store/release-plan-templates.ts'
import { created, ok, paged } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import {
  editHeaders,
  etag,
  expectedVersion,
  idempotencyHeader,
  pageQuery,
  reasonQuery,
  sendPage,
  write,
} from '../requests.ts'

const tags = ['release plans']
const ofTemplate = z.object({ templateId: Ulid })

export function releasePlanTemplateRoutes({ db }: { db: Database }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/release-plan-templates', {
      schema: {
        tags,
        summary: 'Create a template of release plans',
        description:
          'It belongs to no environment: its segments are looked up when a plan is made of it, and `{{featureName}}` or `{{flagKey}}` in a `groupId` becomes the key of the flag.',
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        body: NewTemplate,
        response: { 201: created(ReleasePlanTemplate, { etag: true }), ...writeProblems('template-exists') },
      },
      handler: async (request, reply) => {
        const template = await write(db, request, (tx) => createTemplate(tx, request.body))
        return reply
          .code(201)
          .headers({ location: `/api/admin/release-plan-templates/${template.id}`, ...etag(template.version) })
          .send(template)
      },
    })

    app.get('/release-plan-templates', {
      schema: {
        tags,
        summary: 'List templates, the newest first',
        querystring: strict({
          archived: z.stringbool({ error: 'must be true or false' }).default(false),
          ...pageQuery,
        }),
        response: { 200: paged(ReleasePlanTemplate), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listTemplates(db, request.query))),
    })

    app.get('/release-plan-templates/:templateId', {
      schema: {
        tags,
        summary: 'Read a template',
        params: ofTemplate,
        response: { 200: ok(ReleasePlanTemplate, { etag: true }), ...readProblems('template-not-found') },
      },
      handler: async (request, reply) => {
        const template = await getTemplate(db, request.params.templateId)
        return reply.headers(etag(template.version)).send(template)
      },
    })

    app.put('/release-plan-templates/:templateId', {
      schema: {
        tags,
        summary: 'Replace a template',
        description: 'What is not given gets its default. Plans that were made of it stay as they are.',
        params: ofTemplate,
        querystring: strict(reasonQuery),
        headers: editHeaders,
        body: NewTemplate,
        response: {
          200: ok(ReleasePlanTemplate, { etag: true }),
          ...writeProblems('template-not-found', 'template-exists', 'template-archived', 'revision-mismatch'),
        },
      },
      handler: async (request, reply) => {
        const { templateId } = request.params
        const expected = expectedVersion(request.headers)
        const template = await write(db, request, (tx) => replaceTemplate(tx, templateId, request.body, expected))
        return reply.headers(etag(template.version)).send(template)
      },
    })

    app.delete('/release-plan-templates/:templateId', {
      schema: {
        tags,
        summary: 'Archive a template; its name is free again',
        params: ofTemplate,
        querystring: strict(reasonQuery),
        headers: editHeaders,
        response: {
          200: ok(ReleasePlanTemplate, { etag: true }),
          ...writeProblems('template-not-found', 'revision-mismatch'),
        },
      },
      handler: async (request, reply) => {
        const { templateId } = request.params
        const expected = expectedVersion(request.headers)
        const template = await write(db, request, (tx) => archiveTemplate(tx, templateId, expected))
        return reply.headers(etag(template.version)).send(template)
      },
    })
  }
}
