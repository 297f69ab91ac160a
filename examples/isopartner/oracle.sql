-- oracle.sql: what should be left of these rows at any moment, in plain SQL. Nothing of the extension is used.
--
-- Run it before the first sweep: it remembers the rows as they were. It leaves schema isopartner_oracle with a
-- function for each table, and the moments to look at: the day before, the day of, and the day after each end.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f oracle.sql

BEGIN;
SET LOCAL TimeZone = 'Europe/Stockholm';

CREATE SCHEMA isopartner_oracle;
CREATE TABLE isopartner_oracle.registration_before AS TABLE isopartner.registration;
CREATE TABLE isopartner_oracle.activity_before AS TABLE isopartner.activity;

-- Whether something that ended then is so long past. An end that is not known is not past.
CREATE FUNCTION isopartner_oracle.past(ended timestamptz, period interval, as_of timestamptz) RETURNS boolean LANGUAGE sql STABLE
SET TimeZone = 'Europe/Stockholm'
RETURN COALESCE(isfinite(ended) AND ended + period <= as_of, false);

-- P4: nothing ends by itself.
CREATE FUNCTION isopartner_oracle.registration(as_of timestamptz) RETURNS SETOF isopartner.registration LANGUAGE sql STABLE AS $$
SELECT * FROM isopartner_oracle.registration_before
$$;
CREATE FUNCTION isopartner_oracle.activity(as_of timestamptz) RETURNS SETOF isopartner.activity LANGUAGE sql STABLE AS $$
SELECT * FROM isopartner_oracle.activity_before
$$;

CREATE TABLE isopartner_oracle.moment AS
SELECT DISTINCT left_at + period + beside AS at
  FROM isopartner.registration, unnest('{0, 7 years, 100 years}'::interval[]) AS period, unnest('{-1 day, 0, 1 day}'::interval[]) AS beside
 WHERE isfinite(left_at);

COMMIT;
