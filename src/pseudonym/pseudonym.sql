-- pseudonym: keyed one-way pseudonyms. Not IMMUTABLE: a constant call would be folded into a plan that
-- outlives the right to make it. Not for PUBLIC: whoever may compute pseudonyms can guess what they stand for.

CREATE FUNCTION privacy.pseudonym(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym';
REVOKE ALL ON FUNCTION privacy.pseudonym(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(text, text) IS
'The pseudonym of a value in a scope: 40 lower-case hexadecimal digits, equal for equal values in one scope, unrelated across scopes. value: hashed as UTF-8, whatever the database''s encoding (SQL_ASCII: as its bytes are), neither trimmed nor case-folded. scope: of privacy.create_scope(). Null for null. Raises undefined_object for an unknown scope, insufficient_privilege when the current role is not on its list, PV001 or PV002 when the root key is missing or another one. Algorithm: keyed BLAKE2b-128 (RFC 7693) over length and value, personalisation "pgprivacy-token", and behind it the first four bytes of SipHash-2-4 under the scope''s check key; test vectors in test/vectors.';

CREATE FUNCTION privacy.pseudonym_email(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_email';
REVOKE ALL ON FUNCTION privacy.pseudonym_email(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_email(text, text) IS
'The pseudonym of a value as an address that can never receive mail: privacy.pseudonym(value, scope) and "@pseudonym.invalid" (RFC 2606), 58 characters. Takes any text, an address or not: no part of it is kept and none is an error. Null for null. Raises as privacy.pseudonym() does.';

CREATE FUNCTION privacy.is_pseudonym(value text, scope text) RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 3
	AS 'MODULE_PATHNAME', 'pp_sql_is_pseudonym';
REVOKE ALL ON FUNCTION privacy.is_pseudonym(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.is_pseudonym(text, text) IS
'Whether a value is a pseudonym of the scope, in any format: exactly as privacy.pseudonym() or privacy.pseudonym_email() write it, with a valid mark. Another text of 40 hexadecimal digits passes once in 2^32. Null for null. Raises as privacy.pseudonym() does.';
