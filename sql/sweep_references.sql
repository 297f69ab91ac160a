-- sweep_references: a row leaves only after every row that refers to it. What ON DELETE asks for the sweep does itself, to tables
-- without a label, and counts it; no foreign key of the server has anything left to do.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
CREATE ROLE regress_library;
CREATE ROLE regress_reader;
CREATE SCHEMA library;
GRANT ALL ON SCHEMA library TO regress_library, regress_reader;
SET search_path = library, public;
SELECT privacy.create_purpose('lending', 'contract', '1 year', 'Lend books');
RESET client_min_messages;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET privacy.core_clock = '2026-01-01 00:00+00';
\set outcome 'SELECT rule_table AS "table", state, deleted AS del, followed, blocked, (SELECT string_agg(t, '', '' ORDER BY t COLLATE "C") FROM unnest(string_to_array(blocked_by, '', '')) AS t) AS blocked_by, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) ORDER BY rule_table COLLATE "C";'
\set evidence 'SELECT object, row_count, detail -> ''followers'' AS followers FROM privacy.audit_entry WHERE action = ''sweep.delete'' AND (detail ->> ''run'')::int = (SELECT max(id) FROM privacy.sweep_run) ORDER BY object COLLATE "C";'

-- One member for each thing that can become of a row that refers to her. Nobody has labelled those tables.
CREATE TABLE member (id int PRIMARY KEY, at timestamptz);
CREATE TABLE review (id int PRIMARY KEY, member_id int REFERENCES member ON DELETE CASCADE);
CREATE TABLE picture (id int PRIMARY KEY, review_id int REFERENCES review ON DELETE CASCADE);
CREATE TABLE seat (id int PRIMARY KEY, member_id int REFERENCES member ON DELETE SET NULL);
CREATE TABLE locker (id int PRIMARY KEY, member_id int DEFAULT 0 REFERENCES member ON DELETE SET DEFAULT);
CREATE TABLE fine (id int PRIMARY KEY, member_id int REFERENCES member);
CREATE TABLE ban (id int PRIMARY KEY, member_id int REFERENCES member ON DELETE RESTRICT);
INSERT INTO member VALUES (0, NULL);
INSERT INTO member SELECT i, '2020-01-01 00:00+00' FROM generate_series(1, 8) AS i;
INSERT INTO review VALUES (1, 1), (2, 1), (3, 2);
INSERT INTO picture VALUES (1, 1), (2, 1);
INSERT INTO seat VALUES (1, 3), (2, 7);
INSERT INTO locker VALUES (1, 4);
INSERT INTO fine VALUES (1, 5);
INSERT INTO ban VALUES (1, 6), (2, 7);
SECURITY LABEL FOR privacy ON TABLE member IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
:evidence
SELECT array(SELECT id FROM member ORDER BY id) AS members, array(SELECT id FROM review) AS reviews, array(SELECT id FROM picture) AS pictures,
	(SELECT jsonb_object_agg(id, member_id) FROM seat) AS seats, (SELECT jsonb_object_agg(id, member_id) FROM locker) AS lockers;
-- A label is a promise of its own, by whatever path it is reached: a picture that must stay keeps its review, and that the member.
INSERT INTO member SELECT i, '2020-01-01 00:00+00' FROM generate_series(11, 13) AS i;
INSERT INTO review SELECT i, i FROM generate_series(11, 13) AS i;
ALTER TABLE picture ADD at timestamptz;
INSERT INTO picture VALUES (11, 11, '2025-12-31 00:00+00'), (12, 12, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE picture IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
:evidence
SELECT array(SELECT id FROM member WHERE id > 10) AS members, array(SELECT id FROM review) AS reviews, array(SELECT id FROM picture) AS pictures;
-- So is one that only describes. It is read as a wish to decide oneself what becomes of these rows.
SECURITY LABEL FOR privacy ON TABLE picture IS NULL;
SECURITY LABEL FOR privacy ON COLUMN picture.at IS 'NOT PERSONAL';
CALL privacy.sweep();
:outcome
SECURITY LABEL FOR privacy ON COLUMN picture.at IS NULL;
CALL privacy.sweep();
SELECT deleted, followed FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run);
-- A row that refers in two ways: what follows by one key does not block by the other.
CREATE TABLE answer (id int PRIMARY KEY, review_id int REFERENCES review ON DELETE CASCADE, member_id int REFERENCES member);
INSERT INTO member VALUES (21, '2020-01-01 00:00+00'), (22, '2020-01-01 00:00+00');
INSERT INTO review VALUES (21, 21), (22, NULL);
INSERT INTO answer VALUES (1, 21, 21), (2, 22, 22);
CALL privacy.sweep();
:outcome
SELECT array(SELECT id FROM member WHERE id > 20) AS members, array(SELECT id FROM review) AS reviews, array(SELECT id FROM answer) AS answers;
DROP TABLE picture, answer, review, seat, locker, fine, ban, member;

