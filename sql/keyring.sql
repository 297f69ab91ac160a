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
SELECT scope, kind, version, state, destroyable, algorithm, destroyed_at, grantees, reidentifiers FROM privacy.scope_status ORDER BY scope;

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

-- A scope has versions. A new one makes the pseudonyms from now on; those of the old one are still recognised.
SELECT privacy.pseudonym('anna', 'person') AS first \gset
SELECT privacy.rotate_scope('person');
SELECT privacy.pseudonym('anna', 'person') AS second \gset
SELECT :'first' <> :'second' AS another,
	   privacy.pseudonym_at('anna', 'person', 1) = :'first' AS first_again,
	   privacy.pseudonym_at('anna', 'person', 2) = :'second' AS second_again,
	   privacy.is_pseudonym(:'first', 'person') AS first_known, privacy.is_pseudonym(:'second', 'person') AS second_known;
SELECT privacy.pseudonym_at('anna', 'person', 3);
SELECT privacy.pseudonym_at('anna', 'person', 0);
SELECT privacy.pseudonym_at('anna', 'person', -1);
SELECT privacy.rotate_scope('persona');
SELECT privacy.rotate_scope(NULL);
-- A derived scope has derived versions.
SELECT privacy.rotate_scope('shared');
SELECT scope, version, state, wrapped_key IS NULL AS derived
  FROM privacy.scope_version NATURAL JOIN (SELECT scope, version, state FROM privacy.scope_status) AS status
 WHERE scope IN ('person', 'shared') ORDER BY scope, version;

-- Destroying a version: nothing makes its pseudonyms any more, not in a transaction that just did either. It is still recognised.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT privacy.pseudonym_at('anna', 'person', 1) = :'first' AS made;
SELECT privacy.destroy_scope('person', 1);
SAVEPOINT s;
SELECT privacy.pseudonym_at('anna', 'person', 1);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
COMMIT;
SELECT privacy.pseudonym_at('anna', 'person', 1);
SELECT privacy.is_pseudonym(:'first', 'person') AS first_known, privacy.pseudonym('anna', 'person') = :'second' AS second_made;
SELECT version, state, wrapped_key IS NULL AS key_gone, wrapped_check_key IS NOT NULL AS check_key_kept
  FROM privacy.scope_version NATURAL JOIN (SELECT scope, version, state FROM privacy.scope_status) AS status
 WHERE scope = 'person' ORDER BY version;
SELECT privacy.destroy_scope('person', 1);
SELECT privacy.destroy_scope('person', 9);
SELECT privacy.destroy_scope('persona');
-- A rolled back destruction has not taken place.
BEGIN;
SELECT privacy.destroy_scope('person', 2);
ROLLBACK;
SELECT privacy.pseudonym('anna', 'person') = :'second' AS second_made;

-- When the newest version is destroyed, an earlier one does not become the newest again.
SELECT privacy.rotate_scope('person');
SELECT privacy.destroy_scope('person', 3);
SELECT privacy.pseudonym('anna', 'person');
SELECT privacy.pseudonym_at('anna', 'person', 2) = :'second' AS by_name;
SELECT privacy.rotate_scope('person');
SELECT privacy.pseudonym('anna', 'person') NOT IN (:'first', :'second') AS goes_on;
-- All of it. Recognising needs no key.
SELECT privacy.destroy_scope('person');
SELECT privacy.destroy_scope('person');
SELECT privacy.pseudonym('anna', 'person');
SELECT privacy.is_pseudonym(:'first', 'person') AS first_known, privacy.is_pseudonym(:'second', 'person') AS second_known,
	   privacy.is_pseudonym('anna', 'person') AS raw;
SELECT version, state FROM privacy.scope_status WHERE scope = 'person' ORDER BY version;
-- What is derived can be derived again.
SELECT privacy.destroy_scope('shared');
SELECT privacy.destroy_scope('shared', 2);
-- An emptied row is a broken one, not a derived one; and the table refuses rows that mean nothing.
BEGIN;
SELECT privacy.create_scope('emptied');
UPDATE privacy.scope_version SET wrapped_key = NULL, wrapped_check_key = NULL WHERE scope = 'emptied';
SELECT privacy.pseudonym('anna', 'emptied');
ROLLBACK;
\set VERBOSITY terse
UPDATE privacy.scope_version SET wrapped_key = NULL WHERE scope = 'fleeting';
UPDATE privacy.scope_version SET destroyed_at = now() WHERE scope = 'fleeting';
UPDATE privacy.scope_version SET algorithm = 'md5' WHERE scope = 'fleeting';
\set VERBOSITY default

-- Pseudonyms that an older tool made can be computed from its salt. Read it from a file, so that no log has it.
SELECT privacy.import_salt('fleeting', convert_to('pepper', 'UTF8'));
SELECT privacy.pseudonym_at('anna', 'fleeting', 2) = encode(sha256('annapepper'), 'hex') AS the_old_one,
	   privacy.is_pseudonym(encode(sha256('annapepper'), 'hex'), 'fleeting') AS marked;
