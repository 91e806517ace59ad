-- Up Migration

-- What makes schedules of a flag over and over. Each occurrence is an ordinary row of feature_flag_schedules; the next one is
-- made in the transaction that makes the one before final. Every write locks the flag first, so a row has no lock of its own.
CREATE TABLE flag_schedule_recurrences (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  flag_id uuid NOT NULL REFERENCES feature_flags (id) ON DELETE CASCADE,
  cron text NOT NULL,
  time_zone text NOT NULL,
  gap text NOT NULL CHECK (gap IN ('skip', 'shift')),
  overlap text NOT NULL CHECK (overlap IN ('first', 'both')),
  until timestamptz,
  count integer CHECK (count >= 1),
  made integer NOT NULL DEFAULT 0,
  catch_up text NOT NULL CHECK (catch_up IN ('all', 'latest', 'none')),
  updates jsonb NOT NULL CHECK (jsonb_typeof(updates) = 'object'),
  comment text,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'ended')),
  -- The instant that the last occurrence was made for, wherever a hand has moved it since: the next one comes after it.
  through_at timestamptz NOT NULL,
  -- The same of the one before: what an edit must not go back behind when it moves the pending one.
  before_at timestamptz NOT NULL,
  version integer NOT NULL DEFAULT 1,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX recurrences_of_flag ON flag_schedule_recurrences (flag_id, id);
CREATE INDEX recurrences_active ON flag_schedule_recurrences (id) WHERE status = 'active';

ALTER TABLE feature_flag_schedules
  ADD COLUMN recurrence_id uuid REFERENCES flag_schedule_recurrences (id) ON DELETE CASCADE,
  ADD COLUMN occurrence integer,
  ADD CHECK ((recurrence_id IS NULL) = (occurrence IS NULL));
CREATE UNIQUE INDEX schedules_pending_of_recurrence ON feature_flag_schedules (recurrence_id)
  WHERE recurrence_id IS NOT NULL AND status = 'pending';
CREATE INDEX schedules_of_recurrence ON feature_flag_schedules (recurrence_id, occurrence) WHERE recurrence_id IS NOT NULL;
