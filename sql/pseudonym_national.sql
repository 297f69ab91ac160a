-- pseudonym_national: phone numbers, personal numbers, organisation numbers, cards.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
-- A derived scope, so that the results below are the same wherever the root key is 000102...1f.
SELECT privacy.create_scope('shared', destroyable => false);
SELECT privacy.create_scope('other');

-- Phones: country code, length and separators stay; one number has the same digits in all its spellings.
SELECT v, privacy.pseudonym_phone(v, 'shared')
  FROM unnest(ARRAY['+46701234567', '0046701234567', '0701234567', '+46 (0)70-123 45 67', '(+46) 70.123/45.67', '070-123 45 67',
	'08-12 34 56', '+1 (212) 555-0100', '001 212 555 0100', '+7 495 123-45-67', '+358 40 1234567', '+298 123456', '12 34 56']) AS v;
-- Zeros in front stay zeros, and no others become zeros.
SELECT v, privacy.pseudonym_phone(v, 'shared') FROM unnest(ARRAY['+46 00 12345', '0046 12345', '012345', '+358 0 12345', '+461000000000000']) AS v;
-- What is no phone number becomes a token, and never stays as it is.
SELECT left(v, 24) AS value, privacy.pseudonym_phone(v, 'shared') = privacy.pseudonym(v, 'shared') AS is_token
  FROM unnest(ARRAY['', ' ', '+', '()', '112', '+46 1234', '0 1234', '00', '+', '++46701234567', '46+701234567', '+0701234567', '000701234567',
	'+4612345678901234', '+46000000000000', '0046123456789012345', '070-123 45 67 ext 8', '070x1234567', '٠٧٠١٢٣٤٥٦٧', E'070\t1234567', E'0701234567\n', E'\x01',
	'０７０１２３４５６７', repeat('7', 1000000), repeat('-', 1000000), repeat('+', 1000)]) AS v;
-- Separators may be many.
SELECT length(p), rtrim(p, '-') FROM privacy.pseudonym_phone('0701234567' || repeat('-', 1000000), 'shared') AS p;
-- No two share a pseudonym: all numbers of five digits, and some of nine.
SELECT count(*), count(DISTINCT p), min(p), max(p)
  FROM (SELECT privacy.pseudonym_phone(i::text, 'other') AS p FROM generate_series(10000, 99999) AS i OFFSET 0) AS s;
SELECT count(*), count(DISTINCT p), bool_and(p ~ '^\+46[1-9][0-9]{8}$') AS form, count(*) FILTER (WHERE p = v) < 5 AS moved
  FROM (SELECT v, privacy.pseudonym_phone(v, 'other') AS p
		  FROM (SELECT '+46' || 701000000 + i AS v FROM generate_series(1, 50000) AS i) AS s OFFSET 0) AS s;

-- Personal numbers: another number that nobody can have, since its month is none of the calendar.
SELECT v, privacy.pseudonym_personnummer(v, 'shared')
  FROM unnest(ARRAY['19121212-1212', '191212121212', '121212-1212', '1212121212', '121212+1212', '18121212-1212', '20121212-1212',
	'000229-0005', '20000229-0005']) AS v;
-- A coordination number (60 is added to the day) becomes another one; its months are others.
SELECT v, privacy.pseudonym_personnummer(v, 'shared'), privacy.pseudonym_personnummer(v, 'shared', 'issuable')
  FROM unnest(ARRAY['701063-2391', '19701063-2391', '7010632391']) AS v;
-- On request, a number that can be given to someone.
SELECT v, privacy.pseudonym_personnummer(v, 'shared', 'issuable')
  FROM unnest(ARRAY['19121212-1212', '1212121212', '121212+1212']) AS v;
SELECT privacy.pseudonym_personnummer('19121212-1212', 'shared', 'valid');
-- Wrong digit, date, century, separator, length, script.
SELECT left(v, 24) AS value, privacy.pseudonym_personnummer(v, 'shared') = privacy.pseudonym(v, 'shared') AS is_token
  FROM unnest(ARRAY['', '-', '19121212-1213', '19121312-1212', '19120230-1212', '19000229-0005', '18000229-0005', '17121212-1212',
	'21121212-1212', '1912121-21212', '1912-12121212', '19121212--212', '19121212 1212', '19121212_1212', '-1212121212', '1212121212-',
	' 121212-1212', '121212-1212 ', '121212121', '12121212121', '1912121212121', '121260-1212', '121292-1212', '120012-1212', '556036-0793',
	'١٢١٢١٢١٢١٢', E'121212\n1212', '12121212121ö', repeat('1', 1000000)]) AS v;
