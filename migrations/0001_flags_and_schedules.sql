-- Up Migration

-- Flags by key -> schedules by (due, sequence) -> revision -> outbox by key: every transaction locks in this order. (The
-- sweep skips flags that are locked instead of waiting, so it may take them in any order.)

CREATE TABLE configuration_revision (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  revision bigint NOT NULL DEFAULT 0
);
INSERT INTO configuration_revision DEFAULT VALUES;

CREATE TABLE feature_flags (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  environment text NOT NULL CHECK (length(environment) BETWEEN 1 AND 100),
  -- Their characters are checked at the door: a pattern here is matched at every update, and cost a sweep 15 % of its time.
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
  description text NOT NULL DEFAULT '',
  enabled boolean NOT NULL DEFAULT false,
  rollout_percentage integer NOT NULL DEFAULT 100 CHECK (rollout_percentage BETWEEN 0 AND 100),
  -- The configuration revision of the flag's last change: its ETag, and its place in the total order of configurations.
  revision bigint NOT NULL,
  -- Watermark: nothing may be scheduled at or before what was already applied, so order holds for ever.
  applied_through_at timestamptz,
  applied_through_sequence bigint,
  archived_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (environment, key)
);

CREATE TABLE feature_flag_schedules (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  flag_id uuid NOT NULL REFERENCES feature_flags (id) ON DELETE CASCADE,
  scheduled_at timestamptz NOT NULL,
  status varchar(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'applied', 'failed', 'cancelled')),
  updates jsonb NOT NULL,
  comment text,
  -- Order of creation: decides between schedules of the same instant.
  sequence bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  -- Counts edits; part of the idempotency key of what an edit sends out.
  version integer NOT NULL DEFAULT 1,
  applied_at timestamptz,
  applied_revision bigint,
  error_message text,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((status = 'applied') = (applied_at IS NOT NULL AND applied_revision IS NOT NULL)),
  CHECK ((status = 'failed') = (error_message IS NOT NULL)),
  -- As answers and cursors carry it.
  CHECK (scheduled_at = date_trunc('milliseconds', scheduled_at)),
  CHECK (jsonb_typeof(updates) = 'object')
);
CREATE INDEX idx_schedules_flag_id ON feature_flag_schedules (flag_id);
CREATE INDEX idx_schedules_scheduled_at ON feature_flag_schedules (scheduled_at);
CREATE INDEX idx_schedules_status ON feature_flag_schedules (status);
CREATE INDEX idx_schedules_due ON feature_flag_schedules (scheduled_at, sequence) WHERE status = 'pending';
CREATE INDEX idx_schedules_due_of_flag ON feature_flag_schedules (flag_id, scheduled_at, sequence) WHERE status = 'pending';

-- Exact counters of all workers together, kept in the sweep's own transaction, whose revision row serialises it anyway.
CREATE TABLE schedule_totals (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  applied bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  sweeps bigint NOT NULL DEFAULT 0,
  lateness_seconds double precision NOT NULL DEFAULT 0,
  -- Schedules applied at most this late; bounds in domain/lateness.ts, cumulative as in Prometheus.
  lateness_buckets bigint[] NOT NULL DEFAULT array_fill(0::bigint, ARRAY[12])
);
INSERT INTO schedule_totals DEFAULT VALUES;

CREATE TABLE events (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  type text NOT NULL,
  environment text,
  flag_key text,
  flag_id uuid,
  schedule_id uuid,
  actor text NOT NULL,
  door text NOT NULL,
  reason text,
  request_id text,
  revision bigint,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX events_by_flag ON events (environment, flag_key, id);
CREATE INDEX events_by_schedule ON events (schedule_id, id) WHERE schedule_id IS NOT NULL;

CREATE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

CREATE TABLE outbox (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  key text NOT NULL,
  task text NOT NULL,
  payload jsonb NOT NULL,
  idempotency_key text NOT NULL UNIQUE,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'dispatched', 'dead')),
  attempts integer NOT NULL DEFAULT 0,
  -- The relay looks at a row no earlier; a claim pushes it ahead by the length of the lease.
  next_at timestamptz NOT NULL,
  last_error text,
  request_id text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  dispatched_at timestamptz
);
CREATE INDEX outbox_waiting ON outbox (next_at) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';
CREATE INDEX outbox_open_by_schedule ON outbox ((payload ->> 'scheduleId')) WHERE state <> 'dispatched';
CREATE INDEX outbox_dispatched ON outbox (dispatched_at) WHERE state = 'dispatched';

CREATE TABLE idempotency_keys (
  actor text NOT NULL,
  key text NOT NULL,
  fingerprint text NOT NULL,
  result jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Where the reconciler's rotations over pending schedules stand.
CREATE TABLE reconciler_cursor (
  area text PRIMARY KEY,
  after_id uuid NOT NULL
);