SELECT version, state, algorithm FROM privacy.scope_status WHERE scope = 'fleeting' ORDER BY version;
SELECT octet_length(wrapped_key) - 40 AS salt, wrapped_check_key IS NULL AS no_check_key FROM privacy.scope_version WHERE scope = 'fleeting' AND version = 2;
-- It never makes new ones by itself, and takes a number as any other version.
SELECT length(privacy.pseudonym('anna', 'fleeting')), privacy.rotate_scope('fleeting');
SELECT privacy.import_salt('fleeting', '');
SELECT privacy.import_salt('fleeting', decode(repeat('00', 129), 'hex'));
SELECT privacy.import_salt('fleeting', NULL);
SELECT privacy.import_salt('fleeting', decode(repeat('00', 128), 'hex'));
-- A salt can be destroyed, in a derived scope too.
SELECT privacy.import_salt('shared', '\x00ff');
SELECT privacy.pseudonym_at('anna', 'shared', 3) = encode(sha256('anna'::bytea || '\x00ff'), 'hex') AS the_old_one;
SELECT privacy.destroy_scope('shared', 3);
SELECT privacy.pseudonym_at('anna', 'shared', 3);

-- At most 256 versions, all of which are recognised.
SELECT privacy.create_scope('long');
SELECT privacy.pseudonym('anna', 'long') AS oldest \gset
SELECT max(privacy.rotate_scope('long')) FROM generate_series(2, 256);
SELECT privacy.rotate_scope('long');
SELECT privacy.destroy_scope('long');
SELECT privacy.is_pseudonym(:'oldest', 'long') AS oldest_known;
-- Recognising many scopes of many versions takes turns in the guarded memory.
SELECT count(privacy.rotate_scope('many.' || i)) FROM generate_series(1, 100) AS i, generate_series(1, 12);
SELECT bool_and(privacy.is_pseudonym(token, 'many.' || i)) AS known, bool_or(privacy.is_pseudonym(token, 'many.' || 101 - i)) AS elsewhere FROM many;

-- Turning reversible pseudonyms back is a right of its own. It puts the role on the scope's list too.
SELECT privacy.grant_reidentify('fleeting', 'regress_analyst');
SELECT privacy.grant_reidentify('fleeting', 'regress_analyst');	-- no error
SELECT privacy.grant_scope('fleeting', 'regress_owner');
SELECT DISTINCT grantees, reidentifiers FROM privacy.scope_status WHERE scope = 'fleeting';
SELECT privacy.revoke_reidentify('fleeting', 'regress_owner');
SELECT privacy.revoke_reidentify('fleeting', 'regress_analyst');
SELECT DISTINCT grantees, reidentifiers FROM privacy.scope_status WHERE scope = 'fleeting';
SELECT privacy.grant_reidentify('nope', 'regress_analyst');
SELECT privacy.grant_reidentify('fleeting', NULL);
-- Which functions a grant covers: all that have to do with pseudonyms, and not those that change keys.
SELECT p.proname, count(*) AS variants, bool_and(has_function_privilege('regress_analyst', p.oid, 'EXECUTE')) AS executable
  FROM pg_proc AS p WHERE p.pronamespace = 'privacy'::regnamespace
   AND p.proname IN ('pseudonym_email', 'chain_pseudonym', 'is_pseudonym', 'reidentify', 'rotate_scope', 'destroy_scope', 'import_salt', 'rotate_root', 'grant_scope')
 GROUP BY p.proname ORDER BY p.proname COLLATE "C";
SELECT privacy.grant_reidentify('fleeting', 'regress_analyst');
SELECT has_function_privilege('regress_analyst', p.oid, 'EXECUTE') AS with_the_right FROM pg_proc AS p
 WHERE p.oid = to_regprocedure('privacy.reidentify(text, text, text)');
SELECT privacy.revoke_scope('fleeting', 'regress_analyst');
SELECT has_function_privilege('regress_analyst', p.oid, 'EXECUTE') AS with_the_last_scope FROM pg_proc AS p
 WHERE p.oid = to_regprocedure('privacy.reidentify(text, text, text)');

-- The root key can be replaced; test/tap/012_root_rotation.pl does that. Here there is no other one.
SELECT privacy.rotate_root();
\echo :LAST_ERROR_SQLSTATE
-- All of this is for the extension's owner.
GRANT EXECUTE ON FUNCTION privacy.pseudonym(text, text) TO regress_analyst;
SET ROLE regress_analyst;
SELECT privacy.rotate_scope('fleeting');
SELECT privacy.destroy_scope('fleeting');
SELECT privacy.import_salt('fleeting', 'x');
SELECT privacy.rotate_root();
SELECT privacy.grant_reidentify('fleeting', 'regress_analyst');
RESET ROLE;

-- Neither the plan nor a setting shows a key.
EXPLAIN (VERBOSE, COSTS OFF) SELECT privacy.pseudonym(oid::text, 'fleeting') FROM pg_class;
SET ROLE regress_analyst;
SELECT name AS visible_setting FROM pg_settings WHERE name LIKE 'privacy.keyring%';
SET privacy.keyring_reidentify_limit = 1000000;
RESET ROLE;
SET privacy.keyring_file = '/tmp/key';
SET privacy.keyring_next_command = 'cat /tmp/key';
SET privacy.keyring_reidentify_limit = -1;

-- Every key event is evidence.
SELECT action, object, detail FROM privacy.audit_entry WHERE object IS NULL OR object !~ '^(many|long)' ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA regress_api CASCADE;
DROP EXTENSION pg_privacy CASCADE;
DROP ROLE regress_member, "regress Team", regress_analyst, regress_owner;
