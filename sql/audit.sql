-- audit: evidence that can be verified.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
SET TimeZone = 'UTC';
SET privacy.core_clock = '2026-01-31 12:00+00';

-- Nothing has happened: nothing to seal, no head, no fault.
SELECT privacy.seal_audit(), privacy.audit_head();
SELECT * FROM privacy.verify_audit();

-- Each effect leaves an entry, with a MAC of its own. The first use of the root key is one too.
SELECT privacy.create_scope('person');
SELECT privacy.create_scope('payment', 'transaction');
CREATE ROLE regress_auditor;
SELECT privacy.grant_scope('person', 'regress_auditor');
SELECT id, at > now() - interval '1 minute' AS at, actor = session_user AS actor, action, object, rule, cut_off, row_count, detail, subject_hash, octet_length(mac) AS mac
  FROM privacy.audit_entry ORDER BY id;

-- An effect that is rolled back leaves none; ids may have gaps, chain numbers not.
BEGIN;
SELECT privacy.create_scope('never');
ROLLBACK;
SELECT privacy.create_scope('later');
SELECT privacy.seal_audit();
SELECT privacy.seal_audit();
SELECT chain_number, entry_id, sealed_at > now() - interval '1 minute' AS sealed_at, settled_id FROM privacy.audit_seal ORDER BY chain_number;
SELECT privacy.audit_head() ~ '^5:[0-9a-f]{64}$' AS head;
SELECT privacy.audit_head() AS head \gset
SELECT * FROM privacy.verify_audit();
SELECT * FROM privacy.verify_audit(:'head');

-- The tables are append-only, for superusers and replicas too. INSERT is open for pg_restore, and a forgery shows.
UPDATE privacy.audit_entry SET actor = 'nobody';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM privacy.audit_entry WHERE false;
TRUNCATE privacy.audit_entry;
DELETE FROM privacy.audit_seal;
SET session_replication_role = replica;
DELETE FROM privacy.audit_entry;
RESET session_replication_role;
BEGIN;
INSERT INTO privacy.audit_entry (at, actor, action, mac) VALUES (now(), 'postgres', 'scope.create', repeat('x', 32)::bytea);
SELECT entry_id IS NOT NULL AS entry, chain_number, fault FROM privacy.verify_audit();
ROLLBACK;

-- Whoever gets around the triggers is found out. One fault, one row.
ALTER TABLE privacy.audit_entry DISABLE TRIGGER USER;
ALTER TABLE privacy.audit_seal DISABLE TRIGGER USER;

-- A column of an entry, whichever; null and empty are different; the time to the microsecond.
CREATE FUNCTION pg_temp.faults_after(tampering text) RETURNS TABLE (entry_id bigint, chain_number bigint, fault text)
	LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	BEGIN
		EXECUTE tampering;
		FOR r IN SELECT v.entry_id, v.chain_number, v.fault FROM privacy.verify_audit() AS v LOOP
			entry_id := r.entry_id; chain_number := r.chain_number; fault := r.fault;
			RETURN NEXT;
		END LOOP;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'PX000';
	EXCEPTION WHEN SQLSTATE 'PX000' THEN
		RETURN;
	END;
END
$$;
SELECT tampering, f.*
  FROM unnest(ARRAY[
	'at = at + interval ''1 microsecond''', 'actor = ''mallory''', 'action = ''scope.grant''', 'object = NULL', 'object = ''personal''',
	'rule = ''''', 'cut_off = ''2000-01-01 00:00+00''', 'row_count = 0', 'detail = ''{}''', 'subject_hash = ''''',
	'mac = mac || ''\x00''', 'mac = set_byte(mac, 31, get_byte(mac, 31) # 1)', 'id = 99']) WITH ORDINALITY AS t (tampering, n),
	   LATERAL pg_temp.faults_after('UPDATE privacy.audit_entry SET ' || tampering || ' WHERE id = 2') AS f
 ORDER BY n, f.entry_id;

-- Two entries that change places.
SELECT * FROM pg_temp.faults_after($$UPDATE privacy.audit_entry SET id = CASE id WHEN 2 THEN -3 ELSE -2 END WHERE id IN (2, 3);
	UPDATE privacy.audit_entry SET id = -id WHERE id < 0$$);
