-- Up Migration

ALTER TABLE feature_flags
  ADD COLUMN variants jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(variants) = 'array'),
  ADD COLUMN dependencies jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(dependencies) = 'array');
-- What a process that follows the configuration has not seen yet.
CREATE INDEX flags_by_revision ON feature_flags (revision);
-- Few have any: which flags depend on one is looked up among these.
CREATE INDEX flags_with_dependencies ON feature_flags (environment) WHERE dependencies <> '[]';

-- What environments are asked to keep to; one without a row keeps to the defaults.
CREATE TABLE environment_settings (
  environment text PRIMARY KEY CHECK (length(environment) BETWEEN 1 AND 100),
  -- An edit of one copy of a milestone's strategy changes the other.
  release_plan_sync boolean NOT NULL DEFAULT true,
  change_requests boolean NOT NULL DEFAULT false,
  required_approvals integer NOT NULL DEFAULT 1 CHECK (required_approvals BETWEEN 1 AND 10),
  self_approval boolean NOT NULL DEFAULT false,
  version integer NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Who writes holds the row of the environment: every environment that something is in has one, of version 0 until it is set up.
INSERT INTO environment_settings (environment, version) SELECT DISTINCT environment, 0 FROM feature_flags;

CREATE TABLE segments (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  environment text NOT NULL CHECK (length(environment) BETWEEN 1 AND 100),
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
  description text NOT NULL DEFAULT '',
  constraints jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(constraints) = 'array'),
  revision bigint NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (environment, key)
);
CREATE INDEX segments_by_revision ON segments (revision);

CREATE TABLE release_plan_templates (
  id text PRIMARY KEY CHECK (length(id) = 26),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  description text NOT NULL DEFAULT '',
  -- Milestones with their strategies; segments by key, so that a template serves every environment.
  milestones jsonb NOT NULL CHECK (jsonb_typeof(milestones) = 'array'),
  version integer NOT NULL DEFAULT 1,
  archived_at timestamptz,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX templates_by_name ON release_plan_templates (name) WHERE archived_at IS NULL;

-- Every write to a plan, its milestones and their strategies locks the flag first, so these rows have no locks of their own.
CREATE TABLE release_plans (
  id text PRIMARY KEY CHECK (length(id) = 26),
  -- A flag has one plan.
  flag_id uuid NOT NULL UNIQUE REFERENCES feature_flags (id) ON DELETE CASCADE,
  -- What it was made from. No foreign key: it outlives its template.
  template_id text,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'running', 'paused', 'completed')),
  -- Whether dwell times count from when a milestone was planned to start, or from when it did.
  anchor text NOT NULL CHECK (anchor IN ('planned', 'actual')),
  active_milestone_id text,
  -- When the next milestone is planned to start by itself; null while it waits for something else than time, or for nothing.
  next_at timestamptz,
  -- Since when it is paused: what is left of a dwell time is kept.
  paused_at timestamptz,
  pause_reason text,
  version integer NOT NULL DEFAULT 1,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((status = 'paused') = (paused_at IS NOT NULL)),
  CHECK (status = 'paused' OR pause_reason IS NULL),
  CHECK ((status = 'running') OR next_at IS NULL)
);
CREATE INDEX plans_timed ON release_plans (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE milestones (
  id text PRIMARY KEY CHECK (length(id) = 26),
  plan_id text NOT NULL REFERENCES release_plans (id) ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  sort_order integer NOT NULL,
  -- What the next one waits for: this long, somebody's approval, both; neither: it is started by hand.
  dwell_seconds bigint CHECK (dwell_seconds BETWEEN 1 AND 315360000),
  needs_approval boolean NOT NULL DEFAULT false,
  planned_at timestamptz,
  started_at timestamptz,
  -- What its dwell time counts from: when it was planned to start, or did, and later by each pause since.
  dwell_from timestamptz,
  approved_at timestamptz,
  approved_by text,
  UNIQUE (plan_id, sort_order) DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE release_plans ADD FOREIGN KEY (active_milestone_id) REFERENCES milestones (id) DEFERRABLE INITIALLY DEFERRED;

-- The definition of a strategy and its copy that applications are served by. A started milestone's have the same ids.
CREATE TABLE milestone_strategies (
  id text PRIMARY KEY CHECK (length(id) = 26),
  milestone_id text NOT NULL REFERENCES milestones (id) ON DELETE CASCADE,
  name text NOT NULL,
  title text,
  parameters jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(parameters) = 'object'),
  constraints jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(constraints) = 'array'),
  variants jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(variants) = 'array'),
  disabled boolean NOT NULL DEFAULT false,
  sort_order integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX milestone_strategies_of ON milestone_strategies (milestone_id);