-- The pseudonym is no personal number, so that a second application shows.
SET privacy.pseudonym_malformed = error;
SELECT privacy.pseudonym_personnummer(privacy.pseudonym_personnummer('19121212-1212', 'shared'), 'shared');
RESET privacy.pseudonym_malformed;

-- Every number of a leap year: valid in, no two share one, right check digits, and the forms promised.
CREATE FUNCTION regress_luhn(n bigint) RETURNS bigint LANGUAGE SQL IMMUTABLE AS
$$ SELECT (n % 10 + n / 100 % 10 + n / 10000 % 10 + n / 1000000 % 10 + n / 100000000 % 10
	+ 2 * (n / 10 % 10) - 9 * (n / 10 % 10 / 5) + 2 * (n / 1000 % 10) - 9 * (n / 1000 % 10 / 5)
	+ 2 * (n / 100000 % 10) - 9 * (n / 100000 % 10 / 5) + 2 * (n / 10000000 % 10) - 9 * (n / 10000000 % 10 / 5)
	+ 2 * (n / 1000000000 % 10) - 9 * (n / 1000000000 % 10 / 5)) % 10 $$;
CREATE TABLE regress_person AS
SELECT v, privacy.pseudonym_personnummer(v, 'shared') AS p, privacy.pseudonym_personnummer(v, 'shared', 'issuable') AS q
  FROM (SELECT lpad((n + (10 - regress_luhn(n)) % 10)::text, 10, '0') AS v
		  FROM (SELECT (to_char(date '2000-01-01' + d, 'YYMMDD') || lpad(s::text, 3, '0') || '0')::bigint AS n
				  FROM generate_series(0, 365) AS d, generate_series(0, 999) AS s OFFSET 0) AS s OFFSET 0) AS s;
SELECT count(*), count(DISTINCT v) AS values, count(DISTINCT p) AS pseudonyms, count(DISTINCT q) AS issuable,
	   bool_and(regress_luhn(p::bigint) = 0) AND bool_and(regress_luhn(q::bigint) = 0) AS check_digits,
	   count(DISTINCT left(p, 2)) AS years, count(DISTINCT substr(p, 7, 3)) AS serials, count(*) FILTER (WHERE v = q) < 5 AS moved
  FROM regress_person;
-- Both forms are of one number. The one counts the day of the year on through month and day, from 1300: never a month.
SELECT bool_and(left(p, 2) = left(q, 2) AND substr(p, 7, 3) = substr(q, 7, 3)) AS year_and_serial,
	   bool_and(100 * (substr(p, 3, 2)::int - 13) + substr(p, 5, 2)::int = extract(doy FROM d) - 1) AS day_of_year,
	   bool_and(substr(p, 3, 2) BETWEEN '13' AND '16') AS never_a_month, bool_and(to_char(d, 'YYMMDD') = left(q, 6)) AS dates
  FROM (SELECT p, q, to_date('20' || left(q, 6), 'YYYYMMDD') AS d FROM regress_person OFFSET 0) AS s;
-- The century stays. 1900 had no 29 February: those that would become it are put through again, and none comes out twice.
SELECT count(*), count(DISTINCT p) AS pseudonyms, count(*) FILTER (WHERE q LIKE '000229%') AS would_become_it,
	   count(*) FILTER (WHERE p LIKE '__000229%') AS became_it, bool_and(right(p, 10) = q OR q LIKE '000229%') AS else_as_the_short_ones
  FROM (SELECT q, privacy.pseudonym_personnummer('19' || v, 'shared', 'issuable') AS p FROM regress_person WHERE v NOT LIKE '000229%' OFFSET 0) AS s;
DROP TABLE regress_person;

-- Organisation numbers: the group of the legal form stays, and the third digit is never that of a month.
SELECT v, privacy.pseudonym_organisation_number(v, 'shared')
  FROM unnest(ARRAY['556036-0793', '5560360793', '16556036-0793', '165560360793', '212000-0142', '802404-5000']) AS v;
-- A sole trader's is a personal number, with the same pseudonym as there: it joins, and never meets a company's.
SELECT v, privacy.pseudonym_organisation_number(v, 'shared'),
	   privacy.pseudonym_organisation_number(v, 'shared') = privacy.pseudonym_personnummer(v, 'shared') AS equal
  FROM unnest(ARRAY['121212-1212', '121212+1212', '191212121212', '701063-2391']) AS v;
SELECT left(v, 24) AS value, privacy.pseudonym_organisation_number(v, 'shared') = privacy.pseudonym(v, 'shared') AS is_token
  FROM unnest(ARRAY['', '556036-0794', '556036+0793', '17556036-0793', '16121212-1212', '55603-60793', '556036 0793', 'SE556036079301', '121312-1212',
	repeat('5', 1000000)]) AS v;
