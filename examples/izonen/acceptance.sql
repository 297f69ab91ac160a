-- acceptance.sql: is exactly that left which the policy wants to be left at :as_of? To be run after a sweep with that cut-off.
--
-- psql -X -q -A -t -v ON_ERROR_STOP=1 -v as_of=... -f acceptance.sql

\set QUIET on
\pset pager off
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA izonen_acceptance;
CREATE EXTENSION IF NOT EXISTS pgtap SCHEMA izonen_acceptance;
SELECT set_config('search_path', format('pg_catalog, %I, pg_temp', extnamespace::regnamespace), true) AS path
  FROM pg_extension WHERE extname = 'pgtap' \gset
SELECT plan(5);

-- I3: rows and values of every table.
SELECT results_eq(format('SELECT * FROM izonen.%I ORDER BY id', name),
                  format('SELECT * FROM izonen_oracle.%I(%L) ORDER BY id', name, :'as_of'),
                  format('%s: %s is as the policy wants it', :'as_of', name))
  FROM unnest('{customer,invoice,viewing}'::text[]) AS name;

-- The contradiction, as the policy has it: nothing about a person that the law does not want is older than five years.
SELECT is_empty(format($$SELECT id FROM izonen.customer WHERE agreement_ended_at < 'infinity' AND agreement_ended_at + interval '5 years 1 day' <= %L
                         AND (email IS NOT NULL OR phone IS NOT NULL)$$, :'as_of'), 'at most five years');

-- The evidence.
SELECT is_empty('SELECT * FROM privacy.verify_audit()', 'the evidence is whole');

SELECT * FROM finish();
ROLLBACK;
