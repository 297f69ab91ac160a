# Labels that nobody would write, thrown at the parser for a minute: it may refuse them, with an SQLSTATE that
# a client can make sense of, but it may not crash, complain about itself (class XX), or keep memory.
#
# The generator is a procedure in the server, so that one backend parses everything and what it holds at
# the end can be compared with what it held when warm. It runs twice: in a UTF-8 database, and in a SQL_ASCII one,
# where a text may be any bytes but zero.
#
#   PP_FUZZ_SECONDS   how long altogether (60)
#   PP_FUZZ_SEED      repeats a run, between 0 and 1; the same labels come in the same order
use strict;
use warnings;
use utf8;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{PP_FUZZ_SECONDS} || 60;
my $seed = defined $ENV{PP_FUZZ_SEED} ? $ENV{PP_FUZZ_SEED} : sprintf '%.6f', rand;
note "PP_FUZZ_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_privacy'\n");
$node->start;

# Good labels to start from: DESIGN.md section 3, and every clause of the language.
my @labels = split /^---\n/m, <<'LABELS';
RETAIN FOR service AFTER ALL OF (ended_at, final_payment_at) THEN DELETE
---
SUBJECT learner KEY (id);
   RETAIN FOR service WITH (agreement_id),
          FOR account AFTER ANY OF (notice_given_at, closed_at)
     THEN DELETE
---
SUBJECT learner VIA (learner_id);
   RETAIN FOR service, account WITH (learner_id),
          FOR improvement, statistics AFTER collected_at
     THEN DELETE
---
RETAIN 7 years FOR bookkeeping AFTER END OF YEAR OF fiscal_year_end WHERE (record_type = 'voucher'),
          3 years FOR bookkeeping AFTER END OF YEAR OF fiscal_year_end WHERE (record_type = 'working paper')
     THEN DELETE
---
CATEGORY user.contact.email; DIRECT IDENTIFIER; SOURCE SUBJECT;
   FOR account THEN PSEUDONYMIZE AS email IN person
---
CATEGORY user.behavior; SOURCE DERIVED; FOR service, account THEN SET NULL
---
RETAIN 'P1Y2M3DT4H' AFTER (lower(valid) + $$1 day$$::interval /* (( */) -- (
  THEN DELETE; DRAFT;
---
SUBJECT customer VIA ("Customer Id", (upper(code))) REFERENCES crm."Customer" (id, code); RETAIN NOTHING THEN DELETE
---
QUASI IDENTIFIER; SOURCE THIRD PARTY; THEN SET 'it''s gone' MARK (treated_at)
---
SENSITIVE; ONLY FOR marketing.email, marketing.sms THEN SET -1.5e3
---
NOT PERSONAL
---
RETAIN 1 year AFTER a AT MOST 2 years AFTER b AT MOST 30 days AFTER (c) THEN SET DEFAULT
---
MASK WITH privacy.mask_partial (1, 'x', other)
---
TENANT VIA (school_id); RETAIN UNTIL OBJECTION, UNTIL WITHDRAWAL, WHILE (active), UNTIL ends_at THEN DELETE
---
RETAIN 2 weeks AFTER END OF MONTH OF ALL OF (a, ANY OF (b, (c)), (d)) WHERE (U&"d\0061t" = U&'\00e4') THEN DELETE
---
RETAIN FOR "Süß", "ключ" AFTER "列" WHERE ((x).y[1] ->> $q$)$q$ = E'\'\u00e9') THEN PSEUDONYMIZE
LABELS
chomp @labels;

