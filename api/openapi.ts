import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { OpenAPIV3_1 } from 'openapi-types'
import { z } from 'zod'

const header = (description: string) => ({ description, schema: { type: 'string' } })
const ETAG = { etag: header('Revision or version, for If-Match') }

function json<Schema extends z.ZodType>(description: string, schema: Schema, headers: Record<string, unknown>) {
  return { description, content: { 'application/json': { schema } }, headers }
}

export function ok<Schema extends z.ZodType>(schema: Schema, { etag = false } = {}) {
  return json('OK', schema, etag ? ETAG : {})
}

export function created<Schema extends z.ZodType>(schema: Schema, { etag = false } = {}) {
  return json('Created', schema, { location: header('Address of what was created'), ...(etag && ETAG) })
}

/** Of what goes on after the answer. */
export function accepted<Schema extends z.ZodType>(schema: Schema) {
  return json('Accepted', schema, {})
}

export function paged<Schema extends z.ZodType>(schema: Schema) {
  return json('One page', z.array(schema), { link: header('The next page, if there is one: `<…>; rel="next"`') })
}

/** A page of a list that is leafed through by offset. */
export function counted<Schema extends z.ZodType>(schema: Schema) {
  const { headers, ...page } = paged(schema)
  return { ...page, headers: { ...headers, 'x-total-count': header('How many there are in all') } }
}

const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 150 40"><text y="28" font-family="sans-serif"
  font-size="26" font-weight="bold" fill="white">Interlock</text></svg>`

/** Serves the OpenAPI 3.1 document, made from the routes' own schemas, at `/docs/json` and for people at `/docs`. */
export async function registerOpenapi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Interlock',
        version: '0.1.0',
        description:
          'Durable release orchestration. Every write may carry an `Idempotency-Key`; every error is an RFC 9457 problem, but for `/ofrep/`, whose errors are those of its protocol; every list is an array whose next page is in `Link`.',
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
          session: { type: 'apiKey', in: 'cookie', name: 'interlock_session', description: 'Of the admin UI' },
          apiKeyAsBearer: { type: 'http', scheme: 'bearer', description: 'An API key' },
        },
      },
    },
    transform: (input) => {
      const { schema, url } = jsonSchemaTransform(input)
      const routes = input.schema?.response as Record<string, { headers?: unknown }> | undefined
      const shown = schema?.response as Record<string, { headers?: unknown }> | undefined
      for (const [status, response] of Object.entries(routes ?? {})) {
        if (response.headers && shown?.[status]) shown[status].headers = response.headers
      }
      const security = securityOf(url)
      const optional = input.schema?.body instanceof z.ZodOptional
      const more = { ...(security && { security }), ...(optional && { [OPTIONAL_BODY]: true }) }
      return { schema: { ...schema, ...more }, url }
    },
    transformObject: (input) =>
      withOptionalBodies(withoutUnused(jsonSchemaTransformObject(input) as OpenAPIV3_1.Document)),
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { persistAuthorization: true },
    theme: { title: 'Interlock API' },
    logo: { type: 'image/svg+xml', content: LOGO, href: '/docs' },
  })
}

function securityOf(url: string): Record<string, string[]>[] | undefined {
  if (/^\/api\/(admin|accounts)\//.test(url)) return [{ token: [] }, { session: [] }]
  if (url.startsWith('/ofrep/')) return [{ apiKey: [] }, { apiKeyAsBearer: [] }]
}

/** The plugin says of every body that it is required, and hands on what begins with `x-`. */
const OPTIONAL_BODY = 'x-optional-body'

function withOptionalBodies(document: OpenAPIV3_1.Document): OpenAPIV3_1.Document {
  for (const methods of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(methods ?? {}) as Record<string, unknown>[]) {
      if (!operation[OPTIONAL_BODY]) continue
      operation.requestBody = { ...(operation.requestBody as object), required: false }
      delete operation[OPTIONAL_BODY]
    }
  }
  return document
}

/** Schemas are registered once for requests and once for answers; most are needed for one of them. */
function withoutUnused(document: OpenAPIV3_1.Document): OpenAPIV3_1.Document {
  const { schemas = {}, ...components } = document.components ?? {}
  const text = JSON.stringify([document.paths, schemas])
  const used = Object.entries(schemas).filter(([name]) => text.includes(`"#/components/schemas/${name}"`))
  return { ...document, components: { ...components, schemas: Object.fromEntries(used) } }
}
