-- mask: what shows less of a value, without a key and without a link back.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;

-- The first and last characters, and padding once for all between: its length does not show.
SELECT v, privacy.mask_partial(v, 2, '***', 2) FROM unnest(ARRAY['Alexandra', 'abcde', 'abcd', 'a', '', 'Åsa Öberg', '山田太郎さん']) AS v;
-- Never the whole value: with nothing left to hide all of it is hidden.
SELECT prefix, suffix, privacy.mask_partial('Anna', prefix, '*', suffix)
  FROM (VALUES (0, 0), (3, 0), (0, 3), (4, 0), (2, 2), (5, 5), (2147483647, 0), (0, 2147483647), (2147483647, 2147483647)) AS v (prefix, suffix);
SELECT privacy.mask_partial('Anna', -1, '*', 1);
SELECT privacy.mask_partial('Anna', 1, '*', -2147483648);

-- An address by two initials and a short top-level domain. What is no address is hidden.
SELECT v, privacy.mask_email(v) FROM unnest(ARRAY['anna.svensson@example.org', 'a@b.se', 'anna@svensson', 'anna@mail.svensson',
	'åsa@öberg.se', 'x@y@example.com', 'anna@example.c0m', 'anna@x.', 'anna@.se', 'Anna Svensson', '@example.org', 'anna@', '@', '']) AS v;

-- Numbers as the range that they lie in.
SELECT v, privacy.mask_range(v, 10) FROM unnest(ARRAY[34, 40, 0, -1, -10, -11, 2147483647, -2147483648]) AS v;
SELECT v, privacy.mask_range(v, w), v <@ privacy.mask_range(v, w) AS contained
  FROM unnest(ARRAY[9223372036854775807, -9223372036854775808, -1, 0, 5000000000]) AS v, unnest(ARRAY[1000000000000, 9223372036854775807]) AS w ORDER BY w, v;
SELECT v, privacy.mask_range(v, 0.25) FROM unnest(ARRAY[0.618, -0.618, 0.250, 100.00, 'NaN', 'Infinity', '-Infinity']::numeric[]) AS v;
SELECT privacy.mask_range(34, 0);
SELECT privacy.mask_range(34::bigint, -10);
SELECT privacy.mask_range(34.5, 'NaN');
SELECT privacy.mask_range(34.5, 'Infinity');
-- No value is too large to be hidden.
SELECT upper(privacy.mask_range(1e131071, 1e131070)) = 1.1e131071, upper(privacy.mask_range(-1e131071, 1e-100)) = -1e131071 + 1e-100;

-- Numbers as the nearest multiple of a step.
SELECT v, privacy.mask_number(v, 100) FROM unnest(ARRAY[1234, 1250, 49, 50, -50, -49, 2147483647, -2147483648]) AS v;
SELECT v, privacy.mask_number(v, w) FROM unnest(ARRAY[9223372036854775807, -9223372036854775808, 4611686018427387904]) AS v,
	unnest(ARRAY[1000, 9223372036854775807]) AS w ORDER BY w, v;
SELECT v, privacy.mask_number(v, 0.5) FROM unnest(ARRAY[12.3400, 12.25, -12.25, 0.1, 'NaN', 'Infinity']::numeric[]) AS v;
SELECT v, privacy.mask_number(v, 0.1::float8) FROM unnest(ARRAY[59.3293, -0.04, 1e308, 'NaN', '-Infinity']::float8[]) AS v;
SELECT privacy.mask_number(1.7e308::float8, 1.5e308::float8), privacy.mask_number(1e308::float8, 1e-300::float8) = 1e308::float8 AS step_too_small;
SELECT privacy.mask_number(1, 0);
SELECT privacy.mask_number(1.0, '-Infinity');
SELECT privacy.mask_number(1.0::float8, 'NaN');

-- Dates and moments as the beginning of their period, whatever the session's time zone and style.
SELECT unit, privacy.mask_date('1987-08-19'::date, unit) AS date, privacy.mask_date('1987-08-19 23:45:06'::timestamp, unit) AS timestamp
  FROM unnest(ARRAY['week', 'month', 'quarter', 'year', 'DECADE', 'century']) WITH ORDINALITY AS u (unit, n) ORDER BY n;
SET TimeZone = 'America/New_York';
SELECT privacy.mask_date('2024-01-01 00:30+01'::timestamptz, 'year') AT TIME ZONE 'UTC' AS by_utc,
	privacy.mask_date('2024-01-01 00:30+01'::timestamptz, 'year', 'Europe/Stockholm') AT TIME ZONE 'Europe/Stockholm' AS by_stockholm,
	privacy.mask_date('2024-06-01 12:34:56+02'::timestamptz, 'hour') AT TIME ZONE 'UTC' AS hour;
