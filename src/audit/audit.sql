-- audit: evidence that can be verified.

CREATE SEQUENCE privacy.audit_entry_id AS bigint;
REVOKE ALL ON SEQUENCE privacy.audit_entry_id FROM PUBLIC;
COMMENT ON SEQUENCE privacy.audit_entry_id IS 'Ids of privacy.audit_entry; may leave gaps.';

CREATE TABLE privacy.audit_entry (
	id bigint NOT NULL DEFAULT pg_catalog.nextval('privacy.audit_entry_id') PRIMARY KEY,
	at timestamptz NOT NULL,
	actor text NOT NULL,
	action text NOT NULL,
	object text,
	rule text,
	cut_off timestamptz,
	row_count bigint,
	detail jsonb,
	subject_hash bytea,
	mac bytea NOT NULL
);
REVOKE ALL ON privacy.audit_entry FROM PUBLIC;
COMMENT ON TABLE privacy.audit_entry IS
'Every effect, inserted in its own transaction. Append-only. Holds no personal value.';
COMMENT ON COLUMN privacy.audit_entry.id IS 'counted from 1, with gaps where a transaction was rolled back';
COMMENT ON COLUMN privacy.audit_entry.at IS 'when, as privacy.core_clock or the wall clock says';
COMMENT ON COLUMN privacy.audit_entry.actor IS 'the session''s user';
COMMENT ON COLUMN privacy.audit_entry.action IS 'what was done, such as sweep.delete or scope.create';
COMMENT ON COLUMN privacy.audit_entry.object IS 'the table or scope it was done to';
COMMENT ON COLUMN privacy.audit_entry.rule IS 'the deletion rule it was done under';
COMMENT ON COLUMN privacy.audit_entry.cut_off IS 'the time the rule was applied for';
COMMENT ON COLUMN privacy.audit_entry.row_count IS 'how many rows';
COMMENT ON COLUMN privacy.audit_entry.detail IS 'what else belongs to it; never a personal value';
COMMENT ON COLUMN privacy.audit_entry.subject_hash IS 'the data subject, or the reversible pseudonym that was turned back, as a keyed hash: BLAKE2b-256 under this database''s audit key, see src/audit/audit_mac.c';
COMMENT ON COLUMN privacy.audit_entry.mac IS
'keyed BLAKE2b-256 (RFC 7693) over all other columns under this database''s audit key; the message is described in src/audit/audit_mac.c';

CREATE INDEX audit_entry_limit ON privacy.audit_entry (action, (detail ->> 'role'), at) WHERE subject_hash IS NOT NULL;
COMMENT ON INDEX privacy.audit_entry_limit IS 'Counts what a role did in the last hour, where that is limited; other entries are not in it.';

CREATE TABLE privacy.audit_seal (
	chain_number bigint NOT NULL PRIMARY KEY,
	entry_id bigint NOT NULL UNIQUE,
	mac bytea NOT NULL,
	sealed_at timestamptz NOT NULL,
	settled_id bigint NOT NULL
);
REVOKE ALL ON privacy.audit_seal FROM PUBLIC;
COMMENT ON TABLE privacy.audit_seal IS
'The chain: one link for each committed entry, by privacy.seal_audit(). Append-only. Sealers exclude each other by SHARE ROW EXCLUSIVE on this table.';
COMMENT ON COLUMN privacy.audit_seal.chain_number IS 'counted from 1, without gaps';
COMMENT ON COLUMN privacy.audit_seal.entry_id IS 'the entry; no foreign key, so that its removal can be found instead of followed';
COMMENT ON COLUMN privacy.audit_seal.mac IS
'keyed BLAKE2b-256 over this row, the entry''s mac and the mac of the link before';
COMMENT ON COLUMN privacy.audit_seal.sealed_at IS 'when';
COMMENT ON COLUMN privacy.audit_seal.settled_id IS 'every entry up to this id is sealed or will never be; where the next sealing begins';

