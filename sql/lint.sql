-- lint: what is missing, contradictory or slow in the labels. Every id has its paragraph in doc/lint.md.
\set SHOW_CONTEXT never
SET client_min_messages = error;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_linter;
CREATE SCHEMA clinic;
SET search_path = clinic, public;
SELECT privacy.create_scope('person');
SELECT privacy.create_purpose('care', 'contract', '2 years', 'Care for patients');
SELECT privacy.create_purpose('books', 'legal_obligation', '7 years', 'Keep the books');
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET IntervalStyle = 'postgres';
SET privacy.core_clock = '2026-01-01 00:00+00';
\set lint 'SELECT severity, object, finding, id FROM privacy.lint() ORDER BY id, object COLLATE "C", finding COLLATE "C";'

-- Nobody may call it who was not told so.
SET ROLE regress_linter;
SELECT * FROM privacy.lint();
RESET ROLE;

-- A purpose that no label names. Naming marketing names marketing.email.
SELECT privacy.create_purpose('marketing.email', 'consent', '1 year', 'Newsletter');
SELECT id, severity, object, finding, hint FROM privacy.lint() ORDER BY object;
CREATE TABLE patient (id int PRIMARY KEY, left_at timestamptz);
INSERT INTO patient VALUES (1, '2025-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE patient IS 'RETAIN FOR care, books, marketing AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN patient.id IS 'NOT PERSONAL';
SECURITY LABEL FOR privacy ON COLUMN patient.left_at IS 'NOT PERSONAL';
:lint

-- A column that nobody has labelled.
ALTER TABLE patient ADD "E-mail" text;
:lint
SECURITY LABEL FOR privacy ON COLUMN patient."E-mail" IS 'DIRECT IDENTIFIER';

-- A purpose without a period, where the term has none either.
SELECT privacy.create_purpose('research', 'public_task', NULL, 'Research');
SECURITY LABEL FOR privacy ON TABLE patient IS 'RETAIN FOR care, books, research, marketing AFTER left_at THEN DELETE';
:lint
SECURITY LABEL FOR privacy ON TABLE patient IS 'RETAIN 3 years FOR research AFTER left_at, FOR care, books, marketing AFTER left_at THEN DELETE';
:lint

-- Kept for at least seven years, and for at most five.
SECURITY LABEL FOR privacy ON TABLE patient IS 'RETAIN FOR care, books, marketing AFTER left_at, 1 year FOR research AFTER left_at AT MOST 5 years AFTER left_at THEN DELETE';
:lint
SECURITY LABEL FOR privacy ON TABLE patient IS 'RETAIN FOR care, books, marketing AFTER left_at, 1 year FOR research AFTER left_at AT MOST 10 years AFTER left_at THEN DELETE';
:lint

-- A value that is kept longer than its row would be.
SECURITY LABEL FOR privacy ON COLUMN patient."E-mail" IS 'RETAIN 8 years FOR research AFTER left_at THEN SET NULL';
:lint
SECURITY LABEL FOR privacy ON COLUMN patient."E-mail" IS 'RETAIN 1 year FOR research AFTER left_at THEN SET NULL';
:lint

-- A starting point that no row has. An empty table is no finding.
ALTER TABLE patient ADD died_at timestamptz;
SECURITY LABEL FOR privacy ON COLUMN patient.died_at IS 'SENSITIVE';
SECURITY LABEL FOR privacy ON TABLE patient IS 'RETAIN FOR care, marketing AFTER ALL OF (left_at, died_at), FOR books, research AFTER left_at THEN DELETE';
SELECT privacy.alter_purpose('research', '1 year');
:lint
UPDATE patient SET died_at = '2025-06-01 00:00+00';
:lint
UPDATE patient SET died_at = NULL;
DELETE FROM patient;
:lint

-- A maximum from another start contradicts nothing, and a promise without a clock has none that could fail to start.
CREATE TABLE profile (id int PRIMARY KEY, closed_at timestamptz, objected_at timestamptz, active boolean);
INSERT INTO profile VALUES (1, '2025-06-01 00:00+00', '2025-06-01 00:00+00', true);
\set rules 'SELECT severity, object, finding, id FROM privacy.lint() WHERE id NOT IN (''column-unlabelled'', ''purpose-without-rule'') ORDER BY id, object COLLATE "C", finding COLLATE "C";'
SECURITY LABEL FOR privacy ON TABLE profile IS 'RETAIN FOR care AFTER closed_at AT MOST 0 days AFTER objected_at THEN DELETE';
:rules
SECURITY LABEL FOR privacy ON TABLE profile IS 'RETAIN FOR care AFTER ANY OF (closed_at, objected_at) AT MOST 1 day AFTER ANY OF (closed_at, objected_at) THEN DELETE';
:rules
SECURITY LABEL FOR privacy ON TABLE profile IS 'RETAIN FOR care WHILE (active) THEN DELETE';
:rules
SECURITY LABEL FOR privacy ON TABLE profile IS 'RETAIN NOTHING THEN DELETE';
:rules

-- A start that is read from another table is gone with that table's rows. What is only a draft deletes none.
CREATE TABLE purchase (id int, profile_id int REFERENCES profile, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE purchase_all PARTITION OF purchase DEFAULT;
INSERT INTO purchase VALUES (1, 1, '2025-06-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE profile IS 'RETAIN FOR care AFTER ALL OF (closed_at, ((SELECT max(p.at) FROM clinic.purchase_all AS p WHERE p.profile_id = profile.id))) THEN DELETE';
:rules
SECURITY LABEL FOR privacy ON TABLE purchase IS 'DRAFT; RETAIN FOR care AFTER at THEN DELETE';
:rules
SECURITY LABEL FOR privacy ON TABLE purchase IS 'RETAIN FOR care AFTER at THEN DELETE';
:rules
DROP TABLE purchase, profile;

-- A rule that cannot be computed from the data that is there.
CREATE TABLE diary (id int PRIMARY KEY, word text);
INSERT INTO diary VALUES (1, 'anna 19800101');
SECURITY LABEL FOR privacy ON TABLE diary IS 'RETAIN FOR care AFTER ((word)::pg_catalog.date) THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN diary.id IS 'NOT PERSONAL';
SECURITY LABEL FOR privacy ON COLUMN diary.word IS 'SENSITIVE';
:lint
DROP TABLE diary;

-- A column renamed, a label restored, and one that was smuggled in: parked, unbound, unreadable. So
-- is a treatment whose result could not be told from what was there before. None of them hides the others.
CREATE TABLE a_renamed (id int, at timestamptz);
CREATE TABLE b_restored (id int, at timestamptz);
CREATE TABLE c_unreadable (id int, at timestamptz);
CREATE TABLE d_treated (id int, home point, at timestamptz);
SECURITY LABEL FOR privacy ON TABLE a_renamed IS 'RETAIN FOR care AFTER at THEN DELETE';
ALTER TABLE a_renamed RENAME at TO ended_at;
SET check_function_bodies = off;
SECURITY LABEL FOR privacy ON TABLE b_restored IS 'RETAIN FOR care AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE d_treated IS 'RETAIN FOR care AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN d_treated.home IS 'THEN SET ''(0,0)''';
RESET check_function_bodies;
SET allow_system_table_mods = on;
INSERT INTO pg_seclabel VALUES ('c_unreadable'::regclass, 'pg_class'::regclass, 0, 'privacy', 'RETAIN FOR ever');
RESET allow_system_table_mods;
SELECT severity, object, finding, id FROM privacy.lint() WHERE id <> 'column-unlabelled' ORDER BY object COLLATE "C", id;
SET allow_system_table_mods = on;
DELETE FROM pg_seclabel WHERE objoid = 'c_unreadable'::regclass;
RESET allow_system_table_mods;
DROP TABLE a_renamed, b_restored, c_unreadable, d_treated;

-- A leaf that brought a promise of its own.
CREATE TABLE stay (id int, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE stay_2025 (id int, at timestamptz);
SECURITY LABEL FOR privacy ON TABLE stay IS 'RETAIN FOR books AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE stay_2025 IS 'RETAIN FOR care AFTER at THEN DELETE';
ALTER TABLE stay ATTACH PARTITION stay_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
SELECT severity, object, finding, id FROM privacy.lint() WHERE id LIKE 'leaf-%';
DROP TABLE stay;

-- A foreign key that takes rows with a label of their own when somebody deletes by hand; one without an index, on a large table; and
-- a large table whose starting point has none.
CREATE TABLE visit (patient_id int REFERENCES patient ON DELETE CASCADE, at timestamptz, filler char(7000));
ALTER TABLE visit ALTER filler SET STORAGE PLAIN;
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR care AFTER at THEN DELETE';
INSERT INTO patient VALUES (1, '2025-01-01 00:00+00', NULL, '2025-01-01 00:00+00');
INSERT INTO visit SELECT 1, '2025-01-01 00:00+00', 'x' FROM generate_series(1, 1000);
SELECT severity, object, finding, id FROM privacy.lint() WHERE id <> 'column-unlabelled' ORDER BY id;
CREATE INDEX ON visit (patient_id);
CREATE INDEX ON visit (at);
SELECT severity, object, finding, id FROM privacy.lint() WHERE id <> 'column-unlabelled' ORDER BY id;
-- The keys of what follows count as well.
SECURITY LABEL FOR privacy ON TABLE visit IS NULL;
ALTER TABLE visit ADD id int UNIQUE;
CREATE TABLE bed (visit_id int REFERENCES visit (id), filler char(7000));
ALTER TABLE bed ALTER filler SET STORAGE PLAIN;
INSERT INTO bed SELECT NULL, 'x' FROM generate_series(1, 1000);
SELECT severity, object, finding, id FROM privacy.lint() WHERE id <> 'column-unlabelled' ORDER BY id;
DROP TABLE bed, visit;

-- It changes nothing, and runs where nothing may be changed. Each severity and id is one of a few words.
CREATE TABLE account (id int, at timestamptz);
SECURITY LABEL FOR privacy ON TABLE account IS 'RETAIN FOR care AFTER at THEN DELETE';
BEGIN READ ONLY;
SELECT count(*), bool_and(severity IN ('error', 'warning', 'notice')) AS known, bool_and(id ~ '^[a-z]+(-[a-z]+)*$') AS kebab, bool_and(hint <> '') AS hint FROM privacy.lint();
COMMIT;

SET client_min_messages = error;
CALL privacy.remove_labels();
DROP SCHEMA clinic CASCADE;
DROP EXTENSION pg_privacy;
DROP ROLE regress_linter;
