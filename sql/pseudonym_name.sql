-- pseudonym_name: names of persons, streets and towns, and postal codes.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
-- A derived scope, so that the results below are the same wherever the root key is 000102...1f.
SELECT privacy.create_scope('shared', destroyable => false);
SELECT privacy.create_scope('other');

-- A name for a name, equal for equal values; Swedish unless English is asked for.
SELECT v, privacy.pseudonym_name(v, 'shared'), privacy.pseudonym_name(v, 'shared', 'en') AS english,
	   privacy.pseudonym_given_name(v, 'shared') AS given, privacy.pseudonym_family_name(v, 'shared') AS family
  FROM unnest(ARRAY['Anna Andersson', 'anna andersson', 'Anna Andersson ', 'Bo', 'Åsa Öberg', '', '漢字', '😀']) AS v;
SELECT v, privacy.pseudonym_given_name(v, 'shared', 'en') AS given, privacy.pseudonym_family_name(v, 'shared', 'en') AS family,
	   privacy.pseudonym_street(v, 'shared'), privacy.pseudonym_city(v, 'shared')
  FROM unnest(ARRAY['Storgatan 1', 'Storgatan 2', 'Malmö', '']) AS v;
SELECT privacy.pseudonym_name('Anna', 'shared', 'fi');
SELECT privacy.pseudonym_given_name('Anna', 'shared', 'SV');
SELECT privacy.pseudonym_family_name('Anna', 'shared', '');
-- Unrelated across scopes; equal again at another call.
SELECT count(*) FILTER (WHERE privacy.pseudonym_name(v, 'shared') = privacy.pseudonym_name(v, 'other')) < 5 AS unrelated,
	   bool_and(privacy.pseudonym_name(v, 'other') = privacy.pseudonym_name(v || '', 'other')) AS equal
  FROM (SELECT 'person ' || i AS v FROM generate_series(1, 1000) AS i) AS s;

-- Not unique: lists are short. All of each list is used, and evenly: no name twice as often as its share.
SELECT list, count(*) AS names, min(n) > 60 AND max(n) < 150 AS even, bool_and(name !~ '[^A-Za-zåäöéüÅÄÖ'' -]') AS letters
  FROM (SELECT list, name, count(*) * count(*) OVER (PARTITION BY list) / 1000 AS n
		  FROM generate_series(1, 100000) AS i,
			   LATERAL (VALUES ('given sv', privacy.pseudonym_given_name(i::text, 'shared')), ('family sv', privacy.pseudonym_family_name(i::text, 'shared')),
						('given en', privacy.pseudonym_given_name(i::text, 'shared', 'en')), ('family en', privacy.pseudonym_family_name(i::text, 'shared', 'en')),
						('street', regexp_replace(privacy.pseudonym_street(i::text, 'shared'), ' [0-9]+$', '')),
						('number', translate(substring(privacy.pseudonym_street(i::text, 'shared') FROM '[0-9]+$'), '0123456789', 'abcdefghij')),
						('city', privacy.pseudonym_city(i::text, 'shared'))) AS v (list, name)
		 GROUP BY list, name) AS s
 GROUP BY list ORDER BY list;
-- What a column must have room for.
SELECT max(length(privacy.pseudonym_name(i::text, 'shared'))) <= 26 AS name, max(length(privacy.pseudonym_name(i::text, 'shared', 'en'))) <= 22 AS english,
	   max(length(privacy.pseudonym_street(i::text, 'shared'))) <= 20 AS street, max(length(privacy.pseudonym_city(i::text, 'shared'))) <= 14 AS city
  FROM generate_series(1, 20000) AS i;

-- Postal codes are permuted: no two share one. The space stays, or stays away.
SELECT v, privacy.pseudonym_postal_code(v, 'shared') FROM unnest(ARRAY['123 45', '12345', '114 55', '98499']) AS v;
SELECT count(DISTINCT p), min(p), max(p)
  FROM (SELECT privacy.pseudonym_postal_code(i::text, 'other') AS p FROM generate_series(10000, 99999) AS i) AS s;
