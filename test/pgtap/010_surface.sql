-- The surface, pinned: whoever adds, drops or opens something says so here.
SET client_min_messages = warning;
SET search_path = pg_catalog, public;
SELECT plan(14);

-- Two lists, as what is missing from the one and the other.
CREATE FUNCTION pg_temp.pinned(actual text, expected text, description text) RETURNS SETOF text LANGUAGE plpgsql AS $f$
DECLARE
	found text[];
	wanted text[] := array(SELECT btrim(line, E' \t') FROM string_to_table(expected, E'\n') AS line WHERE btrim(line, E' \t') <> '' ORDER BY line COLLATE "C");
BEGIN
	EXECUTE format('SELECT array(SELECT line::text COLLATE "C" FROM (%s) AS q (line) ORDER BY 1)', actual) INTO found;
	RETURN NEXT is(
		array_to_string(array(SELECT '+ ' || x FROM unnest(found) x EXCEPT ALL SELECT '+ ' || x FROM unnest(wanted) x ORDER BY 1), E'\n') ||
		array_to_string(array(SELECT '- ' || x FROM unnest(wanted) x EXCEPT ALL SELECT '- ' || x FROM unnest(found) x ORDER BY 1), E'\n'),
		'', description);
END $f$;

SELECT * FROM pg_temp.pinned($$SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
	 WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	   AND classid <> 'pg_type'::regclass -- from PostgreSQL 17 on, the row types of tables are members
	   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_privacy')$$, $$
	function privacy.alter_purpose(text,interval,timestamp with time zone)
	function privacy.approve_sweep(regclass)
	function privacy.audit_head()
	function privacy.audit_promise(text,text,jsonb)
	function privacy.chain_pseudonym(text,text)
	function privacy.chain_pseudonym(uuid,text)
	function privacy.check_label(text)
	function privacy.check_labels()
	function privacy.create_policy_version(text,timestamp with time zone,timestamp with time zone,text,integer)
	function privacy.create_purpose(text,text,interval,text,text,boolean,integer)
	function privacy.create_scope(text,text,boolean)
	function privacy.describe_origin()
	function privacy.destroy_scope(text,integer)
	function privacy.encrypted_pseudonym(text,text)
	function privacy.explain(regclass,text,timestamp with time zone)
	function privacy.export_audit(bigint,bigint)
	function privacy.grant_reidentify(text,regrole)
	function privacy.grant_scope(text,regrole)
	function privacy.import_salt(text,bytea)
	function privacy.invalidate_keyring()
	function privacy.is_pseudonym(text,text,text)
	function privacy.is_pseudonym(uuid,text)
	function privacy.is_retention_period(interval)
	function privacy.is_sweep_window(text)
	function privacy.label_script(boolean)
	function privacy.lint()
	function privacy.mask_database()
	function privacy.mask_date(date,text)
	function privacy.mask_date(timestamp with time zone,text)
	function privacy.mask_date(timestamp with time zone,text,text)
	function privacy.mask_date(timestamp without time zone,text)
	function privacy.mask_email(text)
	function privacy.mask_inet(inet,integer,integer)
	function privacy.mask_mentions(text,text[],text)
	function privacy.mask_number(bigint,bigint)
	function privacy.mask_number(double precision,double precision)
	function privacy.mask_number(integer,integer)
	function privacy.mask_number(numeric,numeric)
	function privacy.mask_partial(text,integer,text,integer)
	function privacy.mask_range(bigint,bigint)
	function privacy.mask_range(integer,integer)
	function privacy.mask_range(numeric,numeric)
	function privacy.mask_table(regclass)
	function privacy.next_sweep()
	function privacy.overdue_rows(regclass,text)
	function privacy.pseudonym(anyarray,text)
	function privacy.pseudonym(bigint,text)
	function privacy.pseudonym(cidr,text)
	function privacy.pseudonym(date,text)
	function privacy.pseudonym(inet,text)
	function privacy.pseudonym(integer,text)
	function privacy.pseudonym(smallint,text)
	function privacy.pseudonym(text,text)
	function privacy.pseudonym(timestamp with time zone,text)
	function privacy.pseudonym(timestamp without time zone,text)
	function privacy.pseudonym(uuid,text)
	function privacy.pseudonym_array(anyarray,text,text)
	function privacy.pseudonym_at(text,text,integer)
	function privacy.pseudonym_base32(text,text)
	function privacy.pseudonym_base64url(text,text)
	function privacy.pseudonym_card(text,text,text)
	function privacy.pseudonym_city(text,text)
	function privacy.pseudonym_digits(text,text)
	function privacy.pseudonym_email(text,text,text)
	function privacy.pseudonym_family_name(text,text,text)
	function privacy.pseudonym_given_name(text,text,text)
	function privacy.pseudonym_name(text,text,text)
	function privacy.pseudonym_organisation_number(text,text)
	function privacy.pseudonym_personnummer(text,text,text)
	function privacy.pseudonym_phone(text,text)
	function privacy.pseudonym_postal_code(text,text)
	function privacy.pseudonym_street(text,text)
	function privacy.pseudonym_uuid(text,text)
	function privacy.pseudonym_version(text,text)
	function privacy.pseudonym_version(uuid,text)
	function privacy.rebind_labels(regclass)
	function privacy.record_sweep_pace(regclass)
	function privacy.refuse_change()
	function privacy.reidentify(text,text,text)
	function privacy.rekey_column(regclass,name,text,name)
	function privacy.rekey_table(regclass)
	function privacy.remove_labels()
	function privacy.resume_sweep(regclass)
	function privacy.retention_forecast(interval,interval)
	function privacy.reversal_hash(text,text)
	function privacy.revoke_reidentify(text,regrole)
	function privacy.revoke_scope(text,regrole)
	function privacy.rotate_root()
	function privacy.rotate_scope(text)
	function privacy.row_state(regclass,text,timestamp with time zone)
	function privacy.row_states(timestamp with time zone)
	function privacy.rule_condition(regclass,name,timestamp with time zone)
	function privacy.seal_audit()
	function privacy.set_sweep_pace(regclass,integer,integer,integer,integer,text,double precision)
	function privacy.set_tenant_period(text,text,interval)
	function privacy.subject_pseudonym(date,text,text)
	function privacy.subject_pseudonym(text,text,text)
	function privacy.subject_pseudonym(timestamp with time zone,text,text)
	function privacy.subject_pseudonym(timestamp without time zone,text,text)
	function privacy.sweep()
	function privacy.sweep_preview(timestamp with time zone)
	function privacy.sweeps_at_work()
	function privacy.unending_rows(regclass,text)
	function privacy.verify_audit(text)
	function privacy.working_days(timestamp with time zone,timestamp with time zone)
	sequence privacy.audit_entry_id
	sequence privacy.sweep_run_id_seq
	table privacy.audit_entry
	table privacy.audit_seal
	table privacy.emptied_partition
	table privacy.label_binding
	table privacy.policy_version
	table privacy.purpose
	table privacy.purpose_period
	table privacy.root_key
	table privacy.scope
	table privacy.scope_grant
	table privacy.scope_version
	table privacy.sweep_approval
	table privacy.sweep_origin
	table privacy.sweep_outcome
	table privacy.sweep_pace
	table privacy.sweep_run
	table privacy.sweep_standing
	table privacy.tenant_period
	view privacy.column_label
	view privacy.empty_partitions
	view privacy.overdue
	view privacy.policy_notice
	view privacy.scope_status
	view privacy.sweep_progress
	view privacy.sweep_rule
	view privacy.table_label
$$, 'the objects of the extension, and no others');

