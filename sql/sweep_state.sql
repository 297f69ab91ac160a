-- sweep_state: what a privacy officer asks before, and instead of, a sweep. How ends are reckoned is in
-- policy.sql, what a sweep then does in sweep.sql.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_librarian;
CREATE ROLE regress_donor;
CREATE ROLE regress_officer;
CREATE SCHEMA library;
GRANT CREATE, USAGE ON SCHEMA library TO regress_librarian, regress_donor;
GRANT USAGE ON SCHEMA library, privacy TO regress_officer;
SET search_path = library, public;
RESET client_min_messages;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET IntervalStyle = 'postgres';
SET privacy.core_clock = '2026-01-01 00:00+00';
SELECT privacy.create_purpose('lending', 'contract', '1 year', 'Lend books');

-- The officer may call the functions, and read the table that is asked about. Not more.
GRANT EXECUTE ON FUNCTION privacy.row_state(regclass, text, timestamptz), privacy.row_states(timestamptz),
	privacy.explain(regclass, text, timestamptz), privacy.sweep_preview(timestamptz),
	privacy.retention_forecast(interval, interval) TO regress_officer;
SET ROLE regress_librarian;
CREATE TABLE member (id int PRIMARY KEY, left_at timestamptz);
CREATE TABLE loan (id int PRIMARY KEY, member_id int REFERENCES member ON DELETE CASCADE);
CREATE TABLE fine (id int PRIMARY KEY, loan_id int REFERENCES loan, paid_at timestamptz);
CREATE INDEX ON loan (member_id);
CREATE INDEX ON fine (loan_id);
SECURITY LABEL FOR privacy ON TABLE member IS 'RETAIN FOR lending AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE fine IS 'RETAIN FOR lending AFTER paid_at THEN DELETE';
INSERT INTO member VALUES (1, NULL), (2, '2025-06-01'), (3, '2024-06-01'), (4, '2024-06-01'), (5, '2024-06-01');
INSERT INTO loan VALUES (30, 3), (40, 4), (50, 5);
INSERT INTO fine VALUES (400, 40, '2024-03-01'), (500, 50, NULL);
GRANT SELECT ON member TO regress_officer;
RESET ROLE;

-- One row, all rows, why, the next sweep, the years to come. A loan follows its member; a fine has a
-- clock of its own, and member 5 has not paid.
SET ROLE regress_officer;
SELECT id, privacy.row_state('member', id::text) FROM library.member ORDER BY id;
SELECT relation, total, waiting, running, blocked, due FROM privacy.row_states() ORDER BY relation::text;
SELECT purpose, starts_from, starts_at, ends_at, state, effect, obstacle FROM privacy.explain('member', '5') \gx
SELECT rule_table, due, blocked, blocked_by, waiting, missing FROM privacy.sweep_preview() ORDER BY rule_table COLLATE "C";
SELECT rule_table, from_then, until_then, due FROM privacy.retention_forecast('1 year', '6 months') ORDER BY rule_table COLLATE "C", until_then;
-- There is no member 6.
SELECT privacy.row_state('member', '6') IS NULL AS unknown, (SELECT count(*) FROM privacy.explain('member', '6')) AS lines;
-- What is not granted is not answered.
SELECT privacy.row_state('fine', '500');
RESET ROLE;
-- The sweep agrees.
CALL privacy.sweep();
SELECT rule_table, deleted, blocked, blocked_by, followed FROM privacy.sweep_outcome ORDER BY rule_table COLLATE "C";
SELECT id FROM member ORDER BY id;

