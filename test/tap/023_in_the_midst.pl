# What comes in the midst of a sweep: the database is dropped, copied or renamed, the extension updated, all connections
# are taken, the server is stopped. Nobody waits for the sweep, and the sweep leaves effect equal to evidence.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $key_file = PostgreSQL::Test::Utils::tempdir . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file or die "cannot protect $key_file: $!";

my $WORKER = "backend_type = 'pg_privacy worker'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
privacy.sweep_interval = 1
privacy.sweep_batch_pages = 1
privacy.sweep_batch_target = 1
max_connections = 8
superuser_reserved_connections = 3
CONF
$node->start;

# Two thousand due rows, each of which takes a hundredth of a second: a sweep of twenty seconds in batches of one page.
sub make_database
{
	my ($name, $pace) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, <<"SQL");
		CREATE EXTENSION pg_privacy;
		SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
		CREATE TABLE visit (id int PRIMARY KEY, seen_at timestamptz NOT NULL, filler text);
		INSERT INTO visit SELECT n, now() - interval '2 years', repeat('x', 1000) FROM generate_series(1, 2000) n;
		CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
			'BEGIN PERFORM pg_catalog.pg_sleep(0.01); RETURN OLD; END';
		CREATE TRIGGER dawdle BEFORE DELETE ON visit FOR EACH ROW EXECUTE FUNCTION dawdle();
		SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER seen_at THEN DELETE';
		$pace
SQL
	$node->safe_psql('postgres', "ALTER DATABASE $name SET privacy.sweep_enabled = on");
	$node->poll_query_until($name, 'SELECT count(*) BETWEEN 1 AND 1999 FROM visit') or die "no sweep of $name";
	return;
}

sub is_at_work
{
	my ($name) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE $WORKER AND datname = '$name'");
}

sub evidence_is_whole
{
	my ($database, $when) = @_;
	is($node->safe_psql($database, <<'SQL'), '0|0', "$when: evidence equals effect, and verifies");
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT 2000 - (SELECT count(*) FROM visit) - coalesce(sum(row_count), 0), (SELECT count(*) FROM privacy.verify_audit())
			FROM privacy.audit_entry WHERE action = 'sweep.delete';
		COMMIT;
SQL
	return;
}

# ------------------------------------------------------------------------- who wants the database to themselves
make_database('first', '');
is(is_at_work('first'), '1', 'a sweep is at work');
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE first');
evidence_is_whole('copied', 'a database is copied in the midst of a sweep');
is($node->safe_psql('copied', 'SELECT count(*) > 0 FROM visit'), 't', 'the sweep had not come to its end');
$node->poll_query_until('first', 'SELECT count(*) = 1 FROM privacy.sweep_progress') or die 'no sweep';
$node->safe_psql('postgres', 'ALTER DATABASE first RENAME TO second');
evidence_is_whole('second', 'a database is renamed in the midst of a sweep');
$node->poll_query_until('second', 'SELECT count(*) = 1 FROM privacy.sweep_progress') or die 'no sweep';
is($node->safe_psql('second', "SELECT bool_and(state = 'cancelled') FROM privacy.sweep_run WHERE state <> 'running'"), 't',
	'the next run finds the last one cancelled');
my $start = time;
$node->safe_psql('postgres', 'DROP DATABASE second');
cmp_ok(time - $start, '<', 5, 'a database is dropped in the midst of a sweep, without FORCE');
make_database('lame', q{SELECT privacy.set_sweep_pace('visit', rate_limit => 1);});
$node->poll_query_until('lame', "SELECT count(*) = 1 FROM privacy.sweep_progress WHERE phase = 'throttled by sweep_rate_limit'") or die 'no pause';
$node->safe_psql('postgres', 'DROP DATABASE lame');
pass('and while it pauses');
like(slurp_file($node->logfile), qr/LOG:  the sweep of database "second" ends: it is in somebody's way/, 'the log says so');

# --------------------------------------------------------------------------------------------------- an update
make_database('app', '');
my $share = `pg_config --sharedir`;
chomp $share;
my $version = $node->safe_psql('app', "SELECT extversion FROM pg_extension WHERE extname = 'pg_privacy'");
my $script = "$share/extension/pg_privacy--$version--$version.test.sql";
SKIP:
{
	skip 'the share folder is not ours', 3 unless -w "$share/extension";
	append_to_file($script, "ALTER TABLE privacy.sweep_run ADD update_test int;\nALTER TABLE privacy.audit_entry ALTER actor SET STATISTICS 100;\n"
		. "CREATE FUNCTION privacy.update_test() RETURNS int LANGUAGE sql AS 'SELECT 1';\n");
	is(is_at_work('app'), '1', 'a sweep is at work');
	$node->safe_psql('app', "ALTER EXTENSION pg_privacy UPDATE TO '$version.test'");
	unlink $script;
	is($node->safe_psql('app', 'SELECT privacy.update_test(), count(*) > 0 FROM visit'), '1|t', 'an update does not wait for its end');
	evidence_is_whole('app', 'after an update in the midst of a sweep');
}
END { unlink $script if $script; }

# ------------------------------------------------------------------------------------------------ no connection
$node->safe_psql('postgres', 'CREATE ROLE guest LOGIN');
my @guests;
# our own session may hold the slot that a guest comes for; the next one gets it
while ($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE usename = 'guest'") < 5)
{
	die 'no guests' if @guests > 50;
	push @guests, IPC::Run::start([ 'psql', '-XqAt', '-U', 'guest', '-d', $node->connstr('postgres'), '-c', 'SELECT pg_sleep(600)' ],
		'<', \undef, '>', \my $out, '2>', \my $error);
	usleep(200_000);
}
my ($status, $out, $error) = $node->psql('postgres', 'SELECT 1', extra_params => [ '-U', 'guest' ]);
like($error, qr/connection slots/, 'all connections are taken');
my $runs = $node->safe_psql('app', 'SELECT max(id) FROM privacy.sweep_run');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $WORKER");
ok($node->poll_query_until('app', "SELECT max(id) > $runs FROM privacy.sweep_run"), 'the sweep needs none of them');
ok($node->poll_query_until('app', 'SELECT count(*) = 0 FROM visit'), 'and goes on to its end');
evidence_is_whole('app', 'at the end');
$_->kill_kill foreach @guests;

# ------------------------------------------------------------------------------------------------- shutdown
for my $pace ('', q{SELECT privacy.set_sweep_pace('visit', rate_limit => 1);})
{
	my $when = $pace ? 'paused' : 'working';
	make_database($when, $pace);
	$start = time;
	$node->stop('fast');
	cmp_ok(time - $start, '<', 3, sprintf 'a fast shutdown of a sweep that is %s (%.2f s)', $when, time - $start);
	$node->start;
	evidence_is_whole($when, "after a shutdown of a sweep that is $when");
	$node->safe_psql('postgres', "ALTER DATABASE $when SET privacy.sweep_enabled = off");
}
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal 11/, 'no process crashed by itself');
$node->stop;

done_testing();