SELECT * FROM pg_temp.pinned($$SELECT concat_ws(' ', p.oid::regproc || '(' || pg_get_function_arguments(p.oid) || ')', '-> ' || pg_get_function_result(p.oid),
		CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'f' THEN 'function' ELSE p.prokind::text END, l.lanname,
		CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
		CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END,
		CASE WHEN p.proisstrict THEN 'strict' END, CASE WHEN p.prosecdef THEN 'security definer' END,
		CASE WHEN p.proleakproof THEN 'leakproof' END, p.proconfig::text)
	  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'privacy'::regnamespace$$, $$
	privacy.alter_purpose(name text, retention interval, effective timestamp with time zone DEFAULT NULL::timestamp with time zone) -> void function plpgsql volatile unsafe {"search_path=pg_catalog, pg_temp"}
	privacy.approve_sweep(relation regclass DEFAULT NULL::regclass) -> void function c volatile unsafe
	privacy.audit_head() -> text function c stable restricted
	privacy.audit_promise(action text, object text, detail jsonb) -> void function c volatile unsafe
	privacy.chain_pseudonym(value text, scope text) -> text function c stable safe strict
	privacy.chain_pseudonym(value uuid, scope text) -> uuid function c stable safe strict
	privacy.check_label(label text) -> jsonb function c immutable safe strict
	privacy.check_labels(OUT relation regclass, OUT rule text, OUT state text, OUT problem text) -> SETOF record function c volatile unsafe
	privacy.create_policy_version(version text, published_at timestamp with time zone, effective_at timestamp with time zone, description text DEFAULT NULL::text, working_days_promised integer DEFAULT NULL::integer) -> void function plpgsql volatile unsafe {"search_path=pg_catalog, pg_temp"}
	privacy.create_purpose(name text, legal_basis text, retention interval, description text, justification text DEFAULT NULL::text, direct_marketing boolean DEFAULT false, minimum_age integer DEFAULT NULL::integer) -> void function plpgsql volatile unsafe {"search_path=pg_catalog, pg_temp"}
	privacy.create_scope(name text, kind text DEFAULT 'person'::text, destroyable boolean DEFAULT true) -> void function c volatile unsafe
	privacy.describe_origin() -> text function c stable restricted
	privacy.destroy_scope(scope text, version integer DEFAULT NULL::integer) -> integer function c volatile unsafe
	privacy.encrypted_pseudonym(value text, scope text) -> text function c stable safe strict
	privacy.explain(relation regclass, key text, as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT target text, OUT purpose text, OUT legal_basis text, OUT starts_from text, OUT starts_at timestamp with time zone, OUT period text, OUT decided_by text, OUT ends_at timestamp with time zone, OUT state text, OUT effect text, OUT obstacle text) -> SETOF record function c volatile unsafe
	privacy.export_audit(after bigint DEFAULT 0, at_most bigint DEFAULT NULL::bigint) -> SETOF text function c volatile restricted
	privacy.grant_reidentify(scope text, role regrole) -> void function c volatile unsafe
	privacy.grant_scope(scope text, role regrole) -> void function c volatile unsafe
	privacy.import_salt(scope text, salt bytea) -> integer function c volatile unsafe
	privacy.invalidate_keyring() -> trigger function c volatile unsafe
	privacy.is_pseudonym(value text, scope text, domain text DEFAULT 'keep'::text) -> boolean function c stable safe strict
	privacy.is_pseudonym(value uuid, scope text) -> boolean function c stable safe strict
	privacy.is_retention_period(period interval) -> boolean function c immutable safe strict
	privacy.is_sweep_window(sweep_window text) -> boolean function c immutable safe strict
	privacy.label_script(remove boolean DEFAULT false) -> SETOF text function sql stable safe strict {"search_path=pg_catalog, pg_temp"}
	privacy.lint(OUT severity text, OUT object text, OUT finding text, OUT hint text, OUT id text) -> SETOF record function c volatile unsafe
	privacy.mask_database() procedure c volatile unsafe
	privacy.mask_date(value date, unit text) -> date function c immutable safe strict
	privacy.mask_date(value timestamp with time zone, unit text) -> timestamp with time zone function c immutable safe strict
	privacy.mask_date(value timestamp with time zone, unit text, zone text) -> timestamp with time zone function c stable safe strict
	privacy.mask_date(value timestamp without time zone, unit text) -> timestamp without time zone function c immutable safe strict
	privacy.mask_email(value text) -> text function c immutable safe strict
	privacy.mask_inet(value inet, prefix_v4 integer DEFAULT 24, prefix_v6 integer DEFAULT 48) -> inet function c immutable safe strict
	privacy.mask_mentions(value text, given_values text[] DEFAULT '{}'::text[], replacement text DEFAULT NULL::text) -> text function c immutable safe
	privacy.mask_number(value bigint, step bigint) -> bigint function c immutable safe strict
	privacy.mask_number(value double precision, step double precision) -> double precision function c immutable safe strict
	privacy.mask_number(value integer, step integer) -> integer function c immutable safe strict
	privacy.mask_number(value numeric, step numeric) -> numeric function c immutable safe strict
	privacy.mask_partial(value text, prefix integer, padding text, suffix integer) -> text function c immutable safe strict
	privacy.mask_range(value bigint, width bigint) -> int8range function c immutable safe strict
	privacy.mask_range(value integer, width integer) -> int4range function c immutable safe strict
	privacy.mask_range(value numeric, width numeric) -> numrange function c immutable safe strict
	privacy.mask_table(IN table_name regclass) procedure c volatile unsafe
	privacy.next_sweep() -> timestamp with time zone function c volatile safe
	privacy.overdue_rows(relation regclass, rule text, OUT overdue bigint, OUT since timestamp with time zone) -> record function c stable unsafe strict
	privacy.pseudonym(value anyarray, scope text) -> anyarray function c stable safe strict
	privacy.pseudonym(value bigint, scope text) -> bigint function c stable safe strict
	privacy.pseudonym(value cidr, scope text) -> cidr function c stable safe strict
	privacy.pseudonym(value date, scope text) -> date function c stable safe strict
	privacy.pseudonym(value inet, scope text) -> inet function c stable safe strict
	privacy.pseudonym(value integer, scope text) -> integer function c stable safe strict
	privacy.pseudonym(value smallint, scope text) -> smallint function c stable safe strict
	privacy.pseudonym(value text, scope text) -> text function c stable safe strict
	privacy.pseudonym(value timestamp with time zone, scope text) -> timestamp with time zone function c stable safe strict
	privacy.pseudonym(value timestamp without time zone, scope text) -> timestamp without time zone function c stable safe strict
	privacy.pseudonym(value uuid, scope text) -> uuid function c stable safe strict
	privacy.pseudonym_array(value anyarray, scope text, format text) -> anyarray function c stable safe strict
	privacy.pseudonym_at(value text, scope text, version integer) -> text function c stable safe strict
	privacy.pseudonym_base32(value text, scope text) -> text function c stable safe strict
	privacy.pseudonym_base64url(value text, scope text) -> text function c stable safe strict
	privacy.pseudonym_card(value text, scope text, form text DEFAULT 'issuable'::text) -> text function c stable safe strict
	privacy.pseudonym_city(value text, scope text) -> text function c stable safe strict
	privacy.pseudonym_digits(value text, scope text) -> text function c stable safe strict
	privacy.pseudonym_email(value text, scope text, domain text DEFAULT 'replace'::text) -> text function c stable safe strict
	privacy.pseudonym_family_name(value text, scope text, language text DEFAULT 'sv'::text) -> text function c stable safe strict
	privacy.pseudonym_given_name(value text, scope text, language text DEFAULT 'sv'::text) -> text function c stable safe strict
	privacy.pseudonym_name(value text, scope text, language text DEFAULT 'sv'::text) -> text function c stable safe strict
	privacy.pseudonym_organisation_number(value text, scope text) -> text function c stable safe strict
	privacy.pseudonym_personnummer(value text, scope text, form text DEFAULT 'not_issuable'::text) -> text function c stable safe strict
	privacy.pseudonym_phone(value text, scope text) -> text function c stable safe strict
	privacy.pseudonym_postal_code(value text, scope text) -> text function c stable safe strict
	privacy.pseudonym_street(value text, scope text) -> text function c stable safe strict
	privacy.pseudonym_uuid(value text, scope text) -> uuid function c stable safe strict
	privacy.pseudonym_version(value text, scope text) -> integer function c stable safe strict
	privacy.pseudonym_version(value uuid, scope text) -> integer function c stable safe strict
	privacy.rebind_labels(relation regclass DEFAULT NULL::regclass) -> integer function c volatile unsafe
	privacy.record_sweep_pace(relation regclass) -> void function c volatile unsafe strict
	privacy.refuse_change() -> trigger function plpgsql volatile unsafe {"search_path=pg_catalog, pg_temp"}
	privacy.reidentify(token text, scope text, reason text) -> text function c volatile unsafe
	privacy.rekey_column(IN table_name regclass, IN column_name name, IN scope text, IN raw_column name DEFAULT NULL::name) procedure c volatile unsafe
	privacy.rekey_table(IN table_name regclass) procedure c volatile unsafe
	privacy.remove_labels() procedure plpgsql volatile unsafe {"search_path=pg_catalog, pg_temp"}
	privacy.resume_sweep(relation regclass) -> integer function c volatile unsafe strict
	privacy.retention_forecast(horizon interval DEFAULT '1 year'::interval, step interval DEFAULT '1 mon'::interval, OUT rule_table text, OUT rule text, OUT from_then timestamp with time zone, OUT until_then timestamp with time zone, OUT due bigint, OUT problem text) -> SETOF record function c volatile unsafe strict
	privacy.reversal_hash(token text, scope text) -> bytea function c stable restricted strict
	privacy.revoke_reidentify(scope text, role regrole) -> void function c volatile unsafe
	privacy.revoke_scope(scope text, role regrole) -> void function c volatile unsafe
	privacy.rotate_root() -> void function c volatile unsafe
	privacy.rotate_scope(scope text) -> integer function c volatile unsafe
	privacy.row_state(relation regclass, key text, as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) -> text function c volatile unsafe
	privacy.row_states(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT relation regclass, OUT total bigint, OUT undetermined bigint, OUT waiting bigint, OUT waiting_since timestamp with time zone, OUT running bigint, OUT restricted bigint, OUT held bigint, OUT blocked bigint, OUT due bigint, OUT problem text) -> SETOF record function c volatile unsafe
	privacy.rule_condition(relation regclass, column_name name DEFAULT NULL::name, as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) -> text function c volatile unsafe
	privacy.seal_audit() -> bigint function c volatile unsafe
	privacy.set_sweep_pace(relation regclass, rate_limit integer DEFAULT NULL::integer, wal_rate integer DEFAULT NULL::integer, duty_cycle integer DEFAULT NULL::integer, max_lag integer DEFAULT NULL::integer, sweep_window text DEFAULT NULL::text, max_fraction double precision DEFAULT NULL::double precision) -> void function plpgsql volatile unsafe {"search_path=pg_catalog, pg_temp"}
	privacy.set_tenant_period(tenant text, purpose text, retention interval) -> void function plpgsql volatile unsafe {"search_path=pg_catalog, pg_temp"}
	privacy.subject_pseudonym(value date, scope text, subject_key text) -> date function c stable safe strict
	privacy.subject_pseudonym(value text, scope text, subject_key text) -> text function c stable safe strict
	privacy.subject_pseudonym(value timestamp with time zone, scope text, subject_key text) -> timestamp with time zone function c stable safe strict
	privacy.subject_pseudonym(value timestamp without time zone, scope text, subject_key text) -> timestamp without time zone function c stable safe strict
	privacy.sweep() procedure c volatile unsafe
	privacy.sweep_preview(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT rule_table text, OUT rule text, OUT state text, OUT due bigint, OUT blocked bigint, OUT blocked_by text, OUT first_end timestamp with time zone, OUT last_end timestamp with time zone, OUT restricted bigint, OUT held bigint, OUT waiting bigint, OUT undetermined bigint, OUT missing text, OUT estimated_bytes bigint, OUT estimated_time interval, OUT problem text) -> SETOF record function c volatile unsafe
	privacy.sweeps_at_work(OUT pid integer, OUT run_id bigint, OUT phase text, OUT phase_since timestamp with time zone, OUT rule_table text, OUT rule text, OUT rule_number text, OUT rule_since timestamp with time zone, OUT done bigint, OUT due bigint) -> SETOF record function c volatile safe
	privacy.unending_rows(relation regclass, rule text, OUT undetermined bigint, OUT held bigint) -> record function c stable unsafe strict
	privacy.verify_audit(expected_head text DEFAULT NULL::text) -> TABLE(entry_id bigint, chain_number bigint, fault text) function c stable restricted
	privacy.working_days(from_then timestamp with time zone, until_then timestamp with time zone) -> integer function sql stable safe strict {"search_path=pg_catalog, pg_temp"}
$$, 'functions and procedures: arguments, result, language, volatility, parallel safety, strictness, settings');

