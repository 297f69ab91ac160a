# A copy waits for approval before it deletes anything: one made from a base backup, from an archive, from a template; a restored
# dump waits to be bound. A failover looks like a restore, and must not wait.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/root.key", ('0123456789abcdef' x 4) . "\n");
chmod 0600, "$directory/root.key" or die "cannot protect the key: $!";

my $STATES = q{SELECT string_agg(DISTINCT state || coalesce(': ' || problem, ''), ', ') FROM privacy.sweep_outcome
	WHERE run_id = (SELECT max(id) FROM privacy.sweep_run)};
my $BACKUP = 'waiting for an approval: this database was restored from a backup';
my $OTHER = 'waiting for an approval: this database is a copy of another';

# Sweeps by hand, and says what became of it and how many rows are left.
sub sweep
{
	my ($node, $database) = @_;
	$node->safe_psql($database, 'CALL privacy.sweep()');
	return $node->safe_psql($database, $STATES) . ', ' . $node->safe_psql($database, 'SELECT count(*) FROM visit');
}

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, has_archiving => 1);
$primary->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$directory/root.key'
privacy.sweep_interval = '7d'
autovacuum = off
CONF
$primary->start;
$primary->safe_psql('postgres', 'CREATE DATABASE school');
$primary->safe_psql('school', <<'SQL');
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
	CREATE TABLE visit (id int, seen_at timestamptz NOT NULL);
	SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER seen_at THEN DELETE';
	INSERT INTO visit SELECT n, now() - interval '2 years' FROM generate_series(1, 5) n;
SQL
is(sweep($primary, 'school'), 'enforced, 0', 'the original sweeps');
$primary->safe_psql('school', q{INSERT INTO visit SELECT n, now() - interval '2 years' FROM generate_series(1, 5) n});
$primary->backup('backup');

# A template.
$primary->safe_psql('postgres', 'CREATE DATABASE clone TEMPLATE school');
is(sweep($primary, 'clone'), "$OTHER, 5", 'a database made from it as a template waits');
$primary->safe_psql('clone', 'SELECT privacy.approve_sweep()');
is(sweep($primary, 'clone'), 'enforced, 0', 'until somebody approves');

# An approval does not come along.
$primary->safe_psql('school', q{SELECT privacy.approve_sweep('visit')});
$primary->safe_psql('postgres', 'CREATE DATABASE second TEMPLATE school');
is(sweep($primary, 'second'), "$OTHER, 5", 'an approval for the one is none for the other');
$primary->safe_psql('postgres', 'DROP DATABASE second');

# A dump.
$primary->command_ok([ 'pg_dump', '-Fc', '-f', "$directory/dump", $primary->connstr('school') ], 'a dump');
$primary->safe_psql('postgres', 'CREATE DATABASE restored');
$primary->safe_psql('postgres', 'ALTER DATABASE restored SET privacy.sweep_enabled = on');
$primary->command_ok([ 'pg_restore', '-d', $primary->connstr('restored'), "$directory/dump" ], 'is restored');
my $offset = -s $primary->logfile;
$primary->append_conf('postgresql.conf', 'privacy.sweep_interval = 1');
$primary->reload;
$primary->wait_for_log(qr/deletion rules of this database wait to be bound/, $offset);
is($primary->safe_psql('restored', 'SELECT count(*) FROM visit'), '5', 'its worker leaves it alone');
$primary->append_conf('postgresql.conf', "privacy.sweep_interval = '7d'");
$primary->reload;
$primary->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_privacy worker'})
  or die 'the worker stays';

# A crash is none of these.
$primary->stop('immediate');
$primary->start;
$primary->safe_psql('school', q{INSERT INTO visit VALUES (6, now())});
is(sweep($primary, 'school'), 'enforced, 1', 'after a crash the original goes on');

# The base backup, started as it is. Its own worker comes at once.
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($primary, 'backup');
$copy->append_conf('postgresql.conf', "archive_mode = off\nprivacy.sweep_enabled = on\nprivacy.sweep_interval = 1");
$copy->start;
ok($copy->poll_query_until('school', "SELECT count(*) > 0 FROM privacy.sweep_outcome WHERE state LIKE 'waiting%'"), 'a base backup started by itself: its worker waits');
is($copy->safe_psql('school', $STATES), $BACKUP, 'and says why');
is($copy->safe_psql('school', 'SELECT count(*) FROM visit'), '5', 'nothing is deleted');
$copy->restart;
is(sweep($copy, 'school'), "$BACKUP, 5", 'nor after a restart, nor by hand');
like(slurp_file($copy->logfile), qr/the sweep waits for approval: this database was restored from a backup/, 'the log says so');
$copy->safe_psql('school', 'SELECT privacy.approve_sweep()');
is(sweep($copy, 'school'), 'enforced, 0', 'approved, it is an original of its own');
$copy->restart;
is(sweep($copy, 'school'), 'enforced, 0', 'and stays one');
$copy->stop;

# A recovery from the archive.
$primary->safe_psql('school', 'SELECT pg_switch_wal()');
my $recovered = PostgreSQL::Test::Cluster->new('recovered');
$recovered->init_from_backup($primary, 'backup', has_restoring => 1, standby => 0);
$recovered->append_conf('postgresql.conf', 'archive_mode = off');
$recovered->start;
$recovered->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'does not recover';
like(sweep($recovered, 'school'), qr/^$BACKUP/, 'a recovery from the archive waits');
$recovered->stop;

# Streaming standbys, promoted one after the other: the first from this backup, the second from the first.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
$primary->safe_psql('school', q{SELECT privacy.approve_sweep('visit'); INSERT INTO visit SELECT n, now() - interval '2 years' FROM generate_series(1, 5) n});
$primary->wait_for_catchup($standby);
$primary->stop;
$standby->promote;
is(sweep($standby, 'school'), 'enforced, 1', 'a promoted standby does not wait');
like(slurp_file($standby->logfile), qr/the sweep goes on after a failover/, 'and says so');
is($standby->safe_psql('school', 'SELECT count(*) FROM privacy.sweep_approval'), '0', 'what was approved before the failover was approved');
$standby->restart;
$standby->safe_psql('school', q{INSERT INTO visit VALUES (1, now() - interval '2 years')});
is(sweep($standby, 'school'), 'enforced, 1', 'it stays the original when it is restarted');
is($standby->safe_psql('school', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'its evidence is whole');
$standby->stop;

done_testing();
