-- treatment: what becomes of a column's value, by type: pseudonyms of every format, masks, defaults.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
SET DateStyle = ISO;
SET TimeZone = 'UTC';
SET privacy.policy_timezone = 'UTC';
SET privacy.core_clock = '2026-06-01 00:00+00';
SELECT privacy.create_scope('person', destroyable => false);
SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');

CREATE DOMAIN regress_nickname AS text CHECK (length(VALUE) < 60);
CREATE TABLE customer (
	id int PRIMARY KEY, left_at timestamptz, email varchar(80) UNIQUE, code varchar(40), reference uuid, points int, points_at timestamptz,
	address inet, address_at timestamptz, born date, born_at timestamptz, tags text[], tags_at timestamptz, nickname regress_nickname,
	city text, city_at timestamptz, tier text DEFAULT 'none', tier_at timestamptz, note text);
SECURITY LABEL FOR privacy ON TABLE customer IS 'SUBJECT customer KEY (id); RETAIN FOR service AFTER left_at THEN DELETE';

-- A format belongs to a type; the first one of a type is its default.
SECURITY LABEL FOR privacy ON COLUMN customer.points IS 'THEN PSEUDONYMIZE AS email';
SECURITY LABEL FOR privacy ON COLUMN customer.email IS 'THEN PSEUDONYMIZE AS nothing';
-- What carries no mark of its own needs a MARK column.
SECURITY LABEL FOR privacy ON COLUMN customer.points IS 'THEN PSEUDONYMIZE';
SECURITY LABEL FOR privacy ON COLUMN customer.tags IS 'THEN PSEUDONYMIZE';
SECURITY LABEL FOR privacy ON COLUMN customer.city IS 'THEN MASK WITH mask_partial(1, ''*'', 0)';
SECURITY LABEL FOR privacy ON COLUMN customer.tier IS 'THEN SET DEFAULT';
-- A mask must give what the column holds, and exist; a pseudonym must fit, and stay unique where the column is.
SECURITY LABEL FOR privacy ON COLUMN customer.points IS 'THEN MASK WITH mask_range(10) MARK (points_at)';
SECURITY LABEL FOR privacy ON COLUMN customer.city IS 'THEN MASK WITH mask_nothing() MARK (city_at)';
SECURITY LABEL FOR privacy ON COLUMN customer.email IS 'THEN PSEUDONYMIZE AS email_keep_domain';
SECURITY LABEL FOR privacy ON COLUMN customer.email IS 'THEN PSEUDONYMIZE AS family_name';
-- Moving dates by subject needs to know the subject.
CREATE TABLE event (at date, mark timestamptz);
SECURITY LABEL FOR privacy ON TABLE event IS 'RETAIN FOR service AFTER at THEN DELETE';
ALTER TABLE event ADD seen date;
SECURITY LABEL FOR privacy ON COLUMN event.seen IS 'THEN PSEUDONYMIZE MARK (mark)';