SELECT * FROM pg_temp.pinned($$SELECT concat_ws(' ', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END)
	  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	 WHERE c.relnamespace = 'privacy'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped$$, $$
	privacy.audit_entry action text not null
	privacy.audit_entry actor text not null
	privacy.audit_entry at timestamp with time zone not null
	privacy.audit_entry cut_off timestamp with time zone
	privacy.audit_entry detail jsonb
	privacy.audit_entry id bigint not null
	privacy.audit_entry mac bytea not null
	privacy.audit_entry object text
	privacy.audit_entry row_count bigint
	privacy.audit_entry rule text
	privacy.audit_entry subject_hash bytea
	privacy.audit_seal chain_number bigint not null
	privacy.audit_seal entry_id bigint not null
	privacy.audit_seal mac bytea not null
	privacy.audit_seal sealed_at timestamp with time zone not null
	privacy.audit_seal settled_id bigint not null
	privacy.column_label at_most jsonb
	privacy.column_label category text
	privacy.column_label column_name name
	privacy.column_label identifier text
	privacy.column_label label text
	privacy.column_label mark text
	privacy.column_label masking text
	privacy.column_label purposes jsonb
	privacy.column_label relation regclass
	privacy.column_label source text
	privacy.column_label subjects jsonb
	privacy.column_label terms jsonb
	privacy.column_label treatment text
	privacy.emptied_partition emptied_at timestamp with time zone not null
	privacy.emptied_partition relation oid not null
	privacy.emptied_partition row_count bigint not null
	privacy.empty_partitions bound text
	privacy.empty_partitions emptied_at timestamp with time zone
	privacy.empty_partitions parent regclass
	privacy.empty_partitions partition regclass
	privacy.empty_partitions row_count bigint
	privacy.label_binding attribute smallint not null
	privacy.label_binding binding text not null
	privacy.label_binding cluster bigint not null
	privacy.label_binding label text not null
	privacy.label_binding relation oid not null
	privacy.overdue age interval
	privacy.overdue overdue bigint
	privacy.overdue relation regclass
	privacy.overdue rule text
	privacy.overdue since timestamp with time zone
	privacy.overdue why text
	privacy.policy_notice effective_at timestamp with time zone
	privacy.policy_notice kept boolean
	privacy.policy_notice published_at timestamp with time zone
	privacy.policy_notice version text
	privacy.policy_notice working_days integer
	privacy.policy_notice working_days_promised integer
	privacy.policy_version description text
	privacy.policy_version effective_at timestamp with time zone not null
	privacy.policy_version published_at timestamp with time zone not null
	privacy.policy_version recorded_at timestamp with time zone not null
	privacy.policy_version version text not null
	privacy.policy_version working_days_promised integer
	privacy.purpose created_at timestamp with time zone not null
	privacy.purpose description text not null
	privacy.purpose direct_marketing boolean not null
	privacy.purpose justification text
	privacy.purpose legal_basis text not null
	privacy.purpose minimum_age integer
	privacy.purpose name text not null
	privacy.purpose_period effective_at timestamp with time zone not null
	privacy.purpose_period purpose text not null
	privacy.purpose_period retention interval
	privacy.root_key check_value bytea not null
	privacy.root_key created_at timestamp with time zone not null
	privacy.root_key rotated_at timestamp with time zone
	privacy.root_key singleton boolean not null
	privacy.root_key wrapped_audit_key bytea not null
	privacy.scope created_at timestamp with time zone not null
	privacy.scope destroyable boolean not null
	privacy.scope kind text not null
	privacy.scope name text not null
	privacy.scope_grant grantee regrole not null
	privacy.scope_grant reversible boolean not null
	privacy.scope_grant scope text not null
	privacy.scope_status algorithm text
	privacy.scope_status created_at timestamp with time zone
	privacy.scope_status destroyable boolean
	privacy.scope_status destroyed_at timestamp with time zone
	privacy.scope_status grantees regrole[]
	privacy.scope_status kind text
	privacy.scope_status reidentifiers regrole[]
	privacy.scope_status scope text
	privacy.scope_status state text
	privacy.scope_status version integer
	privacy.scope_version algorithm text not null
	privacy.scope_version created_at timestamp with time zone not null
	privacy.scope_version destroyed_at timestamp with time zone
	privacy.scope_version scope text not null
	privacy.scope_version version integer not null
	privacy.scope_version wrapped_check_key bytea
	privacy.scope_version wrapped_key bytea
	privacy.sweep_approval approved_at timestamp with time zone not null
	privacy.sweep_approval approved_by text not null
	privacy.sweep_approval origin text not null
	privacy.sweep_approval promise bytea not null
	privacy.sweep_approval relation regclass not null
	privacy.sweep_origin origin text not null
	privacy.sweep_origin since timestamp with time zone not null
	privacy.sweep_outcome blocked bigint not null
	privacy.sweep_outcome blocked_by text
	privacy.sweep_outcome deleted bigint not null
	privacy.sweep_outcome followed bigint not null
	privacy.sweep_outcome locked bigint not null
	privacy.sweep_outcome problem text
	privacy.sweep_outcome rule text not null
	privacy.sweep_outcome rule_table text not null
	privacy.sweep_outcome run_id bigint not null
	privacy.sweep_outcome state text not null
	privacy.sweep_outcome treated bigint not null
	privacy.sweep_pace duty_cycle integer
	privacy.sweep_pace max_fraction double precision
	privacy.sweep_pace max_lag integer
	privacy.sweep_pace rate_limit integer
	privacy.sweep_pace relation regclass not null
	privacy.sweep_pace sweep_window text
	privacy.sweep_pace wal_rate integer
	privacy.sweep_progress done bigint
	privacy.sweep_progress due bigint
	privacy.sweep_progress phase text
	privacy.sweep_progress phase_since timestamp with time zone
	privacy.sweep_progress pid integer
	privacy.sweep_progress remaining interval
	privacy.sweep_progress rows_per_second numeric
	privacy.sweep_progress rule text
	privacy.sweep_progress rule_number text
	privacy.sweep_progress rule_since timestamp with time zone
	privacy.sweep_progress rule_table text
	privacy.sweep_progress run_id bigint
	privacy.sweep_rule blocked bigint
	privacy.sweep_rule blocked_by text
	privacy.sweep_rule crashes integer
	privacy.sweep_rule failures integer
	privacy.sweep_rule held bigint
	privacy.sweep_rule last_error text
	privacy.sweep_rule last_error_at timestamp with time zone
	privacy.sweep_rule last_run timestamp with time zone
	privacy.sweep_rule last_run_id bigint
	privacy.sweep_rule locked bigint
	privacy.sweep_rule next_run timestamp with time zone
	privacy.sweep_rule overdue bigint
	privacy.sweep_rule overdue_since timestamp with time zone
	privacy.sweep_rule problem text
	privacy.sweep_rule relation regclass
	privacy.sweep_rule rule text
	privacy.sweep_rule state text
	privacy.sweep_rule total bigint
	privacy.sweep_rule undetermined bigint
	privacy.sweep_run actor text not null
	privacy.sweep_run cut_off timestamp with time zone not null
	privacy.sweep_run finished_at timestamp with time zone
	privacy.sweep_run id bigint not null
	privacy.sweep_run started_at timestamp with time zone not null
	privacy.sweep_run state text not null
	privacy.sweep_standing at_work bigint
	privacy.sweep_standing blocked bigint not null
	privacy.sweep_standing blocked_by text
	privacy.sweep_standing crashes integer not null
	privacy.sweep_standing failures integer not null
	privacy.sweep_standing last_error text
	privacy.sweep_standing last_error_at timestamp with time zone
	privacy.sweep_standing last_run timestamp with time zone
	privacy.sweep_standing last_run_id bigint
	privacy.sweep_standing locked bigint not null
	privacy.sweep_standing problem text
	privacy.sweep_standing relation oid not null
	privacy.sweep_standing retry_at timestamp with time zone
	privacy.sweep_standing rule text not null
	privacy.sweep_standing state text
	privacy.sweep_standing total bigint not null
	privacy.table_label at_most jsonb
	privacy.table_label draft boolean
	privacy.table_label label text
	privacy.table_label relation regclass
	privacy.table_label subjects jsonb
	privacy.table_label tenant text
	privacy.table_label terms jsonb
	privacy.tenant_period purpose text not null
	privacy.tenant_period retention interval not null
	privacy.tenant_period set_at timestamp with time zone not null
	privacy.tenant_period tenant text not null
$$, 'columns of tables and views');

