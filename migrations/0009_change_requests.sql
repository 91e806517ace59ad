-- Up Migration

-- The transaction that made the revision: what else it changes is of the same configuration.
ALTER TABLE configuration_revision ADD COLUMN made_by xid8;

CREATE TABLE change_requests (
  id text PRIMARY KEY CHECK (length(id) = 26),
  environment text NOT NULL CHECK (length(environment) BETWEEN 1 AND 100),
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'in-review', 'approved', 'scheduled', 'suspended', 'failed',
    'applied', 'rejected', 'cancelled')),
  -- Why it is in this state, for people; and for machines: conflicts, or what refused it.
  state_reason text,
  problem jsonb,
  scheduled_at timestamptz CHECK (scheduled_at = date_trunc('milliseconds', scheduled_at)),
  late_policy text NOT NULL DEFAULT 'ask' CHECK (late_policy IN ('apply', 'expire', 'ask')),
  override_freeze boolean NOT NULL DEFAULT false,
  -- All who had a hand in what it asks for, its creator first.
  authors text[] NOT NULL,
  version integer NOT NULL DEFAULT 1,
  applied_at timestamptz,
  applied_revision bigint,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((state = 'applied') = (applied_at IS NOT NULL)),
  CHECK (state <> 'scheduled' OR scheduled_at IS NOT NULL)
);
CREATE INDEX change_requests_of ON change_requests (environment, id);
CREATE INDEX change_requests_waiting ON change_requests (scheduled_at) WHERE state IN ('scheduled', 'suspended');

CREATE TABLE change_request_changes (
  id text PRIMARY KEY CHECK (length(id) = 26),
  request_id text NOT NULL REFERENCES change_requests (id) ON DELETE CASCADE,
  action text NOT NULL,
  flag_key text,
  payload jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
  -- What it is about as it was when the change was added, or rebased; null when there was no such thing.
  snapshot jsonb,
  snapshot_at timestamptz NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX changes_of_request ON change_request_changes (request_id, id);
CREATE INDEX changes_of_flag ON change_request_changes (flag_key) WHERE flag_key IS NOT NULL;

CREATE TABLE change_request_approvals (
  request_id text NOT NULL REFERENCES change_requests (id) ON DELETE CASCADE,
  approver text NOT NULL,
  -- SHA-256 of what was approved, and the time that was (null: any).
  content_hash text NOT NULL,
  scheduled_at timestamptz,
  comment text,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (request_id, approver)
);