SELECT count(*), count(DISTINCT p), bool_and(regress_luhn(p::bigint) = 0) AS check_digits, bool_and(p ~ '^5\d[2-9]\d{7}$') AS form,
	   count(DISTINCT left(p, 3)) AS beginnings
  FROM (SELECT privacy.pseudonym_organisation_number((n + (10 - regress_luhn(n)) % 10)::text, 'other') AS p
		  FROM (SELECT 5560000000 + 10 * i AS n FROM generate_series(0, 99999) AS i) AS s OFFSET 0) AS s;

-- Cards: issuer, length and separators stay, the check digit is right.
SELECT v, privacy.pseudonym_card(v, 'shared'), privacy.pseudonym_card(v, 'shared', 'not_issuable')
  FROM unnest(ARRAY['4111 1111 1111 1111', '4111111111111111', '4111-1111-1111-1111', '3782 822463 10005', '6304 0000 0000', '6304000000000000000']) AS v;
SELECT privacy.pseudonym_card('4111 1111 1111 1111', 'shared', '');
SELECT left(v, 24) AS value, privacy.pseudonym_card(v, 'shared') = privacy.pseudonym(v, 'shared') AS is_token
  FROM unnest(ARRAY['', '4111 1111 1111 1112', '0000 0000 0000 0000', '41111111111', '63040000000000000000', '4111.1111.1111.1111', '4111 1111 1111 111x',
	E'4111111111111111\n', '٤١١١١١١١١١١١١١١١', repeat('0', 1000000)]) AS v;
-- All card numbers of twelve digits of one issuer: no two share one, and all are valid.
SELECT count(*), count(DISTINCT p), bool_and(p ~ '^630400\d{6}$') AS form, bool_and((regress_luhn(p::bigint % 10000000000) + 6) % 10 = 0) AS check_digits
  FROM (SELECT privacy.pseudonym_card((n + (10 - (regress_luhn(n % 10000000000) + 6) % 10) % 10)::text, 'other') AS p
		  FROM (SELECT 630400000000 + 10 * i AS n FROM generate_series(0, 99999) AS i) AS s OFFSET 0) AS s;

-- With privacy.pseudonym_malformed = error: the statement ends, and never quotes the value.
SET privacy.pseudonym_malformed = error;
SELECT privacy.pseudonym_phone('112', 'shared');
SELECT privacy.pseudonym_phone('070x1234567', 'shared');
SELECT privacy.pseudonym_phone('+4612345678901234', 'shared');
SELECT privacy.pseudonym_phone('+0701234567', 'shared');
SELECT privacy.pseudonym_personnummer('19121212-1213', 'shared');
SELECT privacy.pseudonym_organisation_number('556036-0794', 'shared');
SELECT privacy.pseudonym_card('4111 1111 1111 1112', 'shared');
SELECT privacy.pseudonym_card('4111', 'shared');
SELECT privacy.pseudonym_card('0000 0000 0000 0000', 'shared');
SELECT privacy.pseudonym_card('4111-1111-1111-111x', 'shared');
RESET privacy.pseudonym_malformed;

-- Null for null; keyed, and not for everyone.
SELECT privacy.pseudonym_phone(NULL, 'shared') IS NULL, privacy.pseudonym_personnummer(NULL, 'nope') IS NULL,
	   privacy.pseudonym_personnummer('19121212-1212', 'shared', NULL) IS NULL, privacy.pseudonym_card('', NULL) IS NULL;
\set VERBOSITY sqlstate
SELECT privacy.pseudonym_phone('0701234567', 'nope');
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA privacy TO regress_reader;
SET ROLE regress_reader;
SELECT privacy.pseudonym_phone('0701234567', 'shared');
RESET ROLE;
GRANT EXECUTE ON FUNCTION privacy.pseudonym_phone TO regress_reader;
SET ROLE regress_reader;
SELECT privacy.pseudonym_phone('0701234567', 'shared');
RESET ROLE;
SELECT privacy.grant_scope('shared', 'regress_reader');
SET ROLE regress_reader;
SELECT privacy.pseudonym_phone('0701234567', 'shared');
RESET ROLE;
\set VERBOSITY default
SELECT proname, provolatile, proisstrict, proparallel, prosecdef, has_function_privilege('public', oid, 'EXECUTE') AS public
  FROM pg_proc WHERE pronamespace = 'privacy'::regnamespace
   AND proname IN ('pseudonym_phone', 'pseudonym_personnummer', 'pseudonym_organisation_number', 'pseudonym_card') ORDER BY proname;

SET client_min_messages = warning;
DROP FUNCTION regress_luhn;
DROP EXTENSION pg_privacy CASCADE;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;
