-- What each form of a promise means, row by row: which ids are left, written out by hand.
SET client_min_messages = warning;
SET TimeZone = 'America/New_York';	-- the session's zone must not matter
SELECT plan(44);

SELECT privacy.create_scope('person');
SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
SELECT privacy.create_purpose('account', 'contract', '1 year', 'User account');
SELECT privacy.create_purpose('improvement', 'legitimate_interests', '3 years', 'Improve the service');
SELECT privacy.create_purpose('statistics', 'legitimate_interests', '1 year', 'Statistics');
SELECT privacy.create_purpose('bookkeeping', 'legal_obligation', NULL, 'Bookkeeping');
SELECT privacy.create_purpose('marketing.email', 'consent', '1 year', 'Newsletter');
SELECT privacy.create_purpose('marketing.sms', 'consent', '2 years', 'Text messages');
SET privacy.policy_timezone = 'Europe/Stockholm';

CREATE FUNCTION left_in(relation regclass) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
	ids int[];
BEGIN
	EXECUTE pg_catalog.format('SELECT array(SELECT id FROM %s ORDER BY id)', relation) INTO ids;
	RETURN ids;
END $$;

-- ALL OF: every event must have happened, and the last one counts.
CREATE TABLE agreement (id int PRIMARY KEY, ended_at timestamptz, paid_at timestamptz);
INSERT INTO agreement VALUES
	(1, '2021-06-30 00:00+02', '2021-08-15 00:00+02'),
	(2, '2021-06-30 00:00+02', NULL),
	(3, NULL, '2021-08-15 00:00+02'),
	(4, NULL, NULL),
	(5, '2021-09-01 00:00+02', '2021-08-15 00:00+02'),
	(6, '2021-06-30 00:00+02', 'infinity'),
	(8, '0044-03-15 00:00+01 BC', '0043-01-01 00:00+01 BC');
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN FOR service AFTER ALL OF (ended_at, paid_at) THEN DELETE';
SET privacy.core_clock = '2022-08-14 23:59:59.999999+02';
CALL privacy.sweep();
SELECT is(left_in('agreement'), '{1,2,3,4,5,6}', 'ALL OF: the day before the last event''s year is over; BC is the past');
SET privacy.core_clock = '2022-08-15 00:00+02';
CALL privacy.sweep();
SELECT is(left_in('agreement'), '{2,3,4,5,6}', 'ALL OF: at the exact instant');
SET privacy.core_clock = '2300-01-01 00:00+00';
CALL privacy.sweep();
SELECT is(left_in('agreement'), '{2,3,4,6}', 'ALL OF: a missing or endless event keeps the row for ever');

-- ANY OF: the first event that happened.
CREATE TABLE learner (id int PRIMARY KEY, notice_at timestamptz, closed_at timestamptz);
INSERT INTO learner VALUES
	(1, '2021-06-30 00:00+02', NULL),
	(2, NULL, '2021-06-30 00:00+02'),
	(3, '2025-01-01 00:00+01', '2021-06-30 00:00+02'),
	(4, NULL, NULL),
	(5, '2025-01-01 00:00+01', NULL),
	(6, 'infinity', '2021-06-30 00:00+02'),
	(7, 'infinity', NULL),
	(8, '-infinity', NULL);
SECURITY LABEL FOR privacy ON TABLE learner IS 'RETAIN FOR account AFTER ANY OF (notice_at, closed_at) THEN DELETE';
SET privacy.core_clock = '2022-06-29 23:59:59+02';
CALL privacy.sweep();
SELECT is(left_in('learner'), '{1,2,3,4,5,6,7,8}', 'ANY OF: before the first event''s year is over');
SET privacy.core_clock = '2022-06-30 00:00+02';
CALL privacy.sweep();
SELECT is(left_in('learner'), '{4,5,7,8}', 'ANY OF: the earliest event counts; from -infinity nothing can be counted');

-- END OF YEAR: a fiscal year that ended on 2018-06-30 is kept for seven years after the end of 2018.
CREATE TABLE invoice (id int PRIMARY KEY, fiscal_year_end date, kind text);
INSERT INTO invoice VALUES (1, '2018-06-30', 'voucher'), (2, '2018-12-31', 'voucher'), (3, '2019-01-01', 'voucher'),
	(4, '2018-06-30', NULL), (5, '2018-06-30', 'working paper'), (6, '2018-06-30', 'other'), (7, NULL, 'voucher'),
	(8, 'infinity', 'voucher'), (9, '-infinity', 'voucher');
SECURITY LABEL FOR privacy ON TABLE invoice IS
	'RETAIN 7 years FOR bookkeeping AFTER END OF YEAR OF fiscal_year_end WHERE (kind = ''voucher''),
	        3 years FOR bookkeeping AFTER END OF YEAR OF fiscal_year_end WHERE (kind = ''working paper'')
	   THEN DELETE';
