-- static_masking: a table is rewritten with its columns' treatments applied, all of it or nothing.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_shop;
CREATE ROLE regress_other;
CREATE SCHEMA shop;
GRANT ALL ON SCHEMA shop TO regress_shop, regress_other;
GRANT USAGE ON SCHEMA privacy TO regress_shop, regress_other;
SELECT privacy.create_scope('person');
SELECT privacy.create_scope('other');
SELECT privacy.grant_scope('person', 'regress_shop'), privacy.grant_scope('person', 'regress_other');
SET search_path = shop, public;
RESET client_min_messages;

-- A table of customers, with much that can hold a copy of a value: a dropped column, a default that no row
-- has yet, TOAST, indexes, a generated column, a view, statistics.
SET ROLE regress_shop;
CREATE TABLE customer (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	maiden_name text,
	email text NOT NULL UNIQUE,
	name text,
	letter text,
	rank numeric,
	initial text GENERATED ALWAYS AS (left(name, 1)) STORED,
	rank_twice numeric GENERATED ALWAYS AS (rank * 2) STORED,
	CHECK (length(email) < 100)
);
ALTER TABLE customer ALTER COLUMN letter SET STORAGE EXTERNAL;
INSERT INTO customer (maiden_name, email, name, letter, rank)
SELECT 'Maiden' || i, 'anna' || i || '@example.org', 'Anna' || i, repeat('Dear Anna' || i, 500), i FROM generate_series(1, 300) AS i;
ALTER TABLE customer DROP COLUMN maiden_name;
ALTER TABLE customer ADD COLUMN phone text DEFAULT '0701234567';
CREATE INDEX customer_upper ON customer (upper(name));
CREATE STATISTICS customer_pair (mcv) ON name, phone FROM customer;
CREATE VIEW customer_view AS SELECT email, name FROM customer;
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a trigger fired'; END $$;
CREATE TRIGGER never BEFORE INSERT OR UPDATE OR DELETE ON customer FOR EACH ROW EXECUTE FUNCTION never();
ANALYZE customer;

-- What becomes of a column is what its label says.
SECURITY LABEL FOR privacy ON COLUMN customer.email IS 'DIRECT IDENTIFIER; PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN customer.name IS 'PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN customer.phone IS 'SET NULL';
SECURITY LABEL FOR privacy ON COLUMN customer.letter IS 'SET ''removed''';
-- Who may: whom the extension's owner lets, on tables of their own.
CALL privacy.mask_table('customer');
RESET ROLE;
GRANT EXECUTE ON PROCEDURE privacy.mask_table(regclass), privacy.mask_database() TO regress_shop, regress_other;
SET ROLE regress_other;
CALL privacy.mask_table('shop.customer');
CALL privacy.mask_database();
SET ROLE regress_shop;
SELECT pg_relation_filenode('customer') AS old_file \gset
CREATE TEMP TABLE before AS SELECT id, privacy.pseudonym_email(email, 'person') AS email, privacy.pseudonym(name, 'person') AS name FROM customer;
CALL privacy.mask_table('customer');
SELECT c.id, privacy.is_pseudonym(email, 'person') AS email, privacy.is_pseudonym(name, 'person') AS name, letter, phone, rank, rank_twice FROM customer c ORDER BY id LIMIT 2;
SELECT count(*), count(*) FILTER (WHERE c.email = b.email AND c.name = b.name AND c.initial = left(b.name, 1) AND c.letter = 'removed' AND c.phone IS NULL) AS as_labelled
FROM customer c JOIN before b USING (id);
-- Another file, the same table: indexes, views and sequences go on.
SELECT pg_relation_filenode('customer') <> :old_file AS rewritten;
SET enable_seqscan = off;
SELECT count(*) FROM customer c WHERE email = (SELECT email FROM before WHERE id = 7);
SELECT count(*) FROM customer c WHERE upper(name) = (SELECT upper(name) FROM before WHERE id = 7);
RESET enable_seqscan;
SELECT count(*) FROM customer_view WHERE privacy.is_pseudonym(email, 'person');
ALTER TABLE customer DISABLE TRIGGER never;
INSERT INTO customer (email, name) VALUES ('new@example.org', 'New') RETURNING id, phone;
-- What the planner knew of the old values is gone; also of the index's, and of several columns together.
RESET ROLE;
SELECT count(*) FROM pg_statistic WHERE starelid IN ('customer'::regclass, 'customer_upper'::regclass);
SELECT count(*) FROM pg_statistic_ext_data d JOIN pg_statistic_ext s ON s.oid = d.stxoid WHERE s.stxrelid = 'customer'::regclass;
SELECT attname FROM pg_attribute WHERE attrelid = 'customer'::regclass AND (atthasmissing OR attmissingval IS NOT NULL);
-- Evidence: how many rows, which columns, never a value.
SELECT actor = session_user AS actor, action, object, row_count, detail FROM privacy.audit_entry WHERE action LIKE 'mask.%' ORDER BY id;
SET ROLE regress_shop;
-- Whoever is a pseudonym already stays one; new rows become the same as they would have then.
CALL privacy.mask_table('customer');
SELECT count(*), count(*) FILTER (WHERE c.email = b.email AND c.name = b.name) AS unchanged FROM customer c LEFT JOIN before b USING (id);
SELECT email = privacy.pseudonym_email('new@example.org', 'person') AS same FROM customer ORDER BY id DESC LIMIT 1;