-- Keys of several columns; a key that clears only one of them; two keys with a column in common.
CREATE TABLE shelf (house int, nr int, at timestamptz, PRIMARY KEY (house, nr));
CREATE TABLE book (id int PRIMARY KEY, house int, nr int, spare int,
	FOREIGN KEY (house, nr) REFERENCES shelf ON DELETE SET NULL (nr), FOREIGN KEY (house, spare) REFERENCES shelf ON DELETE SET NULL (spare));
CREATE TABLE board (house int, nr int, board int, FOREIGN KEY (house, nr) REFERENCES shelf ON DELETE CASCADE);
INSERT INTO shelf VALUES (1, 1, '2020-01-01 00:00+00'), (1, 2, '2020-01-01 00:00+00'), (2, 1, '2025-12-31 00:00+00');
INSERT INTO book VALUES (1, 1, 1, 2), (2, 1, 1, NULL), (3, 2, 1, 1), (4, NULL, 1, 1);
INSERT INTO board SELECT house, nr, i FROM shelf, generate_series(1, 2) AS i;
SECURITY LABEL FOR privacy ON TABLE shelf IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
:evidence
SELECT * FROM book ORDER BY id;
SELECT * FROM board ORDER BY 1, 2, 3;
DROP TABLE book, board, shelf;

-- What cannot be cleared blocks: a column that must not be null, one that a check wants, one that others refer to.
CREATE TABLE author (id int PRIMARY KEY, at timestamptz);
CREATE TABLE poem (id int PRIMARY KEY, author_id int NOT NULL REFERENCES author ON DELETE SET NULL);
CREATE TABLE novel (id int PRIMARY KEY, author_id int CHECK (author_id IS NOT NULL) REFERENCES author ON DELETE SET NULL);
CREATE TABLE memoir (author_id int UNIQUE REFERENCES author ON DELETE SET NULL);
CREATE TABLE chapter (author_id int REFERENCES memoir (author_id) ON UPDATE CASCADE);
INSERT INTO author SELECT i, '2020-01-01 00:00+00' FROM generate_series(1, 5) AS i;
INSERT INTO poem VALUES (1, 1);
INSERT INTO novel VALUES (1, 2);
INSERT INTO memoir VALUES (3);
INSERT INTO chapter VALUES (3);
SECURITY LABEL FOR privacy ON TABLE author IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT array(SELECT id FROM author ORDER BY id) AS authors, (SELECT author_id FROM poem) AS poem, (SELECT author_id FROM novel) AS novel, (SELECT author_id FROM chapter) AS chapter;
DROP TABLE poem, novel, chapter, memoir, author;

-- Keys of every type: an array, a row type, a domain.
CREATE DOMAIN isbn AS text CHECK (VALUE <> '');
CREATE TYPE place AS (house int, room text);
CREATE TABLE edition (number isbn PRIMARY KEY, path int[] UNIQUE, spot place UNIQUE, at timestamptz);
CREATE TABLE loan (number isbn REFERENCES edition ON DELETE CASCADE);
CREATE TABLE trail (path int[] REFERENCES edition (path) ON DELETE CASCADE);
CREATE TABLE lamp (spot place REFERENCES edition (spot));
INSERT INTO edition VALUES ('a', '{1,2}', '(1,"x, y")', '2020-01-01 00:00+00'), ('b', '{3}', '(2,)', '2020-01-01 00:00+00'), ('c', '{}', NULL, '2020-01-01 00:00+00');
INSERT INTO loan VALUES ('a'), ('a');
INSERT INTO trail VALUES ('{3}'), ('{}');
INSERT INTO lamp VALUES ('(1,"x, y")');
SECURITY LABEL FOR privacy ON TABLE edition IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
:evidence
SELECT number FROM edition;
DROP TABLE loan, trail, lamp, edition;
DROP TYPE place;
DROP DOMAIN isbn;