SET privacy.core_clock = '2021-12-31 23:59:59+01';
CALL privacy.sweep();
SELECT is(left_in('invoice'), '{1,2,3,4,5,6,7,8,9}', 'END OF YEAR: the last second of the third year');
SET privacy.core_clock = '2022-01-01 00:00+01';
CALL privacy.sweep();
SELECT is(left_in('invoice'), '{1,2,3,4,6,7,8,9}', 'END OF YEAR: the working paper goes');
SET privacy.core_clock = '2025-12-31 23:59:59.999999+01';
CALL privacy.sweep();
SELECT is(left_in('invoice'), '{1,2,3,4,6,7,8,9}', 'END OF YEAR: the last microsecond of the seventh year');
SET privacy.core_clock = '2026-01-01 00:00+01';
CALL privacy.sweep();
SELECT is(left_in('invoice'), '{3,4,6,7,8,9}', 'END OF YEAR: 2026-01-01 00:00 in Stockholm');
SET privacy.core_clock = '2300-01-01 00:00+00';
CALL privacy.sweep();
SELECT is(left_in('invoice'), '{4,6,7,8,9}', 'a WHERE that is null, or that no term meets, keeps the row');

-- Calendar arithmetic: 31 January and a month, 29 February and a year, a date at 00:00 in the policy's zone, across DST.
CREATE TABLE month_end (id int PRIMARY KEY, at timestamptz);
INSERT INTO month_end VALUES (1, '2025-01-31 12:00+01'), (2, '2025-01-28 12:00+01'), (3, '2024-01-31 12:00+01');
SECURITY LABEL FOR privacy ON TABLE month_end IS 'RETAIN 1 month FOR service AFTER at THEN DELETE';
SET privacy.core_clock = '2024-02-29 11:59:59+01';
CALL privacy.sweep();
SELECT is(left_in('month_end'), '{1,2,3}', '31 January and a month in a leap year: a second before 29 February 12:00');
SET privacy.core_clock = '2024-02-29 12:00+01';
CALL privacy.sweep();
SELECT is(left_in('month_end'), '{1,2}', '31 January and a month in a leap year is 29 February');
SET privacy.core_clock = '2025-02-28 12:00+01';
CALL privacy.sweep();
SELECT is(left_in('month_end'), '{}', '28 and 31 January and a month are both 28 February');

CREATE TABLE leap (id int PRIMARY KEY, at date);
INSERT INTO leap VALUES (1, '2024-02-29'), (2, '2024-03-01');
SECURITY LABEL FOR privacy ON TABLE leap IS 'RETAIN FOR service AFTER at THEN DELETE';
SET privacy.core_clock = '2025-02-27 23:59:59+01';
CALL privacy.sweep();
SELECT is(left_in('leap'), '{1,2}', '29 February and a year: the day before');
SET privacy.core_clock = '2025-02-28 00:00+01';
CALL privacy.sweep();
SELECT is(left_in('leap'), '{2}', '29 February and a year is 28 February, 00:00');

CREATE TABLE dst (id int PRIMARY KEY, at timestamptz, day date);
-- summer time begins on 2025-03-30 02:00 and ends on 2025-10-26 03:00
INSERT INTO dst VALUES (1, '2025-02-28 02:30+01', NULL), (2, NULL, '2025-02-28'), (3, NULL, '2025-03-01');
SECURITY LABEL FOR privacy ON TABLE dst IS 'RETAIN 1 month FOR service AFTER ANY OF (at, day) THEN DELETE';
SET privacy.core_clock = '2025-03-27 23:00+00';
CALL privacy.sweep();
SELECT is(left_in('dst'), '{1,3}', 'a date begins at 00:00 in Stockholm, which is 23:00 of the day before in UTC');
SET privacy.core_clock = '2025-03-31 21:59:59+00';
CALL privacy.sweep();
SELECT is(left_in('dst'), '{3}', 'in summer time, a second before the day begins');
SET privacy.core_clock = '2025-03-31 22:00+00';
CALL privacy.sweep();
SELECT is(left_in('dst'), '{}', 'in summer time the day begins an hour earlier');
INSERT INTO dst VALUES (4, '2025-02-28 02:30+01', NULL), (5, '2025-09-26 02:30+02', NULL), (6, '2025-09-26 03:00+02', NULL);
SET privacy.core_clock = '2025-10-26 01:29:59+00';
CALL privacy.sweep();
SELECT is(left_in('dst'), '{5,6}', 'an end in the hour that comes twice is the later one');
SET privacy.core_clock = '2025-10-26 01:30+00';
CALL privacy.sweep();
SELECT is(left_in('dst'), '{6}', 'at the exact instant in that hour');

