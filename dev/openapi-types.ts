import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from '../api/app.ts'
import { readConfig } from '../runtime/config.ts'
import { createLog } from '../runtime/log.ts'
import { openDatabase } from '../store/database.ts'
import { temporalNames } from '../temporal/ids.ts'

/** Where the admin UI finds the types of the API. */
export const TYPES_FILE = join(import.meta.dirname, '../web/src/api/schema.ts')

interface Schema {
  $ref?: string
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  not?: Schema
  items?: Schema
  prefixItems?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
}

interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[]
  requestBody?: { required?: boolean; content: Content }
  responses: Record<string, { content?: Content }>
}

type Content = Record<string, { schema?: Schema }>

interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

/** The OpenAPI document of this source; nothing is connected to. */
async function readDocument(): Promise<Document> {
  const log = createLog('types', 'silent')
  const nowhere = 'postgres://nowhere.invalid/'
  const db = openDatabase({ url: nowhere, name: 'api', log })
  const nothing = () => Promise.reject(new Error('There is nothing to ask.'))
  const app = await build({
    config: readConfig({ DATABASE_URL: nowhere, INTERLOCK_JWT_SECRET: 'of nothing, and long enough to be taken' }),
    log,
    db,
    scanDb: db,
    configuration: {
      current: () => {
        throw new Error('There is nothing to ask.')
      },
      refresh: nothing,
      age: () => undefined,
      onChange: () => () => {},
      stop: async () => {},
    },
    names: temporalNames(),
    temporal: { lastPoll: nothing },
  })
  const document = (await app.inject('/docs/json')).json<Document>()
  await app.close()
  return document
}

/** TypeScript for a document: `paths`, as openapi-fetch reads it, and `schemas` by their names. */
function toTypes({ paths, components }: Document): string {
  const schemas = Object.entries(components.schemas).map(([name, schema]) => `  ${keyOf(name)}: ${typeOf(schema)}`)
  const routes = Object.entries(paths).map(([path, operations]) => {
    const methods = Object.entries(operations).map(([method, operation]) => `${method}: ${operationOf(operation)}`)
    return `  ${keyOf(path)}: { ${methods.join('; ')} }`
  })
  return `// Made from the OpenAPI document by \`npm run web:types\`; not to be edited.
export interface schemas {
${schemas.join('\n')}
}

export interface paths {
${routes.join('\n')}
}
`
}

function operationOf({ parameters = [], requestBody, responses }: Operation): string {
  const places = ['query', 'header', 'path'].map((place) => {
    const own = parameters.filter((parameter) => parameter.in === place)
    const optional = own.every(({ required }) => !required) ? '?' : ''
    const fields = own.map(({ name, required, schema }) => `${keyOf(name)}${required ? '' : '?'}: ${typeOf(schema)}`)
    return `${place}${optional}: ${own.length > 0 ? `{ ${fields.join('; ')} }` : 'never'}`
  })
  const answers = Object.entries(responses).map(([status, { content }]) => `${status}: { ${contentOf(content)} }`)
  const body = requestBody && `requestBody${requestBody.required ? '' : '?'}: { ${contentOf(requestBody.content)} }`
  return `{ parameters: { ${places.join('; ')} }; ${body ?? 'requestBody?: never'}; responses: { ${answers.join('; ')} } }`
}

function contentOf(content: Content | undefined): string {
  const types = Object.entries(content ?? {}).map(([type, { schema }]) => `${keyOf(type)}: ${typeOf(schema ?? {})}`)
  return content ? `content: { ${types.join('; ')} }` : 'content?: never'
}

function typeOf(schema: Schema): string {
  if (schema.$ref) return `schemas['${schema.$ref.split('/').at(-1)}']`
  if (schema.not) return 'never'
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const either = schema.anyOf ?? schema.oneOf
  if (either) return `(${[...new Set(either.map(typeOf))].join(' | ')})`
  if (schema.allOf) return `(${schema.allOf.map(typeOf).join(' & ')})`
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(' | ')
  if (schema.type === 'array') {
    if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(', ')}]`
    return `(${typeOf(schema.items ?? {})})[]`
  }
  if (schema.type === 'object') return objectOf(schema)
  if (schema.type === 'integer') return 'number'
  return schema.type ?? 'unknown'
}

function objectOf({ properties, required = [], additionalProperties: more }: Schema): string {
  const fields = Object.entries(properties ?? {}).map(
    ([name, schema]) => `${keyOf(name)}${required.includes(name) ? '' : '?'}: ${typeOf(schema)}`,
  )
  const others = `Record<string, ${more && more !== true ? typeOf(more) : 'unknown'}>`
  if (fields.length === 0) return more === false ? 'Record<string, never>' : others
  const own = `{ ${fields.join('; ')} }`
  return more === undefined || more === false ? own : `(${own} & ${others})`
}

function keyOf(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name)
}

/** The types as they should be; a test compares them with the file. */
export async function makeTypes(): Promise<string> {
  return toTypes(await readDocument())
}

if (import.meta.main) {
  const types = await makeTypes()
  const before = await readFile(TYPES_FILE, 'utf8').catch(() => '')
  if (types !== before) await writeFile(TYPES_FILE, types)
  process.stdout.write(`${TYPES_FILE} ${types === before ? 'is as it was' : 'is new'}\n`)
}
