-- core: the schema, and the clock that deletion rules go by.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
DROP SCHEMA IF EXISTS privacy CASCADE;

-- Who owns the schema could replace functions that others trust. So the extension refuses to move in
-- with an ordinary role ...
CREATE ROLE regress_mallory;
CREATE SCHEMA privacy AUTHORIZATION regress_mallory;
CREATE EXTENSION pg_privacy;
\echo :LAST_ERROR_SQLSTATE
-- ... and does as the hint says.
ALTER SCHEMA privacy OWNER TO CURRENT_USER;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;

-- Everybody may look a name up; nobody but the owner may create one, or read a table.
SELECT has_schema_privilege('regress_mallory', 'privacy', 'USAGE') AS usage,
	   has_schema_privilege('regress_mallory', 'privacy', 'CREATE') AS create;
SELECT count(*) AS readable_tables
  FROM pg_class
 WHERE relnamespace = 'privacy'::regnamespace AND relkind IN ('r', 'v', 'S')
   AND relname IN ('root_key', 'scope', 'scope_version', 'scope_grant', 'scope_status', 'audit_entry', 'audit_seal', 'audit_entry_id')
   AND has_table_privilege('regress_mallory', oid, 'SELECT, INSERT, UPDATE, DELETE');

-- The clock is the wall clock until a test stops it.
SHOW privacy.core_clock;
SET TimeZone = 'UTC';
SET privacy.core_clock = '2026-01-31 12:00+01';
SELECT privacy.create_scope('timed');
SELECT created_at FROM privacy.scope_status;
-- (Evidence is not fooled.)
SELECT action, at > '2026-02-01' AS wall_clock FROM privacy.audit_entry ORDER BY id;
RESET privacy.core_clock;
SELECT privacy.create_scope('untimed');
SELECT created_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp() AS wall_clock
  FROM privacy.scope_status WHERE scope = 'untimed';

-- It goes back with the transaction that set it.
BEGIN;
SET LOCAL privacy.core_clock = '2030-01-01 00:00+00';
SAVEPOINT earlier;
SET LOCAL privacy.core_clock = '2020-01-01 00:00+00';
ROLLBACK TO earlier;
SELECT privacy.create_scope('later');
SELECT created_at FROM privacy.scope_status WHERE scope = 'later';
ROLLBACK;

-- Only finite times are times, and only superusers set them.
SET privacy.core_clock = 'now';
SET privacy.core_clock = 'infinity';
SET privacy.core_clock = '2026-02-30 00:00+00';
SET privacy.core_clock = '12:00';
SET ROLE regress_mallory;
SET privacy.core_clock = '2026-01-31 00:00+00';
RESET ROLE;

-- The extension's own statements do not see the caller's search_path.
CREATE SCHEMA regress_evil;
CREATE FUNCTION regress_evil.concat(bigint, text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
SET search_path = regress_evil, pg_catalog;
SELECT privacy.seal_audit();
SELECT privacy.audit_head() LIKE '3:%' AS ours;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA regress_evil CASCADE;
DROP EXTENSION pg_privacy;
DROP ROLE regress_mallory;