no warnings 'qw';
my @words = qw{
	AFTER ALL ANY AS AT CATEGORY DEFAULT DELETE DERIVED DIRECT DRAFT END FOR IDENTIFIER IN KEY MARK MASK MONTH MOST
	NOT NOTHING NULL OBJECTION OBSERVED OF ONLY PARTY PERSONAL PSEUDONYMIZE PUBLIC QUARTER QUASI REFERENCES RETAIN
	SENSITIVE SET SOURCE SUBJECT TENANT THEN THIRD UNTIL VIA WHERE WHILE WITH WITHDRAWAL YEAR
	ANONYMIZE FIELD RECIPIENT SELECT years month decades id "" "id" """" a.b . .. , ; ( ) [ ] { } + - * / % ^ < > = ! @ # & | ` ?
	:: := => <> != <= -- /* */ /*/* ' '' '''' E' E'\\ E'\x' E'\u00e4' E'\uD83D' E'\uDE00' U&' U&'\ U&'\00 U&'\0000' U&'\+10FFFF'
	U&" U&"\00e4" UESCAPE B'01' B'2' X'FF' X'G' N'n' $$ $a$ $1 $ $0 $99999999999 0 1 -1 2147483647 2147483648
	99999999999999999999 1e400 .5 1.e 0x1F 1_000 1__0 'infinity' '-1year' '1000001years' 'P' '178000000years' ä 列 🗝 \\ \'
};
push @words, ' ', "\n", "\t", "\r", "\f", "\x{0b}", "\x{7f}", "\x{01}", "\x{feff}", "\x{a0}", "\x{202e}", 'x' x 63, 'x' x 64,
  "\x{e4}" x 32, '"' . 'y' x 200 . '"';

sub literals
{
	my ($encode, @texts) = @_;
	utf8::encode($_) for @texts;
	return join ",\n", map { "(convert_from('\\x" . unpack('H*', $_) . "', '$encode'))" } @texts;
}

# In $sql: what one database needs. The mutations of a label, one to four at a time:
my $sql = <<'SQL';
CREATE EXTENSION pg_privacy;
CREATE TABLE tally (state text PRIMARY KEY, n bigint NOT NULL, sample text, message text);
CREATE TABLE memory (moment text, contexts bigint, resident bigint);

CREATE FUNCTION pick(low int, high int) RETURNS int LANGUAGE sql VOLATILE AS
	'SELECT low + floor(random() * (high - low + 1))::int';

CREATE FUNCTION mutate(label text, other text, word text) RETURNS text LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
	size int := length(label);
	a int := pick(1, size + 1);
	n int := pick(0, 12);
	part text := substr(label, a, n);
	kind int := pick(0, 15);
BEGIN
	RETURN CASE kind
		WHEN 0 THEN overlay(label PLACING '' FROM a FOR n)					-- something is missing
		WHEN 1 THEN overlay(label PLACING repeat(part, pick(2, 5)) FROM a FOR n)	-- is there too often
		WHEN 2 THEN overlay(label PLACING chr(pick(1, 126)) FROM a FOR 1)	-- is another character
		WHEN 3 THEN overlay(label PLACING word FROM a FOR 0)				-- another word
		WHEN 4 THEN overlay(label PLACING ' ' || word || ' ' FROM a FOR n)
		WHEN 5 THEN left(label, a) || substr(other, pick(1, length(other)))	-- the head of one, the tail of another
		WHEN 6 THEN left(label, a)											-- breaks off
		WHEN 7 THEN overlay(label PLACING repeat('(', 1 << pick(0, 13)) FROM a FOR 0)
		WHEN 8 THEN overlay(label PLACING repeat('(', n * 50) || part || repeat(')', n * 50) FROM a FOR n)
		WHEN 9 THEN overlay(label PLACING repeat(word, pick(1, 300)) FROM a FOR 0)
		WHEN 10 THEN regexp_replace(label, '\m(\w+)(\W+)(\w+)', '\3\2\1')	-- words change places
		WHEN 11 THEN overlay(label PLACING (ARRAY['''', '"', '$$', '$q$', '/*', '*/', '--', E'\\', 'U&''', 'U&"',
			'E''', ';', '('])[pick(1, 13)] FROM a FOR 0)					-- something opens, or closes
		WHEN 12 THEN label || '; ' || other									-- two labels
		WHEN 13 THEN replace(label, ' ', (ARRAY['', '/**/', E'\n', ' -- ', '  ', ','])[pick(1, 6)])
		WHEN 14 THEN lower(label)
		ELSE any_byte(label, a)
	END;
END
$body$;

-- One label; what was refused, and why, goes to the tally.
CREATE PROCEDURE throw_one(seeds text[], words text[]) LANGUAGE plpgsql AS $body$
DECLARE
	label text := seeds[pick(1, cardinality(seeds))];
	said jsonb;
	state text;
	message text;
BEGIN
	FOR i IN 1 .. pick(1, 4) LOOP
		label := left(mutate(label, seeds[pick(1, cardinality(seeds))], words[pick(1, cardinality(words))]), 100000);
	END LOOP;
	BEGIN
		said := privacy.check_label(label);
		state := CASE WHEN jsonb_typeof(said) = 'object' THEN '00000' ELSE 'not an object' END;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	END;
	INSERT INTO tally VALUES (state, 1, left(label, 2000), message)
		ON CONFLICT ON CONSTRAINT tally_pkey DO UPDATE SET n = tally.n + 1;
END
$body$;

CREATE PROCEDURE note_memory(moment text) LANGUAGE sql AS $body$
	INSERT INTO memory SELECT moment, (SELECT sum(total_bytes) FROM pg_backend_memory_contexts),
		1024 * coalesce(substring(pg_read_file('/proc/self/status', 0, 100000, true) FROM 'RssAnon:\s+(\d+)'), '0')::bigint
$body$;

-- Warm after a sixth of the time; each transaction is short, so that nothing of it is counted as a leak.
CREATE PROCEDURE throw_for(seconds float) LANGUAGE plpgsql AS $body$
DECLARE
	seeds text[] := ARRAY(SELECT text FROM seed ORDER BY id);
	words text[] := ARRAY(SELECT text FROM word ORDER BY id);
	start timestamptz := clock_timestamp();
	warm boolean := false;
BEGIN
	WHILE clock_timestamp() < start + seconds * interval '1 second' LOOP
		FOR i IN 1 .. 200 LOOP
			CALL throw_one(seeds, words);
		END LOOP;
		COMMIT;
		IF NOT warm AND clock_timestamp() > start + seconds / 6 * interval '1 second' THEN
			warm := true;
			CALL note_memory('warm');
			COMMIT;
		END IF;
	END LOOP;
	CALL note_memory('end');
END
$body$;
SQL

# Where a text is characters, any character; where it is bytes, any byte.
my %any_byte = (
	UTF8 => q{overlay(label PLACING chr((ARRAY[pick(128, 55295), pick(57344, 65535), pick(65536, 1114111)])[pick(1, 3)]) FROM a FOR 1)},
	SQL_ASCII => q{convert_from(set_byte(convert_to(label || ' ', 'SQL_ASCII'), a - 1, pick(1, 255)), 'SQL_ASCII')});

sub fuzz
{
	my ($encoding) = @_;
	my $database = lc "fuzz_$encoding";
	my $seeds = literals($encoding, @labels);
	my $words = literals($encoding, @words);
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	$node->safe_psql($database, <<"SQL");
		CREATE TABLE seed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);
		CREATE TABLE word (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);
		INSERT INTO seed (text) VALUES $seeds;
		INSERT INTO word (text) VALUES $words;
		$sql
		CREATE FUNCTION any_byte(label text, a int) RETURNS text LANGUAGE sql VOLATILE AS \$\$SELECT $any_byte{$encoding}\$\$;
SQL
	my $half = $seconds / 2;
	my ($status, $out, $error) = $node->psql($database, <<"SQL", timeout => $seconds * 3 + 60);
		SELECT pg_backend_pid() AS before \\gset
		SELECT setseed($seed);
		CALL throw_for($half);
		SELECT 'one backend ' || (pg_backend_pid() = :before);
SQL
	is($status, 0, "$encoding: the backend lives") or diag $error;
	like($out, qr/one backend true/, "$encoding: and is the same");
	report($encoding, $database);
	return;
}

sub report
{
	my ($encoding, $database) = @_;
	my %tally = map { split /\|/, $_, 2 } split /\n/,
	  $node->safe_psql($database, 'SELECT state, n FROM tally ORDER BY state');
	my $thrown = 0;
	$thrown += $_ for values %tally;
	note "$encoding: $thrown labels: " . join ', ', map { "$_ $tally{$_}" } sort keys %tally;
	cmp_ok($tally{'00000'} || 0, '>', 0, "$encoding: some labels are accepted");
	cmp_ok($tally{'42601'} || 0, '>', $thrown / 4, "$encoding: many have syntax errors");
	my $bad = $node->safe_psql($database, <<'SQL');
		SELECT state, message, encode(convert_to(sample, getdatabaseencoding()), 'escape') FROM tally
		WHERE state = 'not an object' OR state !~ '^(00000|0A000|22|42|54)'
SQL
	is($bad, '', "$encoding: every refusal has a proper SQLSTATE");
	my ($contexts, $resident) = split /\|/, $node->safe_psql($database, <<'SQL');
		SELECT max(contexts) FILTER (WHERE moment = 'end') - max(contexts) FILTER (WHERE moment = 'warm'),
			max(resident) FILTER (WHERE moment = 'end') - max(resident) FILTER (WHERE moment = 'warm')
		FROM memory
SQL
	note "$encoding: memory contexts grew by $contexts bytes, the process by $resident";
	cmp_ok($contexts, '<', 1024 * 1024, "$encoding: no memory context keeps growing");
	cmp_ok($resident, '<', 32 * 1024 * 1024, "$encoding: nor does the process");
	return;
}

my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
fuzz('UTF8');
fuzz('SQL_ASCII');
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server lives');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'no process crashed');
$node->stop;

done_testing();
