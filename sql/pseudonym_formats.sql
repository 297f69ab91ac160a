-- pseudonym_formats: a pseudonym for every type, in the form that the column needs.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
SET DateStyle = ISO;
SET TimeZone = 'UTC';
SELECT privacy.create_scope('person');
SELECT privacy.create_scope('shared', destroyable => false);

-- One token, spelled in three ways; and as a UUID of version 8.
SELECT privacy.pseudonym('anna', 'shared'), privacy.pseudonym_base32('anna', 'shared'), privacy.pseudonym_base64url('anna', 'shared');
SELECT privacy.pseudonym_uuid('anna', 'shared');
SELECT privacy.pseudonym('6f1c3c5e-0000-4000-8000-00000000000a'::uuid, 'shared') = privacy.pseudonym_uuid('6f1c3c5e-0000-4000-8000-00000000000a', 'shared') AS soft_key_matches;
-- Each of them is recognised, and none in another scope.
SELECT privacy.is_pseudonym(v, 'shared') AS here, privacy.is_pseudonym(v, 'person') AS elsewhere
  FROM unnest(ARRAY[privacy.pseudonym('anna', 'shared'), privacy.pseudonym_base32('anna', 'shared'), privacy.pseudonym_base64url('anna', 'shared')]) AS v;
SELECT privacy.is_pseudonym(privacy.pseudonym_uuid('anna', 'shared'), 'shared') AS here, privacy.is_pseudonym(privacy.pseudonym_uuid('anna', 'shared'), 'person') AS elsewhere,
	   privacy.is_pseudonym('6f1c3c5e-0000-4000-8000-00000000000a'::uuid, 'shared') AS raw;
-- Only as they are written: base64url's last digit has two bits to spare, which are zero.
SELECT count(*) FROM generate_series(0, 63) AS i,
	LATERAL (SELECT left(privacy.pseudonym_base64url('anna', 'shared'), 26) || substr('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', i + 1, 1) AS v) AS s
 WHERE privacy.is_pseudonym(v, 'shared');
SELECT privacy.is_pseudonym(lower(privacy.pseudonym_base32('anna', 'shared')), 'shared') AS lower_case;

-- An address: its domain replaced, kept, or a pseudonym of its own. Equal domains stay equal, whatever their case.
SELECT privacy.pseudonym_email(v, 'shared'), privacy.pseudonym_email(v, 'shared', 'keep'), privacy.pseudonym_email(v, 'shared', 'pseudonymize')
  FROM unnest(ARRAY['anna@example.org', 'bo@EXAMPLE.org']) AS v;
SELECT privacy.pseudonym_email('anna@example.org', 'shared', 'drop');
SELECT privacy.pseudonym_email('no address', 'shared', 'drop');
SELECT privacy.is_pseudonym('anna', 'shared', 'drop');
-- Where the domain is to go as well, an address that kept it does not count as treated.
SELECT privacy.is_pseudonym(privacy.pseudonym_email('anna@example.org', 'shared', d), 'shared') AS any_domain,
	   privacy.is_pseudonym(privacy.pseudonym_email('anna@example.org', 'shared', d), 'shared', 'replace') AS domain_gone
  FROM unnest(ARRAY['replace', 'keep', 'pseudonymize']) AS d;

-- What is kept must be a domain and nothing else: other text behind an @ is malformed, and nothing can hide behind a pseudonym.
SELECT privacy.pseudonym_email(v, 'shared', 'keep') = privacy.pseudonym_email(v, 'shared') AS not_kept
  FROM unnest(ARRAY['anna@example.org (Anna Andersson)', E'anna@x.se\nPersonnr 19900101-1234', 'x@ring Anna', 'x@.se', 'x@-', 'x@' || repeat('a', 254)]) AS v;
SELECT privacy.is_pseudonym(t || '@Anna Andersson 19900101-1234 .invalid', 'shared') AS text_behind,
	   privacy.is_pseudonym(t || '@anna.andersson.19900101-1234.invalid', 'shared', 'replace') AS made_up_domain,
	   privacy.is_pseudonym(t || '@pseudonym.invalid.', 'shared', 'replace') AS nearly
  FROM privacy.pseudonym('anna', 'shared') AS t;