-- In a transaction it is part of it. A cursor, or triggers that are still to fire, would meet other rows than they know.
TRUNCATE customer;
INSERT INTO customer (email, name) VALUES ('a@example.org', 'Anna'), ('b@example.org', 'Bo');
BEGIN;
UPDATE customer SET name = 'Berta' WHERE name = 'Bo';
CALL privacy.mask_table('customer');
SELECT count(*) FILTER (WHERE name = privacy.pseudonym('Berta', 'person')) AS berta, count(*) FROM customer;
ROLLBACK;
SELECT email, name FROM customer ORDER BY id;
BEGIN;
DECLARE open_cursor CURSOR FOR SELECT * FROM customer;
FETCH open_cursor;
CALL privacy.mask_table('customer');
ROLLBACK;
BEGIN;
CREATE TABLE visit (id int PRIMARY KEY, of_visit int REFERENCES visit DEFERRABLE INITIALLY DEFERRED, who text);
SECURITY LABEL FOR privacy ON COLUMN visit.who IS 'SET NULL';
INSERT INTO visit VALUES (1, 2, 'Anna');
CALL privacy.mask_table('visit');
ROLLBACK;
BEGIN READ ONLY;
CALL privacy.mask_table('customer');
ROLLBACK;

-- There must be something to mask: a treatment, and not only a draft of one.
CREATE TABLE plain (id int, name text);
CALL privacy.mask_table('plain');
CALL privacy.mask_table('customer_view');
CALL privacy.mask_table(NULL);
SECURITY LABEL FOR privacy ON TABLE plain IS 'DRAFT';
SECURITY LABEL FOR privacy ON COLUMN plain.name IS 'SET NULL';
CALL privacy.mask_table('plain');
DROP TABLE plain;

