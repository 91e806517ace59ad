import { Readable } from 'node:stream'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { strict } from '../../domain/strict.ts'
import type { Database } from '../../store/database.ts'
import { type EventNotice, readNotices } from '../../store/live.ts'
import type { LiveFollower, LiveNews } from '../live.ts'
import { readProblems } from '../problems.ts'

const HEARTBEAT_MS = 10_000
/** More than this is not told again; who has missed it reads everything again. */
const MOST_REPLAYED = 1_000
/** Bytes that wait for a reader that does not read. It is cut off, and comes back with the id that it had come to. */
const MOST_WAITING = 1024 * 1024
/** Node's longest timer. */
const LONGEST_MS = 2 ** 31 - 1

const DESCRIPTION = `Server-sent events: \`hello\` first, then \`change\` for each new event of the audit trail (ids and type; read the rest
where it is), \`revision\` when the configuration changes, \`progress\` of running policy runs, \`heartbeat\` every ${HEARTBEAT_MS / 1_000} s. With
\`Last-Event-ID\`, what happened since comes again; \`reset\` instead when that is more than ${MOST_REPLAYED} events. Nothing is left out, some of it may come
twice. Ends with the token.`

export function streamRoutes({ db, live }: { db: Database; live: LiveFollower }): FastifyPluginAsyncZod {
  return async (app) => {
    const open = new Set<Readable>()
    // A stream would keep its connection, and so the server, open.
    app.addHook('preClose', async () => {
      live.stop()
      for (const stream of open) stream.push(null)
    })

    app.get('/stream', {
      schema: {
        tags: ['events'],
        summary: 'What happens, while it happens',
        description: DESCRIPTION,
        querystring: strict({}),
        headers: z.object({
          'last-event-id': z
            .string()
            .regex(/^\d{1,15}$/, 'must be the id of a message of this stream')
            .optional(),
        }),
        response: {
          200: { description: 'Messages without an end', content: { 'text/event-stream': { schema: z.any() } } },
          ...readProblems(),
        },
      },
      handler: async (request, reply) => {
        const since = request.headers['last-event-id']
        // Until what was missed is told, news wait: an id must not be told before those below it.
        let held: LiveNews[] | undefined = []
        const { upTo, unsubscribe } = await live.subscribe((news) => (held ? held.push(news) : send(format(news))))
        const stream = new Readable({ read() {} })
        const send = (text: string) => {
          if (stream.readableLength > MOST_WAITING) stream.destroy()
          else if (!stream.readableEnded && !stream.destroyed) stream.push(text)
        }
        const heartbeat = setInterval(() => send(message('heartbeat', {})), HEARTBEAT_MS)
        const left = request.principal.expiresAt.getTime() - Date.now()
        const expiry = setTimeout(() => stream.push(null), Math.min(left, LONGEST_MS))
        open.add(stream)
        stream.on('close', () => {
          unsubscribe()
          clearInterval(heartbeat)
          clearTimeout(expiry)
          open.delete(stream)
        })
        try {
          const missed = since === undefined ? [] : await readNotices(db, { after: +since, limit: MOST_REPLAYED + 1 })
          send('retry: 1000\n')
          if (missed.length > MOST_REPLAYED) send(message('reset', {}))
          else send(changes(missed, upTo))
          send(message('hello', {}, upTo))
          for (const news of held) send(format(news))
          held = undefined
        } catch (error) {
          stream.destroy()
          throw error
        }
        reply.headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' }).type('text/event-stream')
        return reply.send(stream)
      },
    })
  }
}

function format({ events, progress, revision, upTo }: LiveNews): string {
  const runs = progress.map((run) => message('progress', run))
  return `${changes(events, upTo)}${runs.join('')}${revision === undefined ? '' : message('revision', { revision })}`
}

// Only the last one moves the reader's place: an id below it may be missing until then.
function changes(events: EventNotice[], upTo: number): string {
  return events.map((event, index) => message('change', event, index === events.length - 1 ? upTo : undefined)).join('')
}

function message(event: string, data: object, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
