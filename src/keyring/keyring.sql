-- keyring: scopes and their keys, wrapped by a root key that is not in the database.

CREATE TABLE privacy.root_key (
	singleton boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (singleton),
	check_value bytea NOT NULL CHECK (pg_catalog.octet_length(check_value) = 16),
	wrapped_audit_key bytea NOT NULL,
	created_at timestamptz NOT NULL
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
	PRIMARY KEY (scope, version)
);
REVOKE ALL ON privacy.scope_version FROM PUBLIC;
COMMENT ON TABLE privacy.scope_version IS 'The keys of each scope, one row per version; the highest one that is not destroyed is used.';
COMMENT ON COLUMN privacy.scope_version.scope IS 'the scope';
COMMENT ON COLUMN privacy.scope_version.version IS 'counted from 1';
COMMENT ON COLUMN privacy.scope_version.algorithm IS 'what computes the pseudonyms: blake2b-128';
COMMENT ON COLUMN privacy.scope_version.wrapped_key IS
'the key of the pseudonyms: nonce and XChaCha20-Poly1305 ciphertext, bound to scope and version; null when derived';
COMMENT ON COLUMN privacy.scope_version.wrapped_check_key IS
'the key that recognises pseudonyms of this version, wrapped alike; null when derived';
COMMENT ON COLUMN privacy.scope_version.created_at IS 'when the version was made';
COMMENT ON COLUMN privacy.scope_version.destroyed_at IS 'when its key was destroyed; null while it is usable';

CREATE TABLE privacy.scope_grant (
	scope text NOT NULL,
	grantee regrole NOT NULL,
	PRIMARY KEY (scope, grantee)
);
REVOKE ALL ON privacy.scope_grant FROM PUBLIC;
COMMENT ON TABLE privacy.scope_grant IS
'Which roles, with their members, may use a scope''s keys. Written by privacy.grant_scope() and privacy.revoke_scope(). Before dropping a role, revoke its scopes.';
COMMENT ON COLUMN privacy.scope_grant.scope IS 'the scope';
COMMENT ON COLUMN privacy.scope_grant.grantee IS 'the role; dumped by its name';

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
'Creates a scope and the first version of its key. name: 1 to 63 lower-case letters, digits, underscores and dots. kind: person, relationship or transaction. destroyable: true for a random key, stored wrapped by the root key; false for a key derived from root key, name and version, equal in every database that shares the root key. Raises invalid_name, invalid_parameter_value, duplicate_object, and PV001 or PV002 when the root key is missing or another one. Wrapping: XChaCha20-Poly1305 (libsodium); derivation: keyed BLAKE2b (RFC 7693).';

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

CREATE VIEW privacy.scope_status AS
	SELECT v.scope, s.kind, v.version, s.destroyable, v.algorithm, v.created_at, v.destroyed_at,
		   ARRAY(SELECT g.grantee FROM privacy.scope_grant AS g
				  WHERE g.scope = v.scope ORDER BY g.grantee::text COLLATE "C") AS grantees
	  FROM privacy.scope AS s
	  JOIN privacy.scope_version AS v ON v.scope = s.name;
REVOKE ALL ON privacy.scope_status FROM PUBLIC;
COMMENT ON VIEW privacy.scope_status IS
'Every version of every scope and the roles on the scope''s list; no key material. For the extension''s owner and whom they grant SELECT.';