CREATE TABLE feature_strategies (
  id text PRIMARY KEY CHECK (length(id) = 26),
  flag_id uuid NOT NULL REFERENCES feature_flags (id) ON DELETE CASCADE,
  milestone_id text REFERENCES milestones (id) ON DELETE CASCADE,
  name text NOT NULL,
  title text,
  parameters jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(parameters) = 'object'),
  constraints jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(constraints) = 'array'),
  variants jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(variants) = 'array'),
  disabled boolean NOT NULL DEFAULT false,
  sort_order integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX feature_strategies_of ON feature_strategies (flag_id);
CREATE INDEX feature_strategies_of_milestone ON feature_strategies (milestone_id) WHERE milestone_id IS NOT NULL;

CREATE TABLE milestone_strategy_segments (
  milestone_strategy_id text NOT NULL REFERENCES milestone_strategies (id) ON DELETE CASCADE,
  segment_id uuid NOT NULL REFERENCES segments (id),
  PRIMARY KEY (milestone_strategy_id, segment_id)
);
CREATE INDEX milestone_strategies_of_segment ON milestone_strategy_segments (segment_id);

CREATE TABLE feature_strategy_segment (
  feature_strategy_id text NOT NULL REFERENCES feature_strategies (id) ON DELETE CASCADE,
  segment_id uuid NOT NULL REFERENCES segments (id),
  PRIMARY KEY (feature_strategy_id, segment_id)
);
CREATE INDEX feature_strategies_of_segment ON feature_strategy_segment (segment_id);

CREATE TABLE release_plan_safeguards (
  id text PRIMARY KEY CHECK (length(id) = 26),
  plan_id text NOT NULL REFERENCES release_plans (id) ON DELETE CASCADE,
  metric text NOT NULL CHECK (length(metric) BETWEEN 1 AND 200),
  operator text NOT NULL CHECK (operator IN ('>', '<')),
  threshold double precision NOT NULL,
  action text NOT NULL CHECK (action IN ('pause', 'rollback')),
  -- With it, a milestone only advances on a value that is not older: no data, no progress.
  fresh_seconds integer CHECK (fresh_seconds > 0),
  last_value double precision,
  last_at timestamptz,
  triggered_at timestamptz,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX safeguards_of_plan ON release_plan_safeguards (plan_id);
CREATE INDEX safeguards_by_metric ON release_plan_safeguards (metric);

-- Applications read with these. What is given out is shown once; this is its SHA-256.
CREATE TABLE api_keys (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  environment text NOT NULL CHECK (length(environment) BETWEEN 1 AND 100),
  hash bytea NOT NULL UNIQUE,
  revision bigint NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX api_keys_by_revision ON api_keys (revision);

CREATE FUNCTION tell_configuration_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('interlock_configuration', NEW.revision::text);
  RETURN NULL;
END $$;
-- The one place that notifies: its writers are serial anyway, so the lock that NOTIFY takes at commit costs nobody anything.
CREATE TRIGGER configuration_revision_told AFTER UPDATE ON configuration_revision
  FOR EACH ROW EXECUTE FUNCTION tell_configuration_revision();