-- Trees, rings and circles go in one statement, if nothing in them or below has to stay.
CREATE TABLE branch (id int PRIMARY KEY, above int REFERENCES branch ON DELETE CASCADE, at timestamptz);
CREATE TABLE leaf (id int PRIMARY KEY, branch_id int REFERENCES branch ON DELETE CASCADE);
INSERT INTO branch SELECT i, nullif(i / 2, 0), '2020-01-01 00:00+00' FROM generate_series(1, 31) AS i;
INSERT INTO branch VALUES (101, NULL, '2020-01-01 00:00+00'), (102, 101, '2020-01-01 00:00+00'), (103, 101, '2025-12-31 00:00+00');
INSERT INTO branch VALUES (201, NULL, '2020-01-01 00:00+00'), (202, 201, '2020-01-01 00:00+00'), (203, 202, '2020-01-01 00:00+00');
UPDATE branch SET above = 203 WHERE id = 201;
INSERT INTO leaf SELECT id, id FROM branch;
SECURITY LABEL FOR privacy ON TABLE branch IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
:evidence
SELECT array(SELECT id FROM branch ORDER BY id) AS branches, array(SELECT id FROM leaf ORDER BY id) AS leaves;
DROP TABLE leaf, branch;
-- A circle over three tables, the middle one without a label; a row that must stay holds its whole circle.
CREATE TABLE hen (id int PRIMARY KEY, nest_id int, at timestamptz);
CREATE TABLE egg (id int PRIMARY KEY, hen_id int REFERENCES hen ON DELETE CASCADE);
CREATE TABLE nest (id int PRIMARY KEY, egg_id int REFERENCES egg, at timestamptz);
ALTER TABLE hen ADD FOREIGN KEY (nest_id) REFERENCES nest ON DELETE RESTRICT;
INSERT INTO hen VALUES (1, NULL, '2020-01-01 00:00+00'), (2, NULL, '2020-01-01 00:00+00');
INSERT INTO egg VALUES (1, 1), (2, 2), (3, 2);
INSERT INTO nest VALUES (1, 1, '2020-01-01 00:00+00'), (2, 2, '2020-01-01 00:00+00'), (3, 3, '2025-12-31 00:00+00');
UPDATE hen SET nest_id = id;
SECURITY LABEL FOR privacy ON TABLE hen IS 'RETAIN FOR lending AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE nest IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
:evidence
SELECT array(SELECT id FROM hen) AS hens, array(SELECT id FROM egg ORDER BY id) AS eggs, array(SELECT id FROM nest ORDER BY id) AS nests;
-- A statement has one user: a circle over the tables of two owners stays.
UPDATE nest SET at = '2020-01-01 00:00+00';
ALTER TABLE egg OWNER TO regress_reader;
CALL privacy.sweep();
:outcome
ALTER TABLE egg OWNER TO CURRENT_USER;
CALL privacy.sweep();
:outcome
DROP TABLE hen, egg, nest CASCADE;

-- Without a circle, the sweep acts on each table as its owner, as the server's own cascade does.
CREATE TABLE trace (what text, who text);
GRANT INSERT ON trace TO regress_library, regress_reader;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO library.trace VALUES (TG_OP || ' ' || TG_TABLE_NAME, current_user);
	RETURN coalesce(NEW, OLD);
END $$;
SET ROLE regress_library;
CREATE TABLE library.course (id int PRIMARY KEY, at timestamptz);
GRANT REFERENCES ON course TO regress_reader;
SET ROLE regress_reader;
CREATE TABLE library.note (course_id int REFERENCES course ON DELETE CASCADE);
CREATE TABLE library.wish (course_id int REFERENCES course ON DELETE SET NULL);
RESET ROLE;
CREATE TRIGGER tell BEFORE DELETE ON course FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER tell BEFORE DELETE ON note FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER tell BEFORE UPDATE ON wish FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO course VALUES (1, '2020-01-01 00:00+00');
INSERT INTO note VALUES (1);
INSERT INTO wish VALUES (1);
SECURITY LABEL FOR privacy ON TABLE course IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT * FROM trace;
DROP TABLE note, wish;
DROP TRIGGER tell ON course;