-- A period in hours and days.
CREATE TABLE session (id int PRIMARY KEY, at timestamptz);
INSERT INTO session VALUES (1, '2025-03-29 12:00+01'), (2, '2025-03-29 12:00:01+01');
SECURITY LABEL FOR privacy ON TABLE session IS 'RETAIN 1 day AFTER at THEN DELETE';
SET privacy.core_clock = '2025-03-30 12:00+02';
CALL privacy.sweep();
SELECT is(left_in('session'), '{2}', 'a day across the change to summer time has 23 hours');
SECURITY LABEL FOR privacy ON TABLE session IS 'RETAIN ''24 hours'' AFTER at THEN DELETE';
SET privacy.core_clock = '2025-03-30 13:00+02';
CALL privacy.sweep();
SELECT is(left_in('session'), '{2}', '24 hours are not a day');
SET privacy.core_clock = '2025-03-30 13:00:01+02';
CALL privacy.sweep();
SELECT is(left_in('session'), '{}', '24 hours are 24 hours');

-- WITH, through two tables: the row lives as long as its purpose does for the row above; a null key: the term does not apply.
CREATE TABLE company (id int PRIMARY KEY, left_at timestamptz);
CREATE TABLE member (id int PRIMARY KEY, company_id int REFERENCES company, closed_at timestamptz);
CREATE TABLE progress (id int PRIMARY KEY, member_id int REFERENCES member, collected_at timestamptz, score int, remark text);
INSERT INTO company VALUES (1, '2021-08-15 00:00+02'), (2, NULL);
INSERT INTO member VALUES
	(1, 1, '2020-09-01 00:00+02'),		-- service until 2022-08-15, account until 2021-09-01
	(2, 2, '2020-09-01 00:00+02'),		-- service without end
	(3, NULL, '2020-09-01 00:00+02'),	-- account only, until 2021-09-01
	(4, NULL, NULL);					-- account without end
INSERT INTO progress VALUES
	(1, 1, '2020-03-01 00:00+01', 10, 'a'),		-- statistics until 2021-03-01, improvement until 2023-03-01
	(2, 2, '2020-03-01 00:00+01', 20, 'b'),
	(3, 3, '2020-03-01 00:00+01', 30, 'c'),
	(4, NULL, '2020-03-01 00:00+01', 40, 'd'),
	(5, 4, '2020-03-01 00:00+01', 50, 'e');
SECURITY LABEL FOR privacy ON TABLE company IS 'RETAIN FOR service AFTER left_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE member IS 'RETAIN FOR service WITH (company_id), FOR account AFTER closed_at THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE progress IS
	'RETAIN FOR service, account WITH (member_id), FOR improvement, statistics AFTER collected_at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN progress.score IS 'FOR service, account THEN SET NULL';
SECURITY LABEL FOR privacy ON COLUMN progress.remark IS 'FOR statistics THEN SET ''gone''';
CREATE FUNCTION scores() RETURNS int[] LANGUAGE sql AS 'SELECT array_agg(score ORDER BY id) FROM public.progress';
CREATE FUNCTION remarks() RETURNS text LANGUAGE sql AS 'SELECT string_agg(remark, '','' ORDER BY id) FROM public.progress';

SET privacy.core_clock = '2021-02-28 23:59+01';
CALL privacy.sweep();
SELECT is(remarks(), 'a,b,c,d,e', 'before statistics end');
SET privacy.core_clock = '2021-03-01 00:00+01';
CALL privacy.sweep();
SELECT is(remarks(), 'gone,gone,gone,gone,gone', 'statistics end: the column that serves only them is treated, the rows stay');
SELECT is(scores(), '{10,20,30,40,50}', 'what serves other purposes stays; no purpose of the column applies to row 4: it is undetermined');
SET privacy.core_clock = '2021-09-01 00:00+02';
CALL privacy.sweep();
SELECT is(scores(), '{10,20,NULL,40,50}', 'the account of member 3 ends, and no company holds her');
SELECT is(left_in('member'), '{1,2,3,4}', 'her row is due but blocked by her progress');
SELECT is((SELECT blocked || ' by ' || blocked_by FROM privacy.sweep_outcome WHERE rule_table = 'public.member' ORDER BY run_id DESC LIMIT 1),
	'1 by public.progress', 'and that is reported');
