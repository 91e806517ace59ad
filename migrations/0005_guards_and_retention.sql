-- Up Migration

ALTER TABLE feature_flag_schedules
  -- Counts tries: the first, and each retry by hand or by policy.
  ADD COLUMN attempt integer NOT NULL DEFAULT 1,
  -- When it was due before its first retry.
  ADD COLUMN original_scheduled_at timestamptz,
  -- When it was asked to be due, if a freeze has put it off; and which one. No foreign key: freezes are deleted.
  ADD COLUMN deferred_from timestamptz,
  ADD COLUMN freeze_id uuid;

-- Retention. Applied schedules are found by idx_schedules_scheduled_at: a further index would be written by every sweep.
CREATE INDEX schedules_cancelled ON feature_flag_schedules (updated_at) WHERE status = 'cancelled';
CREATE INDEX schedules_failed_of_flag ON feature_flag_schedules (flag_id) WHERE status = 'failed';

CREATE TABLE freezes (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  environment text NOT NULL CHECK (length(environment) BETWEEN 1 AND 100),
  from_at timestamptz NOT NULL CHECK (from_at = date_trunc('milliseconds', from_at)),
  -- The first instant after it.
  to_at timestamptz NOT NULL CHECK (to_at = date_trunc('milliseconds', to_at)),
  reason text NOT NULL,
  mode text NOT NULL CHECK (mode IN ('refuse', 'defer')),
  version integer NOT NULL DEFAULT 1,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (from_at < to_at)
);
CREATE INDEX freezes_by_end ON freezes (environment, to_at);