-- A trigger that keeps a follower keeps what it follows; one that takes more than was planned stops the rule.
CREATE TABLE note (id int PRIMARY KEY, course_id int REFERENCES course ON DELETE CASCADE);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN OLD.id % 2 = 0 THEN OLD END; END $$;
CREATE TRIGGER keep BEFORE DELETE ON note FOR EACH ROW EXECUTE FUNCTION keep();
INSERT INTO course SELECT i, '2020-01-01 00:00+00' FROM generate_series(1, 6) AS i;
INSERT INTO note SELECT i, i FROM generate_series(1, 4) AS i;
CALL privacy.sweep();
:outcome
:evidence
SELECT array(SELECT id FROM course ORDER BY id) AS courses, array(SELECT id FROM note ORDER BY id) AS notes;
CREATE OR REPLACE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'note % stays', OLD; END $$;
INSERT INTO course VALUES (8, '2020-01-01 00:00+00'), (9, '2020-01-01 00:00+00');
CALL privacy.sweep();
:outcome
DROP TRIGGER keep ON note;
CREATE OR REPLACE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM library.note WHERE id = 3; RETURN OLD; END $$;
CREATE TRIGGER keep AFTER DELETE ON note FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION keep();
INSERT INTO course VALUES (7, NULL);
UPDATE note SET course_id = 7 WHERE id = 3;
CALL privacy.sweep();
:outcome
SELECT array(SELECT id FROM note ORDER BY id) AS notes;
DROP TRIGGER keep ON note;
-- A table with a rewrite rule does not do what it is told, so its rows block.
UPDATE note SET course_id = id;
DELETE FROM course WHERE id > 3;
CREATE RULE never AS ON DELETE TO note DO INSTEAD NOTHING;
CALL privacy.sweep();
:outcome
DROP TABLE note, course, trace;
DROP FUNCTION tell, keep;