-- Constraints hold afterwards, or nothing happens. No message quotes a value, masked or raw.
CREATE TABLE constrained (id int PRIMARY KEY, name text, email text, note text);
INSERT INTO constrained VALUES (1, 'Anna', 'a@example.org', 'x'), (2, 'Bo', 'bo@example.org', 'y');
SECURITY LABEL FOR privacy ON COLUMN constrained.name IS 'SET NULL';
SECURITY LABEL FOR privacy ON COLUMN constrained.email IS 'PSEUDONYMIZE IN person';
ALTER TABLE constrained ADD CONSTRAINT is_address CHECK (email LIKE '%@%');
CALL privacy.mask_table('constrained');
-- One that was never validated promises nothing about old rows; neither is one asked that reads no masked column.
ALTER TABLE constrained DROP CONSTRAINT is_address, ADD CONSTRAINT is_address CHECK (email LIKE '%@%') NOT VALID, ADD CHECK (note <> '');
BEGIN;
CALL privacy.mask_table('constrained');
ROLLBACK;
ALTER TABLE constrained DROP CONSTRAINT is_address;
ALTER TABLE constrained ADD CONSTRAINT no_pair EXCLUDE USING btree ((length(email)) WITH =);
CALL privacy.mask_table('constrained');
ALTER TABLE constrained DROP CONSTRAINT no_pair;
ALTER TABLE constrained ADD COLUMN size int GENERATED ALWAYS AS (10 / (40 - length(email))) STORED;
CALL privacy.mask_table('constrained');
ALTER TABLE constrained DROP COLUMN size;
SELECT id, name, email FROM constrained ORDER BY id;
DROP TABLE constrained;
CREATE DOMAIN address AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE constrained (email address, code text, note text);
INSERT INTO constrained VALUES ('a@example.org', 'A1', NULL), ('b@example.org', 'B1', NULL);
SECURITY LABEL FOR privacy ON COLUMN constrained.email IS 'PSEUDONYMIZE AS token IN person';
CALL privacy.mask_table('constrained');
SECURITY LABEL FOR privacy ON COLUMN constrained.email IS 'PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN constrained.code IS 'SET ''gone''';
ALTER TABLE constrained ADD CONSTRAINT one_code UNIQUE (code) DEFERRABLE INITIALLY DEFERRED;
CALL privacy.mask_table('constrained');
ALTER TABLE constrained DROP CONSTRAINT one_code;
SECURITY LABEL FOR privacy ON COLUMN constrained.code IS 'SET NULL';
ALTER TABLE constrained ALTER code SET NOT NULL;
CALL privacy.mask_table('constrained');
ALTER TABLE constrained ALTER code DROP NOT NULL;
-- What a treatment reads is the raw row, whatever becomes of the columns it reads.
CREATE FUNCTION shop.domain_of(text, address) RETURNS text LANGUAGE sql IMMUTABLE RETURN split_part($2, '@', 2);
SECURITY LABEL FOR privacy ON COLUMN constrained.note IS 'MASK WITH shop.domain_of(email)';
BEGIN;
SAVEPOINT raw;
CALL privacy.mask_table('constrained');
SELECT privacy.is_pseudonym(email, 'person') AS masked, code, note FROM constrained ORDER BY note;
ROLLBACK TO raw;
SELECT * FROM constrained ORDER BY code;
CALL privacy.mask_table('constrained');
COMMIT;
SELECT count(*) FILTER (WHERE privacy.is_pseudonym(email, 'person') AND code IS NULL) AS masked FROM constrained;
DROP TABLE constrained;
DROP FUNCTION shop.domain_of;

-- Rows that are not here, or not in a heap, would keep their values.
RESET ROLE;
SET client_min_messages = error;
CREATE PUBLICATION regress_pub FOR TABLE customer;
SET ROLE regress_shop;
CALL privacy.mask_table('customer');
RESET ROLE;
DROP PUBLICATION regress_pub;
CREATE PUBLICATION regress_pub FOR TABLES IN SCHEMA shop;
CREATE PUBLICATION regress_all FOR ALL TABLES;
CALL privacy.mask_table('customer');
DROP PUBLICATION regress_pub, regress_all;
RESET client_min_messages;
CREATE ACCESS METHOD regress_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE elsewhere (name text) USING regress_heap;
SECURITY LABEL FOR privacy ON COLUMN elsewhere.name IS 'SET NULL';
CALL privacy.mask_table('elsewhere');
DROP TABLE elsewhere;
DROP ACCESS METHOD regress_heap;

-- A partitioned table is masked leaf by leaf, whatever the order of their columns; a leaf alone under its parent's label.
SET ROLE regress_shop;
CREATE TABLE event (id int, name text, region text) PARTITION BY LIST (region);
CREATE TABLE event_north PARTITION OF event FOR VALUES IN ('north');
CREATE TABLE event_south (region text, extra int, id int, name text);
ALTER TABLE event_south DROP COLUMN extra;
ALTER TABLE event ATTACH PARTITION event_south FOR VALUES IN ('south');
INSERT INTO event SELECT i, 'Anna' || i, CASE WHEN i % 3 = 0 THEN 'south' ELSE 'north' END FROM generate_series(1, 9) AS i;
ANALYZE event;
SECURITY LABEL FOR privacy ON COLUMN event.name IS 'PSEUDONYMIZE IN person';
CALL privacy.mask_table('event_south');
SELECT tableoid::regclass AS leaf, count(*), count(*) FILTER (WHERE privacy.is_pseudonym(name, 'person')) AS masked FROM event GROUP BY tableoid ORDER BY tableoid::regclass::text COLLATE "C";
SELECT count(*) AS parents_statistics FROM pg_stats WHERE tablename = 'event';
CALL privacy.mask_table('event');
SELECT count(*), count(*) FILTER (WHERE name = privacy.pseudonym('Anna' || id, 'person')) AS masked FROM event;
-- Two labels must not contradict each other.
SECURITY LABEL FOR privacy ON COLUMN event_north.name IS 'SET NULL';
CALL privacy.mask_table('event');
SECURITY LABEL FOR privacy ON COLUMN event_north.name IS NULL;
-- What decides the partition stays as it is, and rows that are elsewhere cannot be reached.
SECURITY LABEL FOR privacy ON COLUMN event_north.region IS 'SET NULL';
CALL privacy.mask_table('event_north');
SECURITY LABEL FOR privacy ON COLUMN event_north.region IS NULL;
RESET ROLE;
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
GRANT USAGE ON FOREIGN SERVER regress_server TO regress_shop;
SET ROLE regress_shop;
CREATE FOREIGN TABLE event_east PARTITION OF event FOR VALUES IN ('east') SERVER regress_server;
CALL privacy.mask_table('event');
DROP FOREIGN TABLE event_east;
-- A label speaks for its owner's tables only, and everything below must be the caller's.
RESET ROLE;
ALTER TABLE event_south OWNER TO regress_other;
SET ROLE regress_shop;
CALL privacy.mask_table('event');
RESET ROLE;
CALL privacy.mask_table('event');
DROP TABLE event;

-- Inheritance likewise, with the parent's own rows.
SET ROLE regress_shop;
CREATE TABLE person (id int, name text);
CREATE TABLE employee (salary int) INHERITS (person);
INSERT INTO person VALUES (1, 'Anna');
INSERT INTO employee VALUES (2, 'Bo', 3);
SECURITY LABEL FOR privacy ON COLUMN person.name IS 'SET ''masked''';
SECURITY LABEL FOR privacy ON COLUMN employee.salary IS 'SET NULL';
CALL privacy.mask_table('person');
SELECT tableoid::regclass, id, name FROM person ORDER BY id;
SELECT salary FROM employee;
DROP TABLE person CASCADE;

