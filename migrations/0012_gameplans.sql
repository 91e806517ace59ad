-- Up Migration

-- Every write to a gameplan, its patches and gates locks its row first, and the flags that it changes after that: whoever holds
-- a flag asks for no gameplan.
CREATE TABLE gameplans (
  id text PRIMARY KEY CHECK (length(id) = 26),
  environment text NOT NULL CHECK (length(environment) BETWEEN 1 AND 100),
  title text NOT NULL,
  -- The author's text, byte for byte; patches and gates are what it says, with what became of them.
  document text NOT NULL,
  revision integer NOT NULL DEFAULT 1,
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'running', 'paused', 'completed', 'cancelled')),
  pause_reason text,
  -- What the document says of its flag: the key, and the patches that introduce and activate it.
  flag_key text,
  introduced text,
  activated text,
  -- How the flag is switched; null before the start.
  activation jsonb,
  flag_state text NOT NULL DEFAULT 'absent' CHECK (flag_state IN ('absent', 'created', 'planned', 'switching', 'switched')),
  -- What the flag is switched through. No foreign keys: they may be deleted before the gameplan is over, and it then says so.
  schedule_id uuid,
  release_plan_id text,
  -- The request for the step that the environment does not take directly.
  change_request_id text,
  change_request_step text,
  -- Why the last step was refused, and when it is tried again.
  problem jsonb,
  retry_at timestamptz,
  version integer NOT NULL DEFAULT 1,
  created_by text NOT NULL,
  started_by text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((status = 'paused') OR pause_reason IS NULL),
  CHECK (status IN ('draft', 'cancelled') OR activation IS NOT NULL),
  CHECK ((change_request_id IS NULL) = (change_request_step IS NULL))
);
-- Two that run would switch one flag against each other.
CREATE UNIQUE INDEX gameplans_running_on_flag ON gameplans (environment, flag_key) WHERE status IN ('running', 'paused');
CREATE INDEX gameplans_open ON gameplans (id) WHERE status = 'running';

CREATE TABLE gameplan_patches (
  gameplan_id text NOT NULL REFERENCES gameplans (id) ON DELETE CASCADE,
  -- Its id in the form in which "3a", "3A" and "03a" are one.
  key text NOT NULL,
  -- Its id as the author writes it.
  label text NOT NULL,
  position integer NOT NULL,
  title text,
  class text CHECK (class IN ('INFRA', 'GATED', 'BEHAVIOR')),
  -- Keys of the patches that it waits for.
  dependencies text[] NOT NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'merged', 'skipped')),
  -- When, by whom and why it got its status.
  decided_at timestamptz,
  decided_by text,
  reason text,
  -- Of GitHub, as owner/name#number.
  pull_request text,
  PRIMARY KEY (gameplan_id, key)
);
CREATE INDEX gameplan_patches_by_pull_request ON gameplan_patches (pull_request) WHERE pull_request IS NOT NULL;

-- What has to be so before a gameplan is complete: acceptance criteria and open questions.
CREATE TABLE gameplan_gates (
  gameplan_id text NOT NULL REFERENCES gameplans (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('criterion', 'question')),
  number integer NOT NULL,
  text text NOT NULL,
  -- Checked, or answered; by the document itself when nobody is named.
  done boolean NOT NULL DEFAULT false,
  answer text,
  done_at timestamptz,
  done_by text,
  PRIMARY KEY (gameplan_id, kind, number)
);

-- A gameplan's own history. Partial: no other event pays for it.
CREATE INDEX events_by_gameplan ON events ((data ->> 'gameplanId'), id) WHERE data ? 'gameplanId';