-- Each in its form.
SECURITY LABEL FOR privacy ON TABLE customer IS 'SUBJECT customer KEY (id); RETAIN 1 day FOR service AFTER left_at THEN DELETE';
CREATE TABLE visit (customer_id int REFERENCES customer);
SECURITY LABEL FOR privacy ON COLUMN customer.email IS 'THEN PSEUDONYMIZE AS email';
SECURITY LABEL FOR privacy ON COLUMN customer.code IS 'THEN PSEUDONYMIZE AS base32';
SECURITY LABEL FOR privacy ON COLUMN customer.reference IS 'THEN PSEUDONYMIZE';
SECURITY LABEL FOR privacy ON COLUMN customer.points IS 'THEN PSEUDONYMIZE MARK (points_at)';
SECURITY LABEL FOR privacy ON COLUMN customer.address IS 'THEN PSEUDONYMIZE MARK (address_at)';
SECURITY LABEL FOR privacy ON COLUMN customer.born IS 'THEN PSEUDONYMIZE MARK (born_at)';
SECURITY LABEL FOR privacy ON COLUMN customer.tags IS 'THEN PSEUDONYMIZE AS digits MARK (tags_at)';
SECURITY LABEL FOR privacy ON COLUMN customer.nickname IS 'THEN PSEUDONYMIZE';
SECURITY LABEL FOR privacy ON COLUMN customer.city IS 'THEN MASK WITH mask_partial(1, ''*'', 0) MARK (city_at)';
SECURITY LABEL FOR privacy ON COLUMN customer.tier IS 'THEN SET DEFAULT MARK (tier_at)';
SECURITY LABEL FOR privacy ON COLUMN customer.note IS 'THEN SET ''(removed)''';
INSERT INTO customer (id, left_at, email, code, reference, points, address, born, tags, nickname, city, tier, note) VALUES
	(1, '2026-05-01', 'anna@example.org', 'A-1', '6f1c3c5e-0000-4000-8000-00000000000a', 7, '10.1.2.3', '1990-02-03', '{12,NULL,4711}', 'annie', 'Stockholm', 'gold', 'called twice'),
	(2, '2026-06-01', 'bo@example.org', 'B-1', '6f1c3c5e-0000-4000-8000-00000000000b', 8, '10.1.2.4', '1991-02-03', '{13}', 'bosse', 'Malmö', 'gold', 'never called'),
	(3, '2026-05-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO visit SELECT id FROM customer;
CALL privacy.sweep();
\x
SELECT * FROM customer WHERE id = 1;
SELECT email = privacy.pseudonym_email('anna@example.org', 'person') AS email, code = privacy.pseudonym_base32('A-1', 'person') AS code,
	   reference = privacy.pseudonym('6f1c3c5e-0000-4000-8000-00000000000a'::uuid, 'person') AS reference, points = privacy.pseudonym(7, 'person') AS points,
	   born = privacy.subject_pseudonym('1990-02-03'::date, 'person', '1') AS born FROM customer WHERE id = 1;
SELECT * FROM customer WHERE id = 2;
SELECT count(*) FROM customer AS c WHERE id = 3 AND num_nulls(c.email, c.code, c.reference, c.points, c.address, c.born, c.tags, c.nickname, c.city, c.tier, c.note) = 11;
\x
-- Once: a second run finds nothing to treat.
CREATE TEMP TABLE before AS SELECT * FROM customer;
CALL privacy.sweep();
SELECT count(*) AS as_before FROM (SELECT * FROM customer INTERSECT SELECT * FROM before) AS s;

-- What is written after the treatment stays as it is while the mark stands. A trigger can clear the mark, as an application should.
UPDATE customer SET city = 'Lund' WHERE id = 1;
CALL privacy.sweep();
SELECT city, city_at FROM customer WHERE id = 1;
CREATE FUNCTION clear_mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.city_at := NULL; RETURN NEW; END $$;
CREATE TRIGGER clear_mark BEFORE UPDATE OF city ON customer FOR EACH ROW
	WHEN (NEW.city IS DISTINCT FROM OLD.city AND NEW.city_at IS NOT DISTINCT FROM OLD.city_at) EXECUTE FUNCTION clear_mark();
UPDATE customer SET city = 'Uppsala' WHERE id = 1;
CALL privacy.sweep();
SELECT city, city_at FROM customer WHERE id = 1;

-- A bare treatment is for static masking and masked readers: the sweep does not act on it, and it needs no purpose.
CREATE TABLE lead (email text, phone text);
INSERT INTO lead VALUES ('anna@example.org', '+46701740605');
SECURITY LABEL FOR privacy ON COLUMN lead.email IS 'PSEUDONYMIZE AS email';
SECURITY LABEL FOR privacy ON COLUMN lead.phone IS 'MASK WITH mask_partial(3, ''*'', 2)';
CALL privacy.sweep();
SELECT * FROM lead;

-- What is refused, and why.
CREATE FUNCTION refusal(object text, label text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text; hint text;
BEGIN
	EXECUTE format('SECURITY LABEL FOR privacy ON COLUMN %s IS %L', object, label);
	RETURN 'ACCEPTED';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n    ', message, detail, hint);
END $$;
\a
\t

-- A default runs as the table's owner: nobody else may have written it. It may vary, as defaults do; a changed one parks the rule.
CREATE ROLE regress_owner;
CREATE ROLE regress_evil;
GRANT CREATE ON SCHEMA public TO regress_owner, regress_evil;
SET ROLE regress_evil;
CREATE FUNCTION evil_default() RETURNS text LANGUAGE sql AS $$ SELECT 'innocent'::text $$;
CREATE FUNCTION evil_check(text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE DOMAIN evil_domain AS text CHECK (evil_check(VALUE));
CREATE DOMAIN evil_number AS int CHECK (VALUE < 1000);
SET ROLE regress_owner;
CREATE DOMAIN over_evil AS evil_domain;
CREATE TYPE pair AS (a int, b evil_domain);
CREATE TYPE evil_range AS RANGE (SUBTYPE = evil_number);
CREATE TABLE trusting (
	id int PRIMARY KEY, at timestamptz, n text DEFAULT evil_default(), n_at timestamptz, d evil_domain, o over_evil, a over_evil[], p pair, r evil_range,
	s uuid UNIQUE DEFAULT gen_random_uuid(), s_at timestamptz, c text DEFAULT 'none', c_at timestamptz);
RESET ROLE;
SECURITY LABEL FOR privacy ON TABLE trusting IS 'RETAIN 1 day FOR service AFTER at THEN DELETE';
SELECT refusal('trusting.n', 'THEN SET DEFAULT MARK (n_at)');
SELECT refusal('trusting.n', 'SET DEFAULT');
SELECT refusal('trusting.d', 'THEN SET ''x''');
SELECT refusal('trusting.o', 'THEN PSEUDONYMIZE');
SELECT refusal('trusting.a', 'THEN SET ''{}''');
SELECT refusal('trusting.p', 'THEN SET ''(1,x)''');
SELECT refusal('trusting.r', 'THEN SET ''empty''');
SELECT refusal('trusting.s', 'THEN SET DEFAULT MARK (s_at)');
SELECT refusal('trusting.c', 'THEN SET DEFAULT MARK (c_at)');
SELECT rule, state FROM privacy.check_labels() WHERE relation = 'trusting'::regclass ORDER BY rule COLLATE "C";
ALTER TABLE trusting ALTER c SET DEFAULT evil_default();
ALTER TABLE trusting ALTER s DROP DEFAULT;
SELECT rule, state, problem FROM privacy.check_labels() WHERE relation = 'trusting'::regclass ORDER BY rule COLLATE "C";
ALTER TABLE trusting ALTER c SET DEFAULT 'another';
SELECT rule, state, problem FROM privacy.check_labels() WHERE relation = 'trusting'::regclass ORDER BY rule COLLATE "C";

-- A pseudonym must fit. What is not of its format's form becomes a token of 40 characters, which is cut to the column's length, except in arrays.
CREATE DOMAIN regress_short AS varchar(10) CHECK (VALUE <> '');
CREATE DOMAIN regress_long AS varchar(60);
CREATE TABLE fitting (
	id int PRIMARY KEY, at timestamptz, sealed varchar(60), sealed_long regress_long, sealed_text text, at_1 timestamptz,
	code varchar(5) UNIQUE, pnr varchar(13) UNIQUE, phone varchar(20), at_2 timestamptz, short regress_short, at_3 timestamptz, shorts regress_short[], codes varchar(12)[], at_4 timestamptz,
	longs regress_long[], at_5 timestamptz, fixed char(16), at_6 timestamptz);
SECURITY LABEL FOR privacy ON TABLE fitting IS 'SUBJECT customer KEY (id); RETAIN 1 day FOR service AFTER at THEN DELETE';
SELECT refusal('fitting.sealed', 'THEN PSEUDONYMIZE AS encrypted MARK (at_1)');
SELECT refusal('fitting.sealed_long', 'THEN PSEUDONYMIZE AS encrypted MARK (at_1)');
SELECT refusal('fitting.sealed_text', 'THEN PSEUDONYMIZE AS encrypted MARK (at_1)');
SELECT refusal('fitting.code', 'THEN PSEUDONYMIZE AS digits MARK (at_2)');
SECURITY LABEL FOR privacy ON COLUMN fitting.code IS NULL;
SELECT refusal('fitting.pnr', 'THEN PSEUDONYMIZE AS personnummer MARK (at_2)');
SECURITY LABEL FOR privacy ON COLUMN fitting.pnr IS NULL;
SELECT refusal('fitting.phone', 'THEN PSEUDONYMIZE AS phone MARK (at_2)');
SELECT refusal('fitting.short', 'THEN PSEUDONYMIZE AS digits MARK (at_3)');
SELECT refusal('fitting.shorts', 'THEN PSEUDONYMIZE AS token MARK (at_4)');
SELECT refusal('fitting.shorts', 'THEN PSEUDONYMIZE AS city MARK (at_4)');
SELECT refusal('fitting.codes', 'THEN PSEUDONYMIZE AS digits MARK (at_4)');
SELECT refusal('fitting.longs', 'THEN PSEUDONYMIZE AS digits MARK (at_5)');
SELECT refusal('fitting.fixed', 'THEN PSEUDONYMIZE AS digits MARK (at_6)');
CREATE TABLE keeper (id int REFERENCES fitting);
INSERT INTO fitting (id, at, sealed_text, phone, short, longs, fixed) VALUES
	(1, '2026-05-01', 'anna', '+46701740605', '4711', '{12,x}', '0123'), (2, '2026-05-01', 'bo', 'ask at home', 'n/a', '{}', 'n/a');
INSERT INTO keeper SELECT id FROM fitting;
CALL privacy.sweep();
SELECT id, length(sealed_text) > 40 AS sealed, phone = left(privacy.pseudonym_phone(CASE id WHEN 1 THEN '+46701740605' ELSE 'ask at home' END, 'person'), 20) AS phone,
	   short = left(privacy.pseudonym_digits(CASE id WHEN 1 THEN '4711' ELSE 'n/a' END, 'person'), 10) AS short,
	   longs::text[] = CASE id WHEN 1 THEN ARRAY[privacy.pseudonym_digits('12', 'person'), privacy.pseudonym_digits('x', 'person')] ELSE '{}' END AS longs,
	   fixed = left(privacy.pseudonym_digits(CASE id WHEN 1 THEN '0123' ELSE 'n/a' END, 'person'), 16) AS fixed
  FROM fitting WHERE at_2 IS NOT NULL ORDER BY id;
-- The constraint of an array's element holds: a rule that would break it treats nothing.
CREATE DOMAIN regress_odd AS text CHECK (VALUE !~ '^[0-9a-f]{40}$');
CREATE TABLE odd (id int PRIMARY KEY, at timestamptz, a regress_odd[], a_at timestamptz);
SECURITY LABEL FOR privacy ON TABLE odd IS 'RETAIN 1 day FOR service AFTER at THEN DELETE';
SELECT refusal('odd.a', 'THEN PSEUDONYMIZE MARK (a_at)');
INSERT INTO odd VALUES (1, '2026-05-01', '{x}');
CREATE TABLE odd_keeper (id int REFERENCES odd);
INSERT INTO odd_keeper VALUES (1);
CALL privacy.sweep();
SELECT rule, state, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'public.odd' AND rule <> 'THEN DELETE';
SELECT a FROM odd;
SECURITY LABEL FOR privacy ON COLUMN odd.a IS NULL;

-- What is computed with the subject's key needs a key that is there and stays. Bare treatments read the raw row, all at once.
CREATE TABLE patient (pnr text NOT NULL, at timestamptz, born date, born_at timestamptz, code text);
SECURITY LABEL FOR privacy ON TABLE patient IS 'SUBJECT patient KEY (pnr); RETAIN 1 day FOR service AFTER at THEN DELETE';
SELECT refusal('patient.born', 'THEN PSEUDONYMIZE AS shift MARK (born_at)');
SELECT refusal('patient.pnr', 'THEN PSEUDONYMIZE AS token');
SELECT refusal('patient.pnr', 'THEN SET ''gone''');
SELECT refusal('patient.pnr', 'PSEUDONYMIZE AS token');
SECURITY LABEL FOR privacy ON COLUMN patient.born IS NULL;
SELECT refusal('patient.pnr', 'THEN PSEUDONYMIZE AS token');
SELECT refusal('patient.born', 'THEN PSEUDONYMIZE AS shift MARK (born_at)');
SELECT refusal('patient.code', 'THEN PSEUDONYMIZE AS subject_token');
SELECT refusal('patient.born', 'PSEUDONYMIZE AS shift');
SELECT refusal('patient.pnr', 'PSEUDONYMIZE AS token');
SELECT refusal('patient.born', 'PSEUDONYMIZE AS shift');
SECURITY LABEL FOR privacy ON COLUMN patient.pnr IS NULL;
ALTER TABLE patient ALTER pnr DROP NOT NULL;
SELECT refusal('patient.code', 'THEN PSEUDONYMIZE AS subject_token');

-- A mark is set by the sweep and by nothing else: not by a domain's default, nor a partition's.
CREATE DOMAIN regress_marked AS timestamptz DEFAULT now();
CREATE TABLE part (id int, at timestamptz, n text, m regress_marked, m2 timestamptz, m3 timestamptz) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (10);
ALTER TABLE part_1 ALTER m2 SET DEFAULT now();
SECURITY LABEL FOR privacy ON TABLE part IS 'RETAIN 1 day FOR service AFTER at THEN DELETE';
SELECT refusal('part.n', 'THEN MASK WITH mask_partial(1, ''*'', 0) MARK (m)');
SELECT refusal('part.n', 'THEN MASK WITH mask_partial(1, ''*'', 0) MARK (m2)');

-- What the server generates follows from other columns.
CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY, at timestamptz, n text, long text GENERATED ALWAYS AS (n || '!') STORED);
SECURITY LABEL FOR privacy ON TABLE made IS 'RETAIN 1 day FOR service AFTER at THEN DELETE';
SELECT refusal('made.long', 'THEN SET NULL');
SELECT refusal('made.long', 'SET DEFAULT');
SELECT refusal('made.id', 'THEN SET ''1''');

-- Uniqueness, on whatever index or partition: a value that repeats is refused, unless the index has other columns as well.
CREATE TABLE single (
	id int PRIMARY KEY, at timestamptz, lowered text, excluded text, both_a text, both_b text, nulls text, plain text DEFAULT 'x', required text NOT NULL,
	named text UNIQUE, m timestamptz, EXCLUDE USING btree (excluded WITH =), UNIQUE (both_a, both_b), UNIQUE NULLS NOT DISTINCT (nulls), UNIQUE (plain));
CREATE UNIQUE INDEX ON single (lower(lowered));
SECURITY LABEL FOR privacy ON TABLE single IS 'RETAIN 1 day FOR service AFTER at THEN DELETE';
SELECT refusal('single.lowered', 'THEN SET ''x''');
SELECT refusal('single.lowered', 'THEN PSEUDONYMIZE AS city MARK (m)');
SELECT refusal('single.excluded', 'THEN SET ''x''');
SELECT refusal('single.both_a', 'THEN SET ''x''');
SELECT refusal('single.nulls', 'THEN SET NULL');
SELECT refusal('single.nulls', 'THEN SET DEFAULT MARK (m)');
SELECT refusal('single.plain', 'THEN SET DEFAULT MARK (m)');
SELECT refusal('single.named', 'THEN SET NULL');
SELECT refusal('single.named', 'THEN MASK WITH mask_partial(1, ''*'', 0) MARK (m)');
SELECT refusal('single.required', 'THEN SET DEFAULT MARK (m)');
ALTER TABLE part_1 ADD UNIQUE (n);
SELECT refusal('part.n', 'THEN PSEUDONYMIZE AS city MARK (m3)');

-- A literal is recognised by the equality of its type, wherever that is.
SET client_min_messages = warning;
CREATE TYPE regress_code;
CREATE FUNCTION regress_code_in(cstring) RETURNS regress_code IMMUTABLE STRICT LANGUAGE internal AS 'byteain';
CREATE FUNCTION regress_code_out(regress_code) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'byteaout';
CREATE TYPE regress_code (INPUT = regress_code_in, OUTPUT = regress_code_out, LIKE = bytea);
CREATE FUNCTION regress_code_eq(regress_code, regress_code) RETURNS boolean IMMUTABLE STRICT LANGUAGE internal AS 'byteaeq';
CREATE FUNCTION regress_code_hash(regress_code) RETURNS int IMMUTABLE STRICT LANGUAGE internal AS 'hashvarlena';
CREATE OPERATOR = (LEFTARG = regress_code, RIGHTARG = regress_code, FUNCTION = regress_code_eq, HASHES);
CREATE OPERATOR CLASS regress_code_ops DEFAULT FOR TYPE regress_code USING hash AS OPERATOR 1 =, FUNCTION 1 regress_code_hash(regress_code);
RESET client_min_messages;
CREATE TABLE shelf (id int PRIMARY KEY, at timestamptz, code regress_code, tags text[], kind regress_short);
SECURITY LABEL FOR privacy ON TABLE shelf IS 'RETAIN 1 day FOR service AFTER at THEN DELETE';
SELECT refusal('shelf.code', 'THEN SET ''\x00''');
SELECT refusal('shelf.tags', 'THEN SET ''{}''');
SELECT refusal('shelf.kind', 'THEN SET ''none''');
INSERT INTO shelf VALUES (1, '2026-05-01', '\x01', '{x}', 'y'), (2, '2026-05-01', '\x00', '{}', 'none'), (3, '2026-05-01', NULL, NULL, NULL);
CREATE TABLE shelf_keeper (id int REFERENCES shelf);
INSERT INTO shelf_keeper SELECT id FROM shelf;
CALL privacy.sweep();
SELECT rule, state, treated, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND rule_table = 'public.shelf' ORDER BY rule COLLATE "C";
SELECT * FROM shelf ORDER BY id;
\a
\t

SET client_min_messages = warning;
CALL privacy.remove_labels();
DROP TABLE visit, customer, event, lead, before, trusting, keeper, fitting, odd_keeper, odd, patient, part, made, single, shelf_keeper, shelf;
DROP DOMAIN regress_nickname, regress_short, regress_long, regress_odd, regress_marked;
DROP FUNCTION refusal, clear_mark;
DROP TYPE regress_code CASCADE;
DROP OWNED BY regress_owner, regress_evil CASCADE;
DROP ROLE regress_owner, regress_evil;
DROP EXTENSION pg_privacy CASCADE;
