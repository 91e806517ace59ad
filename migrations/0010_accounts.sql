-- Up Migration

-- Accounts whose notes move between two stores. A change of the mode is first written here as an intent (next_mode,
-- next_epoch), then the epoch is raised in each store, then it is published (mode, epoch): whoever finds an intent completes it.
CREATE TABLE accounts (
  id text COLLATE "C" PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 100),
  name text NOT NULL DEFAULT '',
  mode text NOT NULL DEFAULT 'off' CHECK (mode IN ('off', 'ready', 'migrating', 'done', 'rollback')),
  is_migrating boolean GENERATED ALWAYS AS (mode = 'migrating') STORED,
  -- 0: no store knows the account yet.
  epoch bigint NOT NULL DEFAULT 0,
  next_mode text CHECK (next_mode IN ('off', 'ready', 'migrating', 'done', 'rollback')),
  next_epoch bigint CHECK (next_epoch = epoch + 1),
  -- Who asked for it and why, for the event of whoever completes it.
  next_origin jsonb,
  version bigint NOT NULL DEFAULT 1,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((next_mode IS NULL) = (next_epoch IS NULL) AND (next_mode IS NULL) = (next_origin IS NULL)),
  CHECK (epoch > 0 OR next_epoch IS NOT NULL)
);
CREATE INDEX accounts_by_mode ON accounts (mode, id);
CREATE INDEX accounts_under_way ON accounts (id) WHERE next_epoch IS NOT NULL;