SELECT pg_catalog.pg_extension_config_dump('privacy.audit_entry', '');
SELECT pg_catalog.pg_extension_config_dump('privacy.audit_entry_id', '');
SELECT pg_catalog.pg_extension_config_dump('privacy.audit_seal', '');

CREATE FUNCTION privacy.refuse_change() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RAISE EXCEPTION 'table "%.%" is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
		USING ERRCODE = 'PV004',
		DETAIL = pg_catalog.format('%s was attempted on evidence.', TG_OP),
		HINT = 'Evidence is kept; a correction is a further entry. INSERT is open for pg_restore.';
END
$$;
REVOKE ALL ON FUNCTION privacy.refuse_change() FROM PUBLIC;
COMMENT ON FUNCTION privacy.refuse_change() IS
'Trigger of the evidence tables: raises PV004 on UPDATE, DELETE and TRUNCATE, even where no row is concerned.';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.audit_entry
	FOR EACH STATEMENT EXECUTE FUNCTION privacy.refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.audit_seal
	FOR EACH STATEMENT EXECUTE FUNCTION privacy.refuse_change();
ALTER TABLE privacy.audit_entry ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE privacy.audit_seal ENABLE ALWAYS TRIGGER refuse_change;
COMMENT ON TRIGGER refuse_change ON privacy.audit_entry IS 'Append-only; always enabled, so that session_replication_role does not lift it.';
COMMENT ON TRIGGER refuse_change ON privacy.audit_seal IS 'Append-only; always enabled, so that session_replication_role does not lift it.';

CREATE FUNCTION privacy.seal_audit() RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_seal_audit';
REVOKE ALL ON FUNCTION privacy.seal_audit() FROM PUBLIC;
COMMENT ON FUNCTION privacy.seal_audit() IS
'Chains every committed entry that is not chained yet, in the order of ids; returns how many. Waits for another sealer, never for writers of entries. Raises PV001 or PV002 when the root key is missing or another one, PV004 when the audit key is gone.';

CREATE FUNCTION privacy.audit_head() RETURNS text
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'pp_sql_audit_head';
REVOKE ALL ON FUNCTION privacy.audit_head() FROM PUBLIC;
COMMENT ON FUNCTION privacy.audit_head() IS
'The last link of the chain as "chain number:64 hexadecimal digits", null while nothing is sealed. Keep it outside the database, and give it to privacy.verify_audit() later: the removal of the newest links shows only against it.';

CREATE FUNCTION privacy.verify_audit(expected_head text DEFAULT NULL)
	RETURNS TABLE (entry_id bigint, chain_number bigint, fault text)
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'pp_sql_verify_audit';
REVOKE ALL ON FUNCTION privacy.verify_audit(text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.verify_audit(text) IS
'One row for each fault of the evidence, none when it is whole. expected_head: what privacy.audit_head() returned earlier, or null. Faults: entry altered; entry missing; seal altered or out of order; gap in chain numbers; unsealed entry altered; expected head not found. Removal of entries not yet sealed, or of the newest links with their entries, shows only against an expected head. Raises invalid_parameter_value for a malformed head, PV001 or PV002 when the root key is missing or another one.';

CREATE FUNCTION privacy.export_audit(after bigint DEFAULT 0, at_most bigint DEFAULT NULL) RETURNS SETOF text
	LANGUAGE C VOLATILE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'pp_sql_export_audit';
REVOKE ALL ON FUNCTION privacy.export_audit(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION privacy.export_audit(bigint, bigint) IS
'The evidence as lines of JSON in the order of the chain, for a keeper outside: every sealed entry behind the chain number after, at most so many (NULL: all). Go on with the chain_number of the last line. Each line has the columns of privacy.audit_entry, and of its link sealed_at, settled_id and, as seal, its MAC: "chain_number:seal" of a line is what audit_head() said then, for verify_audit(). Flushes WAL first, so that no line can be lost in a crash. Raises invalid_parameter_value.';
