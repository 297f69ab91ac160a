-- policy: why data is processed, on what legal basis, and for how long.

CREATE FUNCTION privacy.is_retention_period(period interval) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pp_sql_is_retention_period';
GRANT EXECUTE ON FUNCTION privacy.is_retention_period(interval) TO PUBLIC;
COMMENT ON FUNCTION privacy.is_retention_period(interval) IS
	'Whether a period can be promised: no negative part, at most 1000 years.';

CREATE TABLE privacy.purpose (
	name text PRIMARY KEY CHECK (name ~ '^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$'),
	legal_basis text NOT NULL CHECK (legal_basis IN
		('consent', 'contract', 'legal_obligation', 'vital_interests', 'public_task', 'legitimate_interests')),
	description text NOT NULL,
	justification text,
	direct_marketing boolean NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
REVOKE ALL ON privacy.purpose FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('privacy.purpose', '');
COMMENT ON TABLE privacy.purpose IS
	'Why data is processed (GDPR Art. 5(1)(b)) and what permits it (Art. 6(1)). Names are dotted: naming marketing names marketing.email as well. Written by create_purpose().';

CREATE TABLE privacy.purpose_period (
	purpose text NOT NULL,
	effective_at timestamptz NOT NULL,
	retention interval CHECK (privacy.is_retention_period(retention)),
	PRIMARY KEY (purpose, effective_at)
);
REVOKE ALL ON privacy.purpose_period FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('privacy.purpose_period', '');
COMMENT ON TABLE privacy.purpose_period IS
	'The retention period of a purpose from a moment on; the first is effective since -infinity. NULL: undetermined, nothing ends. A shorter period takes every row from then on, a longer one only rows whose starting point is later. No foreign key: a parallel pg_restore fills the tables in any order.';

CREATE FUNCTION privacy.create_purpose(
	name text,
	legal_basis text,
	retention interval,
	description text,
	justification text DEFAULT NULL,
	direct_marketing boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF name IS NULL OR name !~ '^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$' OR octet_length(name) > 63 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_name',
			MESSAGE = format('purpose name %s is not valid', coalesce(quote_literal(name), 'NULL')),
			HINT = 'Use lower-case letters, digits and underscores, with dots between levels, at most 63 bytes: marketing.email.';
	END IF;
	IF legal_basis IS NULL OR legal_basis NOT IN
		('consent', 'contract', 'legal_obligation', 'vital_interests', 'public_task', 'legitimate_interests') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('legal basis %s does not exist', coalesce(quote_literal(legal_basis), 'NULL')),
			HINT = 'GDPR Art. 6(1) knows consent, contract, legal_obligation, vital_interests, public_task and legitimate_interests.';
	END IF;
	IF description IS NULL OR description = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'a purpose needs a description',
			HINT = 'Write what the privacy policy says to the people concerned.';
	END IF;
	IF NOT privacy.is_retention_period(retention) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('retention period %s is out of range', retention),
			HINT = 'A period has no negative part and is at most 1000 years; NULL means undetermined.';
	END IF;
	INSERT INTO privacy.purpose (name, legal_basis, description, justification, direct_marketing)
	VALUES (create_purpose.name, create_purpose.legal_basis, create_purpose.description,
		create_purpose.justification, coalesce(create_purpose.direct_marketing, false));
	INSERT INTO privacy.purpose_period (purpose, effective_at, retention)
	VALUES (create_purpose.name, '-infinity', create_purpose.retention);
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
		MESSAGE = format('purpose "%s" already exists', name),
		HINT = 'Change its period with alter_purpose().';
END;
$$;
REVOKE ALL ON FUNCTION privacy.create_purpose(text, text, interval, text, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION privacy.create_purpose(text, text, interval, text, text, boolean) IS
	'Declares a purpose: dotted name; legal basis of GDPR Art. 6(1): consent, contract, legal_obligation, vital_interests, public_task or legitimate_interests; retention period (NULL: undetermined); description as the policy has it; justification of the period; whether it is direct marketing (Art. 21(2)). Raises invalid_name, invalid_parameter_value, duplicate_object.';

CREATE FUNCTION privacy.alter_purpose(name text, retention interval, effective timestamptz DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- the promise starts now unless told otherwise; it cannot be changed for the past
	from_then timestamptz := coalesce(effective, clock_timestamp());
BEGIN
	IF NOT EXISTS (SELECT FROM privacy.purpose p WHERE p.name = alter_purpose.name) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('purpose %s does not exist', coalesce(quote_literal(name), 'NULL')),
			HINT = coalesce('Existing purposes are '
				|| (SELECT string_agg(p.name, ', ' ORDER BY p.name) FROM privacy.purpose p) || '.',
				'Declare it with create_purpose().');
	END IF;
	IF NOT privacy.is_retention_period(retention) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('retention period %s is out of range', retention),
			HINT = 'A period has no negative part and is at most 1000 years; NULL means undetermined.';
	END IF;
	IF NOT isfinite(from_then) OR from_then <= (SELECT max(p.effective_at) FROM privacy.purpose_period p
			WHERE p.purpose = alter_purpose.name) OR effective < transaction_timestamp() THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('a period of purpose "%s" cannot take effect at %s', name, from_then),
			DETAIL = 'A promise changes from now on, and after every change already made.',
			HINT = 'Give a later moment, or none for now.';
	END IF;
	INSERT INTO privacy.purpose_period (purpose, effective_at, retention)
	VALUES (name, from_then, alter_purpose.retention);
END;
$$;
REVOKE ALL ON FUNCTION privacy.alter_purpose(text, interval, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION privacy.alter_purpose(text, interval, timestamptz) IS
	'Changes the retention period of a purpose from a moment on (NULL: now). A shorter period then takes every row, a longer one only rows whose starting point is later. Waits for a running batch of the sweep. Raises undefined_object, invalid_parameter_value.';

CREATE FUNCTION privacy.check_labels(
	OUT relation regclass, OUT rule text, OUT state text, OUT problem text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_check_labels';
REVOKE ALL ON FUNCTION privacy.check_labels() FROM PUBLIC;
COMMENT ON FUNCTION privacy.check_labels() IS
	'Every deletion rule that the labels of this database make, and whether it could run now. State: enforced; draft (listed and previewed only); unbound (restored by pg_dump or pg_upgrade, bound on first use or by rebind_labels()); parked (something it names has changed or is missing: problem says what). Raises nothing for a single rule.';

CREATE FUNCTION privacy.rebind_labels(relation regclass DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_rebind_labels';
REVOKE ALL ON FUNCTION privacy.rebind_labels(regclass) FROM PUBLIC;
COMMENT ON FUNCTION privacy.rebind_labels(regclass) IS
	'Accepts what the labels of a table (NULL: of every labelled table) resolve to now: renamed or swapped columns, restored labels. Returns the number of rules bound. All or nothing: raises what SECURITY LABEL would raise. The caller must own the table.';
