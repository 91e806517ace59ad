import { createHash, randomBytes } from 'node:crypto'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { AccountId } from '../../domain/account.ts'
import { requireCurrent } from '../../domain/if-match.ts'
import { NewNote, Note, NoteEdit, NoteId } from '../../domain/note.ts'
import type { Copy, NoteContent } from '../../domain/note-copies.ts'
import { Problem } from '../../domain/problems.ts'
import { strict } from '../../domain/strict.ts'
import { NoteProxy } from '../../store/notes/proxy.ts'
import { readCursor, UUID_CURSOR, writeCursor } from '../../store/page.ts'
import { type NoteAccess, requireNotes } from '../notes.ts'
import { created, ok, paged } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import { etag, expectedVersion, idempotencyHeader, ifMatchHeader, pageQuery, sendPage } from '../requests.ts'

const tags = ['notes']
const ofAccount = z.object({ accountId: AccountId })
const ofNote = z.object({ accountId: AccountId, noteId: NoteId })

/** A live note, as answers have it. */
function toNote(accountId: string, { id, version, note }: Copy): Note {
  const { title, body, createdAt, updatedAt } = note as NoteContent
  const [created, updated] = [createdAt, updatedAt].map((at) => new Date(at).toISOString()) as [string, string]
  return { id, accountId, title, body, version, createdAt: created, updatedAt: updated }
}

/** @throws Problem `note-not-found`, `revision-mismatch` */
function requireNote(id: string, now: Copy | null, expected?: number): NoteContent {
  if (!now?.note) throw new Problem('note-not-found', `The account has no note ${id}.`)
  requireCurrent('The note', { version: now.version }, expected)
  return now.note
}

/** Ids in the order of time; a repeated request has the id of the first one, by its Idempotency-Key. */
function newNoteId(accountId: string, actor: string, idempotencyKey: string | undefined): string {
  const bytes = idempotencyKey
    ? createHash('sha256')
        .update(JSON.stringify([accountId, actor, idempotencyKey]))
        .digest()
        .subarray(0, 16)
    : randomBytes(16)
  if (!idempotencyKey) bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = ((bytes[6] as number) & 0x0f) | (idempotencyKey ? 0x80 : 0x70)
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Notes of accounts, in whichever store they are. */
export function noteRoutes({ notes }: { notes: NoteAccess | undefined }): FastifyPluginAsyncZod {
  const proxy = notes && new NoteProxy(notes.stores, notes.accounts)
  const requireProxy = () => {
    requireNotes(notes)
    return proxy as NoteProxy
  }
  return async (app) => {
    app.post('/:accountId/notes', {
      schema: {
        tags,
        summary: 'Create a note',
        description: 'Repeated with the same Idempotency-Key: the note that the first request made, as it is now.',
        params: ofAccount,
        querystring: strict({}),
        headers: z.object(idempotencyHeader),
        body: NewNote,
        response: {
          201: created(Note, { etag: true }),
          ...writeProblems('account-not-found', 'notes-not-configured'),
        },
      },
      handler: async (request, reply) => {
        const { accountId } = request.params
        const key = request.headers['idempotency-key']
        const id = newNoteId(accountId, request.principal.subject, key)
        const now = new Date().toISOString()
        const content = { ...request.body, createdAt: now, updatedAt: now }
        const proxy = requireProxy()
        const earlier = key === undefined ? null : await proxy.get(accountId, id)
        const copy = earlier ?? (await createOnce(proxy, accountId, id, content))
        if (!copy.note) {
          throw new Problem('idempotency-key-reused', 'The note that this Idempotency-Key made was deleted since.')
        }
        const { title, body } = request.body
        if (copy.version === 1 && (copy.note.title !== title || copy.note.body !== body)) {
          throw new Problem('idempotency-key-reused', 'This Idempotency-Key made another note.', {
            fields: [{ field: 'header.idempotency-key', message: 'must be new for each request' }],
          })
        }
        const note = toNote(accountId, copy)
        return reply
          .code(201)
          .headers({ location: `/api/accounts/${accountId}/notes/${id}`, ...etag(note.version) })
          .send(note)
      },
    })

    app.get('/:accountId/notes', {
      schema: {
        tags,
        summary: 'List the notes of an account, by id: those without an Idempotency-Key in the order of their creation',
        description:
          'A page is what the account held at one instant, and may be shorter than `limit`: the last one is the one without a next page.',
        params: ofAccount,
        querystring: strict(pageQuery),
        response: { 200: paged(Note), ...readProblems('account-not-found', 'notes-not-configured') },
      },
      handler: async (request, reply) => {
        const { accountId } = request.params
        const [after] = readCursor(request.query.cursor, UUID_CURSOR) ?? []
        const { notes: copies, next } = await requireProxy().list(accountId, after ?? null, request.query.limit)
        const items = copies.map((copy) => toNote(accountId, copy))
        return reply.send(sendPage(request, reply, { items, next: next && writeCursor([next]) }))
      },
    })

    app.get('/:accountId/notes/:noteId', {
      schema: {
        tags,
        summary: 'Read a note',
        params: ofNote,
        response: {
          200: ok(Note, { etag: true }),
          ...readProblems('account-not-found', 'note-not-found', 'notes-not-configured'),
        },
      },
      handler: async (request, reply) => {
        const { accountId, noteId } = request.params
        const copy = await requireProxy().get(accountId, noteId)
        requireNote(noteId, copy)
        const note = toNote(accountId, copy as Copy)
        return reply.headers(etag(note.version)).send(note)
      },
    })

    const refusals = writeProblems('account-not-found', 'note-not-found', 'revision-mismatch', 'notes-not-configured')

    app.patch('/:accountId/notes/:noteId', {
      schema: {
        tags,
        summary: 'Change a note',
        params: ofNote,
        querystring: strict({}),
        headers: z.object(ifMatchHeader),
        body: NoteEdit,
        response: { 200: ok(Note, { etag: true }), ...refusals },
      },
      handler: async (request, reply) => {
        const { accountId, noteId } = request.params
        const expected = expectedVersion(request.headers)
        const copy = await requireProxy().write(accountId, noteId, (now) => ({
          ...requireNote(noteId, now, expected),
          ...request.body,
          updatedAt: new Date().toISOString(),
        }))
        const note = toNote(accountId, copy)
        return reply.headers(etag(note.version)).send(note)
      },
    })

    app.delete('/:accountId/notes/:noteId', {
      schema: {
        tags,
        summary: 'Delete a note, wherever it is',
        params: ofNote,
        querystring: strict({}),
        headers: z.object(ifMatchHeader),
        response: { 200: ok(Note), ...refusals },
      },
      handler: async (request) => {
        const { accountId, noteId } = request.params
        const expected = expectedVersion(request.headers)
        let before: Copy | null = null
        await requireProxy().write(accountId, noteId, (now) => {
          requireNote(noteId, now, expected)
          before = now
          return null
        })
        return toNote(accountId, before as unknown as Copy)
      },
    })
  }
}

/** Creates the note unless there is, or was, one of this id; then that one's copy. */
async function createOnce(proxy: NoteProxy, accountId: string, id: string, content: NoteContent): Promise<Copy> {
  const taken = new Error('taken')
  try {
    return await proxy.write(accountId, id, (now) => {
      if (now) throw taken
      return content
    })
  } catch (error) {
    if (error !== taken) throw error
    return (await proxy.get(accountId, id)) ?? createOnce(proxy, accountId, id, content)
  }
}
