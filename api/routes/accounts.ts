import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Account, AccountEdit, AccountId, AccountMode, NewAccount } from '../../domain/account.ts'
import { strict } from '../../domain/strict.ts'
import { passGate } from '../../store/account-gate.ts'
import { createAccount, editAccount, getAccount, listAccounts } from '../../store/accounts.ts'
import type { Database } from '../../store/database.ts'
import { changeMode, completeFlip, setMigrating } from '../../store/notes/flip.ts'
import { type NoteAccess, requireNotes } from '../notes.ts'
import { created, ok, paged } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import {
  editHeaders,
  etag,
  expectedVersion,
  idempotencyHeader,
  originOf,
  pageQuery,
  reasonQuery,
  sendPage,
  write,
} from '../requests.ts'

const tags = ['accounts']
const ofAccount = z.object({ accountId: AccountId })
const MOVES = ['account-mode', 'account-not-moved', 'one-note-store', 'notes-not-configured', 'old-instances'] as const

/** Accounts, and where their notes are. What a mode means: docs/account-migration.md. */
export function accountRoutes({ db, notes }: { db: Database; notes: NoteAccess | undefined }): FastifyPluginAsyncZod {
  return async (app) => {
    app.post('/accounts', {
      schema: {
        tags,
        summary: 'Create an account',
        description: 'Notes of the account that the legacy store holds already are its notes.',
        querystring: strict(reasonQuery),
        headers: z.object(idempotencyHeader),
        body: NewAccount,
        response: { 201: created(Account, { etag: true }), ...writeProblems('account-exists', ...MOVES) },
      },
      handler: async (request, reply) => {
        const { stores, databases } = requireNotes(notes)
        const { isMigrating, ...input } = request.body
        if (isMigrating) await passGate(db, databases)
        await write(db, request, (tx) => createAccount(tx, input))
        await completeFlip(db, stores, input.id)
        if (isMigrating) await setMigrating(db, stores, input.id, true, originOf(request).origin)
        const account = await getAccount(db, input.id)
        return reply
          .code(201)
          .headers({ location: `/api/admin/accounts/${account.id}`, ...etag(account.version) })
          .send(account)
      },
    })

    app.get('/accounts', {
      schema: {
        tags,
        summary: 'List accounts, by id',
        querystring: strict({ mode: AccountMode.optional(), ...pageQuery }),
        response: { 200: paged(Account), ...readProblems() },
      },
      handler: async (request, reply) => reply.send(sendPage(request, reply, await listAccounts(db, request.query))),
    })

    app.get('/accounts/:accountId', {
      schema: {
        tags,
        summary: 'Read an account',
        params: ofAccount,
        response: { 200: ok(Account, { etag: true }), ...readProblems('account-not-found') },
      },
      handler: async (request, reply) => {
        const account = await getAccount(db, request.params.accountId)
        return reply.headers(etag(account.version)).send(account)
      },
    })

    app.patch('/accounts/:accountId', {
      schema: {
        tags,
        summary: 'Change an account, at once and for all processes',
        description:
          '`mode` goes one step: off, ready, migrating, done; from migrating or done rollback, and from there off; from ready back to off. `isMigrating` walks from off to migrating, or from migrating to rollback. Notes are moved by a sweep, or when they are written.',
        params: ofAccount,
        querystring: strict(reasonQuery),
        headers: editHeaders,
        body: AccountEdit,
        response: {
          200: ok(Account, { etag: true }),
          ...writeProblems('account-not-found', 'revision-mismatch', ...MOVES),
        },
      },
      handler: async (request, reply) => {
        const { accountId } = request.params
        const { mode, isMigrating } = request.body
        const { stores, databases } = requireNotes(notes)
        const expected = expectedVersion(request.headers)
        if (isMigrating || mode === 'ready' || mode === 'migrating') await passGate(db, databases)
        await write(db, request, (tx) => editAccount(tx, accountId, request.body, expected))
        const { origin } = originOf(request)
        if (mode !== undefined) await changeMode(db, stores, accountId, mode, origin)
        if (isMigrating !== undefined) await setMigrating(db, stores, accountId, isMigrating, origin)
        const account = await getAccount(db, accountId)
        return reply.headers(etag(account.version)).send(account)
      },
    })
  }
}
