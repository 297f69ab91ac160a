-- reversal: pseudonyms that can be turned back, by few, with a reason, a limit and evidence.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
CREATE ROLE regress_analyst;
CREATE ROLE regress_officer;
SELECT privacy.create_scope('person');
SELECT privacy.create_scope('payment', 'transaction');
SELECT privacy.create_scope('shared', destroyable => false);

-- Equal values have equal pseudonyms inside one scope, unrelated ones across scopes; as every pseudonym.
SELECT privacy.encrypted_pseudonym('anna', 'person') = privacy.encrypted_pseudonym('anna', 'person') AS within,
	   privacy.encrypted_pseudonym('anna', 'person') = privacy.encrypted_pseudonym('anna', 'payment') AS across;
SELECT privacy.encrypted_pseudonym('anna', 'person') ~ '^AQEA[A-Za-z0-9_-]{54}$' AS form,
	   privacy.encrypted_pseudonym(NULL, 'person') IS NULL AS null;
-- A derived scope gives these wherever the root key is 000102...1f (test/vectors has more).
SELECT v, privacy.encrypted_pseudonym(v, 'shared') FROM unnest(ARRAY['', 'anna@example.org', 'åäö']) AS v;
-- The length of a value shows in steps of 16 bytes only.
SELECT n, length(privacy.encrypted_pseudonym(repeat('x', n), 'person')) FROM unnest(ARRAY[0, 1, 15, 16, 31, 32, 1000]) AS n;
SELECT count(DISTINCT privacy.encrypted_pseudonym(v, 'person')) AS different
  FROM unnest(ARRAY['anna', 'Anna', ' anna', 'anna ', '', ' ', E'anna\n', E'anna\u0080']) AS v;
SELECT privacy.encrypted_pseudonym('anna', 'nope');

-- To make them is the right of the scope's list. To turn them back is another right, with a name of its own.
SELECT privacy.grant_scope('person', 'regress_analyst');
SELECT privacy.grant_reidentify('person', 'regress_officer');
CREATE TABLE customer (id int, name text);
GRANT SELECT ON customer TO regress_officer;
SET ROLE regress_analyst;
SELECT length(privacy.encrypted_pseudonym('anna', 'person'));
SELECT privacy.reidentify('x', 'person', 'case 1');
SELECT privacy.reversal_hash('x', 'person');
RESET ROLE;
GRANT EXECUTE ON FUNCTION privacy.reidentify(text, text, text) TO regress_analyst;
SET ROLE regress_analyst;
SELECT privacy.reidentify('x', 'person', 'case 1');
RESET ROLE;
SELECT count(*) AS recorded FROM privacy.audit_entry WHERE action = 'scope.reidentify';

-- It takes the pseudonym, its scope and the reason, which is kept.
INSERT INTO customer SELECT i, privacy.encrypted_pseudonym(name, 'person') FROM (VALUES (1, 'anna'), (2, 'bo'), (3, NULL)) AS v (i, name);
SET ROLE regress_officer;
SELECT id, privacy.reidentify(name, 'person', 'request 2026-17: access') FROM customer ORDER BY id;
RESET ROLE;
-- Who read what, and why; a null was not read. What was read is named by a keyed hash that only its holder can ask for.
SELECT actor = session_user AS by_session, action, object, detail, subject_hash = privacy.reversal_hash(name, 'person') AS named
  FROM privacy.audit_entry AS e JOIN customer AS c ON c.id = 1 WHERE action = 'scope.reidentify' ORDER BY e.id;

-- The reason is one line that says something.
SET ROLE regress_officer;
SELECT privacy.reidentify('x', 'person', NULL);
SELECT privacy.reidentify('x', 'person', '  ');
SELECT privacy.reidentify('x', 'person', E'case 1\n2026-01-01 LOG: all is well');
SELECT privacy.reidentify('x', 'person', repeat('å', 501));
SELECT privacy.reidentify('x', NULL, 'case 1');
SELECT privacy.reidentify('x', 'nope', 'case 1');
SELECT privacy.reidentify('x', 'payment', 'case 1');
-- It may contain whatever else text can.
SELECT privacy.reidentify(name, 'person', '"}, {\ %s ''; -- ' || repeat('å', 480)) FROM customer WHERE id = 2;
RESET ROLE;
SELECT detail ->> 'reason' = '"}, {\ %s ''; -- ' || repeat('å', 480) AS kept FROM privacy.audit_entry ORDER BY id DESC LIMIT 1;