SET TimeZone = 'UTC';
-- As the server counts.
SELECT unit, bool_and(privacy.mask_date(d, unit) = date_trunc(unit, d::timestamp)::date) AS date,
	bool_and(privacy.mask_date(d + time '12:34', unit) = date_trunc(unit, d + time '12:34')) AS timestamp
  FROM (SELECT date '4700-01-01 BC' + 33 * i FROM generate_series(0, 80000) AS i) AS days (d), unnest(ARRAY['week', 'month', 'quarter', 'year', 'decade', 'century']) AS unit
 GROUP BY unit ORDER BY unit;
-- The ends of the types.
SELECT v, privacy.mask_date(v, 'century') FROM unnest(ARRAY['infinity', '-infinity', '4714-11-24 BC', '5874897-12-31']::date[]) AS v;
SELECT v, privacy.mask_date(v, 'week') FROM unnest(ARRAY['infinity', '-infinity', '4714-11-24 01:00 BC', '294276-12-31 23:59']::timestamp[]) AS v;
SELECT privacy.mask_date('2024-01-01'::date, 'day');
SELECT privacy.mask_date('2024-01-01'::timestamp, 'fortnight');
SELECT privacy.mask_date('2024-01-01'::timestamptz, 'year', 'Nowhere/Land');

-- The network of an address; a larger one stays.
SELECT v, privacy.mask_inet(v), privacy.mask_inet(v, 8, 32) FROM unnest(ARRAY['192.0.2.77', '192.0.2.77/25', '10.0.0.0/8', '2001:db8:1234:5678::1', '::ffff:192.0.2.77', '0.0.0.0']::inet[]) AS v;
SELECT privacy.mask_inet('192.0.2.77', 0, 0), privacy.mask_inet('192.0.2.77', 32, 128), privacy.mask_inet('192.0.2.0/24'::cidr, 16)::cidr;
SELECT privacy.mask_inet('192.0.2.77', 33, 48);
SELECT privacy.mask_inet('192.0.2.77', 24, -1);

-- Persons mentioned in a text.
SELECT privacy.mask_mentions('Anna Svensson (19850709-9805, 070-174 06 05, anna@example.org) called about order 4711.', ARRAY['Anna Svensson']);
SELECT privacy.mask_mentions('Anna Svensson called from 0701740605', ARRAY['svensson', 'anna'], '___');
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION mentions(texts text[], given text[] DEFAULT '{}') RETURNS text LANGUAGE sql
RETURN (SELECT string_agg(format('%-42s %s', t, privacy.mask_mentions(t, given)), E'\n' ORDER BY n) FROM unnest(texts) WITH ORDINALITY AS u (t, n));
\echo -- e-mail addresses
SELECT mentions(ARRAY['anna@example.org', 'mail anna.b+c@sub.domäin.se.', '<anna@example.org>', 'mailto:anna@example.org?subject=x', 'anna@localhost', '"anna b"@example.org, yes', 'said "no" to anna@x.se',
	'x"anna"@x.se', 'anna@[192.0.2.1]', 'anna@192.0.2.1', 'a@x.se,b@x.se;c@x.se', 'anna%40example.org', 'åsa@öberg.se', 'an' || U&'\00a0' || 'anna@x.se' || U&'\00a0' || 'x', 'a@b@c',
	'@anna', 'anna@', '2@4.50', 'a @ b', 'anna (at) x.se', '5@x']);
\echo -- phone numbers
SELECT mentions(ARRAY['070-174 06 05', '0701740605', '070.174.06.05', '070/1740605', '(070) 174 06 05', '(070-174 06 05)', 'tel0701740605.', '08-12 34 56', '(0)70 174 06 05', '08-123 45 67 070-174 06 05',
	'0701740605 0812345678', '08-12 34 56 08-65 43 21', '08-12 34 56 08 65 43 21', '+46701740605', '+46 70 174 06 05', '+46 (0)70 174 06 05', '+46(0)70-1740605', '(+46) 70 174 06 05', '+ 46 70 174 06 05', '0046 70 174 06 05', '00 46 70 174 06 05',
	'46701740605', '+47 12 34 56 78', '+1 (555) 010-9999', '+44 7911 123456', '070' || U&'\00a0' || '174' || U&'\2013' || '0605', '0719 1234 567 890', '0701740605 4711', '070-174 06 05 4711', '1. 0701740605', '+46 8 123 456 070 174 06 05']);