-- An entry removed; the first; one with its link; the last, with its link and then against the head.
SELECT * FROM pg_temp.faults_after('DELETE FROM privacy.audit_entry WHERE id = 3');
SELECT * FROM pg_temp.faults_after('DELETE FROM privacy.audit_entry WHERE id = 1');
SELECT * FROM pg_temp.faults_after('DELETE FROM privacy.audit_entry WHERE id = 3; DELETE FROM privacy.audit_seal WHERE entry_id = 3');
SELECT * FROM pg_temp.faults_after('DELETE FROM privacy.audit_seal WHERE chain_number IN (1, 2)');
BEGIN;
DELETE FROM privacy.audit_entry WHERE id = 6;
DELETE FROM privacy.audit_seal WHERE entry_id = 6;
SELECT * FROM privacy.verify_audit();
SELECT * FROM privacy.verify_audit(:'head');
ROLLBACK;
-- Links altered, swapped, put in.
SELECT * FROM pg_temp.faults_after('UPDATE privacy.audit_seal SET mac = set_byte(mac, 0, get_byte(mac, 0) # 1) WHERE chain_number = 2');
SELECT * FROM pg_temp.faults_after('UPDATE privacy.audit_seal SET sealed_at = sealed_at - interval ''1 day'' WHERE chain_number = 2');
SELECT * FROM pg_temp.faults_after('UPDATE privacy.audit_seal SET settled_id = 99 WHERE chain_number = 5');
SELECT * FROM pg_temp.faults_after($$UPDATE privacy.audit_seal SET chain_number = CASE chain_number WHEN 2 THEN -3 ELSE -2 END WHERE chain_number IN (2, 3);
	UPDATE privacy.audit_seal SET chain_number = -chain_number WHERE chain_number < 0$$);
SELECT * FROM pg_temp.faults_after('INSERT INTO privacy.audit_seal SELECT 0, 77, mac, sealed_at, settled_id FROM privacy.audit_seal WHERE chain_number = 1');
-- All links removed: the entries are whole, the head is not there.
BEGIN;
DELETE FROM privacy.audit_seal;
SELECT * FROM privacy.verify_audit();
SELECT * FROM privacy.verify_audit(:'head');
ROLLBACK;
-- The key of the evidence removed: no new one is made up for it.
BEGIN;
DELETE FROM privacy.root_key;
SELECT * FROM privacy.verify_audit();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
ALTER TABLE privacy.audit_entry ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE privacy.audit_seal ENABLE ALWAYS TRIGGER refuse_change;
SELECT * FROM privacy.verify_audit(:'head');

-- A head is what audit_head() gave.
SELECT * FROM privacy.verify_audit('5');
SELECT * FROM privacy.verify_audit('x:' || repeat('0', 64));
SELECT * FROM privacy.verify_audit('5:' || repeat('g', 64));
SELECT * FROM privacy.verify_audit('5:' || repeat('0', 64));

-- A keeper outside takes lines of JSON, and goes on where he stopped. The last line has the head.
SELECT line::jsonb - 'at' - 'actor' - 'mac' - 'seal' - 'sealed_at' AS line FROM privacy.export_audit(at_most => 2) AS line;
SELECT line::jsonb ->> 'chain_number' AS chain_number, line::jsonb ->> 'action' AS action FROM privacy.export_audit(2) AS line;
SELECT concat(line::jsonb ->> 'chain_number', ':', line::jsonb ->> 'seal') = :'head' AS is_head FROM privacy.export_audit(4) AS line;
SELECT count(*) AS lines, count(DISTINCT line::jsonb ->> 'mac') AS macs FROM privacy.export_audit() AS line;
SELECT * FROM privacy.export_audit(5);
SELECT * FROM privacy.export_audit(at_most => -1);

-- Not for everyone; EXECUTE is enough for an auditor, who need not read the tables.
SET ROLE regress_auditor;
SELECT privacy.audit_head();
SELECT * FROM privacy.verify_audit();
SELECT * FROM privacy.export_audit();
SELECT privacy.seal_audit();
SELECT count(*) FROM privacy.audit_entry;
RESET ROLE;
GRANT EXECUTE ON FUNCTION privacy.audit_head(), privacy.verify_audit(text) TO regress_auditor;
SET ROLE regress_auditor;
SELECT privacy.audit_head() = :'head' AS head;
SELECT * FROM privacy.verify_audit(:'head');
RESET ROLE;

-- More than a cursor's worth, in several sealings.
SELECT count(privacy.create_scope('many_' || i)) FROM generate_series(1, 1500) AS i;
SELECT privacy.seal_audit();
SELECT count(privacy.create_scope('more_' || i)) FROM generate_series(1, 10) AS i;
SELECT privacy.seal_audit();
SELECT count(*), max(chain_number) FROM privacy.audit_seal;
SELECT * FROM privacy.verify_audit(:'head');

SET client_min_messages = warning;
DROP EXTENSION pg_privacy CASCADE;
DROP ROLE regress_auditor;