-- Materialized views hold copies. They are refreshed in the same transaction, in the order in which they are made from each other.
TRUNCATE customer;
INSERT INTO customer (email, name, rank) VALUES ('a@example.org', 'Anna', 1), ('b@example.org', 'Bo', 2);
CREATE MATERIALIZED VIEW a_top AS SELECT name FROM customer_view;
CREATE MATERIALIZED VIEW a_copy AS SELECT name || '!' AS loud FROM a_top;
CREATE MATERIALIZED VIEW a_row AS SELECT customer AS whole FROM customer;
CREATE MATERIALIZED VIEW a_rank AS SELECT rank FROM customer;
CREATE MATERIALIZED VIEW a_empty AS SELECT name FROM customer;
ANALYZE a_empty;
REFRESH MATERIALIZED VIEW a_empty WITH NO DATA;
SELECT count(*) AS statistics FROM pg_stats WHERE tablename = 'a_empty';
SELECT pg_relation_filenode('a_rank') AS rank_file \gset
CALL privacy.mask_table('customer');
SELECT count(*) FILTER (WHERE privacy.is_pseudonym(name, 'person')) AS masked, count(*) FROM a_top;
SELECT count(*) FILTER (WHERE privacy.is_pseudonym(rtrim(loud, '!'), 'person')) AS masked, count(*) FROM a_copy;
SELECT count(*) FILTER (WHERE privacy.is_pseudonym((whole).name, 'person')) AS masked, count(*) FROM a_row;
SELECT pg_relation_filenode('a_rank') = :rank_file AS left_alone FROM a_rank LIMIT 1;
SELECT relispopulated, (SELECT count(*) FROM pg_stats WHERE tablename = 'a_empty') AS statistics FROM pg_class WHERE oid = 'a_empty'::regclass;
RESET ROLE;
CREATE MATERIALIZED VIEW not_yours AS SELECT name FROM customer;
SET ROLE regress_shop;
INSERT INTO customer (email, name) VALUES ('c@example.org', 'Cecilia');
\set VERBOSITY terse
CALL privacy.mask_table('customer');
\set VERBOSITY default
SELECT name FROM customer ORDER BY id DESC LIMIT 1;
RESET ROLE;
DROP MATERIALIZED VIEW not_yours, a_copy, a_top, a_row, a_rank, a_empty;