SELECT * FROM pg_temp.pinned($$SELECT concat_ws(' ', conrelid::regclass, CASE contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'references ' || confrelid::regclass ELSE 'check' END,
		(SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)))
	  FROM pg_constraint WHERE connamespace = 'privacy'::regnamespace AND contype IN ('p', 'u', 'f', 'c')$$, $$
	privacy.audit_entry primary key id
	privacy.audit_seal primary key chain_number
	privacy.audit_seal unique entry_id
	privacy.emptied_partition primary key relation
	privacy.label_binding primary key relation, attribute
	privacy.policy_version check published_at, effective_at
	privacy.policy_version check working_days_promised
	privacy.policy_version primary key version
	privacy.purpose check legal_basis
	privacy.purpose check minimum_age
	privacy.purpose check name
	privacy.purpose primary key name
	privacy.purpose_period check retention
	privacy.purpose_period primary key purpose, effective_at
	privacy.root_key check check_value
	privacy.root_key check singleton
	privacy.root_key primary key singleton
	privacy.scope check kind
	privacy.scope check name
	privacy.scope primary key name
	privacy.scope_grant primary key scope, grantee
	privacy.scope_version check algorithm, wrapped_key, wrapped_check_key, destroyed_at
	privacy.scope_version check version
	privacy.scope_version primary key scope, version
	privacy.sweep_approval primary key relation
	privacy.sweep_outcome primary key run_id, rule_table, rule
	privacy.sweep_pace check duty_cycle
	privacy.sweep_pace check max_fraction
	privacy.sweep_pace check max_lag
	privacy.sweep_pace check rate_limit
	privacy.sweep_pace check sweep_window
	privacy.sweep_pace check wal_rate
	privacy.sweep_pace primary key relation
	privacy.sweep_run primary key id
	privacy.sweep_standing primary key relation, rule
	privacy.tenant_period check retention
	privacy.tenant_period primary key tenant, purpose
