-- Up Migration

-- Statistics of a time when nothing is pending say that nothing ever is, so that every index for what is due looks equally
-- good: beside 200,000 applied schedules, sweeping 10,000 due took 6.8 s. Without statistics of the status, the planner
-- assumes that some are pending: 0.7 s.
ALTER TABLE feature_flag_schedules ALTER COLUMN status SET STATISTICS 0;
SELECT pg_clear_attribute_stats(current_schema(), 'feature_flag_schedules', 'status', false);
