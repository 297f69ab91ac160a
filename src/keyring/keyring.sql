-- keyring: scopes and their keys, wrapped by a root key that is not in the database.

CREATE TABLE privacy.root_key (
	singleton boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (singleton),
	check_value bytea NOT NULL CHECK (pg_catalog.octet_length(check_value) = 16),
	wrapped_audit_key bytea NOT NULL,
	created_at timestamptz NOT NULL,
	rotated_at timestamptz
);
REVOKE ALL ON privacy.root_key FROM PUBLIC;
COMMENT ON TABLE privacy.root_key IS
'One row, made when the root key is first needed: which root key this database was set up with. Holds no key in the clear.';
COMMENT ON COLUMN privacy.root_key.singleton IS 'always true: there is one row';
COMMENT ON COLUMN privacy.root_key.check_value IS
'16 bytes derived from the root key (BLAKE2b, use "check-value"); another root key derives another value and is refused';
COMMENT ON COLUMN privacy.root_key.wrapped_audit_key IS
'the random key that authenticates evidence: nonce and XChaCha20-Poly1305 ciphertext under a key derived from the root key';
COMMENT ON COLUMN privacy.root_key.created_at IS 'when the row was made';
COMMENT ON COLUMN privacy.root_key.rotated_at IS
'when privacy.rotate_root() last ran; what was copied before (dumps, backups, WAL, dead rows) is wrapped by an earlier root key';

CREATE TABLE privacy.scope (
	name text NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z_][a-z0-9_.]{0,62}$'),
	kind text NOT NULL CHECK (kind IN ('person', 'relationship', 'transaction')),
	destroyable boolean NOT NULL,
	created_at timestamptz NOT NULL
);
REVOKE ALL ON privacy.scope FROM PUBLIC;
COMMENT ON TABLE privacy.scope IS
'The linkage sets: equal values have equal pseudonyms inside one scope, unrelated ones across scopes. Written by privacy.create_scope().';
COMMENT ON COLUMN privacy.scope.name IS 'lower-case letters, digits, underscores and dots, at most 63 bytes';
COMMENT ON COLUMN privacy.scope.kind IS
'how far pseudonyms link: person, relationship or transaction (EDPB Guidelines 01/2025)';
COMMENT ON COLUMN privacy.scope.destroyable IS
'true: a random key, stored wrapped; false: a key derived from the root key, equal in every database that shares it';
COMMENT ON COLUMN privacy.scope.created_at IS 'when the scope was created';

CREATE TABLE privacy.scope_version (
	scope text NOT NULL,
	version integer NOT NULL CHECK (version > 0),
	algorithm text NOT NULL DEFAULT 'blake2b-128',
	wrapped_key bytea,
	wrapped_check_key bytea,
	created_at timestamptz NOT NULL,
	destroyed_at timestamptz,
	PRIMARY KEY (scope, version),
	CONSTRAINT keys_as_stored CHECK (
		CASE algorithm
			WHEN 'blake2b-128' THEN CASE WHEN destroyed_at IS NULL
				THEN (wrapped_key IS NULL) = (wrapped_check_key IS NULL)
				ELSE wrapped_key IS NULL AND wrapped_check_key IS NOT NULL END
			WHEN 'sha256-salted' THEN wrapped_check_key IS NULL AND (wrapped_key IS NULL) = (destroyed_at IS NOT NULL)
			ELSE false
		END)
);
REVOKE ALL ON privacy.scope_version FROM PUBLIC;
COMMENT ON TABLE privacy.scope_version IS 'The keys of each scope, one row per version. The highest one that was not imported makes pseudonyms, or an error once it has been destroyed; all of them are recognised.';
COMMENT ON COLUMN privacy.scope_version.scope IS 'the scope';
COMMENT ON COLUMN privacy.scope_version.version IS 'counted from 1';
COMMENT ON COLUMN privacy.scope_version.algorithm IS 'what computes the pseudonyms: blake2b-128, or sha256-salted for a salt of privacy.import_salt()';
COMMENT ON COLUMN privacy.scope_version.wrapped_key IS
'the key of the pseudonyms: nonce and XChaCha20-Poly1305 ciphertext, bound to scope and version; of an imported version the salt. Null when derived from the root key, and when destroyed';
COMMENT ON COLUMN privacy.scope_version.wrapped_check_key IS
'the key that recognises pseudonyms of this version, wrapped alike, kept when the version is destroyed; null when derived, and of an imported version';
COMMENT ON COLUMN privacy.scope_version.created_at IS 'when the version was made';
COMMENT ON COLUMN privacy.scope_version.destroyed_at IS 'when its key was destroyed; null while it is usable';

