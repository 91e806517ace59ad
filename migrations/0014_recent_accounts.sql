-- Up Migration

-- Every API asks every 2.5 s which accounts were changed lately.
CREATE INDEX accounts_by_update ON accounts (updated_at);
