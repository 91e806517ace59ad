import type { WebApp } from './browser.ts'

/** Accounts of the scene's migration, in every status, and who could write notes. Only rows: no store of notes is here. */
export async function addAccounts({ db }: Pick<WebApp, 'db'>): Promise<void> {
  await db.pool.query(
    `INSERT INTO accounts (id, name, mode, epoch, version, created_by)
     SELECT id, name, mode, epoch, epoch, 'olivia' FROM (VALUES
       ('acme', 'Acme Corporation', 'done', 4), ('globex', 'Globex', 'done', 4), ('hooli', 'Hooli', 'migrating', 3),
       ('initech', 'Initech', 'migrating', 3), ('stark', 'Stark Industries', 'off', 1), ('umbrella', 'Umbrella', 'off', 1),
       ('wayne', 'Wayne Enterprises', 'off', 1)) a(id, name, mode, epoch)`,
  )
  await db.pool.query(
    `INSERT INTO account_migration_accounts (migration_id, account_id, cohort, status, total, moved)
     SELECT m.id, a.account_id, a.cohort, a.status, a.total, a.moved FROM account_migrations m, (VALUES
       ('acme', 1, 'moved', 1280, 1280), ('globex', 1, 'moved', 640, 640), ('hooli', 1, 'moving', 5400, 3920),
       ('initech', 1, 'moving', 210, 40), ('stark', 2, 'pending', NULL, 0), ('umbrella', 2, 'pending', NULL, 0),
       ('wayne', 2, 'pending', NULL, 0)) a(account_id, cohort, status, total, moved)`,
  )
  await db.pool.query(
    `UPDATE account_migrations SET findings =
       '[{"accountId": "hooli", "id": "0198c0de-0000-7000-8000-00000000a11a", "kind": "differs", "sourceVersion": 7, "destinationVersion": 7}]'`,
  )
  await db.pool.query(
    `INSERT INTO events (type, run_id, actor, door, data, created_at)
     SELECT 'account-migration-started', id, 'olivia', 'http', '{"name": "To the new store", "cohorts": 2, "accounts": 7}', started_at
     FROM account_migrations`,
  )
  await db.pool.query(
    `INSERT INTO events (type, actor, door, data, created_at)
     SELECT 'account-mode-changed', 'interlock', 'temporal', data, now() - interval '1 hour' FROM (VALUES
       ('{"accountId": "hooli", "epoch": 2, "before": {"mode": "off"}, "after": {"mode": "ready"}}'::jsonb),
       ('{"accountId": "hooli", "epoch": 3, "before": {"mode": "ready"}, "after": {"mode": "migrating"}}')) e(data)`,
  )
  await db.pool.query(
    `INSERT INTO note_instances (id, kind, host, build, protocol, role, lease_until) VALUES
       (uuidv7(), 'api', 'api-1', '0.1.0', 1, 'interlock', now() + interval '1 hour'),
       (uuidv7(), 'worker', 'worker-1', '0.1.0', 1, 'interlock', now() + interval '1 hour')`,
  )
}