SELECT left(v, 24) AS value, privacy.pseudonym_postal_code(v, 'shared') = privacy.pseudonym(v, 'shared') AS is_token
  FROM unnest(ARRAY['', ' ', '012 34', '1234', '123456', '12 345', '123-45', '123  45', ' 12345', '12345 ', 'SE-123 45', '1234x', '١٢٣٤٥', '123 4',
	'1 3 45', E'123\t45', repeat('1', 1000000)]) AS v;
SET privacy.pseudonym_malformed = error;
SELECT privacy.pseudonym_postal_code('SE-123 45', 'shared');
RESET privacy.pseudonym_malformed;

-- Values of any length; null for null.
SELECT privacy.pseudonym_name(repeat('x', 1000000), 'shared') = privacy.pseudonym_name(repeat('xx', 500000), 'shared') AS equal;
SELECT privacy.pseudonym_name(NULL, 'nope') IS NULL, privacy.pseudonym_city('a', NULL) IS NULL, privacy.pseudonym_name('a', 'shared', NULL) IS NULL;
\set VERBOSITY sqlstate
SELECT privacy.pseudonym_city('a', 'nope');
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA privacy TO regress_reader;
SET ROLE regress_reader;
SELECT privacy.pseudonym_city('a', 'shared');
RESET ROLE;
GRANT EXECUTE ON FUNCTION privacy.pseudonym_city TO regress_reader;
SET ROLE regress_reader;
SELECT privacy.pseudonym_city('a', 'shared');
RESET ROLE;
SELECT privacy.grant_scope('shared', 'regress_reader');
SET ROLE regress_reader;
SELECT privacy.pseudonym_city('a', 'shared');
RESET ROLE;
\set VERBOSITY default
SELECT proname, provolatile, proisstrict, proparallel, prosecdef, has_function_privilege('public', oid, 'EXECUTE') AS public
  FROM pg_proc WHERE pronamespace = 'privacy'::regnamespace
   AND proname IN ('pseudonym_name', 'pseudonym_given_name', 'pseudonym_family_name', 'pseudonym_street', 'pseudonym_city', 'pseudonym_postal_code')
 ORDER BY proname;

-- In a database of another encoding the names are the same, and without accents where it has none of these letters.
SELECT current_database() AS here \gset
CREATE DATABASE regress_latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C';
CREATE DATABASE regress_latin2 TEMPLATE template0 ENCODING 'LATIN2' LOCALE_PROVIDER libc LOCALE 'C';
CREATE DATABASE regress_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C';
\set show 'SELECT privacy.pseudonym_name(v, $$shared$$), privacy.pseudonym_street(v, $$shared$$), privacy.pseudonym_city(v, $$shared$$) FROM unnest(ARRAY[$$n$$, $$r$$, $$u$$, $$x$$]) AS v;'
SET client_encoding = UTF8;
:show
\c regress_latin1
SET client_encoding = UTF8;
CREATE EXTENSION pg_privacy;
SELECT privacy.create_scope('shared', destroyable => false);
:show
-- What comes in is hashed as UTF-8 here too.
SELECT privacy.pseudonym_name('Åsa Öberg', 'shared');
\c regress_latin2
SET client_encoding = UTF8;
CREATE EXTENSION pg_privacy;
SELECT privacy.create_scope('shared', destroyable => false);
:show
\c regress_ascii
CREATE EXTENSION pg_privacy;
SELECT privacy.create_scope('shared', destroyable => false);
:show

\c :here
SET client_min_messages = warning;
DROP DATABASE regress_latin1;
DROP DATABASE regress_latin2;
DROP DATABASE regress_ascii;
DROP EXTENSION pg_privacy CASCADE;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;