-- Whatever is wrong with a pseudonym, the answer is one and the same, and the attempt is evidence.
CREATE TEMP TABLE trial AS SELECT privacy.encrypted_pseudonym('anna', 'person') AS t;
SELECT privacy.reidentify('no such thing', 'person', 'case 2');
CREATE FUNCTION pg_temp.try(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
	detail text;
	hint text;
BEGIN
	RETURN 'opened: ' || privacy.reidentify(token, 'person', 'trial');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', SQLSTATE, said, detail, hint);
END $$;
CREATE TEMP TABLE answer AS SELECT n, what, pg_temp.try(token) AS answer FROM trial, LATERAL (VALUES
	(1, 'as made', t), (2, 'empty', ''), (3, 'cut', left(t, 57)), (4, 'cut by four', left(t, 54)), (5, 'lengthened', t || 'A'),
	(6, 'padded', t || '=='), (7, 'standard base64', translate(t, '-_', '+/') || '+'), (8, 'another format', overlay(t PLACING 'Ag' FROM 1)),
	(9, 'another version', overlay(t PLACING 'AQIA' FROM 1)), (10, 'version 0', overlay(t PLACING 'AQAA' FROM 1)),
	(11, 'last version', overlay(t PLACING 'Af__' FROM 1)),
	(12, 'nonce altered', overlay(t PLACING CASE substr(t, 10, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 10)),
	(13, 'sealed altered', overlay(t PLACING CASE substr(t, 45, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 45)),
	(14, 'last digit altered', left(t, 57) || chr(ascii(right(t, 1)) + 1)), (15, 'space in front', ' ' || t), (16, 'line end', t || E'\n'),
	(17, 'of another scope', privacy.encrypted_pseudonym('anna', 'payment')), (18, 'one-way', privacy.pseudonym('anna', 'person')),
	(19, 'raw', 'anna'), (20, 'no ASCII', repeat('å', 29)), (21, 'long', repeat('A', 100000)), (22, 'header only', 'AQEA'),
	(23, 'no message', left(t, 36)), (24, 'part of a block', t || 'AAAA')) AS v (n, what, token);
SELECT what, answer FROM answer WHERE answer LIKE 'opened%';
SELECT count(*) AS tokens, count(DISTINCT answer) AS answers FROM answer WHERE answer NOT LIKE 'opened%';
SELECT detail -> 'opened' AS opened, count(*) FROM privacy.audit_entry WHERE detail ->> 'reason' = 'trial' GROUP BY 1 ORDER BY 1;

-- A rollback takes back neither the evidence nor the count.
BEGIN;
SELECT privacy.reidentify(t, 'person', 'read and rolled back') FROM trial;
ROLLBACK;
SELECT actor = session_user AS by_session, detail - 'role' AS detail FROM privacy.audit_entry WHERE detail ->> 'reason' = 'read and rolled back';
-- A role may make so many in an hour. Those above count.
SET privacy.keyring_reidentify_limit = 4;
SET ROLE regress_officer;
SELECT privacy.reidentify(name, 'person', 'case 3') FROM customer WHERE id = 1;
BEGIN;
SELECT privacy.reidentify(name, 'person', 'case 3, one too many') FROM customer WHERE id = 1;
ROLLBACK;
\echo :LAST_ERROR_SQLSTATE
SET privacy.keyring_reidentify_limit = 1000;
RESET ROLE;
-- Each role has its own count, a superuser too.
\set VERBOSITY sqlstate
SET privacy.keyring_reidentify_limit = 27;
SELECT privacy.reidentify(t, 'person', 'the last one') FROM trial;
SELECT privacy.reidentify(t, 'person', 'one too many') FROM trial;
SET privacy.keyring_reidentify_limit = 0;
SELECT privacy.reidentify(t, 'person', 'none at all') FROM trial;
\set VERBOSITY default
SELECT detail ->> 'role' = session_user AS of_superuser, count(*) FROM privacy.audit_entry WHERE action = 'scope.reidentify' GROUP BY 1 ORDER BY 1;
SET privacy.keyring_reidentify_limit = 1000;

-- A SECURITY DEFINER function is the intended delegation: its owner's right and count, the session's user as actor.
CREATE FUNCTION regress_name_of(customer int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$SELECT privacy.reidentify(name, 'person', 'support call') FROM public.customer WHERE id = $1$$;
ALTER FUNCTION regress_name_of(int) OWNER TO regress_officer;
SET SESSION AUTHORIZATION regress_analyst;
SELECT regress_name_of(2);
RESET SESSION AUTHORIZATION;
SELECT actor, detail FROM privacy.audit_entry ORDER BY id DESC LIMIT 1;

-- What was encrypted comes back as it was.
CREATE TABLE regress_value AS
  SELECT n, CASE n WHEN 0 THEN '' WHEN 1 THEN E'tab\tand\nline' WHEN 2 THEN 'å漢😀' WHEN 3 THEN repeat('å', 500000) WHEN 4 THEN E'\u0080\u0001'
	ELSE left(repeat(md5(n::text), 4), (n * 7) % 120) || repeat(chr(n * 50), n % 3) END AS v FROM generate_series(0, 40) AS n;
SELECT count(*), bool_and(privacy.reidentify(privacy.encrypted_pseudonym(v, 'person'), 'person', 'round trip') = v) AS equal FROM regress_value;

-- Never in a parallel operation, whatever a wrapper says of itself.
CREATE FUNCTION regress_wrapper(token text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	AS $$SELECT privacy.reidentify(token, 'person', 'in parallel')$$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SELECT count(regress_wrapper(v)) FROM regress_value;
SELECT proname, provolatile, proisstrict, proparallel, has_function_privilege('public', oid, 'EXECUTE') AS public
  FROM pg_proc WHERE pronamespace = 'privacy'::regnamespace AND proname IN ('encrypted_pseudonym', 'reidentify', 'reversal_hash') ORDER BY proname;

-- A rotated scope still turns back what its older versions made; a destroyed version nothing, and in no other words.
SELECT privacy.rotate_scope('person');
SELECT left(privacy.encrypted_pseudonym('anna', 'person'), 4) AS version, privacy.encrypted_pseudonym('anna', 'person') = t AS equal FROM trial;
SELECT left(pg_temp.try(t), 12) AS old, left(pg_temp.try(privacy.encrypted_pseudonym('anna', 'person')), 12) AS new FROM trial;
SELECT privacy.destroy_scope('person', 1);
SELECT pg_temp.try(t) = (SELECT DISTINCT answer FROM answer WHERE answer NOT LIKE 'opened%') AS old_in_the_same_words,
	   left(pg_temp.try(privacy.encrypted_pseudonym('anna', 'person')), 12) AS new FROM trial;

-- A version that holds an imported salt has no keys to turn anything back with. What was forged with keys of zeros does not open.
SELECT privacy.import_salt('person', 'pepper');
SELECT pg_temp.try('AQMACLMbtwPDXRqPf4479Vq7oT436IPLUv42N27e6DtEtFy5Cl_e_UTD2w')
	= (SELECT DISTINCT answer FROM answer WHERE answer NOT LIKE 'opened%') AS in_the_same_words;

-- All of it is whole evidence.
SELECT privacy.seal_audit() > 0 AS sealed;
SELECT * FROM privacy.verify_audit();

SET client_min_messages = warning;
DROP TABLE customer, regress_value;
DROP FUNCTION regress_name_of(int), regress_wrapper(text);
DROP EXTENSION pg_privacy CASCADE;
DROP ROLE regress_analyst, regress_officer;