-- Numbers: another one of the same type and sign, and no two share one. So do codes, with their leading zeros.
SELECT privacy.pseudonym(7::smallint, 'shared'), privacy.pseudonym(7, 'shared'), privacy.pseudonym(7::bigint, 'shared'), privacy.pseudonym(-7, 'shared');
SELECT bool_or(privacy.pseudonym(-1 - i, 'shared') = -1 - privacy.pseudonym(i, 'shared')) AS negative_is_the_mirror FROM generate_series(0, 99) AS i;
SELECT privacy.pseudonym_digits(c, 'shared') FROM unnest(ARRAY['0', '007', '0000007', '123456789012345678']) AS c;
SELECT count(DISTINCT privacy.pseudonym_digits(lpad(i::text, 5, '0'), 'shared')), min(length(privacy.pseudonym_digits(lpad(i::text, 5, '0'), 'shared')))
  FROM generate_series(0, 99999) AS i;
SELECT privacy.pseudonym(7.5, 'shared');

-- Addresses of the network keep their prefixes together, and their masks.
SELECT a, privacy.pseudonym(a, 'shared') FROM unnest(ARRAY['10.1.2.3', '10.1.2.4', '10.1.3.4/24', '2001:db8::1', '2001:db8::2/64']::inet[]) AS a;
SELECT c, privacy.pseudonym(c, 'shared') FROM unnest(ARRAY['10.1.2.0/24', '2001:db8::/32', '0.0.0.0/0']::cidr[]) AS c;
SELECT privacy.pseudonym('10.1.2.3'::inet, 'shared') << privacy.pseudonym('10.1.2.0/24'::cidr, 'shared') AS still_inside;

-- Dates: any other day, or all days of one subject moved alike, so that order and distances stay.
SELECT d, privacy.pseudonym(d, 'shared') FROM unnest(ARRAY['1968-05-04', '1968-05-05', 'infinity']::date[]) AS d;
SELECT d, privacy.subject_pseudonym(d, 'shared', 'learner 7') AS moved, privacy.subject_pseudonym(d, 'shared', 'learner 7') - d AS by
  FROM unnest(ARRAY['2020-01-01', '2020-03-01', '2024-02-29']::date[]) AS d;
SELECT t, privacy.subject_pseudonym(t, 'shared', 'learner 7'), privacy.pseudonym(t, 'shared') FROM unnest(ARRAY['2020-01-01 12:34', '-infinity']::timestamptz[]) AS t;
SELECT bool_and(privacy.subject_pseudonym('2020-01-01'::date, 'shared', i::text) <> '2020-01-01') AS never_as_it_was FROM generate_series(1, 20000) AS i;
-- At the ends of a type, what would leave it moves the other way: there is an answer for every value.
SELECT bool_and(privacy.subject_pseudonym(d, 'shared', i::text) <> d) AS moved
  FROM unnest(ARRAY['4714-11-24 BC', '5874897-12-31']::date[]) AS d, generate_series(1, 20) AS i;
SELECT d, privacy.pseudonym(d, 'shared') FROM unnest(ARRAY['4714-11-24 BC', '5874897-12-31']::date[]) AS d;
SELECT t, privacy.pseudonym(t, 'shared'), privacy.subject_pseudonym(t, 'shared', '1') <> t AS moved
  FROM unnest(ARRAY['4714-11-24 00:00 BC', '294276-12-31 23:59:59.999999']::timestamptz[]) AS t;

-- Under a subject's own secret, equal values of two subjects have nothing in common.
SELECT privacy.subject_pseudonym('Stockholm', 'shared', '7') = privacy.subject_pseudonym('Stockholm', 'shared', '7') AS same_subject,
	   privacy.subject_pseudonym('Stockholm', 'shared', '7') = privacy.subject_pseudonym('Stockholm', 'shared', '8') AS another,
	   privacy.is_pseudonym(privacy.subject_pseudonym('Stockholm', 'shared', '7'), 'shared') AS recognised;