$$, 'keys and checks');

SELECT * FROM pg_temp.pinned($$SELECT concat_ws(' ', tgrelid::regclass, tgname, tgfoid::regproc, CASE tgenabled WHEN 'A' THEN 'always' ELSE tgenabled::text END)
	  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'privacy'::regnamespace AND NOT tgisinternal$$, $$
	privacy.audit_entry refuse_change privacy.refuse_change always
	privacy.audit_seal refuse_change privacy.refuse_change always
	privacy.root_key invalidate_keyring privacy.invalidate_keyring always
	privacy.scope invalidate_keyring privacy.invalidate_keyring always
	privacy.scope_grant invalidate_keyring privacy.invalidate_keyring always
	privacy.scope_version invalidate_keyring privacy.invalidate_keyring always
$$, 'triggers, and that no role setting lifts them');

SELECT * FROM pg_temp.pinned($$SELECT what || ' ' || privilege_type FROM (
		SELECT 'schema ' || nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname = 'privacy'
		UNION ALL SELECT 'relation ' || oid::regclass, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner))
		  FROM pg_class WHERE relnamespace = 'privacy'::regnamespace AND relkind IN ('r', 'v', 'S')
		UNION ALL SELECT 'routine ' || oid::regprocedure, coalesce(proacl, acldefault('f', proowner))
		  FROM pg_proc WHERE pronamespace = 'privacy'::regnamespace) AS object (what, acl), aclexplode(acl) WHERE grantee = 0$$, $$
	relation privacy.column_label SELECT
	relation privacy.table_label SELECT
	routine privacy.check_label(text) EXECUTE
	routine privacy.is_retention_period(interval) EXECUTE
	routine privacy.label_script(boolean) EXECUTE
	routine privacy.mask_date(date,text) EXECUTE
	routine privacy.mask_date(timestamp with time zone,text) EXECUTE
	routine privacy.mask_date(timestamp with time zone,text,text) EXECUTE
	routine privacy.mask_date(timestamp without time zone,text) EXECUTE
	routine privacy.mask_email(text) EXECUTE
	routine privacy.mask_inet(inet,integer,integer) EXECUTE
	routine privacy.mask_mentions(text,text[],text) EXECUTE
	routine privacy.mask_number(bigint,bigint) EXECUTE
	routine privacy.mask_number(double precision,double precision) EXECUTE
	routine privacy.mask_number(integer,integer) EXECUTE
	routine privacy.mask_number(numeric,numeric) EXECUTE
	routine privacy.mask_partial(text,integer,text,integer) EXECUTE
	routine privacy.mask_range(bigint,bigint) EXECUTE
	routine privacy.mask_range(integer,integer) EXECUTE
	routine privacy.mask_range(numeric,numeric) EXECUTE
	routine privacy.working_days(timestamp with time zone,timestamp with time zone) EXECUTE
	schema privacy USAGE