CREATE TABLE privacy.scope_grant (
	scope text NOT NULL,
	grantee regrole NOT NULL,
	reversible boolean NOT NULL DEFAULT false,
	PRIMARY KEY (scope, grantee)
);
REVOKE ALL ON privacy.scope_grant FROM PUBLIC;
COMMENT ON TABLE privacy.scope_grant IS
'Which roles, with their members, may use a scope''s keys. Written by privacy.grant_scope(), privacy.revoke_scope() and their kin. Before dropping a role, revoke its scopes.';
COMMENT ON COLUMN privacy.scope_grant.scope IS 'the scope';
COMMENT ON COLUMN privacy.scope_grant.grantee IS 'the role; dumped by its name';
COMMENT ON COLUMN privacy.scope_grant.reversible IS
'whether it may turn reversible pseudonyms back as well. Written by privacy.grant_reidentify() and privacy.revoke_reidentify()';

-- Keys and grants are the user's own: a dump without them would restore to a database whose pseudonyms match nothing.
SELECT pg_catalog.pg_extension_config_dump('privacy.root_key', '');
SELECT pg_catalog.pg_extension_config_dump('privacy.scope', '');
SELECT pg_catalog.pg_extension_config_dump('privacy.scope_version', '');
SELECT pg_catalog.pg_extension_config_dump('privacy.scope_grant',
	'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = grantee)');

CREATE FUNCTION privacy.invalidate_keyring() RETURNS trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_invalidate_keyring';
REVOKE ALL ON FUNCTION privacy.invalidate_keyring() FROM PUBLIC;
COMMENT ON FUNCTION privacy.invalidate_keyring() IS
'Trigger of the keyring''s tables: makes every backend forget the keys and permissions it has cached.';

CREATE TRIGGER invalidate_keyring AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON privacy.root_key
	FOR EACH STATEMENT EXECUTE FUNCTION privacy.invalidate_keyring();
CREATE TRIGGER invalidate_keyring AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON privacy.scope
	FOR EACH STATEMENT EXECUTE FUNCTION privacy.invalidate_keyring();
CREATE TRIGGER invalidate_keyring AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON privacy.scope_version
	FOR EACH STATEMENT EXECUTE FUNCTION privacy.invalidate_keyring();
CREATE TRIGGER invalidate_keyring AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON privacy.scope_grant
	FOR EACH STATEMENT EXECUTE FUNCTION privacy.invalidate_keyring();
ALTER TABLE privacy.root_key ENABLE ALWAYS TRIGGER invalidate_keyring;
ALTER TABLE privacy.scope ENABLE ALWAYS TRIGGER invalidate_keyring;
ALTER TABLE privacy.scope_version ENABLE ALWAYS TRIGGER invalidate_keyring;
ALTER TABLE privacy.scope_grant ENABLE ALWAYS TRIGGER invalidate_keyring;
COMMENT ON TRIGGER invalidate_keyring ON privacy.root_key IS 'Also for changes by hand, by COPY and by a replica''s apply.';
COMMENT ON TRIGGER invalidate_keyring ON privacy.scope IS 'Also for changes by hand, by COPY and by a replica''s apply.';
COMMENT ON TRIGGER invalidate_keyring ON privacy.scope_version IS 'Also for changes by hand, by COPY and by a replica''s apply.';
COMMENT ON TRIGGER invalidate_keyring ON privacy.scope_grant IS 'Also for changes by hand, by COPY and by a replica''s apply.';

