-- Up Migration

-- Run -> policy -> evaluated versions -> items by id -> evaluations by item -> revision -> outbox: transactions lock in
-- this order.

CREATE TABLE catalog_policies (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  version integer NOT NULL UNIQUE CHECK (version > 0),
  -- json, not jsonb: the author gets their document back in the order in which they wrote it.
  document json NOT NULL,
  is_active boolean NOT NULL DEFAULT false,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX catalog_policies_one_active ON catalog_policies (is_active) WHERE is_active;

CREATE FUNCTION refuse_change_of_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a policy is immutable; a change is a new version' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER catalog_policies_immutable BEFORE UPDATE OF id, name, version, document ON catalog_policies
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_policy();

CREATE TABLE media_items (
  id bigint PRIMARY KEY CHECK (id BETWEEN 1 AND 9007199254740991),
  title text,
  media_type text,
  released_at timestamptz CHECK (released_at = date_trunc('milliseconds', released_at)),
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  ingestion_status text NOT NULL DEFAULT 'ready' CHECK (ingestion_status IN ('pending', 'ready', 'failed')),
  -- Not NaN, which Postgres orders above every number.
  trending_score double precision NOT NULL DEFAULT 0 CHECK (trending_score BETWEEN -1e30 AND 1e30),
  -- Counts writes: an evaluation belongs to one version of its item.
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  -- Taken while the writer holds the barrier's shared lock, so that a run's cutoff tells writes before it from later ones.
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  deleted_at timestamptz
);
CREATE INDEX media_items_by_trend ON media_items (trending_score DESC, id DESC)
  WHERE ingestion_status = 'ready' AND deleted_at IS NULL;

CREATE TYPE evaluation_status AS ENUM ('eligible', 'ineligible', 'pending', 'error');

-- One partition a version (store/policy-partitions.ts). No default partition, which every ATTACH would have to search, and
-- no foreign key, which every insert would have to check. A row counts only while its item has the same version.
CREATE TABLE media_catalog_evaluations (
  media_item_id bigint NOT NULL,
  policy_version integer NOT NULL,
  item_version integer NOT NULL,
  status evaluation_status NOT NULL,
  reasons text[] NOT NULL,
  relevance double precision,
  evaluated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (media_item_id, policy_version)
) PARTITION BY LIST (policy_version);

-- What every writer of an item evaluates, in its own transaction. A version that left has gaps: its evidence is void.
CREATE TABLE evaluated_versions (
  version integer PRIMARY KEY REFERENCES catalog_policies (version),
  why text NOT NULL CHECK (why IN ('active', 'preparing', 'resumable', 'ready', 'reverse')),
  until timestamptz,
  CHECK ((until IS NULL) = (why IN ('active', 'preparing')))
);

CREATE TABLE catalog_evaluation_runs (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  kind text NOT NULL DEFAULT 'prepare' CHECK (kind IN ('prepare', 'rollback')),
  status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'success', 'failed', 'cancelled', 'promoted')),
  target_policy_id uuid NOT NULL REFERENCES catalog_policies (id),
  target_policy_version integer NOT NULL,
  -- Active when the run began: what its diff compares with.
  base_policy_version integer,
  batch_size integer NOT NULL,
  parallelism integer NOT NULL,
  delay_ms integer NOT NULL DEFAULT 0,
  -- Null until the writer barrier has been passed and the items are counted.
  snapshot_cutoff timestamptz,
  total_ready_snapshot integer,
  processed integer NOT NULL DEFAULT 0,
  eligible integer NOT NULL DEFAULT 0,
  ineligible integer NOT NULL DEFAULT 0,
  pending integer NOT NULL DEFAULT 0,
  errors integer NOT NULL DEFAULT 0,
  error_sample jsonb NOT NULL DEFAULT '[]',
  -- Raised at the start of every slice: what an older attempt still does, it does in vain.
  fence bigint NOT NULL DEFAULT 0,
  -- Counts changes by people; part of the idempotency key of what they send out.
  version integer NOT NULL DEFAULT 1,
  -- Items a second, smoothed over the slices.
  rate double precision,
  failing_since timestamptz,
  last_error text,
  -- Thresholds of its promotion.
  gate jsonb NOT NULL DEFAULT '{}',
  created_by text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  promoted_at timestamptz,
  promoted_by text,
  CHECK (processed = eligible + ineligible + pending + errors),
  CHECK ((status = 'running') = (finished_at IS NULL)),
  CHECK ((status = 'promoted') = (promoted_at IS NOT NULL))
);
CREATE UNIQUE INDEX catalog_evaluation_runs_one_running ON catalog_evaluation_runs (target_policy_id) WHERE status = 'running';
CREATE INDEX catalog_evaluation_runs_by_policy ON catalog_evaluation_runs (target_policy_id, id);

-- Key ranges of a run, (after_id, to_id], worked on side by side; exhausted when the cursor is at to_id.
CREATE TABLE catalog_evaluation_ranges (
  run_id uuid NOT NULL REFERENCES catalog_evaluation_runs (id) ON DELETE CASCADE,
  number integer NOT NULL,
  after_id bigint NOT NULL,
  to_id bigint NOT NULL,
  cursor bigint NOT NULL,
  PRIMARY KEY (run_id, number),
  CHECK (cursor BETWEEN after_id AND to_id)
);

-- The sub-select, not a join: so that no other version's partition is read.
CREATE VIEW public_media_items AS
  SELECT i.id, i.title, i.media_type, i.released_at, i.metadata, i.trending_score, e.relevance, e.policy_version,
    i.version, i.created_at, i.updated_at
  FROM media_items i JOIN media_catalog_evaluations e ON e.media_item_id = i.id AND e.item_version = i.version
  WHERE e.policy_version = (SELECT version FROM catalog_policies WHERE is_active)
    AND e.status = 'eligible' AND i.ingestion_status = 'ready' AND i.deleted_at IS NULL;

ALTER TABLE events ADD COLUMN policy_version integer, ADD COLUMN run_id uuid;
CREATE INDEX events_by_policy ON events (policy_version, id) WHERE policy_version IS NOT NULL;
CREATE INDEX events_by_run ON events (run_id, id) WHERE run_id IS NOT NULL;
CREATE INDEX outbox_open_by_run ON outbox ((payload ->> 'runId')) WHERE state <> 'dispatched';