$$, 'what PUBLIC may do');

SELECT * FROM pg_temp.pinned($$SELECT unnest(extconfig)::regclass::text FROM pg_extension WHERE extname = 'pg_privacy'$$, $$
	privacy.audit_entry
	privacy.audit_entry_id
	privacy.audit_seal
	privacy.policy_version
	privacy.purpose
	privacy.purpose_period
	privacy.root_key
	privacy.scope
	privacy.scope_grant
	privacy.scope_version
	privacy.sweep_outcome
	privacy.sweep_pace
	privacy.sweep_run
	privacy.sweep_run_id_seq
	privacy.tenant_period
$$, 'tables and sequences whose rows pg_dump takes along');

SELECT * FROM pg_temp.pinned($$SELECT concat_ws(' ', name, vartype, context, unit, CASE WHEN boot_val <> '' THEN '= ' || boot_val END) FROM pg_settings WHERE name LIKE 'privacy.%'$$, $$
	privacy.core_clock string superuser
	privacy.keyring_command string sighup
	privacy.keyring_file string sighup
	privacy.keyring_next_command string sighup
	privacy.keyring_next_file string sighup
	privacy.keyring_reidentify_limit integer superuser = 100
	privacy.policy_timezone string superuser = UTC
	privacy.pseudonym_malformed enum superuser = token
	privacy.sweep_batch_pages integer superuser = 128
	privacy.sweep_batch_target integer superuser ms = 50
	privacy.sweep_batch_timeout integer superuser ms = 300000
	privacy.sweep_duty_cycle integer superuser = 100
	privacy.sweep_enabled bool superuser = off
	privacy.sweep_history integer superuser min = 129600
	privacy.sweep_interval integer sighup s = 3600
	privacy.sweep_max_fraction real superuser = 0.5
	privacy.sweep_max_fraction_rows integer superuser = 10000
	privacy.sweep_max_lag integer superuser kB = 0
	privacy.sweep_rate_limit integer superuser = 0
	privacy.sweep_synchronous_commit enum superuser = off
	privacy.sweep_wal_rate integer superuser MB = 0
	privacy.sweep_window string superuser
	privacy.worker_max integer sighup = 2
$$, 'settings, who may set them, and their defaults');