-- Partitions on both sides; a partition that has its own owner keeps all that its table could follow.
CREATE TABLE room (id int PRIMARY KEY, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE room_1 PARTITION OF room FOR VALUES FROM (1) TO (10);
CREATE TABLE room_2 PARTITION OF room FOR VALUES FROM (10) TO (20);
CREATE TABLE guest (room_id int REFERENCES room ON DELETE CASCADE, id int) PARTITION BY RANGE (id);
CREATE TABLE guest_1 PARTITION OF guest FOR VALUES FROM (1) TO (10);
CREATE TABLE guest_2 (id int, gone int, room_id int);
ALTER TABLE guest_2 DROP gone;
ALTER TABLE guest ATTACH PARTITION guest_2 FOR VALUES FROM (10) TO (20);
CREATE TABLE host (room_id int REFERENCES room_1 ON DELETE SET NULL);
INSERT INTO room SELECT i, '2020-01-01 00:00+00' FROM unnest(ARRAY[1, 2, 11, 12]) AS i;
INSERT INTO guest VALUES (1, 1), (1, 11), (12, 2), (12, 12);
INSERT INTO host VALUES (2);
SECURITY LABEL FOR privacy ON TABLE room IS 'RETAIN FOR lending AFTER at THEN DELETE';
ALTER TABLE guest_2 OWNER TO regress_reader;
CALL privacy.sweep();
:outcome
ALTER TABLE guest_2 OWNER TO CURRENT_USER;
CALL privacy.sweep();
:outcome
SELECT count(*) FROM guest;
DROP TABLE guest, host, room;

-- Rules run children first also where tables without a label lie between, so that one pass is enough.
CREATE TABLE a_parent (id int PRIMARY KEY, at timestamptz);
CREATE TABLE between_them (id int PRIMARY KEY, parent_id int REFERENCES a_parent ON DELETE CASCADE);
CREATE TABLE z_child (id int PRIMARY KEY, between_id int REFERENCES between_them, at timestamptz);
INSERT INTO a_parent VALUES (1, '2020-01-01 00:00+00');
INSERT INTO between_them VALUES (1, 1);
INSERT INTO z_child VALUES (1, 1, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE a_parent IS 'RETAIN FOR lending AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE z_child IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT object, row_count FROM privacy.audit_entry WHERE object LIKE 'library._\_%' ORDER BY id;
DROP TABLE z_child, between_them, a_parent;

-- Row security filters nothing away, and a draft blocks as long as it is one.
CREATE TABLE patron (id int PRIMARY KEY, at timestamptz);
CREATE TABLE gift (id int PRIMARY KEY, patron_id int REFERENCES patron ON DELETE CASCADE, at timestamptz);
ALTER TABLE gift ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
INSERT INTO patron VALUES (1, '2020-01-01 00:00+00');
INSERT INTO gift VALUES (1, 1, '2020-01-01 00:00+00');
ALTER TABLE patron OWNER TO regress_library;
ALTER TABLE gift OWNER TO regress_library;
SECURITY LABEL FOR privacy ON TABLE patron IS 'RETAIN FOR lending AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE gift IS 'DRAFT; RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SECURITY LABEL FOR privacy ON TABLE gift IS NULL;
CALL privacy.sweep();
:outcome
SELECT (SELECT count(*) FROM patron) AS patrons, (SELECT count(*) FROM gift) AS gifts;
DROP TABLE gift, patron;

-- A key may be compared by a collation of any schema, wherever the search_path of the caller leads.
CREATE COLLATION library.shelf (LOCALE = 'C', PROVIDER = libc);
CREATE TABLE genre (name text COLLATE library.shelf PRIMARY KEY, at timestamptz);
CREATE TABLE book (genre text COLLATE library.shelf REFERENCES genre ON DELETE CASCADE);
CREATE TABLE shelf (genre text COLLATE library.shelf REFERENCES genre);
INSERT INTO genre VALUES ('poetry', '2020-01-01 00:00+00'), ('travel', '2020-01-01 00:00+00');
INSERT INTO book VALUES ('poetry');
INSERT INTO shelf VALUES ('travel');
SECURITY LABEL FOR privacy ON TABLE genre IS 'RETAIN FOR lending AFTER at THEN DELETE';
SELECT due, problem FROM privacy.sweep_preview() WHERE rule_table = 'library.genre';
CALL privacy.sweep();
:outcome
DROP TABLE shelf, book, genre;

-- The server looks for referring rows after each row that goes. On a large table without an index that is slow, and said.
CREATE TABLE reader (id int PRIMARY KEY, at timestamptz);
CREATE TABLE visit (reader_id int REFERENCES reader ON DELETE CASCADE, filler char(7000));
ALTER TABLE visit ALTER filler SET STORAGE PLAIN;
INSERT INTO reader VALUES (1, '2020-01-01 00:00+00');
INSERT INTO visit SELECT 1, 'x' FROM generate_series(1, 1000);
SECURITY LABEL FOR privacy ON TABLE reader IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
CREATE INDEX ON visit (reader_id);
CALL privacy.sweep();
:outcome
DROP TABLE visit, reader;

-- A period may start at what its followers say: what is due is asked before the first of them goes.
CREATE TABLE client (id int PRIMARY KEY);
CREATE TABLE booking (client_id int REFERENCES client ON DELETE CASCADE, spare_id int REFERENCES client ON DELETE SET NULL, at timestamptz);
INSERT INTO client VALUES (1), (2), (3);
INSERT INTO booking VALUES (1, 1, '2020-01-01 00:00+00'), (1, NULL, '2020-02-01 00:00+00'), (2, NULL, '2025-12-31 00:00+00'), (2, 3, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE client IS 'RETAIN FOR lending AFTER ((SELECT max(b.at) FROM library.booking AS b WHERE client.id IN (b.client_id, b.spare_id))) THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT * FROM booking ORDER BY at;
DROP TABLE booking, client;

-- Two keys that clear columns of one row, one of its table and one of its partition, whose columns are numbered in another way.
CREATE TABLE coach (id int PRIMARY KEY, at timestamptz);
CREATE TABLE lesson (id int, coach_id int REFERENCES coach ON DELETE SET NULL, place int, deputy_id int) PARTITION BY RANGE (id);
CREATE TABLE lesson_1 (id int, place int, coach_id int, deputy_id int REFERENCES coach ON DELETE SET NULL);
ALTER TABLE lesson ATTACH PARTITION lesson_1 FOR VALUES FROM (1) TO (10);
INSERT INTO coach VALUES (1, '2020-01-01 00:00+00'), (2, '2025-12-31 00:00+00');
INSERT INTO lesson VALUES (1, 1, 11, NULL), (2, 2, 22, 1), (3, 1, 33, 1), (4, 1, 44, 2);
SECURITY LABEL FOR privacy ON TABLE coach IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT * FROM lesson ORDER BY id;
DROP TABLE lesson, coach;

-- Whoever may refer to a table can keep rows of it, but not stop its rule. What comes of a neighbour's code, names or rules
-- blocks the rows concerned; where nobody can tell which those are, all of them.
CREATE TABLE host (id int PRIMARY KEY, "row of the sweep" int UNIQUE, at timestamptz);
GRANT REFERENCES ON host TO regress_reader;
INSERT INTO host SELECT i, i, '2020-01-01 00:00+00' FROM generate_series(1, 6) AS i;
SECURITY LABEL FOR privacy ON TABLE host IS 'RETAIN FOR lending AFTER at THEN DELETE';
SET ROLE regress_reader;
CREATE TABLE library.raising (host_id int REFERENCES library.host ON DELETE CASCADE);
CREATE TABLE library.naming (host_id int REFERENCES library.host, at timestamptz, "it goes" int);
CREATE TABLE library.keying (host int REFERENCES library.host ("row of the sweep") ON DELETE CASCADE);
CREATE FUNCTION library.raise_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE division_by_zero; END $$;
CREATE TRIGGER raise_it BEFORE DELETE ON raising FOR EACH ROW EXECUTE FUNCTION raise_it();
SECURITY LABEL FOR privacy ON TABLE naming IS 'RETAIN FOR lending AFTER at THEN DELETE';
INSERT INTO raising VALUES (1);
INSERT INTO naming VALUES (2, '2025-12-31 00:00+00', 1);
INSERT INTO keying VALUES (3);
RESET ROLE;
CALL privacy.sweep();
:outcome
DROP TABLE raising, naming, keying;
DROP FUNCTION raise_it;
CREATE TABLE ruled (host_id int REFERENCES host ON DELETE CASCADE);
CREATE RULE never AS ON DELETE TO ruled DO INSTEAD NOTHING;
CALL privacy.sweep();
:outcome
DROP TABLE ruled;
SET ROLE regress_reader;
CREATE TABLE library.parted (id int, host_id int REFERENCES library.host ON DELETE CASCADE) PARTITION BY RANGE (id);
RESET ROLE;
SET ROLE regress_library;
CREATE FUNCTION library.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
CREATE TABLE library.parted_1 (id int, host_id int);
CREATE INDEX ON library.parted_1 (library.twice(id));
RESET ROLE;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES FROM (1) TO (10);
CALL privacy.sweep();
:outcome
DROP TABLE parted;
CALL privacy.sweep();
:outcome
DROP TABLE host;
DROP FUNCTION twice;
-- So with an error in the rule of a table in the circle: it stops that rule, and keeps only the row at which it occurs.
CREATE TABLE heads (id int PRIMARY KEY, tail_id int, weight int, at timestamptz);
CREATE TABLE tails (id int PRIMARY KEY, head_id int NOT NULL REFERENCES heads, at timestamptz);
INSERT INTO heads SELECT i, NULL, CASE WHEN i <> 3 THEN 1 ELSE 0 END, '2020-01-01 00:00+00' FROM generate_series(1, 5) AS i;
INSERT INTO tails SELECT i, i, '2020-01-01 00:00+00' FROM generate_series(1, 5) AS i;
UPDATE heads SET tail_id = id;
ALTER TABLE heads ADD FOREIGN KEY (tail_id) REFERENCES tails;
SECURITY LABEL FOR privacy ON TABLE heads IS 'RETAIN FOR lending AFTER at WHERE (1 / weight > 0) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE tails IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT array(SELECT id FROM heads ORDER BY id) AS heads, array(SELECT id FROM tails ORDER BY id) AS tails;
DROP TABLE heads, tails CASCADE;

-- One row that its own trigger or check refuses stays; the others go, or are treated, with followers in the batch or without.
CREATE TABLE crate (id int PRIMARY KEY, note text CHECK (note IS NOT NULL OR id <> 5), at timestamptz);
CREATE TABLE lid (crate_id int REFERENCES crate ON DELETE CASCADE);
CREATE FUNCTION refuse_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'crate % stays', OLD.id; END $$;
CREATE TRIGGER refuse_it BEFORE DELETE ON crate FOR EACH ROW WHEN (OLD.id = 7) EXECUTE FUNCTION refuse_it();
INSERT INTO crate SELECT i, 'glass', '2020-01-01 00:00+00' FROM generate_series(1, 10) AS i;
INSERT INTO lid VALUES (1);
SECURITY LABEL FOR privacy ON COLUMN crate.note IS 'RETAIN FOR lending AFTER at THEN SET NULL';
CALL privacy.sweep();
SELECT state, treated, blocked, blocked_by, problem FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run);
SECURITY LABEL FOR privacy ON COLUMN crate.note IS NULL;
SECURITY LABEL FOR privacy ON TABLE crate IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
DROP TABLE lid, crate;
DROP FUNCTION refuse_it;

-- What a trigger does and takes back has not happened.
CREATE TABLE diary (id int PRIMARY KEY, at timestamptz);
CREATE TABLE slip (id int PRIMARY KEY, at timestamptz);
CREATE FUNCTION try_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		UPDATE library.diary SET at = at;
		DELETE FROM library.diary;
		RAISE 'not after all';
	EXCEPTION WHEN raise_exception THEN
		NULL;
	END;
	RETURN OLD;
END $$;
CREATE TRIGGER try_it BEFORE DELETE ON slip FOR EACH ROW EXECUTE FUNCTION try_it();
INSERT INTO diary VALUES (1, '2025-12-31 00:00+00');
INSERT INTO slip VALUES (1, '2020-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE diary IS 'RETAIN FOR lending AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE slip IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
DROP TABLE diary, slip;
DROP FUNCTION try_it;

-- The evidence of all this is whole.
SELECT * FROM privacy.verify_audit();

-- What is blocked is looked at again as long as there is less and less of it. Rows that only fall due as fast as others go
-- (here each deleted one makes another) do not hold up the run: the columns have their turn, and the next run takes the rest.
CREATE TABLE ping (id int PRIMARY KEY, at timestamptz, note text);
CREATE TABLE pong (id int PRIMARY KEY, at timestamptz);
CREATE TABLE keeper (ping_id int REFERENCES ping, pong_id int REFERENCES pong);
CREATE FUNCTION play() RETURNS trigger LANGUAGE plpgsql SET search_path = library AS $$ BEGIN
	IF TG_TABLE_NAME = 'ping' THEN INSERT INTO pong VALUES (OLD.id + 1, OLD.at); ELSE INSERT INTO ping VALUES (OLD.id + 1, OLD.at); END IF;
	RETURN OLD;
END $$;
CREATE TRIGGER play AFTER DELETE ON ping FOR EACH ROW EXECUTE FUNCTION play();
CREATE TRIGGER play AFTER DELETE ON pong FOR EACH ROW EXECUTE FUNCTION play();
INSERT INTO ping VALUES (0, '2020-01-01 00:00+00', 'kept'), (1, '2020-01-01 00:00+00', 'plays');
INSERT INTO pong VALUES (0, '2020-01-01 00:00+00');
INSERT INTO keeper VALUES (0, 0);
SECURITY LABEL FOR privacy ON TABLE ping IS 'RETAIN FOR lending AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN ping.note IS 'RETAIN FOR lending AFTER at THEN SET NULL';
SECURITY LABEL FOR privacy ON TABLE pong IS 'RETAIN FOR lending AFTER at THEN DELETE';
CALL privacy.sweep();
:outcome
SELECT id, note FROM ping ORDER BY id;
DROP TABLE ping, pong, keeper;
DROP FUNCTION play;
SET client_min_messages = warning;
DROP SCHEMA library CASCADE;
DROP EXTENSION pg_privacy;
DROP ROLE regress_library, regress_reader;
