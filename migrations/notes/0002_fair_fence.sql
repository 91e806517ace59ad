-- Up Migration

-- The fence is a lock that is queued for, no longer the epoch's row FOR SHARE: Postgres lets new sharers of a row in past who
-- waits to change it, and raising the epoch of an account that is written all the time took 190 ms (p50), as luck had it. Nor
-- does a write of a note write to that row any more.
CREATE OR REPLACE FUNCTION note_fence(of_account text, believed bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(of_account, 8));
  -- A statement of its own, so that it sees what was committed while the lock was waited for.
  PERFORM FROM account_epochs WHERE account_id = of_account AND epoch = believed;
  IF NOT FOUND THEN RAISE EXCEPTION 'the epoch of % is not %', of_account, believed USING ERRCODE = 'IL001'; END IF;
END $$;

-- A trigger, so that a build from before this, which raises the epoch while others write, waits as well.
CREATE FUNCTION note_epoch_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.account_id, 8));
  -- After the wait: what was deleted until now, was deleted under the epoch before.
  NEW.raised_at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER note_epoch_rises BEFORE UPDATE ON account_epochs FOR EACH ROW EXECUTE FUNCTION note_epoch_rises();

-- As before; but what is mostly the case, a note that is there, is one statement with the look at the epoch.
CREATE OR REPLACE FUNCTION note_put(of_account text, believed bigint, of_id uuid, expected bigint, new_version bigint, new_note jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(of_account, 8)), note_lock(of_account, of_id);
  IF expected > 0 AND new_note IS NOT NULL THEN
    UPDATE notes SET title = new_note->>'title', body = new_note->>'body', version = new_version,
      created_at = (new_note->>'createdAt')::timestamptz, updated_at = (new_note->>'updatedAt')::timestamptz
    WHERE account_id = of_account AND id = of_id AND version = expected
      AND EXISTS (SELECT FROM account_epochs WHERE account_id = of_account AND epoch = believed);
    IF FOUND THEN RETURN true; END IF;
  END IF;
  PERFORM note_fence(of_account, believed);
  IF expected = 0 THEN
    PERFORM FROM note_copies WHERE account_id = of_account AND id = of_id;
    IF FOUND THEN RETURN false; END IF;
  ELSE
    DELETE FROM notes WHERE account_id = of_account AND id = of_id AND version = expected;
    IF NOT FOUND THEN
      DELETE FROM note_tombstones WHERE account_id = of_account AND id = of_id AND version = expected;
      IF NOT FOUND THEN RETURN false; END IF;
    END IF;
  END IF;
  IF new_note IS NULL THEN
    INSERT INTO note_tombstones (account_id, id, version) VALUES (of_account, of_id, new_version);
  ELSE
    INSERT INTO notes (account_id, id, title, body, version, created_at, updated_at)
    VALUES (of_account, of_id, new_note->>'title', new_note->>'body', new_version,
      (new_note->>'createdAt')::timestamptz, (new_note->>'updatedAt')::timestamptz);
  END IF;
  RETURN true;
END $$;

-- As before, but each copy is looked up by its key, whatever the statistics say of a store that fills up: a join of the batch
-- with the account's notes was planned as one with all of them, and a batch of 500 took more than 4 s.
CREATE OR REPLACE FUNCTION note_merge(of_account text, believed bigint, copies jsonb)
RETURNS TABLE (merged_id uuid) LANGUAGE plpgsql AS $$
DECLARE
  older_notes tid[];
  older_tombstones tid[];
BEGIN
  PERFORM note_fence(of_account, believed);
  -- In one order, so that two batches do not wait for each other.
  PERFORM note_lock(of_account, c.id) FROM (
    SELECT x.id FROM jsonb_to_recordset(copies) AS x(id uuid) ORDER BY x.id) c;
  SELECT array_agg(n.ctid) FILTER (WHERE n.version < c.version), array_agg(t.ctid) FILTER (WHERE t.version < c.version)
  INTO older_notes, older_tombstones
  FROM jsonb_to_recordset(copies) AS c(id uuid, version bigint)
    LEFT JOIN LATERAL (SELECT ctid, version FROM notes WHERE account_id = of_account AND id = c.id OFFSET 0) n ON true
    LEFT JOIN LATERAL (SELECT ctid, version FROM note_tombstones WHERE account_id = of_account AND id = c.id OFFSET 0) t ON true;
  IF older_notes IS NOT NULL THEN DELETE FROM notes WHERE ctid = ANY (older_notes); END IF;
  IF older_tombstones IS NOT NULL THEN DELETE FROM note_tombstones WHERE ctid = ANY (older_tombstones); END IF;
  INSERT INTO notes (account_id, id, title, body, version, created_at, updated_at)
  SELECT of_account, c.id, c.note->>'title', c.note->>'body', c.version,
    (c.note->>'createdAt')::timestamptz, (c.note->>'updatedAt')::timestamptz
  FROM jsonb_to_recordset(copies) AS c(id uuid, version bigint, note jsonb)
    LEFT JOIN LATERAL (SELECT version FROM note_tombstones WHERE account_id = of_account AND id = c.id OFFSET 0) t ON true
  WHERE jsonb_typeof(c.note) = 'object' AND t.version IS NULL
  ON CONFLICT DO NOTHING;
  INSERT INTO note_tombstones (account_id, id, version)
  SELECT of_account, c.id, c.version FROM jsonb_to_recordset(copies) AS c(id uuid, version bigint, note jsonb)
    LEFT JOIN LATERAL (SELECT version FROM notes WHERE account_id = of_account AND id = c.id OFFSET 0) n ON true
  WHERE jsonb_typeof(c.note) IS DISTINCT FROM 'object' AND n.version IS NULL
  ON CONFLICT DO NOTHING;
  RETURN QUERY SELECT c.id FROM jsonb_to_recordset(copies) AS c(id uuid, version bigint, note jsonb)
    CROSS JOIN LATERAL (
      SELECT here.version, here.note FROM note_copies here WHERE here.account_id = of_account AND here.id = c.id OFFSET 0) here
    WHERE here.version > c.version
      OR (here.version = c.version AND here.note IS NOT DISTINCT FROM nullif(c.note, 'null'::jsonb));
END $$;

CREATE OR REPLACE FUNCTION note_forget(of_account text, believed bigint, copies jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  forgotten_notes bigint;
  forgotten_tombstones bigint;
BEGIN
  PERFORM note_fence(of_account, believed);
  DELETE FROM notes d USING jsonb_to_recordset(copies) AS c(id uuid, version bigint)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM notes WHERE account_id = of_account AND id = c.id OFFSET 0) n
  WHERE d.ctid = n.at AND d.version = c.version;
  GET DIAGNOSTICS forgotten_notes = ROW_COUNT;
  DELETE FROM note_tombstones d USING jsonb_to_recordset(copies) AS c(id uuid, version bigint)
    CROSS JOIN LATERAL (SELECT ctid AS at FROM note_tombstones WHERE account_id = of_account AND id = c.id OFFSET 0) t
  WHERE d.ctid = t.at AND d.version = c.version;
  GET DIAGNOSTICS forgotten_tombstones = ROW_COUNT;
  RETURN forgotten_notes + forgotten_tombstones;
END $$;