-- A rule may read what the officer may not. An error of the rule would quote it ("invalid input syntax
-- ..."): it comes in other words, and without a context.
\set SHOW_CONTEXT always
SET ROLE regress_librarian;
CREATE TABLE card (number text PRIMARY KEY, share int, member_id int, lost_at timestamptz);
CREATE TABLE secret (member_id int, diagnosis text);
INSERT INTO card VALUES ('19121212-1212', 0, 1, '2020-01-01');
INSERT INTO secret VALUES (1, 'F32.1, severe');
GRANT SELECT ON card TO regress_officer;
SECURITY LABEL FOR privacy ON TABLE card IS
	'RETAIN FOR lending AFTER lost_at WHERE ((SELECT secret.diagnosis::int > 0 FROM library.secret WHERE secret.member_id = card.member_id)) THEN DELETE';
SET ROLE regress_officer;
SELECT privacy.row_state('card', '19121212-1212');
SELECT * FROM privacy.explain('card', '19121212-1212');
SELECT relation, total, problem FROM privacy.row_states() WHERE relation = 'card'::regclass;
SELECT rule_table, state, due, problem FROM privacy.sweep_preview() WHERE rule_table = 'library.card';
SELECT rule_table, due, problem FROM privacy.retention_forecast() WHERE rule_table = 'library.card';
SET ROLE regress_librarian;
-- A function of the rule sees the statement that calls it, and logs show it. The key may be a personal
-- number: it is a parameter there, never part of the statement.
CREATE FUNCTION curious(share int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
	stack text;
BEGIN
	GET DIAGNOSTICS stack = PG_CONTEXT;
	IF stack !~ 'library.card' OR stack ~ '19121212' THEN
		RAISE WARNING 'no statement, or one with the key';
	END IF;
	RETURN true;
END $$;
SECURITY LABEL FOR privacy ON TABLE card IS 'RETAIN FOR lending AFTER (CASE WHEN library.curious(share) THEN lost_at END) THEN DELETE';
\set SHOW_CONTEXT never
SET ROLE regress_officer;
SELECT count(*) FROM privacy.explain('card', '19121212-1212');
RESET ROLE;
DROP TABLE card;

-- Whatever the key says, it is a value.
SELECT privacy.row_state('member', '5 OR true');
SELECT privacy.row_state('member', '5); DROP TABLE library.member; --');
SET ROLE regress_librarian;
-- A key is compared as the primary key compares, here without regard to case, whatever search_path says.
CREATE COLLATION careless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN title AS text CHECK (length(VALUE) < 20);
CREATE TABLE book (title title COLLATE careless, copy int, gone_at timestamptz, PRIMARY KEY (title, copy));
INSERT INTO book VALUES ('Emil''s "Katt"', 1, '2020-01-01'), ('', 1, NULL);
SECURITY LABEL FOR privacy ON TABLE book IS 'RETAIN FOR lending AFTER gone_at THEN DELETE';
RESET ROLE;
SELECT privacy.row_state('book', ARRAY['EMIL''S "KATT"', '1']::text), privacy.row_state('book', '{"",1}');
SELECT privacy.row_state('book', '{a title of twenty letters,1}');
-- A part of a primary key is never null, nor is null an empty word.
SELECT privacy.row_state('book', '{NULL,1}');
-- So does a type whose equality lies where search_path may not lead.
SET client_min_messages = warning;
CREATE EXTENSION citext SCHEMA public;
RESET client_min_messages;
CREATE TABLE nickname (name citext PRIMARY KEY, gone_at timestamptz);
INSERT INTO nickname VALUES ('Emil', '2020-01-01');
SECURITY LABEL FOR privacy ON TABLE nickname IS 'RETAIN FOR lending AFTER gone_at THEN DELETE';
SELECT privacy.row_state('nickname', 'eMIL');
DROP TABLE nickname;
DROP EXTENSION citext;
-- A type's input is its owner's: it does not run as the officer, nor as a superuser who asks.
SET ROLE regress_librarian;
CREATE FUNCTION is_number(number text) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN RETURN current_user = 'regress_librarian'; END $$;
CREATE DOMAIN card_number AS text CHECK (library.is_number(VALUE));
CREATE TABLE card (number card_number PRIMARY KEY, lost_at timestamptz);
INSERT INTO card VALUES ('7', NULL);
SECURITY LABEL FOR privacy ON TABLE card IS 'RETAIN FOR lending AFTER lost_at THEN DELETE';
RESET ROLE;
SELECT privacy.row_state('card', '7');

-- Columns may have any names, those of our own words too.
SET ROLE regress_librarian;
CREATE TABLE shelf (id int PRIMARY KEY, state text, since date, ends int, stated int, reckoned int, target int, "its end" int,
	left_at timestamptz);
CREATE TABLE place (id int PRIMARY KEY, shelf_id int REFERENCES shelf, child int, "it goes" int, "its place" int, here int,
	left_at timestamptz);
SECURITY LABEL FOR privacy ON TABLE shelf IS 'RETAIN FOR lending AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE place IS 'RETAIN FOR lending AFTER left_at THEN DELETE';
INSERT INTO shelf (id, left_at) VALUES (1, '2020-01-01'), (2, '2020-01-01'), (3, NULL);
INSERT INTO place (id, shelf_id, left_at) VALUES (1, 1, '2020-01-01'), (2, 2, '2025-12-01');
RESET ROLE;
SELECT relation, total, waiting, running, blocked, due, problem FROM privacy.row_states()
 WHERE relation IN ('shelf'::regclass, 'place'::regclass) ORDER BY relation::text;
SELECT rule_table, due, blocked, blocked_by, waiting, missing, problem FROM privacy.sweep_preview()
 WHERE rule_table IN ('library.shelf', 'library.place') ORDER BY rule_table COLLATE "C";
SELECT id, privacy.row_state('shelf', id::text), (SELECT obstacle FROM privacy.explain('shelf', id::text)) FROM shelf ORDER BY id;
DROP TABLE place, shelf;

-- Rows that refer to one partition only, or to an inheritance child by a column that the table above
-- does not have, stand in the way as well.
SET ROLE regress_librarian;
CREATE TABLE visit (id int PRIMARY KEY, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE visit_old PARTITION OF visit FOR VALUES FROM (0) TO (10);
CREATE TABLE visit_new PARTITION OF visit FOR VALUES FROM (10) TO (20);
CREATE TABLE note (id int, visit_id int REFERENCES visit_old);
CREATE TABLE remark (id int, visit_id int REFERENCES visit);
INSERT INTO visit SELECT i, '2020-01-01' FROM generate_series(1, 15) AS i;
INSERT INTO note VALUES (1, 3);
INSERT INTO remark VALUES (1, 12);
SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR lending AFTER at THEN DELETE';
CREATE TABLE guest (id int PRIMARY KEY, at timestamptz);
CREATE TABLE speaker (code int UNIQUE) INHERITS (guest);
ALTER TABLE speaker ADD PRIMARY KEY (id);
CREATE TABLE speech (code int REFERENCES speaker (code));
INSERT INTO guest VALUES (1, '2020-01-01');
INSERT INTO speaker VALUES (2, '2020-01-01', 20), (3, '2020-01-01', 30);
INSERT INTO speech VALUES (30);
SECURITY LABEL FOR privacy ON TABLE guest IS 'RETAIN FOR lending AFTER at THEN DELETE';
RESET ROLE;
SELECT rule_table, due, blocked, blocked_by FROM privacy.sweep_preview()
 WHERE rule_table IN ('library.visit', 'library.guest') ORDER BY rule_table COLLATE "C";
SELECT id, privacy.row_state('visit', id::text), (SELECT obstacle FROM privacy.explain('visit', id::text)) FROM visit WHERE id IN (2, 3, 11, 12) ORDER BY id;
SELECT id, privacy.row_state('guest', id::text) FROM guest ORDER BY id;

-- What takes a sweep to find out is named, not guessed. A label follows its box and refers to the
-- lid, which follows as well: the sweep takes all three.
SET ROLE regress_librarian;
CREATE TABLE box (id int PRIMARY KEY, at timestamptz);
CREATE TABLE lid (id int PRIMARY KEY, box_id int REFERENCES box ON DELETE CASCADE);
CREATE TABLE sticker (id int PRIMARY KEY, box_id int REFERENCES box ON DELETE CASCADE, lid_id int REFERENCES lid);
INSERT INTO box VALUES (1, '2020-01-01');
INSERT INTO lid VALUES (1, 1);
INSERT INTO sticker VALUES (1, 1, 1);
SECURITY LABEL FOR privacy ON TABLE box IS 'RETAIN FOR lending AFTER at THEN DELETE';
-- Nor is another owner's table read: not when its rows would be cleared, and not when it lies behind another.
CREATE TABLE gift (id int PRIMARY KEY, at timestamptz);
CREATE TABLE part (id int PRIMARY KEY, gift_id int REFERENCES gift ON DELETE CASCADE);
INSERT INTO gift VALUES (1, '2020-01-01');
SECURITY LABEL FOR privacy ON TABLE gift IS 'RETAIN FOR lending AFTER at THEN DELETE';
GRANT REFERENCES ON gift, part TO regress_donor;
SET ROLE regress_donor;
CREATE TABLE thanks (gift_id int NOT NULL REFERENCES library.gift ON DELETE SET NULL);
CREATE TABLE receipt (part_id int REFERENCES library.part);
RESET ROLE;
SELECT rule_table, due, blocked, blocked_by FROM privacy.sweep_preview()
 WHERE rule_table IN ('library.box', 'library.gift') ORDER BY rule_table COLLATE "C";
SELECT obstacle FROM privacy.explain('box', '1');
SELECT obstacle FROM privacy.explain('gift', '1');

-- Tables that all refer to each other: the paths between them are many, the question stays short.
DO $$
BEGIN
	FOR i IN 1..8 LOOP
		EXECUTE format('CREATE TABLE library.mesh%s (id int PRIMARY KEY, at timestamptz)', i);
	END LOOP;
	FOR i IN 1..8 LOOP
		FOR j IN 1..8 LOOP
			EXECUTE format('ALTER TABLE library.mesh%s ADD r%s int REFERENCES library.mesh%s', i, j, j);
		END LOOP;
		EXECUTE format('SECURITY LABEL FOR privacy ON TABLE library.mesh%s IS ''RETAIN FOR lending AFTER at THEN DELETE''', i);
	END LOOP;
END $$;
INSERT INTO mesh1 VALUES (1, '2020-01-01');
SET statement_timeout = '20s';
SELECT privacy.row_state('mesh1', '1');
SELECT due, blocked, blocked_by ~ 'not counted' AS says_so FROM privacy.sweep_preview() WHERE rule_table = 'library.mesh1';
RESET statement_timeout;

-- The sweep, for comparison.
CALL privacy.sweep();
SELECT rule_table, deleted, blocked, blocked_by, followed FROM privacy.sweep_outcome
 WHERE run_id = (SELECT max(run_id) FROM privacy.sweep_outcome)
   AND rule_table IN ('library.visit', 'library.guest', 'library.box', 'library.gift') ORDER BY rule_table COLLATE "C";

CALL privacy.remove_labels();
SET client_min_messages = warning;
DROP SCHEMA library CASCADE;
DROP OWNED BY regress_librarian, regress_donor, regress_officer;
DROP EXTENSION pg_privacy;
DROP ROLE regress_librarian, regress_donor, regress_officer;
