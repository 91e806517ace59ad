-- Up Migration

-- Every process that can write notes, and whether it is still there: its lease is renewed by a heartbeat.
CREATE TABLE note_instances (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('api', 'worker')),
  host text NOT NULL,
  build text NOT NULL,
  -- Generation of the protocol of notes that it speaks; 0 knows no epochs.
  protocol integer NOT NULL CHECK (protocol >= 0),
  -- Role that it writes notes with; that of a fenced generation is revoked.
  role text NOT NULL,
  -- Accounts that it believes to be of an older epoch than they are.
  behind integer NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz NOT NULL
);
CREATE INDEX note_instances_by_lease ON note_instances (lease_until);

-- One row: older generations may not register. Who registers shares it, who raises it locks it.
CREATE TABLE note_protocol (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  minimal integer NOT NULL DEFAULT 0
);
INSERT INTO note_protocol DEFAULT VALUES;

CREATE TABLE account_migrations (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  name text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'paused', 'halted', 'stopped', 'done', 'rolled-back')),
  direction text NOT NULL DEFAULT 'forward' CHECK (direction IN ('forward', 'back')),
  cohorts jsonb NOT NULL,
  cohort integer NOT NULL DEFAULT 1,
  -- The last cohort that the gate was passed for; 0: none.
  gated integer NOT NULL DEFAULT 0,
  -- When the cohort may begin.
  next_at timestamptz,
  pause_between integer NOT NULL,
  batch_size integer NOT NULL,
  delay_ms integer NOT NULL,
  parallelism integer NOT NULL,
  reason text,
  findings jsonb NOT NULL DEFAULT '[]',
  -- Raised by every slice and every change of the status: who has an older one writes nothing any more.
  fence bigint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 1,
  rate double precision,
  failing_since timestamptz,
  last_error text,
  created_by text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  -- When the way back closes and what it needs is deleted, and when that was done.
  clean_after timestamptz,
  cleaned_at timestamptz
);

CREATE TABLE account_migration_accounts (
  migration_id uuid NOT NULL REFERENCES account_migrations (id) ON DELETE CASCADE,
  account_id text COLLATE "C" NOT NULL REFERENCES accounts (id),
  cohort integer NOT NULL,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'moving', 'moved', 'returned')),
  -- Is it this migration's business? An account is that of one at a time.
  open boolean NOT NULL DEFAULT true,
  -- Notes in the store that it leaves, when it was begun; null: not counted.
  total bigint,
  moved bigint NOT NULL DEFAULT 0,
  -- What the way back needed is deleted.
  cleaned boolean NOT NULL DEFAULT false,
  PRIMARY KEY (migration_id, account_id)
);
CREATE UNIQUE INDEX account_migration_accounts_open ON account_migration_accounts (account_id) WHERE open;
CREATE INDEX account_migration_accounts_by_status ON account_migration_accounts (migration_id, status, cohort, total);

-- Where the sweep of an account stands: key ranges, those of huge ones worked on side by side.
CREATE TABLE account_migration_ranges (
  migration_id uuid NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  number integer NOT NULL,
  -- Ids above `cursor` and up to `through` (null: to the last) are not swept yet.
  cursor uuid,
  through uuid,
  done boolean NOT NULL DEFAULT false,
  PRIMARY KEY (migration_id, account_id, number),
  FOREIGN KEY (migration_id, account_id) REFERENCES account_migration_accounts ON DELETE CASCADE
);
