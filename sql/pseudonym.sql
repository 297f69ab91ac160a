-- pseudonym: keyed one-way pseudonyms.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
SELECT privacy.create_scope('person');
SELECT privacy.create_scope('payment', 'transaction');
SELECT privacy.create_scope('shared', destroyable => false);

-- Equal values have equal pseudonyms inside one scope, unrelated ones across scopes.
SELECT privacy.pseudonym('anna@example.org', 'person') = privacy.pseudonym('anna@example.org', 'person') AS within,
	   privacy.pseudonym('anna@example.org', 'person') = privacy.pseudonym('anna@example.org', 'payment') AS across;
-- 40 hexadecimal digits; nothing is trimmed or folded.
SELECT privacy.pseudonym('anna', 'person') ~ '^[0-9a-f]{40}$' AS form;
SELECT count(DISTINCT privacy.pseudonym(v, 'person')) AS different
  FROM unnest(ARRAY['anna', 'Anna', ' anna', 'anna ', '', ' ', E'anna\n']) AS v;
-- A derived scope gives these wherever the root key is 000102...1f (test/vectors has more).
SELECT v, privacy.pseudonym(v, 'shared') FROM unnest(ARRAY['', 'anna@example.org', 'åäö']) AS v;

-- As an address: one that can never receive mail, whatever comes in.
SELECT v, privacy.pseudonym_email(v, 'shared'),
	   privacy.pseudonym_email(v, 'shared') = privacy.pseudonym(v, 'shared') || '@pseudonym.invalid' AS same_token
  FROM unnest(ARRAY['anna@example.org', 'not an address', '', '@']) AS v;

-- Null stays null, and needs no scope.
SELECT privacy.pseudonym(NULL, 'person') IS NULL, privacy.pseudonym('anna', NULL) IS NULL,
	   privacy.pseudonym_email(NULL, 'nope') IS NULL, privacy.is_pseudonym(NULL, 'person') IS NULL;

-- A pseudonym is recognised in its scope, so that it is not taken for a raw value and replaced again.
SELECT privacy.is_pseudonym(privacy.pseudonym('anna', 'person'), 'person') AS token,
	   privacy.is_pseudonym(privacy.pseudonym_email('anna', 'person'), 'person') AS email,
	   privacy.is_pseudonym(privacy.pseudonym('anna', 'payment'), 'person') AS other_scope,
	   privacy.is_pseudonym('anna', 'person') AS raw;
-- Exactly as it was written, and not one digit otherwise.
CREATE TEMP TABLE token AS SELECT privacy.pseudonym('anna', 'shared') AS t;
SELECT v.name, privacy.is_pseudonym(v.value, 'shared')
  FROM token, LATERAL (VALUES ('as written', t), ('upper case', upper(t)), ('shortened', left(t, 39)),
	('lengthened', t || '0'), ('first digit', CASE left(t, 1) WHEN '0' THEN '1' ELSE '0' END || substr(t, 2)),
	('last digit', left(t, 39) || CASE right(t, 1) WHEN '0' THEN '1' ELSE '0' END),
	('any domain', t || '@pseudonym.example'), ('nothing behind the @', t || '@'),
	('not hexadecimal', repeat('g', 40)), ('zeros', repeat('0', 40)), ('as long as an address', repeat('0', 58)),
	('empty', ''), ('20 letters of two bytes', repeat('å', 20))) AS v (name, value);

-- Values of any length, stored any way.
CREATE TEMP TABLE long_value (n int, v text);
ALTER TABLE long_value ALTER v SET STORAGE EXTERNAL;
INSERT INTO long_value SELECT n, repeat('x', n) FROM unnest(ARRAY[119, 120, 121, 127, 128, 129, 8191, 2000000]) AS n;
SELECT n, privacy.pseudonym(v, 'shared') = privacy.pseudonym(repeat('x', n), 'shared') AS equal FROM long_value ORDER BY n;

-- Keyed functions are neither IMMUTABLE nor for PUBLIC.
SELECT provolatile, proisstrict, proparallel, prosecdef, has_function_privilege('public', oid, 'EXECUTE') AS public, count(*) > 10 AS many
  FROM pg_proc WHERE pronamespace = 'privacy'::regnamespace AND proname ~ 'pseudonym' GROUP BY 1, 2, 3, 4, 5;
CREATE TEMP TABLE customer (email text);
CREATE INDEX ON customer (privacy.pseudonym(email, 'person'));

-- One call site, many scopes and users.
SELECT s, privacy.pseudonym('anna', s) = privacy.pseudonym('anna', s || '') AS equal
  FROM unnest(ARRAY['person', 'payment', 'shared', 'person', 'payment']) AS s;
CREATE ROLE regress_reader;
SELECT privacy.grant_scope('person', 'regress_reader');
PREPARE p AS SELECT length(privacy.pseudonym('anna', $1));
SET ROLE regress_reader;
EXECUTE p ('person');
EXECUTE p ('payment');
RESET ROLE;
EXECUTE p ('payment');
SET ROLE regress_reader;
EXECUTE p ('payment');

-- In parallel workers, for a role that cannot read the keyring's tables.
RESET ROLE;
CREATE TABLE regress_person AS SELECT 'person ' || i AS name FROM generate_series(1, 20000) AS i;
GRANT SELECT ON regress_person TO regress_reader;
ANALYZE regress_person;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET ROLE regress_reader;
EXPLAIN (COSTS OFF) SELECT max(privacy.pseudonym(name, 'person')) FROM regress_person;
SELECT count(DISTINCT t), bool_and(privacy.is_pseudonym(t, 'person')) AS recognised
  FROM (SELECT privacy.pseudonym(name, 'person') AS t FROM regress_person OFFSET 0) AS s;
RESET ROLE;

SET client_min_messages = warning;
DROP TABLE regress_person;
DROP EXTENSION pg_privacy CASCADE;
DROP ROLE regress_reader;
