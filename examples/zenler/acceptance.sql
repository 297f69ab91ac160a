-- acceptance.sql: is exactly that left which the policy wants to be left at :as_of? To be run after a sweep with that cut-off.
--
-- psql -X -q -A -t -v ON_ERROR_STOP=1 -v as_of=... -f acceptance.sql

\set QUIET on
\pset pager off
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA zenler_acceptance;
CREATE EXTENSION IF NOT EXISTS pgtap SCHEMA zenler_acceptance;
SELECT set_config('search_path', format('pg_catalog, %I, pg_temp', extnamespace::regnamespace), true) AS path
  FROM pg_extension WHERE extname = 'pgtap' \gset
SELECT plan(7);

-- Z2, Z3: rows and values of every table.
SELECT results_eq(format('SELECT * FROM zenler.%I ORDER BY id', name),
                  format('SELECT * FROM zenler_oracle.%I(%L) ORDER BY id', name, :'as_of'),
                  format('%s: %s is as the policy wants it', :'as_of', name))
  FROM unnest('{customer,purchase,post,login}'::text[]) AS name;

-- Z3: each period is justified.
SELECT is_empty('SELECT name FROM privacy.purpose WHERE justification IS NULL', 'every period has its justification');

-- The evidence.
SELECT is_empty('SELECT * FROM privacy.verify_audit()', 'the evidence is whole');
SELECT is((SELECT sum(row_count) FROM privacy.audit_entry WHERE action = 'sweep.delete'),
          NULLIF((SELECT (SELECT count(*) FROM zenler_oracle.customer_before) - (SELECT count(*) FROM zenler.customer)
                       + (SELECT count(*) FROM zenler_oracle.purchase_before) - (SELECT count(*) FROM zenler.purchase)
                       + (SELECT count(*) FROM zenler_oracle.post_before) - (SELECT count(*) FROM zenler.post)
                       + (SELECT count(*) FROM zenler_oracle.login_before) - (SELECT count(*) FROM zenler.login)), 0)::numeric,
          'the evidence counts every row that is gone');

SELECT * FROM finish();
ROLLBACK;