-- Arrays, with their dimensions, bounds and nulls; domains as what they are made from.
SELECT privacy.pseudonym('[2:4]={anna,NULL,bo}'::text[], 'shared');
SELECT privacy.pseudonym_array(ARRAY[['anna@example.org'], ['none']], 'shared', 'email');
SELECT privacy.pseudonym(ARRAY[1, 2, NULL], 'shared'), privacy.pseudonym(ARRAY['10.0.0.1']::inet[], 'shared'), privacy.pseudonym('{}'::text[], 'shared');
SELECT privacy.pseudonym(ARRAY['anna '::char(10)], 'shared') = ARRAY[privacy.pseudonym('anna'::char(10), 'shared')::bpchar] AS blanks_do_not_count;
CREATE DOMAIN pg_temp.nickname AS text CHECK (length(VALUE) < 60);
SELECT privacy.pseudonym('anna'::pg_temp.nickname, 'shared') = privacy.pseudonym('anna', 'shared') AS of_a_domain,
	   privacy.pseudonym(ARRAY['anna']::pg_temp.nickname[], 'shared')::text[] = privacy.pseudonym(ARRAY['anna'], 'shared') AS array_of_a_domain;
CREATE DOMAIN pg_temp.short AS varchar(10);
SELECT privacy.pseudonym(ARRAY['anna']::pg_temp.short[], 'shared');
CREATE DOMAIN pg_temp.capital AS text CHECK (VALUE ~ '^[A-Z]*$');
SELECT privacy.pseudonym(ARRAY['ANNA']::pg_temp.capital[], 'shared');
SELECT privacy.pseudonym_array(ARRAY[1], 'shared', 'email');
SELECT privacy.pseudonym(ARRAY[7.5], 'shared');
SELECT privacy.pseudonym_array(ARRAY['2020-01-01'::date], 'shared', 'shift');

-- What is not of a format's form becomes a token of the whole value, or an error that does not show it.
SELECT privacy.pseudonym_digits('12-34', 'shared') = privacy.pseudonym('12-34', 'shared') AS code,
	   privacy.pseudonym_email('no address', 'shared', 'keep') = privacy.pseudonym_email('no address', 'shared') AS address;
SET privacy.pseudonym_malformed = 'error';
SELECT privacy.pseudonym_digits('12-34', 'shared');
SELECT privacy.pseudonym_email('no address', 'shared');
RESET privacy.pseudonym_malformed;

-- Under an older version, recognised as such, and brought to the newest by chaining.
CREATE TEMP TABLE old AS SELECT privacy.pseudonym('anna', 'person') AS token, privacy.pseudonym_email('anna', 'person') AS email,
	privacy.pseudonym_base32('anna', 'person') AS base32, privacy.pseudonym_uuid('anna', 'person') AS uuid;
SELECT privacy.rotate_scope('person');
SELECT privacy.pseudonym('anna', 'person') = token AS newest, privacy.pseudonym_at('anna', 'person', 1) = token AS at_1,
	   privacy.pseudonym_version(token, 'person'), privacy.pseudonym_version(email, 'person'), privacy.pseudonym_version(uuid, 'person'),
	   privacy.pseudonym_version(privacy.pseudonym('anna', 'person'), 'person') AS newest_version, privacy.pseudonym_version('anna', 'person') AS raw FROM old;
SELECT privacy.pseudonym_version(privacy.chain_pseudonym(token, 'person'), 'person') AS version,
	   privacy.chain_pseudonym(token, 'person') || '@pseudonym.invalid' = privacy.chain_pseudonym(email, 'person') AS same_token,
	   privacy.chain_pseudonym(privacy.chain_pseudonym(token, 'person'), 'person') = privacy.chain_pseudonym(token, 'person') AS once_only,
	   privacy.chain_pseudonym(token, 'person') = privacy.pseudonym('anna', 'person') AS as_of_the_raw_value,
	   length(privacy.chain_pseudonym(base32, 'person')) AS base32,
	   privacy.pseudonym_version(privacy.chain_pseudonym(uuid, 'person'), 'person') AS uuid FROM old;
SELECT privacy.chain_pseudonym('anna', 'person');
SELECT privacy.pseudonym_at('anna', 'person', 3);
SELECT privacy.pseudonym_at('anna', 'person', 0);

SET client_min_messages = warning;
DROP EXTENSION pg_privacy CASCADE;
