-- label: promises written on tables and columns, in a language of their own.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
SET TimeZone = 'UTC';
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA school AUTHORIZATION regress_owner;
SET search_path = school, public;

SELECT privacy.create_scope('person');
SELECT privacy.grant_scope('person', 'regress_owner');
SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
SELECT privacy.create_purpose('marketing.email', 'consent', '6 months', 'Newsletter');
SELECT privacy.create_purpose('undecided', 'consent', NULL, 'Nobody has decided how long');

SET ROLE regress_owner;
CREATE TABLE agreement (id int PRIMARY KEY, ended_at timestamptz, paid_at date);
CREATE TABLE learner (
	id int PRIMARY KEY,
	agreement_id int REFERENCES agreement,
	email text UNIQUE,
	name varchar(20),
	born date,
	score int NOT NULL DEFAULT 0,
	details json,
	closed_at timestamptz,
	local_time timestamp,
	note text,
	treated_at timestamptz,
	initials text GENERATED ALWAYS AS (left(name, 1)) STORED);

-- A label says for how long a row serves which purpose, and then what. It is DDL: transactional, dumped, dropped with its object.
SECURITY LABEL FOR privacy ON TABLE agreement IS
	'RETAIN FOR service AFTER ALL OF (ended_at, paid_at) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learner IS
	'SUBJECT learner KEY (id);
	 RETAIN FOR service WITH (agreement_id),
	        3 months FOR marketing.email AFTER END OF MONTH OF closed_at WHERE (note IS NULL)
	   THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN learner.email IS
	'CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT;
	 FOR marketing THEN PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN learner.born IS 'QUASI IDENTIFIER; THEN SET NULL; MASK WITH mask_date(''year'')';
SECURITY LABEL FOR privacy ON COLUMN learner.name IS 'DIRECT IDENTIFIER; MASK WITH mask_partial(1, ''***'', 0)';
SECURITY LABEL FOR privacy ON COLUMN learner.details IS 'SENSITIVE; FOR service THEN SET ''{}'' MARK (treated_at)';
SELECT relation, subjects, terms, draft FROM privacy.table_label ORDER BY relation::text;
SELECT column_name, category, identifier, source, purposes, treatment, mark, masking FROM privacy.column_label ORDER BY column_name;
SELECT privacy.label_script();
RESET ROLE;
SELECT * FROM privacy.check_labels();

-- check_label parses without a table. Keywords have no case; names follow SQL; a quoted word is never a keyword.
SELECT privacy.check_label('rEtAiN 7 YEARS aFtEr "After" THEN delete;');
SELECT privacy.check_label($$RETAIN '1 year 6 months' AFTER ANY OF (a, ALL OF (b, "B b"), (c + '1 day')) THEN DELETE$$);
-- The server's scanner decides what is a string, a comment, a dollar quote: no parenthesis hides from it.
SELECT privacy.check_label($$RETAIN 1 day AFTER (CASE WHEN a = ')' /* ) */ OR b = $x$ ) THEN DELETE $x$ -- )
 THEN c END) THEN DELETE$$);

-- What is wrong is said with its place, and with what would have been right.
\set VERBOSITY default
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN FOR service AFTER ended_at THEN DELTE';
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN FOR service AFTER ended_on THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN FOR service AFTER (ended_at + paid) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN FOR gossip AFTER ended_at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN learner.note IS 'MASK WITH hide_all()';
SECURITY LABEL FOR privacy ON COLUMN learner.note IS 'MASK WITH mask_partial(1, ''*'')';
SECURITY LABEL FOR privacy ON COLUMN learner.note IS 'MASK WITH mask_mentions((ARRAY[name, nobody]))';