CREATE FUNCTION privacy.create_scope(name text, kind text DEFAULT 'person', destroyable boolean DEFAULT true) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_create_scope';
REVOKE ALL ON FUNCTION privacy.create_scope(text, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION privacy.create_scope(text, text, boolean) IS
'Creates a scope and the first version of its key. name: 1 to 63 lower-case letters, digits, underscores and dots. kind: person, relationship or transaction. destroyable: true for a random key, stored wrapped by the root key; false for a key derived from root key, name and version, equal in every database that shares the root key, and never destroyable. Raises invalid_name, invalid_parameter_value, duplicate_object, and PV001 or PV002 when the root key is missing or another one. Wrapping: XChaCha20-Poly1305 (libsodium); derivation: keyed BLAKE2b (RFC 7693).';

CREATE FUNCTION privacy.rotate_scope(scope text) RETURNS integer
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_rotate_scope';
REVOKE ALL ON FUNCTION privacy.rotate_scope(text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.rotate_scope(text) IS
'Starts a new version of a scope''s key and returns its number. From then on it makes the pseudonyms; those of earlier versions are still recognised, and privacy.pseudonym_at() makes them as long as their key is not destroyed. A scope has at most 256 versions. Raises undefined_object for an unknown scope, program_limit_exceeded, PV001 or PV002 for the root key.';

CREATE FUNCTION privacy.destroy_scope(scope text, version integer DEFAULT NULL) RETURNS integer
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_destroy_scope';
REVOKE ALL ON FUNCTION privacy.destroy_scope(text, integer) FROM PUBLIC;
COMMENT ON FUNCTION privacy.destroy_scope(text, integer) IS
'Destroys the key of one version of a scope, or of every version when version is null; returns how many. From the next statement on no session can make their pseudonyms or turn them back, also in a transaction that did so before; recognising them still works. When the newest version is destroyed, making pseudonyms is an error until privacy.rotate_scope(). Copies of the wrapped key in dead rows, WAL, backups and dumps are beyond reach once privacy.rotate_root() has run and the old root key is destroyed. Raises undefined_object for an unknown scope or version, object_not_in_prerequisite_state for a scope that is not destroyable and for what is destroyed already, PV001 or PV002 for the root key.';

CREATE FUNCTION privacy.import_salt(scope text, salt bytea) RETURNS integer
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_import_salt';
REVOKE ALL ON FUNCTION privacy.import_salt(text, bytea) FROM PUBLIC;
COMMENT ON FUNCTION privacy.import_salt(text, bytea) IS
'Adds a version whose pseudonyms are the 64 hexadecimal digits of sha256(value || salt), as PostgreSQL Anonymizer''s hash and many home-made functions have made them, and returns its number for privacy.pseudonym_at(). It never makes new pseudonyms by itself and its pseudonyms carry no mark. salt: 1 to 128 bytes, stored wrapped by the root key. A statement that spells the salt out may be logged; read it from a file instead: privacy.import_salt(''person'', pg_read_binary_file(''/path'')). Raises undefined_object for an unknown scope, invalid_parameter_value, program_limit_exceeded, PV001 or PV002 for the root key.';

CREATE FUNCTION privacy.rotate_root() RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_rotate_root';
REVOKE ALL ON FUNCTION privacy.rotate_root() FROM PUBLIC;
COMMENT ON FUNCTION privacy.rotate_root() IS
'Moves this database to the root key of privacy.keyring_next_file or privacy.keyring_next_command: every surviving key, check key, salt and the audit key are wrapped by it, in one transaction; derived keys are stored wrapped from then on, so that no pseudonym changes. Afterwards this database needs the next root key only. When all databases have been rotated, make it the current one in the configuration and reload. Readers go on; other changes of keys wait. Raises object_not_in_prerequisite_state when the database has that root key already, PV001 or PV002 for the root keys, serialization_failure from a transaction with an old snapshot.';

CREATE FUNCTION privacy.grant_scope(scope text, role regrole) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_grant_scope';
REVOKE ALL ON FUNCTION privacy.grant_scope(text, regrole) FROM PUBLIC;
COMMENT ON FUNCTION privacy.grant_scope(text, regrole) IS
'Puts a role (and so its members) on a scope''s list, and grants it EXECUTE on the keyed functions: one call is enough. Doing so twice is no error. Whoever may compute pseudonyms can find a raw value by guessing; prefer to grant to the owner of a SECURITY DEFINER function. Raises undefined_object for an unknown scope or role, PV001 or PV002 for the root key.';

CREATE FUNCTION privacy.revoke_scope(scope text, role regrole) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_revoke_scope';
REVOKE ALL ON FUNCTION privacy.revoke_scope(text, regrole) FROM PUBLIC;
COMMENT ON FUNCTION privacy.revoke_scope(text, regrole) IS
'Takes a role off a scope''s list, and EXECUTE on the keyed functions with the role''s last scope. Takes effect with the next statement, also in transactions under way elsewhere. Raises undefined_object for an unknown scope or role, and for a role that is not on the list.';

CREATE FUNCTION privacy.grant_reidentify(scope text, role regrole) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_grant_reidentify';
REVOKE ALL ON FUNCTION privacy.grant_reidentify(text, regrole) FROM PUBLIC;
COMMENT ON FUNCTION privacy.grant_reidentify(text, regrole) IS
'Lets a role (and so its members) turn the reversible pseudonyms of a scope back, and grants it EXECUTE on privacy.reidentify(); puts it on the scope''s list as privacy.grant_scope() does. Doing so twice is no error. Superusers need no grant; every reversal is limited and put into evidence, theirs too. Raises as privacy.grant_scope() does.';

CREATE FUNCTION privacy.revoke_reidentify(scope text, role regrole) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pp_sql_revoke_reidentify';
REVOKE ALL ON FUNCTION privacy.revoke_reidentify(text, regrole) FROM PUBLIC;
COMMENT ON FUNCTION privacy.revoke_reidentify(text, regrole) IS
'Takes the right to turn pseudonyms back from a role, and EXECUTE on privacy.reidentify() with its last scope. The role stays on the scope''s list. Raises undefined_object for an unknown scope or role, and for a role without that right.';

CREATE VIEW privacy.scope_status AS
	SELECT v.scope, s.kind, v.version,
		   CASE WHEN v.destroyed_at IS NOT NULL THEN 'destroyed'
				WHEN v.algorithm <> 'blake2b-128' THEN 'imported'
				WHEN v.version = max(v.version) FILTER (WHERE v.algorithm = 'blake2b-128') OVER (PARTITION BY v.scope) THEN 'current'
				ELSE 'earlier' END AS state,
		   s.destroyable, v.algorithm, v.created_at, v.destroyed_at,
		   ARRAY(SELECT g.grantee FROM privacy.scope_grant AS g
				  WHERE g.scope = v.scope ORDER BY g.grantee::text COLLATE "C") AS grantees,
		   ARRAY(SELECT g.grantee FROM privacy.scope_grant AS g
				  WHERE g.scope = v.scope AND g.reversible ORDER BY g.grantee::text COLLATE "C") AS reidentifiers
	  FROM privacy.scope AS s
	  JOIN privacy.scope_version AS v ON v.scope = s.name;
REVOKE ALL ON privacy.scope_status FROM PUBLIC;
COMMENT ON VIEW privacy.scope_status IS
'Every version of every scope and the roles on the scope''s list; no key material. state: current (makes pseudonyms), earlier (privacy.pseudonym_at() makes them), imported, destroyed (recognised only). For the extension''s owner and whom they grant SELECT.';
