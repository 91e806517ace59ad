import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import {
  AccountMigration,
  MigrationAccount,
  MigrationAccountStatus,
  MigrationPace,
  MigrationVerification,
  NewAccountMigration,
  NoteInstance,
} from '../../domain/account-migration.ts'
import { Problem } from '../../domain/problems.ts'
import { strict } from '../../domain/strict.ts'
import { passGate } from '../../store/account-gate.ts'
import {
  paceMigration,
  pauseMigration,
  resumeMigration,
  rollbackMigration,
  stopMigration,
} from '../../store/account-migration-control.ts'
import { verifyAccounts } from '../../store/account-migration-moves.ts'
import { getMigration, type StoredMigration } from '../../store/account-migration-rows.ts'
import { begunAccounts, listMigrationAccounts, listMigrations, startMigration } from '../../store/account-migrations.ts'
import type { Database } from '../../store/database.ts'
import { listInstances } from '../../store/note-instances.ts'
import type { Transaction } from '../../store/transaction.ts'
import type { TemporalNames } from '../../temporal/ids.ts'
import { type NoteAccess, requireNotes } from '../notes.ts'
import { accepted, ok, paged } from '../openapi.ts'
import { readProblems, writeProblems } from '../problems.ts'
import { idempotencyHeader, pageQuery, reasonQuery, sendPage, write } from '../requests.ts'

const tags = ['account migrations']
const ofMigration = z.object({ migrationId: z.uuid('must be the id of a migration') })
const headers = z.object(idempotencyHeader)

export interface AccountMigrationRoutesOptions {
  db: Database
  notes: NoteAccess | undefined
  names: TemporalNames
}

/** Migrations of accounts, and who could write notes beside them. */
export function accountMigrationRoutes({ db, notes, names }: AccountMigrationRoutesOptions): FastifyPluginAsyncZod {
  const shown = (migration: StoredMigration) => ({ ...migration, workflowId: names.accountMigration(migration.id) })

  return async (app) => {
    app.get('/instances', {
      schema: {
        tags,
        summary: 'List the instances that can write notes, the last seen first',
        querystring: strict({}),
        response: { 200: ok(z.array(NoteInstance)), ...readProblems() },
      },
      handler: async (_request, reply) => reply.send(await listInstances(db)),
    })

    app.post('/account-migrations', {
      schema: {
        tags,
        summary: 'Begin to move accounts to the current store, cohort by cohort',
        description:
          'Refused with the names of older instances while one could still write. Roles of older builds lose their rights in both stores, and their connections are ended. An account that is going back arrives in the legacy store first, then goes forward.',
        querystring: strict(reasonQuery),
        headers,
        body: NewAccountMigration,
        response: {
          202: accepted(AccountMigration),
          ...writeProblems(
            'old-instances',
            'unknown-account',
            'account-mode',
            'account-in-migration',
            'migration-empty',
            'one-note-store',
            'notes-not-configured',
          ),
        },
      },
      handler: async (request, reply) => {
        const { databases } = requireNotes(notes)
        if (!databases.current) {
          throw new Problem('one-note-store', 'Only the legacy store is configured: set NOTES_CURRENT_URL as well.')
        }
        const migration = await write(db, request, async (tx) => {
          const started = await startMigration(tx, request.body)
          await passGate(tx, databases)
          return started
        })
        return reply
          .code(202)
          .header('location', `/api/admin/account-migrations/${migration.id}`)
          .send(shown(migration))
      },
    })

    app.get('/account-migrations', {
      schema: {
        tags,
        summary: 'List migrations, the newest first',
        querystring: strict(pageQuery),
        response: { 200: paged(AccountMigration), ...readProblems() },
      },
      handler: async (request, reply) => {
        const { items, next } = await listMigrations(db, request.query)
        return reply.send(sendPage(request, reply, { items: items.map(shown), next }))
      },
    })

    app.get('/account-migrations/:migrationId', {
      schema: {
        tags,
        summary: 'Read a migration: progress, rate, what is left, and why it stands still',
        params: ofMigration,
        querystring: strict({}),
        response: { 200: ok(AccountMigration), ...readProblems('migration-not-found') },
      },
      handler: async (request, reply) => reply.send(shown(await getMigration(db, request.params.migrationId))),
    })

    app.get('/account-migrations/:migrationId/accounts', {
      schema: {
        tags,
        summary: 'List the accounts of a migration and how far each is, by id',
        params: ofMigration,
        querystring: strict({ status: MigrationAccountStatus.optional(), ...pageQuery }),
        response: { 200: paged(MigrationAccount), ...readProblems('migration-not-found') },
      },
      handler: async (request, reply) =>
        reply.send(
          sendPage(request, reply, await listMigrationAccounts(db, request.params.migrationId, request.query)),
        ),
    })

    app.patch('/account-migrations/:migrationId', {
      schema: {
        tags,
        summary: 'Slow a migration down, or speed it up',
        params: ofMigration,
        querystring: strict(reasonQuery),
        headers,
        body: MigrationPace,
        response: { 200: ok(AccountMigration), ...writeProblems('migration-not-found', 'migration-state') },
      },
      handler: async (request, reply) =>
        reply.send(
          shown(await write(db, request, (tx) => paceMigration(tx, request.params.migrationId, request.body))),
        ),
    })

    app.post('/account-migrations/:migrationId/verify', {
      schema: {
        tags,
        summary: 'Compare the stores now, for every account that was begun',
        description: 'What looks wrong is read again before it is reported.',
        params: ofMigration,
        querystring: strict({}),
        response: {
          200: ok(MigrationVerification),
          ...writeProblems('migration-not-found', 'notes-not-configured'),
        },
      },
      handler: async (request, reply) => {
        const { stores } = requireNotes(notes)
        return reply.send(await verifyAccounts({ db, stores }, await begunAccounts(db, request.params.migrationId)))
      },
    })

    const command = (
      name: string,
      summary: string,
      work: (tx: Transaction, id: string) => Promise<StoredMigration>,
      ...codes: ('reverse-window-over' | 'account-in-migration')[]
    ) =>
      app.post(`/account-migrations/:migrationId/${name}`, {
        schema: {
          tags,
          summary,
          params: ofMigration,
          querystring: strict(reasonQuery),
          headers,
          response: {
            202: accepted(AccountMigration),
            ...writeProblems('migration-not-found', 'migration-state', ...codes),
          },
        },
        handler: async (request, reply) =>
          reply.code(202).send(shown(await write(db, request, (tx) => work(tx, request.params.migrationId)))),
      })
    command('pause', 'Begin no other batch until it is resumed', pauseMigration)
    command('resume', 'Go on where it stands, also after it was halted', resumeMigration)
    command('stop', 'End it: no other account is begun, and each stays where it is', stopMigration)
    command(
      'rollback',
      'Take every account that was begun back to the legacy store',
      rollbackMigration,
      'reverse-window-over',
      'account-in-migration',
    )
  }
}