-- The rest is many ways to be wrong, shown by their words only.
CREATE FUNCTION refusal(object text, label text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE format('SECURITY LABEL FOR privacy ON %s IS %L', object, label);
	RETURN 'ACCEPTED';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n    ', state || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
\pset format unaligned
\pset tuples_only on

\echo -- syntax
SELECT label || E'\n  ' || refusal('TABLE agreement', label) FROM (VALUES
	(''), (';'), (';;'), ('gibberish'), ('RETAIN'), ('RETAIN THEN DELETE'), ('RETAIN 1 year'),
	('RETAIN 1 year AFTER'), ('RETAIN 1 year AFTER ended_at'), ('RETAIN 1 year AFTER ended_at THEN'),
	('RETAIN 1 year AFTER ended_at THEN DELETE DELETE'), ('RETAIN 1 year AFTER ended_at THEN DELETE; 42'),
	('RETAIN 1 year AFTER ended_at, THEN DELETE'), ('RETAIN 1 year, 2 years AFTER ended_at THEN DELETE'),
	('RETAIN year AFTER ended_at THEN DELETE'), ('RETAIN 1 AFTER ended_at THEN DELETE'),
	('RETAIN 1 fortnight AFTER ended_at THEN DELETE'), ('RETAIN 1.5 years AFTER ended_at THEN DELETE'),
	('RETAIN -1 year AFTER ended_at THEN DELETE'), ('RETAIN 99999999999 years AFTER ended_at THEN DELETE'),
	('RETAIN 1001 years AFTER ended_at THEN DELETE'), ('RETAIN 1000000000 years AFTER ended_at THEN DELETE'),
	('RETAIN ''-1 day'' AFTER ended_at THEN DELETE'), ('RETAIN ''1 year -1 day'' AFTER ended_at THEN DELETE'),
	('RETAIN ''soon'' AFTER ended_at THEN DELETE'), ('RETAIN 1 year AFTER ended_at THEN DELETE; RETAIN 1 year AFTER ended_at THEN DELETE'),
	('RETAIN 1 year AFTER END OF ended_at THEN DELETE'), ('RETAIN 1 year AFTER END OF WEEK OF ended_at THEN DELETE'),
	('RETAIN 1 year AFTER ALL (ended_at) THEN DELETE'), ('RETAIN 1 year AFTER ALL OF () THEN DELETE'),
	('RETAIN 1 year AFTER ALL OF ended_at THEN DELETE'), ('RETAIN 1 year AFTER () THEN DELETE'),
	('RETAIN 1 year AFTER (ended_at THEN DELETE'), ('RETAIN 1 year AFTER ended_at) THEN DELETE'),
	('RETAIN 1 year AFTER ended_at WHERE THEN DELETE'), ('RETAIN 1 year AFTER ended_at WHERE true THEN DELETE'),
	('RETAIN FOR AFTER ended_at THEN DELETE'), ('RETAIN FOR service. AFTER ended_at THEN DELETE'),
	('RETAIN FOR service, AFTER ended_at THEN DELETE'), ('RETAIN 1 year AFTER "ended_at THEN DELETE'),
	('RETAIN 1 year AFTER (''ended_at) THEN DELETE'), ('RETAIN 1 year AFTER (a $x$ b) THEN DELETE'),
	('RETAIN 1 year AFTER ended_at THEN DELETE /* open'), ('SUBJECT'), ('SUBJECT learner'), ('SUBJECT learner KEY'),
	('SUBJECT learner KEY ()'), ('SUBJECT learner VIA (id) REFERENCES'), ('SUBJECT learner VIA (id) REFERENCES x'),
	('DRAFT; DRAFT'), ('DRAFT YES'), ('ONLY service'), ('NOT'), ('DIRECT'), ('SOURCE NOWHERE'), ('CATEGORY .x'),
	('RETAIN 1 year AFTER U&"ended\005Fat" THEN DELETE'), ('RETAIN 1 year AFTER ended_at THEN DELETE -- fine'),
	('RETAIN 1 year FOR service WITH (id) THEN DELETE'), ('RETAIN WITH (id) THEN DELETE'), (E'RETAIN 1 ye\u00e5r AFTER ended_at THEN DELETE')
) AS bad (label) WHERE label NOT LIKE '%-- fine';

\echo -- clauses without an engine yet
SELECT label || E'\n  ' || refusal(CASE WHEN label ~ 'DELETE|TENANT' THEN 'TABLE agreement' ELSE 'COLUMN agreement.ended_at' END, label) FROM (VALUES
	('RETAIN FOR service UNTIL OBJECTION THEN DELETE'), ('RETAIN FOR service UNTIL WITHDRAWAL THEN DELETE'),
	('ONLY FOR service'), ('ONLY FOR service THEN SET NULL'), ('FOR service')
) AS later (label);
SELECT refusal('TABLE learner', 'SUBJECT learner KEY ((lower(email)))');

\echo -- clauses that do not go together
SELECT object || ': ' || label || E'\n  ' || refusal(object, label) FROM (VALUES
	('TABLE agreement', 'RETAIN 1 year UNTIL ended_at THEN DELETE'), ('TABLE agreement', 'RETAIN ''0'' WHILE (true) THEN DELETE'),
	('TABLE agreement', 'RETAIN WHILE (id) THEN DELETE'), ('TABLE agreement', 'RETAIN UNTIL id THEN DELETE'),
	('TABLE agreement', 'RETAIN NOTHING, 1 year AFTER ended_at THEN DELETE'), ('TABLE agreement', 'RETAIN NOTHING AT MOST 1 year AFTER ended_at THEN DELETE'),
	('TABLE agreement', 'RETAIN FOR service AFTER ended_at AT MOST -1 year AFTER paid_at THEN DELETE'),
	('TABLE agreement', 'RETAIN FOR service AFTER ended_at AT MOST 1 year AFTER id THEN DELETE'),
	('TABLE agreement', 'RETAIN FOR service AFTER ended_at AT MOST AFTER paid_at THEN DELETE'),
	('TABLE agreement', 'RETAIN 1 year AFTER ALL OF (ANY OF (ALL OF (ANY OF (ALL OF (ANY OF (ended_at)))))) THEN DELETE'),
	('TABLE agreement', 'TENANT (missing)'), ('TABLE agreement', 'TENANT VIA (id)'), ('TABLE learner', 'TENANT VIA (agreement_id)'),
	('COLUMN learner.note', 'TENANT (id)'), ('COLUMN learner.note', 'FOR service; RETAIN FOR service AFTER closed_at THEN SET NULL'),
	('COLUMN learner.note', 'RETAIN NOTHING THEN DELETE'), ('COLUMN learner.note', 'RETAIN 2 years FOR service AFTER closed_at THEN SET NULL'),
	('COLUMN learner.closed_at', 'RETAIN 1 year FOR service AFTER closed_at THEN SET NULL')
) AS apart (object, label);

\echo -- everything a RETAIN can say, parsed
SELECT jsonb_pretty(privacy.check_label('TENANT VIA (agreement_id); RETAIN FOR a UNTIL x, FOR b WHILE (y > 0), ''0'' FOR c AFTER END OF QUARTER OF ALL OF (x, ANY OF (y, z))
	AT MOST 5 years AFTER x AT MOST 6 years AFTER (y) THEN DELETE'));
SELECT privacy.check_label('RETAIN NOTHING THEN SET NULL');

\echo -- the wrong place
SELECT object || ': ' || label || E'\n  ' || refusal(object, label) FROM (VALUES
	('TABLE agreement', 'CATEGORY user.name'), ('TABLE agreement', 'SENSITIVE'), ('TABLE agreement', 'SOURCE SUBJECT'),
	('TABLE agreement', 'FOR service THEN SET NULL'), ('TABLE agreement', 'MASK WITH mask_email()'), ('COLUMN learner.email', 'RETAIN 1 year AFTER closed_at THEN DELETE'),
	('COLUMN learner.email', 'DRAFT'), ('COLUMN learner.email', 'SUBJECT learner KEY (id)'),
	('COLUMN learner.email', 'SUBJECT learner VIA (email)'), ('TABLE learner', 'SUBJECT agreement VIA (id)'),
	('TABLE learner', 'SUBJECT learner KEY (nobody)'), ('TABLE learner', 'RETAIN FOR service WITH (email) THEN DELETE'),
	('TABLE agreement', 'RETAIN FOR service WITH (id) THEN DELETE'), ('TABLE learner', 'RETAIN FOR undecided WITH (agreement_id) THEN DELETE'),
	('TABLE learner', 'RETAIN AFTER closed_at THEN DELETE'), ('TABLE learner', 'RETAIN 2 years FOR service AFTER closed_at THEN DELETE'),
	('TABLE learner', 'RETAIN 366 days FOR service AFTER closed_at THEN DELETE'), ('TABLE learner', 'RETAIN 365 days FOR service AFTER closed_at THEN DELETE; DRAFT'),
	('TABLE learner', 'RETAIN 12 months FOR service AFTER closed_at THEN DELETE; DRAFT'), ('TABLE learner', 'RETAIN 1 year AFTER xmin THEN DELETE'),
	('TABLE learner', 'RETAIN 1 year AFTER email THEN DELETE'), ('TABLE learner', 'RETAIN 1 year AFTER local_time THEN DELETE'),
	('TABLE learner', 'RETAIN 1 year AFTER (local_time AT TIME ZONE ''UTC'') THEN DELETE; DRAFT'), ('TABLE learner', 'RETAIN 1 year AFTER (1) THEN DELETE'),
	('TABLE learner', 'RETAIN 1 year AFTER closed_at WHERE (score) THEN DELETE')
) AS misplaced (object, label);

\echo -- expressions
SELECT label || E'\n  ' || refusal('TABLE learner', 'RETAIN 1 day AFTER (' || label || ') THEN DELETE') FROM (VALUES
	('now()'), ('clock_timestamp()'), ('CURRENT_DATE'), ('CURRENT_TIMESTAMP'), ('''now''::timestamptz'), ('timestamptz ''  Tomorrow'''),
	('closed_at + age(closed_at)'), ('CASE WHEN current_user = ''x'' THEN closed_at END'), ('current_setting(''privacy.x'')::timestamptz'),
	('closed_at + random() * interval ''1 day'''), ('pg_postmaster_start_time()'), ('CASE WHEN pg_is_in_recovery() THEN closed_at END'),
	('max(closed_at)'), ('closed_at, born'), ('closed_at AS x'), ('closed_at FROM learner'), ('learner.*'), ('SELECT closed_at'), ('closed_at; DROP TABLE learner'),
	('born WHERE true'), ('born LIMIT 1'), ('$1'), ('nobody'), ('learner'), ('to_timestamp(xmin::text::int)'), ('CASE WHEN learner IS NULL THEN born END'),
	('SELECT ended_at FROM agreement'), ('(SELECT ended_at FROM agreement)'), ('(SELECT max(a.ended_at) FROM school.agreement a WHERE a.id = agreement_id)'),
	('(SELECT max(a.ended_at) FROM school.agreement a WHERE a.id = learner.agreement_id FOR UPDATE)'), ('(SELECT max(stats_reset) FROM pg_stat_database)'),
	('generate_series(born, born, ''1 day'')'), ('born + 1)) OR ((true')
) AS expression (label);

SECURITY LABEL FOR privacy ON TABLE learner IS
	'RETAIN FOR service WITH (agreement_id), FOR marketing.email AFTER closed_at THEN DELETE';
\echo -- treatments
SELECT object || ': ' || label || E'\n  ' || refusal('COLUMN ' || object, label) FROM (VALUES
	('learner.email', 'FOR gossip THEN SET NULL'), ('learner.email', 'FOR undecided THEN SET NULL'), ('learner.email', 'THEN PSEUDONYMIZE AS haiku'),
	('learner.email', 'THEN PSEUDONYMIZE IN nowhere'), ('learner.score', 'THEN PSEUDONYMIZE'), ('learner.score', 'THEN SET NULL'), ('learner.score', 'THEN SET ''many'''),
	('learner.score', 'THEN SET -1'), ('learner.name', 'THEN PSEUDONYMIZE'), ('learner.name', 'THEN SET ''a name that is too long for it'''),
	('learner.details', 'THEN SET ''{}'''), ('learner.initials', 'THEN SET NULL'), ('learner.closed_at', 'THEN SET NULL'), ('learner.agreement_id', 'THEN SET 1'),
	('learner.id', 'THEN SET 1'), ('agreement.id', 'THEN SET 1'), ('learner.email', 'THEN SET ''gone'''), ('learner.details', 'THEN SET ''{}'' MARK (nobody)'),
	('learner.details', 'THEN SET ''{}'' MARK (closed_at)'), ('learner.details', 'THEN SET ''{}'' MARK (born)'), ('learner.email', 'THEN SET NULL; THEN SET NULL'),
	('learner.email', 'FOR service THEN SET NULL; THEN SET NULL'), ('learner.note', 'THEN SET NULL')
) AS treatment (object, label);
\echo -- masks
SELECT label || E'\n  ' || privacy.check_label(label) FROM (VALUES
	('MASK WITH mask_partial(2, ''*'', 0)'), ('mask with privacy . MASK_EMAIL ( )'), ('MASK WITH "My Schema"."mask.it"(-1.5e3, "B b", key, (coalesce(a, '')'')))'),
	('THEN MASK WITH mask_date(''year''); SET ''it''''s''')
) AS good (label);
SELECT label || E'\n  ' || refusal('COLUMN learner.note', label) FROM (VALUES
	('MASK WITH mask_partial'), ('MASK mask_email()'), ('MASK WITH mask_email(,)'), ('MASK WITH mask_email(1,)'), ('MASK WITH mask_email() MARK (treated_at)'),
	('MASK WITH a.b.c()'), ('MASK WITH mask_email(a.b)'), ('MASK WITH mask_email(); SET NULL')
) AS bad (label);
\echo -- masks that do not fit
SELECT object || ': ' || label || E'\n  ' || refusal('COLUMN ' || object, label) FROM (VALUES
	('learner.note', 'MASK WITH mask_partial(2, ''*'', 2)'), ('learner.name', 'MASK WITH privacy.mask_email()'), ('learner.born', 'MASK WITH mask_date(''year'')'), ('learner.note', 'MASK WITH pg_catalog.left(3)'),
	('learner.note', 'MASK WITH mask_mentions((ARRAY[name, email]))'), ('learner.note', 'THEN MASK WITH mask_email()'), ('learner.email', 'MASK WITH mask_email(); THEN SET NULL'),
	('learner.note', 'MASK WITH partial(2, ''*'', 2)'), ('learner.note', 'MASK WITH privacy.pseudonym(''person'')'), ('learner.note', 'MASK WITH left(3)'), ('learner.note', 'MASK WITH mask_partial()'), ('learner.score', 'MASK WITH mask_email()'),
	('learner.note', 'MASK WITH mask_partial(2, nobody, 2)'), ('learner.note', 'MASK WITH mask_partial(2, note)'), ('learner.note', 'MASK WITH mask_partial(2, (now()::text), 2)'), ('learner.note', 'MASK WITH mask_mentions((name), (SELECT 1))'),
	('learner.note', 'MASK WITH mask_mentions((ARRAY[name]), (nobody))'), ('learner.note', 'MASK WITH mask_mentions((ARRAY[name], 1))'), ('learner.note', 'MASK WITH pg_catalog.pg_read_file()'), ('learner.note', 'MASK WITH pg_catalog.max()'), ('learner.note', 'MASK WITH nowhere.f()'),
	('learner.score', 'MASK WITH mask_range(10)'), ('learner.email', 'SET DEFAULT')
) AS mask (object, label);
CREATE TABLE plain (id int, email text);
SELECT refusal('COLUMN plain.email', 'THEN SET NULL');
\pset tuples_only off
\pset format aligned

-- An end that nobody has decided is legal to promise, and said aloud.
SECURITY LABEL FOR privacy ON TABLE plain IS 'RETAIN FOR undecided AFTER (''2020-01-01''::date) THEN DELETE';

-- What cannot carry a label.
CREATE VIEW a_view AS SELECT 1 AS id;
CREATE MATERIALIZED VIEW a_matview AS SELECT 1 AS id;
CREATE SEQUENCE a_sequence;
CREATE TEMP TABLE a_temp (id int);
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE a_foreign (id int) SERVER regress_server;
SELECT refusal('VIEW a_view', 'DRAFT') UNION ALL SELECT refusal('MATERIALIZED VIEW a_matview', 'DRAFT') UNION ALL
SELECT refusal('SEQUENCE a_sequence', 'DRAFT') UNION ALL SELECT refusal('TABLE a_temp', 'DRAFT') UNION ALL
SELECT refusal('FOREIGN TABLE a_foreign', 'DRAFT') UNION ALL SELECT refusal('TABLE privacy.audit_entry', 'DRAFT') UNION ALL
SELECT refusal('ROLE regress_owner', 'DRAFT') UNION ALL SELECT refusal('COLUMN a_view.id', 'SENSITIVE');
SET allow_system_table_mods = on;
SELECT refusal('TABLE pg_catalog.pg_class', 'DRAFT');
RESET allow_system_table_mods;
DROP SERVER regress_server CASCADE;
DROP FOREIGN DATA WRAPPER regress_wrapper;

-- A label is set by the table's owner, and its expressions may do what the owner may.
GRANT USAGE ON SCHEMA school TO regress_other;
SET ROLE regress_other;
SECURITY LABEL FOR privacy ON TABLE school.agreement IS 'DRAFT';
RESET ROLE;
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.secret (id int, at timestamptz);
CREATE FUNCTION public.borrowed(timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT $1';
ALTER FUNCTION public.borrowed OWNER TO regress_other;
CREATE FUNCTION public.unstable(timestamptz) RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT $1';
GRANT USAGE ON SCHEMA elsewhere TO regress_owner;
SET ROLE regress_owner;
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN 1 day AFTER ((SELECT max(s.at) FROM elsewhere.secret s)) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN 1 day AFTER (public.borrowed(ended_at)) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN 1 day AFTER (public.unstable(ended_at)) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN 1 day AFTER (unstable(ended_at)) THEN DELETE';
RESET ROLE;

-- A chain of WITH has an end: a table that it has passed is refused, and so is a parent without a promise.
CREATE TABLE node (id int PRIMARY KEY, parent_id int REFERENCES node, leaf_id int);
CREATE TABLE leaf (id int PRIMARY KEY, node_id int REFERENCES node);
ALTER TABLE node ADD FOREIGN KEY (leaf_id) REFERENCES leaf;
SELECT refusal('TABLE node', 'RETAIN FOR service WITH (parent_id) THEN DELETE');
SELECT refusal('TABLE leaf', 'RETAIN FOR service WITH (node_id) THEN DELETE');
SELECT refusal('TABLE node', 'RETAIN FOR service AFTER (NULL::date) THEN DELETE');
SELECT refusal('TABLE leaf', 'RETAIN FOR service WITH (node_id) THEN DELETE');
SELECT refusal('TABLE node', 'RETAIN FOR service WITH (leaf_id) THEN DELETE');

-- What the names resolved to is remembered. Renamed or swapped columns park the rule; the same text would delete other rows.
CREATE TABLE visit (id int PRIMARY KEY, started_at timestamptz, ended_at timestamptz);
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN 1 day AFTER ended_at THEN DELETE';
ALTER TABLE visit RENAME ended_at TO x;
ALTER TABLE visit RENAME started_at TO ended_at;
SELECT * FROM privacy.check_labels() WHERE relation = 'visit'::regclass;
ALTER TABLE visit DROP COLUMN ended_at;
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'visit'::regclass;
ALTER TABLE visit RENAME x TO ended_at;
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'visit'::regclass;
-- A type counts too, and whoever owns the table may accept what has changed.
ALTER TABLE visit ALTER ended_at TYPE date;
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'visit'::regclass;
SELECT privacy.rebind_labels('visit');
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'visit'::regclass;
-- A new column of an inner table that takes a name over.
CREATE TABLE trail (visit_id int, at timestamptz);
SECURITY LABEL FOR privacy ON TABLE visit IS
	'RETAIN 1 day AFTER ((SELECT max(at) FROM school.trail t, (SELECT visit.id AS started) v WHERE t.visit_id = started)) THEN DELETE';
ALTER TABLE trail ADD started int;
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'visit'::regclass;
DROP TABLE trail;
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'visit'::regclass;

-- Dropping a label drops its rule, in its transaction.
BEGIN;
SECURITY LABEL FOR privacy ON TABLE visit IS NULL;
SELECT count(*) FROM privacy.check_labels() WHERE relation = 'visit'::regclass;
ROLLBACK;
SELECT count(*) FROM privacy.check_labels() WHERE relation = 'visit'::regclass;

-- Quoted, mixed-case and long names.
CREATE TABLE "Läsår ""1""" ("End" timestamptz, "key" date, "a23456789012345678901234567890123456789012345678901234567890123" timestamptz);
SECURITY LABEL FOR privacy ON TABLE "Läsår ""1""" IS
	'RETAIN 1 day AFTER ALL OF ("End", key, a23456789012345678901234567890123456789012345678901234567890123) THEN DELETE';
SELECT * FROM privacy.check_labels() WHERE relation::text ~ 'sår';

-- A restore checks only the syntax, and leaves the label unbound: it deletes nothing until it is bound.
SET check_function_bodies = off;
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR no_such_purpose_yet AFTER ended_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER ended_at';
RESET check_function_bodies;
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'visit'::regclass;
SELECT privacy.create_purpose('no_such_purpose_yet', 'contract', '1 year', 'Now it is there');
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'visit'::regclass;
SELECT privacy.rebind_labels('visit');
SELECT state, problem FROM privacy.check_labels() WHERE relation = 'visit'::regclass;

-- rebind_labels is for the owner of the table and whom the extension's owner trusts with it.
GRANT EXECUTE ON FUNCTION privacy.rebind_labels TO regress_other;
SET ROLE regress_other;
SELECT privacy.rebind_labels('school.visit');
RESET ROLE;

-- Before the extension goes, its labels must.
CALL privacy.remove_labels();
SELECT count(*) FROM pg_seclabel WHERE provider = 'privacy';
SET client_min_messages = warning;
DROP EXTENSION pg_privacy;
SECURITY LABEL FOR privacy ON TABLE school.agreement IS 'DRAFT';
DROP SCHEMA school, elsewhere CASCADE;
DROP FUNCTION public.borrowed, public.unstable;
DROP ROLE regress_owner, regress_other;
