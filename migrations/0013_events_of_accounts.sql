-- Up Migration

-- An account's own history is a handful of events among those of all schedules and flags. Partial: no other event pays for it.
CREATE INDEX events_by_account ON events ((data ->> 'accountId'), id) WHERE data ? 'accountId';
