import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { Account, AccountEdit, AccountId, AccountMode, NewAccount, pathTo } from '../../domain/account.ts'
import { Problem } from '../../domain/problems.ts'
import { strict } from '../../domain/strict.ts'
import { passGate } from '../../store/account-gate.ts'
import { refuseInMigration } from '../../store/account-migrations.ts'
import { createAccount, editAccount, getAccount, listAccounts } from '../../store/accounts.ts'
import type { Database } from '../../store/database.ts'
import { completeFlip, refuseChange, takeSteps } from '../../store/notes/flip.ts'
import type { Transaction } from '../../store/transaction.ts'
import { type NoteAccess, requireNotes } from '../notes.ts'
import { created, ok, paged } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import {
  editHeaders,
  etag,
  expectedVersion,
  idempotencyHeader,
  optionsOf,
  pageQuery,
  reasonQuery,
  sendPage,
  write,
} from '../requests.ts'

const tags = ['accounts']
const ofAccount = z.object({ accountId: AccountId })
const MOVES = [
  'account-mode',
  'account-not-moved',
  'one-note-store',
  'notes-not-configured',
  'old-instances',
  'account-in-migration',
] as const

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
        const access = requireNotes(notes)
        const { stores } = access
        const { isMigrating, ...input } = request.body
        await write(db, request, async (tx) => {
          await createAccount(tx, input)
          if (isMigrating) await refuseStep(tx, access, 'off', 'ready')
        })
        await completeFlip(db, stores, input.id)
        // Repeated, it goes on where the first request was broken off, and changes nothing that was decided since.
        if (isMigrating) {
          await takeSteps(db, stores, { id: input.id, epoch: 1 }, pathTo('off', true), optionsOf(request).origin)
        }
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
        const access = requireNotes(notes)
        const { stores } = access
        const expected = expectedVersion(request.headers)
        await completeFlip(db, stores, accountId)
        let isRepeated = true
        const before = await write(db, request, async (tx) => {
          isRepeated = false
          const account = await editAccount(tx, accountId, request.body, expected)
          const [next] = stepsTo(account, request.body)
          if (next) await refuseInMigration(tx, accountId)
          if (next) await refuseStep(tx, access, account.mode, next)
          return account
        })
        const taken = await takeSteps(db, stores, before, stepsTo(before, request.body), optionsOf(request).origin)
        if (!taken && !isRepeated) {
          throw new Problem('busy', 'The account is being moved by another request. Send it again in a moment.')
        }
        const account = await getAccount(db, accountId)
        return reply.headers(etag(account.version)).send(account)
      },
    })
  }
}

/** The modes that an edit goes through, the last one the one that it asks for. */
function stepsTo({ mode }: Account, edit: AccountEdit): AccountMode[] {
  if (edit.isMigrating !== undefined) return pathTo(mode, edit.isMigrating)
  return edit.mode === undefined || edit.mode === mode ? [] : [edit.mode]
}

/** @throws Problem `account-mode`, `one-note-store`, or, towards migrating, what the gate says */
async function refuseStep(tx: Transaction, { stores, databases }: NoteAccess, from: AccountMode, to: AccountMode) {
  refuseChange(stores, from, to)
  if (to === 'ready' || to === 'migrating') await passGate(tx, databases)
}
