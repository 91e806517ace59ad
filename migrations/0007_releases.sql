-- Up Migration

-- Changes of several flags that are applied in one transaction or not at all. Each is an ordinary row of
-- feature_flag_schedules, all due when the release is. Every write locks the flags of its members first.
CREATE TABLE flag_releases (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  scheduled_at timestamptz NOT NULL CHECK (scheduled_at = date_trunc('milliseconds', scheduled_at)),
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'applied', 'failed', 'cancelled')),
  comment text,
  -- Members it was made with: with fewer, such as after a flag's row was deleted by hand, it is not applied.
  size integer NOT NULL CHECK (size BETWEEN 1 AND 100),
  version integer NOT NULL DEFAULT 1,
  applied_at timestamptz,
  applied_revision bigint,
  error_message text,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((status = 'applied') = (applied_at IS NOT NULL AND applied_revision IS NOT NULL)),
  CHECK ((status = 'failed') = (error_message IS NOT NULL))
);

ALTER TABLE feature_flag_schedules
  ADD COLUMN release_id uuid REFERENCES flag_releases (id) ON DELETE CASCADE;
CREATE INDEX schedules_of_release ON feature_flag_schedules (release_id) WHERE release_id IS NOT NULL;
