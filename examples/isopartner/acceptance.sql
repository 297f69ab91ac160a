-- acceptance.sql: is exactly that left which the policy wants to be left at :as_of? To be run after a sweep with that cut-off.
--
-- psql -X -q -A -t -v ON_ERROR_STOP=1 -v as_of=... -f acceptance.sql

\set QUIET on
\pset pager off
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA isopartner_acceptance;
CREATE EXTENSION IF NOT EXISTS pgtap SCHEMA isopartner_acceptance;
SELECT set_config('search_path', format('pg_catalog, %I, pg_temp', extnamespace::regnamespace), true) AS path
  FROM pg_extension WHERE extname = 'pgtap' \gset
SELECT plan(7);

-- P4: every row and value is still there.
SELECT results_eq(format('SELECT * FROM isopartner.%I ORDER BY id', name),
                  format('SELECT * FROM isopartner_oracle.%I(%L) ORDER BY id', name, :'as_of'),
                  format('%s: %s is as the policy wants it', :'as_of', name))
  FROM unnest('{registration,activity}'::text[]) AS name;
SELECT is_empty($$SELECT rule FROM privacy.sweep_preview('2150-01-01') WHERE due <> 0 OR problem IS NOT NULL$$, 'and will be');

-- Until somebody decides: for all of the purposes that a row or a value serves. One is not enough.
SELECT privacy.alter_purpose('services', '2 years') AS decided \gset
SELECT results_eq($$SELECT rule_table, rule, due FROM privacy.sweep_preview('2150-01-01') WHERE due <> 0$$,
                  $$VALUES ('isopartner.registration', 'billing_address THEN SET NULL', 1::bigint)$$, 'a column that serves the decided purpose alone');
SELECT privacy.alter_purpose('marketing', '1 year') AS decided \gset
SELECT results_eq($$SELECT rule_table, due FROM privacy.sweep_preview('2150-01-01') WHERE due <> 0 AND rule = 'THEN DELETE'$$,
                  $$VALUES ('isopartner.activity', 3::bigint)$$, 'a table whose purposes are all decided');

-- The evidence.
SELECT is_empty('SELECT * FROM privacy.verify_audit()', 'the evidence is whole');
SELECT is((SELECT count(*) FROM privacy.audit_entry WHERE action IN ('sweep.delete', 'sweep.treat')), 0::bigint, 'nothing was done');

SELECT * FROM finish();
ROLLBACK;