-- Foreign keys hold where both sides have the same treatment and are masked together; also in circles.
SET ROLE regress_shop;
CREATE TABLE account (email text PRIMARY KEY, referrer text REFERENCES account, latest int);
CREATE TABLE purchase (id int PRIMARY KEY, buyer text NOT NULL REFERENCES account);
ALTER TABLE account ADD CONSTRAINT account_latest FOREIGN KEY (latest) REFERENCES purchase;
INSERT INTO account VALUES ('a@example.org', NULL, NULL), ('b@example.org', 'a@example.org', NULL);
INSERT INTO purchase VALUES (1, 'a@example.org'), (2, 'b@example.org');
UPDATE account SET latest = 1;
SECURITY LABEL FOR privacy ON COLUMN account.email IS 'PSEUDONYMIZE IN person';
SECURITY LABEL FOR privacy ON COLUMN account.referrer IS 'PSEUDONYMIZE IN person';
CALL privacy.mask_table('account');
RESET ROLE;
SELECT privacy.grant_scope('other', 'regress_shop');
SET ROLE regress_shop;
SECURITY LABEL FOR privacy ON COLUMN purchase.buyer IS 'PSEUDONYMIZE IN other';
CALL privacy.mask_database();
SECURITY LABEL FOR privacy ON COLUMN purchase.buyer IS 'PSEUDONYMIZE IN person';
CALL privacy.mask_table('purchase');
SELECT email FROM account ORDER BY email;
CALL privacy.mask_database();
SELECT p.id, a.email = privacy.pseudonym(CASE p.id WHEN 1 THEN 'a@example.org' ELSE 'b@example.org' END, 'person') AS masked FROM purchase p JOIN account a ON a.email = p.buyer ORDER BY p.id;
SELECT count(*) FROM account a JOIN account b ON a.referrer = b.email;
DROP TABLE account, purchase CASCADE;

-- A key between partitioned tables is checked at the top, not leaf by leaf.
CREATE TABLE part_account (email text, half int, PRIMARY KEY (email, half)) PARTITION BY LIST (half);
CREATE TABLE part_account_1 PARTITION OF part_account FOR VALUES IN (1);
CREATE TABLE part_account_2 PARTITION OF part_account FOR VALUES IN (2);
CREATE TABLE part_order (buyer text, half int, FOREIGN KEY (buyer, half) REFERENCES part_account) PARTITION BY LIST (half);
CREATE TABLE part_order_1 PARTITION OF part_order FOR VALUES IN (1);
CREATE TABLE part_order_2 PARTITION OF part_order FOR VALUES IN (2);
INSERT INTO part_account VALUES ('a', 1), ('b', 2);
INSERT INTO part_order VALUES ('a', 1), ('b', 2);
SECURITY LABEL FOR privacy ON COLUMN part_account.email IS 'PSEUDONYMIZE IN person';
CALL privacy.mask_table('part_account_1');
SECURITY LABEL FOR privacy ON COLUMN part_order.buyer IS 'PSEUDONYMIZE IN person';
CALL privacy.mask_database();
SELECT count(*) FROM part_order JOIN part_account ON buyer = email AND privacy.is_pseudonym(buyer, 'person');
DROP TABLE part_order, part_account;

-- The key is checked as the owner of the referencing table, who has to be able to read the other.
RESET ROLE;
SET ROLE regress_other;
CREATE TABLE country (name text PRIMARY KEY);
INSERT INTO country VALUES ('Sverige');
GRANT REFERENCES ON country TO regress_shop;
SET ROLE regress_shop;
CREATE TABLE city (name text, country text REFERENCES country);
INSERT INTO city VALUES ('Lund', 'Sverige');
SECURITY LABEL FOR privacy ON COLUMN city.country IS 'SET NULL';
CALL privacy.mask_table('city');
RESET ROLE;
GRANT SELECT ON country TO regress_shop;
SET ROLE regress_shop;
CALL privacy.mask_table('city');
SELECT * FROM city;
DROP TABLE city;

