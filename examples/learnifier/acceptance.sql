-- acceptance.sql: is exactly that left which the policy wants to be left at :as_of? To be run after a sweep with that cut-off.
--
-- psql -X -q -A -t -v ON_ERROR_STOP=1 -v as_of=... -f acceptance.sql

\set QUIET on
\pset pager off
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA learnifier_acceptance;
CREATE EXTENSION IF NOT EXISTS pgtap SCHEMA learnifier_acceptance;
SELECT set_config('search_path', format('pg_catalog, %I, pg_temp', extnamespace::regnamespace), true) AS path
  FROM pg_extension WHERE extname = 'pgtap' \gset
SELECT plan(9);

-- F3, F9, F13: the rows of every table; F8: customers stay.
SELECT results_eq(format('SELECT * FROM learnifier.%I ORDER BY id', name),
                  format('SELECT * FROM learnifier_oracle.%I(%L) ORDER BY id', name, :'as_of'),
                  format('%s: %s is as the policy wants it', :'as_of', name))
  FROM unnest('{customer,participant,answer,referral,session}'::text[]) AS name;

-- F8: reported, and once somebody has decided, enforced.
SELECT results_eq($$SELECT due FROM privacy.sweep_preview('2150-01-01') WHERE rule_table = 'learnifier.customer' AND rule = 'THEN DELETE'$$,
                  'SELECT 0::bigint', 'without a period no customer is ever due');
SELECT privacy.alter_purpose('customer', '2 years') AS decided \gset
SELECT results_eq($$SELECT due FROM privacy.sweep_preview('2150-01-01') WHERE rule_table = 'learnifier.customer' AND rule = 'THEN DELETE'$$,
                  'SELECT 1::bigint', 'with one, the customer is who closed her account');

-- F9: tenants do not mix. Each has lost what her own contract says, and nothing by another's.
SELECT is_empty(format($$SELECT id FROM learnifier.participant WHERE customer_id = 3 AND left_at < 'infinity' AND %L < left_at + interval '5 years'
                         EXCEPT SELECT id FROM learnifier.participant$$, :'as_of'), 'the longer contract is honoured');

-- The evidence.
SELECT is_empty('SELECT * FROM privacy.verify_audit()', 'the evidence is whole');

SELECT * FROM finish();
ROLLBACK;
