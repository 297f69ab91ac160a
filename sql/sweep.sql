-- sweep: what is due is carried out, with evidence, and nothing else is.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_shop;
CREATE ROLE regress_sweeper;
CREATE SCHEMA shop;
GRANT ALL ON SCHEMA shop TO regress_shop;
SET search_path = shop, public;
SELECT privacy.create_scope('person');
SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
SELECT privacy.create_purpose('statistics', 'legitimate_interests', '3 years', 'Statistics');
RESET client_min_messages;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-01 00:00+00';
\set outcome 'SELECT rule_table AS "table", rule, state, deleted AS del, treated AS treat, blocked, (SELECT string_agg(t, '', '' ORDER BY t COLLATE "C") FROM unnest(string_to_array(blocked_by, '', '')) AS t) AS blocked_by, locked, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) ORDER BY rule_table COLLATE "C", rule COLLATE "C";'
\set preview 'SELECT rule_table AS "table", rule, state, due, blocked, blocked_by, first_end, problem FROM privacy.sweep_preview() ORDER BY rule_table COLLATE "C", rule COLLATE "C";'

-- A row that is due goes; a value that is due is treated; what is not due, or unknown, stays.
CREATE TABLE visit (id int PRIMARY KEY, email text, note text, rank int, left_at timestamptz);
INSERT INTO visit VALUES
	(1, 'a@example.org', 'long ago', 1, '2020-01-01 00:00+00'),
	(2, 'b@example.org', 'the very moment', 2, '2023-01-01 00:00+00'),
	(3, 'c@example.org', 'a second later', 3, '2023-01-01 00:00:01+00'),
	(4, 'd@example.org', 'value due', 4, '2025-01-01 00:00+00'),
	(5, 'e@example.org', 'nothing due', 5, '2025-01-01 00:00:01+00'),
	(6, 'f@example.org', 'unknown', 6, NULL),
	(7, NULL, NULL, NULL, '2024-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service, statistics AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN visit.email IS 'FOR service THEN PSEUDONYMIZE AS email IN person';
SECURITY LABEL FOR privacy ON COLUMN visit.note IS 'FOR service THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN visit.rank IS 'FOR service THEN SET 0';
:preview
CALL privacy.sweep();
:outcome
SELECT id, CASE WHEN privacy.is_pseudonym(email, 'person') THEN 'pseudonym' ELSE email END AS email, note, rank FROM visit ORDER BY id;
SELECT (SELECT email FROM visit WHERE id = 4) = privacy.pseudonym_email('d@example.org', 'person') AS is_hers;
-- Every effect has its evidence, and what has been treated is not treated again.
SELECT action, object, rule, cut_off, row_count, detail FROM privacy.audit_entry WHERE action LIKE 'sweep.%' ORDER BY id;
SELECT * FROM privacy.verify_audit();
CALL privacy.sweep();
:outcome
SELECT count(*) FROM privacy.audit_entry WHERE action LIKE 'sweep.%';
SELECT id, cut_off, actor = session_user AS actor, finished_at >= started_at AS finished FROM privacy.sweep_run ORDER BY id;
SELECT count(*) AS at_work FROM privacy.sweep_progress;

-- Each batch commits by itself, so a transaction block, a function and a subtransaction are no place for it.
BEGIN;
CALL privacy.sweep();
ROLLBACK;
CREATE FUNCTION sweep_inside() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL privacy.sweep(); END $$;
SELECT sweep_inside();
DROP FUNCTION sweep_inside();
SELECT count(*) AS runs FROM privacy.sweep_run;
SELECT privacy.sweep_preview('infinity');
SELECT privacy.sweep_preview('-infinity');

-- A preview changes nothing, and knows the future.
SELECT rule, due, first_end, last_end FROM privacy.sweep_preview('2028-01-01 00:00:01+00') ORDER BY rule COLLATE "C";
SELECT count(*) FROM visit;

-- A draft is listed and previewed, and never enforced.
SECURITY LABEL FOR privacy ON TABLE visit IS 'DRAFT; RETAIN 1 day AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN visit.email IS NULL;
SECURITY LABEL FOR privacy ON COLUMN visit.note IS NULL;
SECURITY LABEL FOR privacy ON COLUMN visit.rank IS NULL;
:preview
CALL privacy.sweep();
:outcome
DROP TABLE visit;

-- Who may: nobody but the owner of the extension and whom they grant; then as every table's owner.
SET ROLE regress_shop;
CREATE TABLE shop.receipt (id int PRIMARY KEY, customer text, paid_at timestamptz);
INSERT INTO receipt VALUES (1, 'Anna', '2020-01-01 00:00+00'), (2, 'Bo', '2025-12-31 00:00+00');
SECURITY LABEL FOR privacy ON TABLE receipt IS 'RETAIN FOR service AFTER paid_at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN receipt.customer IS 'FOR service THEN PSEUDONYMIZE IN person';
SET ROLE regress_sweeper;
CALL privacy.sweep();
SELECT * FROM privacy.sweep_preview();
SELECT * FROM privacy.sweep_outcome;
SET privacy.core_clock = '2030-01-01 00:00+00';
SET privacy.sweep_batch_pages = 1;
RESET ROLE;
SELECT privacy.grant_scope('person', 'regress_shop');
SET ROLE regress_shop;
SECURITY LABEL FOR privacy ON COLUMN receipt.customer IS 'FOR service THEN PSEUDONYMIZE IN person';
-- A trigger runs as the owner, restricted: it cannot become its caller.
CREATE TABLE seen_by (who text, caller text);
CREATE FUNCTION note_who() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO shop.seen_by VALUES (current_user, current_setting('search_path'));
	RETURN OLD;
END $$;
CREATE TRIGGER note_who BEFORE DELETE ON receipt FOR EACH ROW EXECUTE FUNCTION note_who();
RESET ROLE;
GRANT EXECUTE ON PROCEDURE privacy.sweep() TO regress_sweeper;
SET ROLE regress_sweeper;
SELECT id FROM shop.receipt;
CALL privacy.sweep();
SELECT current_user, current_setting('search_path');
RESET ROLE;
:outcome
SELECT id, customer FROM receipt;
SELECT * FROM seen_by;
SELECT actor = session_user AS actor, action, row_count FROM privacy.audit_entry ORDER BY id DESC LIMIT 1;
-- What the owner may not read, the rule does not read either.
CREATE TABLE secret (id int PRIMARY KEY, at timestamptz);
SET ROLE regress_shop;
SECURITY LABEL FOR privacy ON TABLE receipt IS 'RETAIN FOR service AFTER ((SELECT s.at FROM shop.secret s WHERE s.id = receipt.id)) THEN DELETE';
RESET ROLE;
GRANT SELECT ON secret TO regress_shop;
SECURITY LABEL FOR privacy ON TABLE receipt IS 'RETAIN FOR service AFTER ((SELECT s.at FROM shop.secret s WHERE s.id = receipt.id)) THEN DELETE';
REVOKE SELECT ON secret FROM regress_shop;
CALL privacy.sweep();
:outcome
-- A policy of row security on another table that the rule reads is an error, never a filter: here it would hide the event.
GRANT SELECT ON secret TO regress_shop;
INSERT INTO secret VALUES (2, '2020-01-01 00:00+00');
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY nothing ON secret USING (false);
CALL privacy.sweep();
:outcome
SELECT count(*) FROM receipt;
DROP TABLE secret, receipt, seen_by CASCADE;
DROP FUNCTION note_who;

-- Row security of the table itself does not bind its owner's promise, forced or not.
SET ROLE regress_shop;
CREATE TABLE own (id int PRIMARY KEY, at timestamptz);
INSERT INTO own VALUES (1, '2020-01-01 00:00+00'), (2, '2025-12-31 00:00+00');
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
ALTER TABLE own FORCE ROW LEVEL SECURITY;
CREATE POLICY nothing ON own USING (false);
SECURITY LABEL FOR privacy ON TABLE own IS 'RETAIN FOR service AFTER at THEN DELETE';
RESET ROLE;
CALL privacy.sweep();
:outcome
SELECT id FROM own;
DROP TABLE own;

-- A rule that fails for one row stops, and stops alone. No value gets into the books.
CREATE TABLE broken (id int PRIMARY KEY, divisor int, at timestamptz);
CREATE TABLE sound (id int PRIMARY KEY, at timestamptz);
INSERT INTO broken SELECT i, CASE i WHEN 2 THEN 0 ELSE 1 END, '2020-01-01 00:00+00' FROM generate_series(1, 3) AS i;
INSERT INTO sound VALUES (1, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE broken IS 'RETAIN FOR service AFTER at WHERE (100 / divisor > 1) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE sound IS 'RETAIN FOR service AFTER at THEN DELETE';
:preview
CALL privacy.sweep();
:outcome
SELECT (SELECT count(*) FROM broken) AS broken, (SELECT count(*) FROM sound) AS sound;
ALTER TABLE broken ADD secret text DEFAULT 'Anna Andersson, born yesterday';
SECURITY LABEL FOR privacy ON TABLE broken IS 'RETAIN FOR service AFTER (secret::timestamptz) THEN DELETE';
CALL privacy.sweep();
:outcome
DROP TABLE broken, sound;

-- A trigger that keeps a row: blocked, and said so.
CREATE TABLE kept (id int PRIMARY KEY, at timestamptz);
INSERT INTO kept SELECT i, '2020-01-01 00:00+00' FROM generate_series(1, 4) AS i;
CREATE FUNCTION keep_even() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id % 2 = 0 THEN RETURN NULL; END IF; RETURN OLD; END $$;
CREATE TRIGGER keep_even BEFORE DELETE ON kept FOR EACH ROW EXECUTE FUNCTION keep_even();
SECURITY LABEL FOR privacy ON TABLE kept IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT id FROM kept ORDER BY id;
DROP TABLE kept;

-- A trigger that deletes rows of a labelled table, which must stay: rolled back, and said so.
CREATE TABLE bait (id int PRIMARY KEY, at timestamptz);
CREATE TABLE prey (id int PRIMARY KEY, at timestamptz);
INSERT INTO bait VALUES (1, '2020-01-01 00:00+00');
INSERT INTO prey VALUES (1, '2025-12-31 00:00+00');
CREATE FUNCTION delete_prey() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM shop.prey; RETURN OLD; END $$;
CREATE TRIGGER delete_prey AFTER DELETE ON bait FOR EACH ROW EXECUTE FUNCTION delete_prey();
SECURITY LABEL FOR privacy ON TABLE bait IS 'RETAIN FOR service AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE prey IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT (SELECT count(*) FROM bait) AS bait, (SELECT count(*) FROM prey) AS prey;
SELECT count(*) FROM privacy.audit_entry WHERE object = 'shop.bait';
-- TRUNCATE is not counted row by row, and found out all the same.
CREATE OR REPLACE FUNCTION delete_prey() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE shop.prey; RETURN OLD; END $$;
CALL privacy.sweep();
SELECT (SELECT count(*) FROM bait) AS bait, (SELECT count(*) FROM prey) AS prey;
-- The same in an unlabelled table is the owner's own affair.
SECURITY LABEL FOR privacy ON TABLE prey IS NULL;
CALL privacy.sweep();
:outcome
SELECT (SELECT count(*) FROM bait) AS bait, (SELECT count(*) FROM prey) AS prey;
DROP TABLE bait, prey;

-- Nor may it take another row of the same table, also when the count comes out the same.
CREATE TABLE couple (id int PRIMARY KEY, at timestamptz);
INSERT INTO couple VALUES (1, '2020-01-01 00:00+00'), (2, '2025-12-31 00:00+00');
CREATE FUNCTION take_other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM shop.couple WHERE id = 2; RETURN NULL; END $$;
CREATE TRIGGER take_other BEFORE DELETE ON couple FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION take_other();
SECURITY LABEL FOR privacy ON TABLE couple IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT array_agg(id ORDER BY id) FROM couple;
DROP TABLE couple;

-- A rewrite rule that does nothing, or something else.
CREATE TABLE ruled (id int PRIMARY KEY, at timestamptz);
CREATE TABLE victim (id int);
INSERT INTO ruled VALUES (1, '2020-01-01 00:00+00');
INSERT INTO victim VALUES (1);
SECURITY LABEL FOR privacy ON TABLE ruled IS 'RETAIN FOR service AFTER at THEN DELETE';
CREATE RULE nothing AS ON DELETE TO ruled DO INSTEAD NOTHING;
CALL privacy.sweep();
SELECT (SELECT count(*) FROM ruled) AS ruled, (SELECT count(*) FROM privacy.audit_entry WHERE object = 'shop.ruled') AS evidence;
DROP RULE nothing ON ruled;
SET client_min_messages = error;
CREATE RULE other AS ON DELETE TO ruled DO INSTEAD DELETE FROM victim;
CALL privacy.sweep();
RESET client_min_messages;
SELECT (SELECT count(*) FROM ruled) AS ruled, (SELECT count(*) FROM victim) AS victim, (SELECT count(*) FROM privacy.audit_entry WHERE object = 'shop.ruled') AS evidence;
DROP TABLE ruled, victim;

-- The owner's code stays the owner's: it cannot become the caller, leave things in the session, or move the clock.
SET ROLE regress_shop;
CREATE TABLE trap (id int PRIMARY KEY, at timestamptz);
INSERT INTO trap VALUES (1, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE trap IS 'RETAIN FOR service AFTER at THEN DELETE';
CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RESET ROLE; RETURN OLD; END $$;
CREATE TRIGGER spring BEFORE DELETE ON trap FOR EACH ROW EXECUTE FUNCTION spring();
RESET ROLE;
CALL privacy.sweep();
CREATE OR REPLACE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE left_behind (x int); RETURN OLD; END $$;
CALL privacy.sweep();
CREATE OR REPLACE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('privacy.core_clock', '2090-01-01 00:00+00', false); RETURN OLD; END $$;
CALL privacy.sweep();
CREATE OR REPLACE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'evil', false); RETURN OLD; END $$;
CALL privacy.sweep();
:outcome
SELECT current_user = session_user AS same_user, current_setting('search_path');
DROP TABLE trap;
DROP FUNCTION spring;

-- A cancelled sweep leaves the batch undone and the run unfinished, and does not stand in the next one's way.
CREATE TABLE slow (id int PRIMARY KEY, at timestamptz);
INSERT INTO slow VALUES (1, '2020-01-01 00:00+00');
CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN OLD; END $$;
CREATE TRIGGER doze BEFORE DELETE ON slow FOR EACH ROW EXECUTE FUNCTION doze();
SECURITY LABEL FOR privacy ON TABLE slow IS 'RETAIN FOR service AFTER at THEN DELETE';
SET statement_timeout = '2s';
CALL privacy.sweep();
RESET statement_timeout;
SELECT state, finished_at IS NULL AS interrupted FROM privacy.sweep_run ORDER BY id DESC LIMIT 1;
SELECT count(*) FROM slow;
DROP TRIGGER doze ON slow;
CALL privacy.sweep();
:outcome
SELECT state FROM privacy.sweep_run ORDER BY id DESC LIMIT 2;
DROP TABLE slow;

-- A trigger that undoes a treatment, and a constraint that a treatment would break.
CREATE TABLE stubborn (id int PRIMARY KEY, name text, at timestamptz);
INSERT INTO stubborn VALUES (1, 'Anna', '2024-06-01 00:00+00');
CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := OLD.name; RETURN NEW; END $$;
CREATE TRIGGER undo BEFORE UPDATE ON stubborn FOR EACH ROW EXECUTE FUNCTION undo();
SECURITY LABEL FOR privacy ON TABLE stubborn IS 'RETAIN FOR service, statistics AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN stubborn.name IS 'FOR service THEN SET NULL';
CALL privacy.sweep();
:outcome
DROP TRIGGER undo ON stubborn;
ALTER TABLE stubborn ADD CHECK (name <> 'nobody');
SECURITY LABEL FOR privacy ON COLUMN stubborn.name IS 'FOR service THEN SET ''nobody''';
CALL privacy.sweep();
:outcome
ALTER TABLE stubborn ADD partner text;
INSERT INTO stubborn VALUES (2, 'Bo', '2024-06-01 00:00+00'), (3, 'Cy', '2024-06-01 00:00+00');
CREATE UNIQUE INDEX ON stubborn (name, (at));
SECURITY LABEL FOR privacy ON COLUMN stubborn.name IS 'FOR service THEN SET ''anyone''';
CALL privacy.sweep();
:outcome
SELECT id, name FROM stubborn ORDER BY id;
DROP TABLE stubborn;

-- A trigger that keeps a value: blocked, as with rows.
CREATE TABLE guarded (id int PRIMARY KEY, note text, at timestamptz);
INSERT INTO guarded SELECT i, 'x', '2024-06-01 00:00+00' FROM generate_series(1, 4) AS i;
CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER guard BEFORE UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION guard();
SECURITY LABEL FOR privacy ON TABLE guarded IS 'RETAIN FOR service, statistics AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN guarded.note IS 'FOR service THEN SET NULL';
CALL privacy.sweep();
:outcome
SELECT id, note FROM guarded ORDER BY id;
DROP TABLE guarded;

-- A mark says that a value has been treated; a clock that starts anew treats anew.
CREATE TABLE place (id int PRIMARY KEY, home point, at timestamptz, cleared_at timestamptz);
INSERT INTO place VALUES (1, '(1,2)', '2024-06-01 00:00+00', NULL), (2, '(3,4)', '2025-06-01 00:00+00', NULL);
SECURITY LABEL FOR privacy ON TABLE place IS 'RETAIN FOR service, statistics AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN place.home IS 'FOR service THEN SET ''(0,0)'' MARK (cleared_at)';
CALL privacy.sweep();
CALL privacy.sweep();
SELECT * FROM place ORDER BY id;
SELECT row_count FROM privacy.audit_entry WHERE object = 'shop.place';
UPDATE place SET home = '(5,6)', at = '2025-05-01 00:00+00' WHERE id = 1;
SET privacy.core_clock = '2026-05-01 00:00+00';
CALL privacy.sweep();
SELECT * FROM place ORDER BY id;
SET privacy.core_clock = '2026-01-01 00:00+00';
DROP TABLE place;

-- Children go before their parents, whichever was labelled first. What stays keeps what it refers to.
CREATE TABLE customer (id int PRIMARY KEY, left_at timestamptz);
CREATE TABLE purchase (id int PRIMARY KEY, customer_id int REFERENCES customer, at timestamptz);
CREATE TABLE parcel (id int PRIMARY KEY, purchase_id int REFERENCES purchase, at timestamptz);
INSERT INTO customer SELECT i, '2020-01-01 00:00+00' FROM generate_series(1, 4) AS i;
INSERT INTO purchase VALUES (1, 1, '2020-01-01 00:00+00'), (2, 2, '2020-01-01 00:00+00'), (3, 3, '2025-12-31 00:00+00');
INSERT INTO parcel VALUES (1, 1, '2020-01-01 00:00+00'), (2, 2, '2025-12-31 00:00+00');
SECURITY LABEL FOR privacy ON TABLE customer IS 'RETAIN FOR service AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE purchase IS 'RETAIN FOR service AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE parcel IS 'RETAIN FOR service AFTER at THEN DELETE';
:preview
CALL privacy.sweep();
:outcome
SELECT (SELECT array_agg(id ORDER BY id) FROM customer) AS customers, (SELECT array_agg(id ORDER BY id) FROM purchase) AS purchases,
	(SELECT array_agg(id ORDER BY id) FROM parcel) AS parcels;
-- Children that nobody labelled follow where their foreign key says so, and block where it does not (see sweep_references).
CREATE TABLE review (id int PRIMARY KEY, customer_id int REFERENCES customer ON DELETE CASCADE);
CREATE TABLE coupon (id int PRIMARY KEY, customer_id int REFERENCES customer ON DELETE SET NULL);
CREATE TABLE complaint (id int PRIMARY KEY, customer_id int REFERENCES customer);
INSERT INTO customer VALUES (11, '2020-01-01 00:00+00'), (12, '2020-01-01 00:00+00'), (13, '2020-01-01 00:00+00'), (14, '2020-01-01 00:00+00');
INSERT INTO review VALUES (1, 11);
INSERT INTO coupon VALUES (1, 12);
INSERT INTO complaint VALUES (1, 13);
CALL privacy.sweep();
:outcome
SELECT array_agg(id ORDER BY id) FROM customer;
SELECT (SELECT count(*) FROM review) AS reviews, (SELECT jsonb_agg(customer_id) FROM coupon) AS coupons;
DROP TABLE parcel, purchase, review, coupon, complaint, customer;

-- A row that is only blocked is still treated where its values are due.
CREATE TABLE tenant (id int PRIMARY KEY, email text, left_at timestamptz);
CREATE TABLE lease (tenant_id int REFERENCES tenant);
INSERT INTO tenant VALUES (1, 'a@example.org', '2020-01-01 00:00+00');
INSERT INTO lease VALUES (1);
SECURITY LABEL FOR privacy ON TABLE tenant IS 'RETAIN FOR service AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN tenant.email IS 'FOR service THEN PSEUDONYMIZE AS email';
:preview
CALL privacy.sweep();
:outcome
SELECT id, privacy.is_pseudonym(email, 'person') FROM tenant;
-- A session's settings do not bend the sweep: with triggers off, foreign keys would not be looked at.
SET session_replication_role = replica;
SET default_transaction_isolation = serializable;
CALL privacy.sweep();
:outcome
SELECT count(*) FROM tenant;
RESET session_replication_role;
RESET default_transaction_isolation;
DROP TABLE lease, tenant;

-- Between partitioned tables, too.
CREATE TABLE room (id int PRIMARY KEY, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE room_1 PARTITION OF room FOR VALUES FROM (1) TO (10);
CREATE TABLE room_2 PARTITION OF room FOR VALUES FROM (10) TO (20);
CREATE TABLE guest (id int, room_id int REFERENCES room) PARTITION BY RANGE (id);
CREATE TABLE guest_rest PARTITION OF guest DEFAULT;
INSERT INTO room SELECT i, '2020-01-01 00:00+00' FROM unnest(ARRAY[1, 2, 11, 12]) AS i;
INSERT INTO guest VALUES (1, 1), (2, 12);
SECURITY LABEL FOR privacy ON TABLE room IS 'RETAIN FOR service AFTER at THEN DELETE';
:preview
CALL privacy.sweep();
:outcome
SELECT id FROM room ORDER BY id;
DROP TABLE guest, room;

-- A foreign key that is checked at the end of the transaction is checked before the batch ends.
CREATE TABLE wagon (id int PRIMARY KEY, at timestamptz);
CREATE TABLE load (id int PRIMARY KEY, wagon_id int REFERENCES wagon DEFERRABLE INITIALLY DEFERRED);
INSERT INTO wagon VALUES (1, '2020-01-01 00:00+00'), (2, '2020-01-01 00:00+00');
INSERT INTO load VALUES (1, 1);
SECURITY LABEL FOR privacy ON TABLE wagon IS 'RETAIN FOR service AFTER at THEN DELETE';
-- ... and so is a trigger of the owner's.
CREATE TABLE trace (who text);
CREATE FUNCTION note_later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.trace VALUES (current_user); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER note_later AFTER DELETE ON wagon DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_later();
ALTER TABLE wagon OWNER TO regress_shop;
ALTER TABLE load OWNER TO regress_shop;
GRANT INSERT ON trace TO regress_shop;
CALL privacy.sweep();
:outcome
SELECT * FROM trace;
DROP TABLE load, wagon, trace;
DROP FUNCTION note_later;

-- A tree goes as a whole; a branch that must stay holds its root.
CREATE TABLE node (id int PRIMARY KEY, above int REFERENCES node, at timestamptz);
INSERT INTO node VALUES (1, NULL, '2020-01-01 00:00+00'), (2, 1, '2020-01-01 00:00+00'), (3, 2, '2020-01-01 00:00+00'),
	(4, 3, '2020-01-01 00:00+00'), (5, 4, '2020-01-01 00:00+00'), (6, 6, '2020-01-01 00:00+00'),
	(11, NULL, '2020-01-01 00:00+00'), (12, 11, '2025-12-31 00:00+00');
SECURITY LABEL FOR privacy ON TABLE node IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT id FROM node ORDER BY id;
DROP TABLE node;

-- Two rows that refer to each other, in two tables, go in one statement.
CREATE TABLE hen (id int PRIMARY KEY, egg_id int, at timestamptz);
CREATE TABLE egg (id int PRIMARY KEY, hen_id int REFERENCES hen, at timestamptz);
ALTER TABLE hen ADD FOREIGN KEY (egg_id) REFERENCES egg;
INSERT INTO hen VALUES (1, NULL, '2020-01-01 00:00+00'), (2, NULL, '2020-01-01 00:00+00');
INSERT INTO egg VALUES (1, 1, '2020-01-01 00:00+00'), (2, 2, '2020-01-01 00:00+00');
UPDATE hen SET egg_id = 1 WHERE id = 1;
SECURITY LABEL FOR privacy ON TABLE hen IS 'RETAIN FOR service AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE egg IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT (SELECT array_agg(id ORDER BY id) FROM hen) AS hens, (SELECT array_agg(id ORDER BY id) FROM egg) AS eggs;
DROP TABLE hen, egg CASCADE;

-- A label on a partitioned table governs all its leaves; a detached one is left alone.
CREATE TABLE log (id int, at timestamptz, ip text) PARTITION BY RANGE (at);
CREATE TABLE log_2020 PARTITION OF log FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2021-01-01 00:00+00');
CREATE TABLE log_2021 (ip text, dropped int, at timestamptz, id int);
ALTER TABLE log_2021 DROP COLUMN dropped;
ALTER TABLE log ATTACH PARTITION log_2021 FOR VALUES FROM ('2021-01-01 00:00+00') TO ('2022-01-01 00:00+00');
CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2026-01-01 00:00+00') PARTITION BY LIST (id);
CREATE TABLE log_2025_rest PARTITION OF log_2025 DEFAULT;
CREATE TABLE log_default PARTITION OF log DEFAULT;
INSERT INTO log VALUES (1, '2020-02-02 00:00+00', 'a'), (2, '2021-02-02 00:00+00', 'b'), (3, '2025-02-02 00:00+00', 'c'),
	(4, '2024-02-02 00:00+00', 'd'), (5, '2022-02-02 00:00+00', 'e');
SECURITY LABEL FOR privacy ON TABLE log IS 'RETAIN FOR service, statistics AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN log.ip IS 'FOR service THEN PSEUDONYMIZE';
SECURITY LABEL FOR privacy ON COLUMN log.at IS 'FOR service THEN SET NULL';
SECURITY LABEL FOR privacy ON TABLE log_2020 IS 'RETAIN FOR service AFTER at THEN DELETE';
ALTER TABLE log DETACH PARTITION log_2021;
CALL privacy.sweep();
:outcome
SELECT tableoid::regclass AS leaf, id, ip ~ '^[0-9a-f]{40}$' AS pseudonym FROM log ORDER BY id;
SELECT id, ip FROM log_2021;
-- A leaf that brings a promise of its own stops the rule: two promises for one row would break each other.
SECURITY LABEL FOR privacy ON TABLE log_2021 IS 'RETAIN 10 years AFTER at THEN DELETE';
ALTER TABLE log ATTACH PARTITION log_2021 FOR VALUES FROM ('2021-01-01 00:00+00') TO ('2022-01-01 00:00+00');
CALL privacy.sweep();
:outcome
DROP TABLE log;

-- So does a label on an inheritance parent.
CREATE TABLE animal (id int, at timestamptz);
CREATE TABLE dog (breed text) INHERITS (animal);
CREATE TABLE puppy () INHERITS (dog);
INSERT INTO animal VALUES (1, '2020-01-01 00:00+00'), (2, '2025-12-31 00:00+00');
INSERT INTO dog VALUES (3, '2020-01-01 00:00+00'), (4, '2025-12-31 00:00+00');
INSERT INTO puppy VALUES (5, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE animal IS 'RETAIN FOR service AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT tableoid::regclass, id FROM animal ORDER BY id;
DROP TABLE puppy, dog, animal;

-- Names of every kind, and columns that were dropped.
CREATE SCHEMA "Odd ""Schema";
CREATE TABLE "Odd ""Schema"."Tâble; DROP" (gone int, "select" int, "Ended At" timestamptz, "e""mail" text,
	"a_column_whose_name_fills_all_of_the_sixty_three_bytes_there_is" text, also_gone int);
ALTER TABLE "Odd ""Schema"."Tâble; DROP" DROP gone, DROP also_gone;
INSERT INTO "Odd ""Schema"."Tâble; DROP" VALUES (1, '2020-01-01 00:00+00', 'x', 'y'), (2, '2024-01-01 00:00+00', 'x', 'y'), (3, '2026-01-01 00:00+00', 'x', 'y');
SECURITY LABEL FOR privacy ON TABLE "Odd ""Schema"."Tâble; DROP" IS
	'RETAIN FOR service, statistics AFTER "Ended At" WHERE ("select" > 0 AND "Tâble; DROP"."e""mail" IS DISTINCT FROM '''') THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN "Odd ""Schema"."Tâble; DROP"."a_column_whose_name_fills_all_of_the_sixty_three_bytes_there_is" IS 'FOR service THEN PSEUDONYMIZE AS email';
:preview
CALL privacy.sweep();
:outcome
SELECT "select", "e""mail", privacy.is_pseudonym("a_column_whose_name_fills_all_of_the_sixty_three_bytes_there_is", 'person') FROM "Odd ""Schema"."Tâble; DROP" ORDER BY 1;
SELECT * FROM privacy.label_script();
DROP TABLE "Odd ""Schema"."Tâble; DROP";
DROP SCHEMA "Odd ""Schema";

-- A generated column follows what it is made from.
CREATE TABLE person (id int PRIMARY KEY, name text, initial text GENERATED ALWAYS AS (left(name, 1)) STORED, at timestamptz);
INSERT INTO person (id, name, at) VALUES (1, 'Anna', '2024-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE person IS 'RETAIN FOR service, statistics AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN person.name IS 'FOR service THEN SET NULL';
CALL privacy.sweep();
SELECT id, name, initial FROM person;
DROP TABLE person;

-- A column renamed, a table whose rows moved, a label that cannot be read any more: parked, the others run.
CREATE TABLE moved (id int PRIMARY KEY, at timestamptz, other_at timestamptz);
CREATE TABLE still (id int PRIMARY KEY, at timestamptz);
INSERT INTO moved VALUES (1, '2020-01-01 00:00+00', '2025-12-31 00:00+00');
INSERT INTO still VALUES (1, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE moved IS 'RETAIN FOR service AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE still IS 'RETAIN FOR service AFTER at THEN DELETE';
ALTER TABLE moved RENAME at TO x;
ALTER TABLE moved RENAME other_at TO at;
ALTER TABLE moved RENAME x TO other_at;
CALL privacy.sweep();
:outcome
SELECT privacy.rebind_labels('moved');
SET privacy.core_clock = '2026-12-30 23:59+00';
CALL privacy.sweep();
SELECT count(*) FROM moved;
SET privacy.core_clock = '2026-12-31 00:00+00';
CALL privacy.sweep();
:outcome
SELECT count(*) FROM moved;
DROP TABLE moved, still;

-- The evidence of all this is whole.
SELECT * FROM privacy.verify_audit();
SELECT object, action, sum(row_count) FROM privacy.audit_entry WHERE action LIKE 'sweep.%' GROUP BY 1, 2 ORDER BY object COLLATE "C", action;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP EXTENSION pg_privacy;
DROP ROLE regress_shop, regress_sweeper;
