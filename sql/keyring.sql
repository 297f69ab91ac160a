-- keyring: scopes, who may use them, and what is stored of their keys.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
CREATE ROLE regress_analyst;
CREATE ROLE "regress Team";
CREATE ROLE regress_member IN ROLE "regress Team";
CREATE ROLE regress_owner;

-- A scope is a linkage set. Its key is random and stored wrapped by the root key, or derived from the root key.
SELECT privacy.create_scope('person');
SELECT privacy.create_scope('shared', 'relationship', destroyable => false);
SELECT scope, kind, version, destroyable, algorithm, destroyed_at, grantees FROM privacy.scope_status ORDER BY scope;

-- What is stored is a nonce and a ciphertext; for a derived scope nothing.
SELECT scope, version, octet_length(wrapped_key) AS key, octet_length(wrapped_check_key) AS check_key
  FROM privacy.scope_version ORDER BY scope;
SELECT singleton, octet_length(check_value) AS check_value, octet_length(wrapped_audit_key) AS audit_key FROM privacy.root_key;

-- Names and kinds are checked; a key is made once.
SELECT privacy.create_scope('Person');
SELECT privacy.create_scope('1st');
SELECT privacy.create_scope('');
SELECT privacy.create_scope(repeat('s', 64));
SELECT privacy.create_scope(NULL);
SELECT privacy.create_scope('x', NULL);
SELECT privacy.create_scope('x', 'people');
SELECT privacy.create_scope('person');
\echo :LAST_ERROR_SQLSTATE

-- Nobody may do anything with a scope until a grant. One call is enough.
SET ROLE regress_analyst;
SELECT privacy.pseudonym('anna', 'person');
SELECT privacy.create_scope('mine');
SELECT * FROM privacy.scope_status;
SELECT * FROM privacy.scope_version;
RESET ROLE;
SELECT privacy.grant_scope('person', 'regress_analyst');
SELECT privacy.grant_scope('person', 'regress_analyst');	-- no error
SET ROLE regress_analyst;
SELECT length(privacy.pseudonym('anna', 'person'));
-- Each scope has its own list.
SELECT privacy.pseudonym('anna', 'shared');
\echo :LAST_ERROR_SQLSTATE
-- And a scope that does not exist is another error.
SELECT privacy.pseudonym('anna', 'persona');
RESET ROLE;

-- Members of a role are on its lists too. Names are quoted where they need it.
SELECT privacy.grant_scope('shared', '"regress Team"');
SET ROLE regress_member;
SELECT privacy.pseudonym('anna', 'shared') = privacy.pseudonym('anna', 'shared') AS equal;
RESET ROLE;
SELECT scope, grantees FROM privacy.scope_status ORDER BY scope;

-- Membership counts at the moment of use: news arrives in the middle of a prepared statement's life.
GRANT EXECUTE ON FUNCTION privacy.pseudonym(text, text) TO regress_member;
SET ROLE regress_member;
PREPARE use AS SELECT length(privacy.pseudonym($1, 'shared'));
EXECUTE use ('anna');
RESET ROLE;
REVOKE "regress Team" FROM regress_member;
SET ROLE regress_member;
EXECUTE use ('anna');
RESET ROLE;
DEALLOCATE use;

-- The intended delegation: a SECURITY DEFINER function of a role on the list.
SELECT privacy.grant_scope('person', 'regress_owner');
CREATE SCHEMA regress_api AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA regress_api TO regress_member;
SET ROLE regress_owner;
CREATE FUNCTION regress_api.token(value text) RETURNS text
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN privacy.pseudonym(value, 'person');
SET ROLE regress_member;
SELECT regress_api.token('anna') ~ '^[0-9a-f]{40}$' AS delegated;
SELECT privacy.pseudonym('anna', 'person');
RESET ROLE;

-- A right that is taken away is gone at once; with the last scope goes EXECUTE.
SELECT privacy.revoke_scope('person', 'regress_analyst');
SET ROLE regress_analyst;
SELECT privacy.pseudonym('anna', 'person');
RESET ROLE;
SELECT privacy.revoke_scope('person', 'regress_analyst');
SELECT privacy.grant_scope('nope', 'regress_analyst');
SELECT privacy.grant_scope('person', '99999999');
SELECT privacy.grant_scope('person', NULL);

-- A scope that was rolled back leaves nothing behind, not in memory either.
BEGIN;
SELECT privacy.create_scope('fleeting');
SELECT privacy.pseudonym('anna', 'fleeting') AS first \gset
ROLLBACK;
SELECT privacy.pseudonym('anna', 'fleeting');
SELECT privacy.create_scope('fleeting');
SELECT privacy.pseudonym('anna', 'fleeting') <> :'first' AS fresh_key,
	   privacy.is_pseudonym(:'first', 'fleeting') AS recognised;
BEGIN;
SAVEPOINT s;
SELECT privacy.grant_scope('fleeting', 'regress_analyst');
SET LOCAL ROLE regress_analyst;
SELECT length(privacy.pseudonym('anna', 'fleeting'));
ROLLBACK TO s;
GRANT EXECUTE ON FUNCTION privacy.pseudonym(text, text) TO regress_analyst;
SET LOCAL ROLE regress_analyst;
SELECT privacy.pseudonym('anna', 'fleeting');
ROLLBACK;

-- Changes by hand are seen as well. A wrapped key opens in its own row only: not as another scope's ...
BEGIN;
UPDATE privacy.scope_version AS v SET wrapped_key = other.wrapped_key
  FROM privacy.scope_version AS other WHERE v.scope = 'person' AND other.scope = 'fleeting';
SELECT privacy.pseudonym('anna', 'person');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
-- ... nor as another version's.
BEGIN;
UPDATE privacy.scope_version SET version = 2 WHERE scope = 'person';
SELECT privacy.pseudonym('anna', 'person');
ROLLBACK;
-- A root key that is not this database's is refused, not used.
BEGIN;
UPDATE privacy.root_key SET check_value = decode(repeat('00', 16), 'hex');
SELECT privacy.pseudonym('anna', 'person');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
DELETE FROM privacy.root_key;
SELECT privacy.pseudonym('anna', 'person');
ROLLBACK;
SELECT length(privacy.pseudonym('anna', 'person'));

-- More scopes than the guarded memory has slots.
SELECT count(privacy.create_scope('many.' || i, destroyable => i % 2 = 0)) FROM generate_series(1, 100) AS i;
CREATE TEMP TABLE many AS SELECT i, privacy.pseudonym('anna', 'many.' || i) AS token FROM generate_series(1, 100) AS i;
SELECT count(DISTINCT token) AS different,
	   bool_and(token = privacy.pseudonym('anna', 'many.' || i)) AS again FROM many;

-- Neither the plan nor a setting shows a key.
EXPLAIN (VERBOSE, COSTS OFF) SELECT privacy.pseudonym(oid::text, 'person') FROM pg_class;
SET ROLE regress_analyst;
SELECT count(*) AS visible_settings FROM pg_settings WHERE name LIKE 'privacy.keyring%';
RESET ROLE;
SET privacy.keyring_file = '/tmp/key';

-- Every key event is evidence.
SELECT action, object, detail FROM privacy.audit_entry WHERE object IS NULL OR object NOT LIKE 'many.%' ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA regress_api CASCADE;
DROP EXTENSION pg_privacy CASCADE;
DROP ROLE regress_member, "regress Team", regress_analyst, regress_owner;
