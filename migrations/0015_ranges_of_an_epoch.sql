-- Up Migration

-- Ranges are those of one epoch of the account: in another mode, other notes are swept. Earlier ones are of none, and are cut anew.
ALTER TABLE account_migration_ranges ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
