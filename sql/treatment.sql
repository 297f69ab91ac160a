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

-- A bare treatment is for static masking and masked readers: the sweep does not act on it, and it needs no purpose.
CREATE TABLE lead (email text, phone text);
INSERT INTO lead VALUES ('anna@example.org', '+46701740605');
SECURITY LABEL FOR privacy ON COLUMN lead.email IS 'PSEUDONYMIZE AS email';
SECURITY LABEL FOR privacy ON COLUMN lead.phone IS 'MASK WITH mask_partial(3, ''*'', 2)';
CALL privacy.sweep();
SELECT * FROM lead;

SET client_min_messages = warning;
CALL privacy.remove_labels();
DROP TABLE visit, customer, event, lead, before;
DROP DOMAIN regress_nickname;
DROP EXTENSION pg_privacy CASCADE;