\echo -- not phone numbers
SELECT mentions(ARRAY['4711', '123456789', '2024-01-15', '2024-01-15 2024-02-16', '01.02.2023', '05/06/2023', '08.30-16.00', '08.30 - 16.00', '0.12345678', '3.0123456', '08-17', '+123', '2024-01-15 12:30:45', '550e8400-e29b-41d4-a716-446655440000', '4111 1111 1111 1111', '01234567890123456']);
\echo -- personal numbers
SELECT mentions(ARRAY['850709-9805', '8507099805', '19850709-9805', '198507099805', '850709+9805', '1985-07-09-9805', '1985 07 09 9805', '850709 9805', '850709 - 9805', '85 07 09 98 05', '850709' || U&'\2013' || '9805', 'x198507099805x',
	'850769-9802', '19850769-9802', 'no 850709-9805, 850709-9805', '850709-9805 0701740605', '0701740605 850709-9805', '010101-1234']);
\echo -- no date, no check digit, more digits, or groups that are not made of pairs
SELECT mentions(ARRAY['850709-9806', '851309-9805', '850709-98051', '1850709-9805', '17850709-9805', '850-709-9805', '850709-980-5']);
\echo -- given values
SELECT mentions(ARRAY['Anna', 'ANNA and anna', 'Annas bil', 'Anna''s', 'Annabel', 'Hanna', 'Anna-Karin', 'anna_b, anna90', 'Anna ' || E'\n\t' || ' Svensson', 'Anna Svenssons', 'Öberg ÖBERG öberg', 'Ο ΓΙΩΡΓΟΣ', '我是山田太郎さん', 'C/O Lane 5, 11122 City', 'Lane 55',
	'mail anna@x.se', 'AnnaAnna', 'Ann Anna Ann'], ARRAY['anna', 'Anna Svensson', NULL, '', ' ', 'öberg', 'Γιωργος', '山田太郎', ' lane  5 ']);
\pset tuples_only off
\pset format aligned

-- Nothing to find, nothing to change; null for null only.
SELECT privacy.mask_mentions(''), privacy.mask_mentions('Nothing here'), privacy.mask_mentions(NULL) IS NULL, privacy.mask_mentions('anna@x.se', NULL, ''), privacy.mask_mentions('Anna', '{{anna},{x}}');
SELECT privacy.mask_partial(NULL, 1, '*', 1) IS NULL, privacy.mask_partial('x', NULL, '*', 1) IS NULL, privacy.mask_email(NULL) IS NULL, privacy.mask_range(NULL::int, 1) IS NULL,
	privacy.mask_number(NULL::int, 1) IS NULL, privacy.mask_date(NULL::date, 'year') IS NULL, privacy.mask_inet(NULL) IS NULL;

-- One call site, other given values in each row, as for the names that stand beside the text.
SELECT first, last, privacy.mask_mentions(note, ARRAY[first, last]) FROM (VALUES ('Anna', 'Berg', 'Anna Berg met Bo Ek'), ('Bo', 'Ek', 'Anna Berg met Bo Ek'), (NULL, NULL, 'Anna Berg met Bo Ek'), ('bo', 'ek', 'Anna Berg met Bo Ek')) AS v (first, last, note);

-- Texts that are made to be slow: a megabyte of each, and many given values that have all but their ends in common.
SET statement_timeout = '60s';
SELECT name, length(privacy.mask_mentions(text, given)) FROM (VALUES
	('at-signs', repeat('@', 1000000), '{}'::text[]), ('addresses', repeat('a@', 500000), '{}'), ('escaped', repeat('%40a', 250000), '{}'), ('quotes', repeat('"@', 500000), '{}'),
	('digits', repeat('0', 1000000), '{}'), ('groups', repeat('0 7 ', 250000), '{}'), ('phones', repeat('+46 ', 250000), '{}'), ('dates', repeat('850709-', 142857), '{}'),
	('one letter', repeat('a', 1000000), ARRAY[repeat('a', 999999) || 'b', repeat('a', 5000)]), ('one word', repeat('a ', 500000), ARRAY[repeat('a ', 100000) || 'b', repeat('a ', 99999) || 'c']),
	('nested', repeat('ab ', 333333), (SELECT array_agg(repeat('ab ', n)) FROM generate_series(1, 500) AS n))) AS v (name, text, given);
RESET statement_timeout;

-- Masks are the only functions for everyone, and depend on nothing but their arguments (a zone's rules aside).
SELECT oid::regprocedure, provolatile, proparallel, proisstrict, has_function_privilege('public', oid, 'EXECUTE') AS public
  FROM pg_proc WHERE pronamespace = 'privacy'::regnamespace AND proname LIKE 'mask\_%' ORDER BY oid::regprocedure::text COLLATE "C";
CREATE TEMP TABLE customer (email text);
CREATE INDEX ON customer (privacy.mask_email(email));

DROP FUNCTION mentions;
SET client_min_messages = warning;
DROP EXTENSION pg_privacy CASCADE;
