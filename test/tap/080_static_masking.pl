# 080_static_masking.pl: after static masking no file of the database holds a raw value, and a crash changes nothing about that.
#
# Every raw value has the word "Rosenqvist" in it. It lies where a value can lie: in rows alive and dead, in TOAST, in indexes,
# in a column that was dropped, in a default that no row has taken over yet, in a partition, in an unlogged
# table, in a materialized view, in the planner's statistics. The files are searched byte by byte, before and after.
#
# What is left to the DBA is shown too: dead rows of system catalogues (statistics, defaults) hold values until these are
# rewritten by VACUUM FULL.
use strict;
use warnings;
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $raw = 'Rosenqvist';
my $key_file = PostgreSQL::Test::Utils::tempdir . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file or die "cannot protect $key_file: $!";

my $node = PostgreSQL::Test::Cluster->new('masking');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
privacy.sweep_interval = 1d
autovacuum = off
default_toast_compression = pglz
CONF
$node->start;

$node->safe_psql('postgres', <<"SQL");
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_scope('person');
	CREATE TABLE person (id int PRIMARY KEY, maiden_name text, name text, letter text, tags text[],
		upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
	ALTER TABLE person ALTER letter SET STORAGE EXTERNAL;
	INSERT INTO person SELECT i, 'Maiden $raw' || i, '$raw' || i, repeat('Dear $raw', 400), ARRAY['$raw tag' || i] FROM generate_series(1, 1000) AS i;
	DELETE FROM person WHERE id % 7 = 0;
	UPDATE person SET name = name || '-$raw' WHERE id % 5 = 0;
	CREATE INDEX by_name ON person (name);
	CREATE INDEX by_lower ON person (lower(name));
	CREATE INDEX by_tags ON person USING gin (tags);
	CREATE INDEX by_hash_and_name ON person (id) INCLUDE (name);
	ALTER TABLE person DROP COLUMN maiden_name;
	ALTER TABLE person ADD COLUMN contact text DEFAULT '$raw by default';
	ALTER TABLE person ALTER contact DROP DEFAULT;
	CREATE STATISTICS person_pair (mcv) ON letter, contact FROM person;
	CREATE MATERIALIZED VIEW person_copy AS SELECT name FROM person;
	CREATE UNLOGGED TABLE visit (id int PRIMARY KEY, who text) ;
	INSERT INTO visit SELECT i, '$raw' || i FROM generate_series(1, 500) AS i;
	CREATE TABLE event (id int, who text) PARTITION BY RANGE (id);
	CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (250);
	CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (250) TO (1000);
	CREATE INDEX ON event (who);
	INSERT INTO event SELECT i, '$raw' || i FROM generate_series(1, 500) AS i;
	ANALYZE;
	SECURITY LABEL FOR privacy ON COLUMN person.name IS 'PSEUDONYMIZE IN person';
	SECURITY LABEL FOR privacy ON COLUMN person.letter IS 'SET ''gone''';
	SECURITY LABEL FOR privacy ON COLUMN person.tags IS 'SET NULL';
	SECURITY LABEL FOR privacy ON COLUMN person.contact IS 'SET NULL';
	SECURITY LABEL FOR privacy ON COLUMN visit.who IS 'PSEUDONYMIZE IN person';
	SECURITY LABEL FOR privacy ON COLUMN event.who IS 'PSEUDONYMIZE IN person';
SQL

# Which files of the database hold the word. A stop writes everything out, unlogged tables too, which a checkpoint leaves alone.
sub files_with_raw_values
{
	my @found;
	my $directory = $node->data_dir . '/base/' . $node->safe_psql('postgres', q{SELECT oid FROM pg_database WHERE datname = 'postgres'});

	$node->restart;
	find(sub { push @found, $_ if -f $_ && slurp_file($_) =~ /$raw/i }, $directory);
	return sort @found;
}

# The same as the names of what they belong to.
sub relations_with_raw_values
{
	my @names;
	for my $file (files_with_raw_values())
	{
		my ($node_number) = $file =~ /^(\d+)/;
		push @names, $node->safe_psql('postgres', "SELECT coalesce((SELECT 'toast of ' || relname FROM pg_class WHERE reltoastrelid = relation), relation::regclass::text, 'nobody')
			FROM pg_filenode_relation(0, $node_number) AS relation");
	}
	my %seen;
	return join ' ', sort grep { !$seen{$_}++ } @names;
}

my $before = relations_with_raw_values();
for my $holder ('person', 'toast of person', 'by_name', 'by_lower', 'by_tags', 'by_hash_and_name', 'person_copy', 'visit', 'event_1', 'event_2', 'event_1_who_idx', 'pg_statistic')
{
	like($before, qr/(^| )\Q$holder\E( |$)/, "before: $holder holds raw values");
}
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM person');

# In the middle of it: shown as it goes, and a cancelled run leaves everything as it was.
$node->safe_psql('postgres', q{CREATE FUNCTION wait_for_gate(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_advisory_lock_shared(1); RETURN true; END';
	ALTER TABLE visit ADD CONSTRAINT gate CHECK (wait_for_gate(who))});
my $gate = $node->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(1)');
my $masker = $node->background_psql('postgres', on_error_stop => 0);
$masker->query_until(qr/started/, "\\echo started\nCALL privacy.mask_database();\n");
ok($node->poll_query_until('postgres', q{SELECT relid = 'visit'::regclass AND phase = 'seq scanning heap' AND heap_blks_total > 0 FROM pg_stat_progress_cluster}), 'progress is shown');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(pid) FROM pg_stat_progress_cluster');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_progress_cluster'), 'it can be cancelled');
$gate->query_safe('SELECT pg_advisory_unlock_all()');
$gate->quit;
$masker->quit;
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname LIKE 'pg\_temp\_%'}), '0', 'no half-written table is left');
is($node->safe_psql('postgres', "SELECT count(*) FROM person WHERE name LIKE '$raw%'"), $rows, 'and every value is as it was');
is($node->safe_psql('postgres', q{SELECT count(*) FROM privacy.audit_entry WHERE action LIKE 'mask.%'}), '0', 'nor is there evidence of what did not happen');
$node->safe_psql('postgres', 'ALTER TABLE visit DROP CONSTRAINT gate; DROP FUNCTION wait_for_gate');

