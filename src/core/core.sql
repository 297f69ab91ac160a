-- core: the schema.

-- Whoever owns the schema may replace what is in it, and grant themselves the rest. A superuser could do
-- that anyway, and a restored dump brings its own; so only ordinary owners are refused.
DO LANGUAGE plpgsql $refuse$
DECLARE
	owner pg_catalog.name;
BEGIN
	SELECT r.rolname INTO owner
	  FROM pg_catalog.pg_namespace AS n
	  JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
	 WHERE n.nspname OPERATOR(pg_catalog.=) 'privacy'
	   AND r.rolname OPERATOR(pg_catalog.<>) CURRENT_USER
	   AND NOT r.rolsuper;
	IF FOUND THEN
		RAISE EXCEPTION 'schema "privacy" belongs to role "%"', owner
			USING ERRCODE = 'insufficient_privilege',
			DETAIL = 'The owner of a schema can replace the functions that others trust in it.',
			HINT = 'Use ALTER SCHEMA privacy OWNER TO CURRENT_USER, or rename or drop it, and create the extension again.';
	END IF;
END
$refuse$;

COMMENT ON SCHEMA privacy IS
'Extension pg_privacy: keys, pseudonyms, retention labels, the deletion sweep and its evidence.';

-- Pure functions (masks) are for everyone, and a name must be reachable for its permission to be checked.
-- Usage shows nothing: every table and every other function here is revoked from PUBLIC.
GRANT USAGE ON SCHEMA privacy TO PUBLIC;