SET privacy.core_clock = '2022-08-14 23:59+02';
CALL privacy.sweep();
SELECT is(scores(), '{10,20,NULL,40,50}', 'the company''s year is not over');
SET privacy.core_clock = '2022-08-15 00:00+02';
CALL privacy.sweep();
SELECT is(scores(), '{NULL,20,NULL,40,50}', 'service ends for member 1 as it ends for the company');
SET privacy.core_clock = '2023-02-28 23:59+01';
CALL privacy.sweep();
SELECT is(left_in('progress'), '{1,2,3,4,5}', 'improvement keeps every row');
SET privacy.core_clock = '2023-03-01 00:00+01';
CALL privacy.sweep();
SELECT is(left_in('progress'), '{2,5}', 'improvement ends: rows go, but for members without an end');
SELECT is(left_in('member'), '{2,4}', 'and their members after them');
SELECT is(left_in('company'), '{2}', 'and the company after its member');

-- A pseudonym stands for the value where another purpose still runs; a naming of marketing covers what is below it.
CREATE TABLE subscriber (id int PRIMARY KEY, email text, phone text, at timestamptz, told_at timestamptz);
INSERT INTO subscriber VALUES (1, 'a@example.org', '070', '2020-01-01 00:00+01'), (2, 'b@example.org', '071', '2020-06-01 00:00+02');
SECURITY LABEL FOR privacy ON TABLE subscriber IS 'RETAIN FOR marketing.email AFTER at, FOR marketing.sms AFTER at, FOR improvement AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN subscriber.email IS 'FOR marketing.email THEN PSEUDONYMIZE AS email';
SECURITY LABEL FOR privacy ON COLUMN subscriber.phone IS 'FOR marketing THEN SET NULL MARK (told_at)';
SET privacy.core_clock = '2021-01-01 00:00+01';
CALL privacy.sweep();
SELECT results_eq('SELECT email, phone FROM public.subscriber ORDER BY id',
	$$VALUES (privacy.pseudonym_email('a@example.org', 'person'), '070'), ('b@example.org', '071')$$, 'one purpose of marketing ended: its column');
SET privacy.core_clock = '2022-01-01 00:00+01';
CALL privacy.sweep();
SELECT results_eq('SELECT phone, told_at FROM public.subscriber ORDER BY id',
	$$VALUES (NULL, timestamptz '2022-01-01 00:00+01'), ('071', NULL)$$, 'all purposes of marketing ended; the mark says when');
SELECT is(privacy.pseudonym_email('b@example.org', 'person'), (SELECT email FROM subscriber WHERE id = 2), 'the other by then as well');

-- A draft is never enforced, for rows and columns.
CREATE TABLE idea (id int PRIMARY KEY, note text, at timestamptz);
INSERT INTO idea VALUES (1, 'x', '1990-01-01 00:00+01');
SECURITY LABEL FOR privacy ON TABLE idea IS 'DRAFT; RETAIN FOR service AFTER at THEN DELETE';
SECURITY LABEL FOR privacy ON COLUMN idea.note IS 'THEN SET NULL';
CALL privacy.sweep();
SELECT results_eq('SELECT id, note FROM public.idea', $$VALUES (1, 'x')$$, 'a draft enforces nothing');
SELECT is((SELECT array_agg(DISTINCT state) FROM privacy.sweep_preview() WHERE rule_table = 'public.idea'), '{draft}', 'it is previewed as a draft');

-- A shorter promise takes every row from its moment on; a longer one only rows that start later.
CREATE TABLE offer (id int PRIMARY KEY, at timestamptz);
INSERT INTO offer VALUES (1, '2088-06-01 00:00+00'), (2, '2089-12-31 00:00+00'), (3, '2094-12-31 00:00+00'), (4, '2095-01-01 00:00:00.000001+00'), (5, '2095-01-01 00:00+00');
SECURITY LABEL FOR privacy ON TABLE offer IS 'RETAIN FOR improvement AFTER at THEN DELETE';
SELECT privacy.alter_purpose('improvement', '1 year', '2090-01-01 00:00+00');
SELECT privacy.alter_purpose('improvement', '5 years', '2095-01-01 00:00+00');
SET privacy.core_clock = '2089-12-31 23:59:59+00';
CALL privacy.sweep();
SELECT is(left_in('offer'), '{1,2,3,4,5}', 'the shorter promise is not in force yet');
SET privacy.core_clock = '2090-01-01 00:00+00';
CALL privacy.sweep();
SELECT is(left_in('offer'), '{2,3,4,5}', 'it takes the row that was to stay until 2091');
SET privacy.core_clock = '2095-12-31 00:00+00';
CALL privacy.sweep();
SELECT is(left_in('offer'), '{4,5}', 'the longer one does not reach back');
SET privacy.core_clock = '2099-12-31 23:59:59+00';
CALL privacy.sweep();
SELECT is(left_in('offer'), '{4}', 'what starts after it stays five years, what starts with it does not');

SELECT * FROM finish();