SELECT is_empty($$SELECT pg_describe_object(classid, objid, 0) FROM pg_depend, (SELECT oid, extowner FROM pg_extension WHERE extname = 'pg_privacy') AS e
	 WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = e.oid AND extowner IS DISTINCT FROM CASE classid
		WHEN 'pg_class'::regclass THEN (SELECT relowner FROM pg_class WHERE oid = objid)
		WHEN 'pg_proc'::regclass THEN (SELECT proowner FROM pg_proc WHERE oid = objid)
		WHEN 'pg_namespace'::regclass THEN (SELECT nspowner FROM pg_namespace WHERE oid = objid)
		ELSE extowner END$$, 'all of it belongs to the extension''s owner');
SELECT is_empty($$SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
	 WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_privacy')
	   AND coalesce(obj_description(objid, classid::regclass::name), '') = ''
	   AND classid <> 'pg_type'::regclass
	   AND NOT (classid = 'pg_class'::regclass AND objid IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype = 'a'))$$,
	'every object has a comment, but sequences that serve a column');
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
	 WHERE c.relnamespace = 'privacy'::regnamespace AND NOT tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL$$, 'every trigger has one');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	 WHERE p.pronamespace = 'privacy'::regnamespace AND l.lanname NOT IN ('c', 'internal')
	   AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)$$, 'every function that is not C has its search_path');
SELECT is_empty($$SELECT p.oid::regprocedure, e.grantee::regrole FROM pg_proc p, aclexplode(p.proacl) e
	 WHERE p.pronamespace = 'privacy'::regnamespace AND e.grantee NOT IN (0, p.proowner)$$, 'nobody else has been granted anything');
SELECT is((SELECT count(*) FROM pg_extension WHERE extname = 'pg_privacy' AND NOT extrelocatable AND extnamespace = 'privacy'::regnamespace), 1::bigint, 'it lives in schema privacy and stays there');

SELECT * FROM finish();