my $sizes = 'SELECT pg_table_size(\'person\')';
my $size_before = $node->safe_psql('postgres', $sizes);
my ($status, $out, $err) = $node->psql('postgres', 'CALL privacy.mask_database()');
is($status, 0, 'masked') or diag $err;
unlike(relations_with_raw_values(), qr/(^| )(?!pg_)\w/, 'after: only system catalogues can hold raw values still');
$node->safe_psql('postgres', 'VACUUM FULL pg_statistic; VACUUM FULL pg_statistic_ext_data; VACUUM FULL pg_attribute; VACUUM FULL pg_attrdef');
is(relations_with_raw_values(), '', 'and none after their dead rows are gone');
cmp_ok($node->safe_psql('postgres', $sizes), '<=', $size_before, 'the table is no larger');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_visibility');
is($node->safe_psql('postgres', q{SELECT bool_and(all_visible AND all_frozen) FROM pg_visibility_map('person') WHERE blkno IN (SELECT (ctid::text::point)[0]::bigint FROM person)}), 't',
	'VACUUM need not write it again');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_check_visible('person')}), '0', 'and what the visibility map says is true');
unlike(slurp_file($node->logfile), qr/$raw\d/, 'the log has no value');

# A virtual column is stored nowhere and follows what it is made from; its constraints are asked for all that.
SKIP:
{
	skip 'no virtual columns before PostgreSQL 18', 4 if $node->safe_psql('postgres', 'SHOW server_version_num') < 180000;
	$node->safe_psql('postgres', q{CREATE TABLE virtual (name text, loud text GENERATED ALWAYS AS (upper(name)) VIRTUAL NOT NULL, short boolean GENERATED ALWAYS AS (length(name) < 40) VIRTUAL);
		INSERT INTO virtual VALUES ('Anna'); SECURITY LABEL FOR privacy ON COLUMN virtual.name IS 'SET NULL'});
	($status, $out, $err) = $node->psql('postgres', q{CALL privacy.mask_table('virtual')});
	like($err, qr/a masked row has a null value in column "loud", which is NOT NULL/, 'a virtual column can be NOT NULL');
	$node->safe_psql('postgres', q{SECURITY LABEL FOR privacy ON COLUMN virtual.name IS 'PSEUDONYMIZE IN person'; ALTER TABLE virtual ADD CONSTRAINT is_short CHECK (short)});
	($status, $out, $err) = $node->psql('postgres', q{CALL privacy.mask_table('virtual')});
	like($err, qr/a masked row violates check constraint "is_short"/, 'and a CHECK can read it');
	is($node->safe_psql('postgres', 'SELECT name FROM virtual'), 'Anna', 'nothing was changed');
	$node->safe_psql('postgres', q{ALTER TABLE virtual DROP CONSTRAINT is_short; CALL privacy.mask_table('virtual')});
	is($node->safe_psql('postgres', q{SELECT privacy.is_pseudonym(name, 'person') AND loud = upper(name) AND NOT short FROM virtual}), 't', 'it follows the masked value');
}

# A crash right after the commit, also with the files synced instead of logged.
sub check_after_crash
{
	my ($level) = @_;
	$node->append_conf('postgresql.conf', "wal_level = $level\nmax_wal_senders = 0\nsynchronous_commit = on\n");
	$node->restart;
	$node->safe_psql('postgres', "UPDATE person SET name = '$raw' || id; UPDATE visit SET who = '$raw' || id");
	$node->safe_psql('postgres', 'CALL privacy.mask_database()');
	$node->stop('immediate');
	$node->start;
	is($node->safe_psql('postgres', q{SELECT count(*) || ' ' || count(*) FILTER (WHERE privacy.is_pseudonym(name, 'person')) FROM person}),
		"$rows $rows", "$level: every row is there and masked after a crash");
	is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM person WHERE name = (SELECT max(name) FROM person)}), '1',
		"$level: and the indexes find them");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM visit'), '0', "$level: an unlogged table is empty, as it should be");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM privacy.verify_audit()'), '0', "$level: the evidence holds");
	$node->safe_psql('postgres', "INSERT INTO visit SELECT i, '$raw' || i FROM generate_series(1, 500) AS i");
}
check_after_crash('minimal');
check_after_crash('replica');

# The masked table does everything a table does.
$node->safe_psql('postgres', 'VACUUM (FULL, ANALYZE) person; REINDEX TABLE person; CREATE EXTENSION amcheck');
is($node->safe_psql('postgres', q{SELECT count(*) FROM verify_heapam('person')}), '0', 'amcheck finds nothing wrong with the heap');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT bt_index_check(indexrelid, true) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = 'person'::regclass AND relam = (SELECT oid FROM pg_am WHERE amname = 'btree')) AS checked}),
	'4', 'nor with its indexes');

$node->stop;
done_testing();
