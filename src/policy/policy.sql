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
	minimum_age integer CHECK (minimum_age BETWEEN 1 AND 120),
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

CREATE TABLE privacy.tenant_period (
	tenant text NOT NULL,
	purpose text NOT NULL,
	retention interval NOT NULL CHECK (privacy.is_retention_period(retention)),
	set_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (tenant, purpose)
);
REVOKE ALL ON privacy.tenant_period FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('privacy.tenant_period', '');
COMMENT ON TABLE privacy.tenant_period IS
	'The retention period that a tenant (a customer who is controller of his own data) has agreed on for a purpose: comes before the term''s and the purpose''s. Written by set_tenant_period(). No foreign key: a parallel pg_restore fills the tables in any order.';

CREATE FUNCTION privacy.audit_promise(action text, object text, detail jsonb) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_audit_promise';
REVOKE ALL ON FUNCTION privacy.audit_promise(text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION privacy.audit_promise(text, text, jsonb) IS
	'Appends the evidence of a changed promise (purpose.create, purpose.alter, tenant.set, policy.create), in the transaction of the change; for the functions that change one. Raises invalid_parameter_value for another action, PV001 and PV002 for the root key.';

CREATE FUNCTION privacy.create_purpose(
	name text,
	legal_basis text,
	retention interval,
	description text,
	justification text DEFAULT NULL,
	direct_marketing boolean DEFAULT false,
	minimum_age integer DEFAULT NULL)
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
	IF minimum_age NOT BETWEEN 1 AND 120 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('minimum age %s is out of range', minimum_age),
			HINT = 'Give whole years from 1 to 120; NULL means that the purpose knows no age.';
	END IF;
	INSERT INTO privacy.purpose (name, legal_basis, description, justification, direct_marketing, minimum_age)
	VALUES (create_purpose.name, create_purpose.legal_basis, create_purpose.description,
		create_purpose.justification, coalesce(create_purpose.direct_marketing, false), create_purpose.minimum_age);
	INSERT INTO privacy.purpose_period (purpose, effective_at, retention)
	VALUES (create_purpose.name, '-infinity', create_purpose.retention);
	PERFORM privacy.audit_promise('purpose.create', name, jsonb_build_object(
		'legal_basis', legal_basis, 'retention', retention, 'direct_marketing', coalesce(direct_marketing, false),
		'minimum_age', minimum_age));
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
		MESSAGE = format('purpose "%s" already exists', name),
		HINT = 'Change its period with alter_purpose().';
END;
$$;
REVOKE ALL ON FUNCTION privacy.create_purpose(text, text, interval, text, text, boolean, integer) FROM PUBLIC;
COMMENT ON FUNCTION privacy.create_purpose(text, text, interval, text, text, boolean, integer) IS
	'Declares a purpose: dotted name; legal basis of GDPR Art. 6(1): consent, contract, legal_obligation, vital_interests, public_task or legitimate_interests; retention period (NULL: undetermined); description as the policy has it; justification of the period; whether it is direct marketing (Art. 21(2)); the minimum age in years of those it is for (NULL: none). Leaves an audit entry. Raises invalid_name, invalid_parameter_value, duplicate_object.';

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
	PERFORM privacy.audit_promise('purpose.alter', name,
		jsonb_build_object('retention', alter_purpose.retention, 'effective_at', from_then));
END;
$$;
REVOKE ALL ON FUNCTION privacy.alter_purpose(text, interval, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION privacy.alter_purpose(text, interval, timestamptz) IS
	'Changes the retention period of a purpose from a moment on (NULL: now). A shorter period then takes every row, a longer one only rows whose starting point is later. Waits for a running batch of the sweep, and leaves an audit entry. Raises undefined_object, invalid_parameter_value.';

CREATE FUNCTION privacy.set_tenant_period(tenant text, purpose text, retention interval)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF tenant IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'a tenant must be named',
			HINT = 'Give the value that the TENANT column of his rows has, as text.';
	END IF;
	IF NOT EXISTS (SELECT FROM privacy.purpose p WHERE p.name = set_tenant_period.purpose) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('purpose %s does not exist', coalesce(quote_literal(purpose), 'NULL')),
			HINT = coalesce('Existing purposes are '
				|| (SELECT string_agg(p.name, ', ' ORDER BY p.name) FROM privacy.purpose p) || '.',
				'Declare it with create_purpose().');
	END IF;
	IF NOT privacy.is_retention_period(retention) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('retention period %s is out of range', retention),
			HINT = 'A period has no negative part and is at most 1000 years; NULL takes the tenant''s own away.';
	END IF;
	DELETE FROM privacy.tenant_period t
	WHERE t.tenant = set_tenant_period.tenant AND t.purpose = set_tenant_period.purpose;
	IF retention IS NOT NULL THEN
		INSERT INTO privacy.tenant_period (tenant, purpose, retention)
		VALUES (set_tenant_period.tenant, set_tenant_period.purpose, set_tenant_period.retention);
	END IF;
	PERFORM privacy.audit_promise('tenant.set', purpose, jsonb_build_object('tenant', tenant, 'retention', retention));
END;
$$;
REVOKE ALL ON FUNCTION privacy.set_tenant_period(text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION privacy.set_tenant_period(text, text, interval) IS
	'Agrees on a retention period of a purpose with one tenant: the value of the TENANT column of his rows, as text. It comes before the term''s period and the purpose''s, for all of his rows from now on; NULL takes it away. Waits for a running batch of the sweep, and leaves an audit entry. Raises null_value_not_allowed, undefined_object, invalid_parameter_value.';

CREATE TABLE privacy.policy_version (
	version text PRIMARY KEY,
	published_at timestamptz NOT NULL,
	effective_at timestamptz NOT NULL CHECK (effective_at >= published_at),
	working_days_promised integer CHECK (working_days_promised >= 0),
	description text,
	recorded_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
REVOKE ALL ON privacy.policy_version FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('privacy.policy_version', '');
COMMENT ON TABLE privacy.policy_version IS
	'The versions of the privacy policy: when each was published and from when it is in effect, and how many working days of notice were promised. Written by create_policy_version().';

CREATE FUNCTION privacy.working_days(from_then timestamptz, until_then timestamptz) RETURNS integer
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	-- whole weeks, and the days beyond them one by one
	SELECT 5 * ((last - first) / 7)
		+ (SELECT count(*) FROM generate_series(1, (last - first) % 7) AS day
			WHERE extract(isodow FROM last - day + 1) < 6)::integer
	FROM (SELECT (from_then AT TIME ZONE current_setting('privacy.policy_timezone'))::date AS first,
		(until_then AT TIME ZONE current_setting('privacy.policy_timezone'))::date AS last) AS days;
END;
GRANT EXECUTE ON FUNCTION privacy.working_days(timestamptz, timestamptz) TO PUBLIC;
COMMENT ON FUNCTION privacy.working_days(timestamptz, timestamptz) IS
	'Days from Monday to Friday after the day of the first moment, up to that of the second, in privacy.policy_timezone. Knows no public holidays.';

CREATE FUNCTION privacy.create_policy_version(
	version text,
	published_at timestamptz,
	effective_at timestamptz,
	description text DEFAULT NULL,
	working_days_promised integer DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF coalesce(version, '') = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_name',
			MESSAGE = 'a policy version needs a name',
			HINT = 'Use what the policy calls itself: 2.1, or its date.';
	END IF;
	IF NOT coalesce(isfinite(published_at) AND isfinite(effective_at) AND effective_at >= published_at, false) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('policy version "%s" cannot take effect before it is published', version),
			HINT = 'Give both moments: published_at, and effective_at at the same time or later.';
	END IF;
	IF working_days_promised < 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'a notice cannot be negative',
			HINT = 'Give working days, or NULL where none is promised.';
	END IF;
	INSERT INTO privacy.policy_version (version, published_at, effective_at, working_days_promised, description)
	VALUES (create_policy_version.version, create_policy_version.published_at, create_policy_version.effective_at,
		create_policy_version.working_days_promised, create_policy_version.description);
	PERFORM privacy.audit_promise('policy.create', version,
		jsonb_build_object('published_at', published_at, 'effective_at', effective_at));
	IF privacy.working_days(published_at, effective_at) < working_days_promised THEN
		RAISE WARNING USING MESSAGE = format('policy version "%s" gives shorter notice than promised', version),
			DETAIL = format('It is published %s working days before it takes effect; %s were promised.',
				privacy.working_days(published_at, effective_at), working_days_promised);
	END IF;
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
		MESSAGE = format('policy version "%s" already exists', version),
		HINT = 'A version that was published stays as it was; publish another one.';
END;
$$;
REVOKE ALL ON FUNCTION privacy.create_policy_version(text, timestamptz, timestamptz, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION privacy.create_policy_version(text, timestamptz, timestamptz, text, integer) IS
	'Records a version of the privacy policy: its name; when it was published, and from when it is in effect; what changed; how many working days before it takes effect a change must be announced (NULL: no promise; a shorter notice is a warning). Leaves an audit entry. Raises invalid_name, invalid_parameter_value, duplicate_object.';

CREATE VIEW privacy.policy_notice AS
SELECT v.version, v.published_at, v.effective_at,
	privacy.working_days(v.published_at, v.effective_at) AS working_days,
	v.working_days_promised,
	privacy.working_days(v.published_at, v.effective_at) >= v.working_days_promised AS kept
FROM privacy.policy_version v;
REVOKE ALL ON privacy.policy_notice FROM PUBLIC;
COMMENT ON VIEW privacy.policy_notice IS
	'How many working days before it took effect each version of the policy was published, and whether that is what was promised (NULL: nothing was).';

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

CREATE FUNCTION privacy.rule_condition(relation regclass, column_name name DEFAULT NULL, as_of timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_rule_condition';
REVOKE ALL ON FUNCTION privacy.rule_condition(regclass, name, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION privacy.rule_condition(regclass, name, timestamptz) IS
	'The SQL condition by which the sweep finds what is due at a moment (NULL: now) under the rule of a table or of one of its columns; NULL where there is no rule. The table is called "target" in it, and the cut-off is $1, which must be the same moment. For EXPLAIN; it means what it says only with search_path pg_catalog and TimeZone as privacy.policy_timezone. The caller must own the table. Raises undefined_table, undefined_column, insufficient_privilege, and whatever parks the rule.';