-- Row security stands between users and rows, not between a table and its files.
CREATE TABLE secured (id int, name text);
INSERT INTO secured VALUES (1, 'Anna');
ALTER TABLE secured ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY nothing ON secured USING (false);
SECURITY LABEL FOR privacy ON COLUMN secured.name IS 'SET NULL';
CALL privacy.mask_table('secured');
RESET ROLE;
SELECT * FROM secured;

-- A table's code runs as its owner, restricted, also when a superuser masks it.
SET ROLE regress_shop;
CREATE FUNCTION who(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN current_user; END $$;
CREATE FUNCTION climb(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('role', 'none', true); RETURN true; END $$;
DROP TABLE secured;
CREATE TABLE trap (id int, name text, made_by text GENERATED ALWAYS AS (shop.who(name)) STORED);
INSERT INTO trap VALUES (1, 'Anna');
SECURITY LABEL FOR privacy ON COLUMN trap.name IS 'PSEUDONYMIZE IN person';
RESET ROLE;
CALL privacy.mask_table('trap');
SELECT made_by FROM trap;
SET ROLE regress_shop;
CREATE FUNCTION tell(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF length($1) = 40 THEN RAISE check_violation USING MESSAGE = 'it was ' || $1; END IF; RETURN true; END $$;
ALTER TABLE trap DROP COLUMN made_by, ADD CHECK (shop.climb(name));
RESET ROLE;
CALL privacy.mask_table('trap');
ALTER TABLE trap DROP CONSTRAINT trap_name_check;
UPDATE trap SET name = 'Anna';
ALTER TABLE trap ADD CHECK (shop.tell(name));
CALL privacy.mask_table('trap');
DROP TABLE trap;

-- A new version of a scope makes new pseudonyms; a table is brought over by chaining the old ones, once.
CREATE TABLE member (id int PRIMARY KEY, email text, name text, old_name text);
INSERT INTO member VALUES (1, 'a@example.org', 'Anna', 'Anna'), (2, 'b@example.org', 'Bo', 'Bo'), (3, NULL, NULL, NULL);
SECURITY LABEL FOR privacy ON COLUMN member.email IS 'PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN member.name IS 'PSEUDONYMIZE IN person';
CALL privacy.mask_table('member');
SELECT privacy.rotate_scope('person') > 0 AS rotated;
SELECT id, privacy.pseudonym_version(email, 'person') AS email, privacy.pseudonym_version(name, 'person') AS name FROM member ORDER BY id;
CREATE TEMP TABLE chained AS SELECT id, privacy.chain_pseudonym(email, 'person') AS email FROM member;
CALL privacy.rekey_column('member', 'name', 'person', 'old_name');
SELECT id, name = privacy.pseudonym(old_name, 'person') AS as_of_today FROM member ORDER BY id;
-- (There is nothing left to do for name, and the second call has nothing at all to do. A column with pseudonyms is no raw one.)
CALL privacy.rekey_column('member', 'email', 'person', 'name');
CALL privacy.rekey_table('member');
CALL privacy.rekey_table('member');
SELECT id, m.email = c.email AS chained, privacy.pseudonym_version(m.email, 'person') AS email, privacy.pseudonym_version(name, 'person') AS name FROM member m JOIN chained c USING (id) ORDER BY id;
SELECT action, object, row_count, detail FROM privacy.audit_entry WHERE action = 'mask.rekey' ORDER BY id;
CALL privacy.rekey_column('member', 'id', 'person');
CALL privacy.rekey_column('member', 'nothing', 'person');
CALL privacy.rekey_column('member', 'name', 'nowhere');
CALL privacy.rekey_column('member', 'old_name', 'person', 'name');
CALL privacy.rekey_column('member', 'name', NULL);
CALL privacy.rekey_table('customer_view');
DROP TABLE member;
CREATE TABLE member (id int PRIMARY KEY);
CALL privacy.rekey_table('member');
DROP TABLE member;

-- A database without anything to mask is no error.
DROP TABLE customer CASCADE;
CALL privacy.mask_database();

SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP EXTENSION pg_privacy CASCADE;
DROP OWNED BY regress_shop, regress_other;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP ROLE regress_shop, regress_other;
