# The sweep runs by itself: the launcher, the workers it starts, and what they stay out of the way of.
#
# Nothing here sleeps and hopes: a slow sweep is one whose rows have a trigger that takes its time, and a
# sweep that must not happen is known not to have happened because a later one in the same round has.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $key_file = PostgreSQL::Test::Utils::tempdir . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file or die "cannot protect $key_file: $!";

my $LAUNCHER = "backend_type = 'pg_privacy launcher'";
my $WORKER = "backend_type = 'pg_privacy worker'";

# A database with ten visits of which seven are due, opted in or not.
sub make_database
{
	my ($node, $name, $enabled) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, <<'SQL');
		CREATE EXTENSION pg_privacy;
		SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
		CREATE TABLE visit (id int PRIMARY KEY, seen_at timestamptz NOT NULL);
		INSERT INTO visit SELECT n, CASE WHEN n <= 7 THEN now() - interval '2 years' ELSE now() END
			FROM generate_series(1, 10) n;
		SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER seen_at THEN DELETE';
SQL
	$node->safe_psql('postgres', "ALTER DATABASE $name SET privacy.sweep_enabled = on") if $enabled;
	return;
}

# Rows of which each takes a while to leave.
sub make_slow_table
{
	my ($node, $database, $rows, $seconds) = @_;
	$node->safe_psql($database, <<"SQL");
		CREATE TABLE slow (id int PRIMARY KEY, seen_at timestamptz NOT NULL, filler text);
		INSERT INTO slow SELECT n, now() - interval '2 years', repeat('x', 400) FROM generate_series(1, $rows) n;
		CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
			'BEGIN PERFORM pg_catalog.pg_sleep($seconds); RETURN OLD; END';
		CREATE TRIGGER dawdle BEFORE DELETE ON slow FOR EACH ROW EXECUTE FUNCTION dawdle();
		SECURITY LABEL FOR privacy ON TABLE slow IS 'RETAIN FOR service AFTER seen_at THEN DELETE';
SQL
	return;
}

sub set_interval
{
	my ($node, $seconds) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET privacy.sweep_interval = '$seconds'");
	$node->reload;
	return;
}

sub add_due_visit
{
	my ($node, $database) = @_;
	$node->safe_psql($database,
		"INSERT INTO visit SELECT max(id) + 1, now() - interval '2 years' FROM visit");
	return;
}

sub visits_settle_at
{
	my ($node, $database, $count, $name) = @_;
	ok($node->poll_query_until($database, "SELECT count(*) = $count FROM visit"), $name);
	return;
}

# Ticks of CPU time that a process has used.
sub cpu_ticks
{
	my ($pid) = @_;
	my $stat = slurp_file("/proc/$pid/stat");
	$stat =~ s/.*\) //s;
	my @field = split / /, $stat;
	return $field[11] + $field[12];
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
privacy.sweep_interval = '1h'
CONF
$node->start;

# ------------------------------------------------------------------------------------------ settings
is($node->safe_psql('postgres', 'SHOW privacy.sweep_interval'), '1h', 'the interval has a unit');
is($node->safe_psql('postgres', "SELECT context, boot_val, min_val, max_val FROM pg_settings
		WHERE name = 'privacy.sweep_interval'"),
	'sighup|3600|1|604800', 'the interval is set for the server, from a second to a week');
my ($status, $out, $error) = $node->psql('postgres', 'SET privacy.sweep_interval = 5');
like($error, qr/cannot be changed now/, 'a session cannot set the interval');
($status, $out, $error) = $node->psql('postgres', "ALTER SYSTEM SET privacy.sweep_interval = '0'");
like($error, qr/outside the valid range/, 'there is no interval of nothing');

# ------------------------------------------------------------------------------------------ opting in
# The one that did not opt in is the elder and served first.
make_database($node, 'reserved', 0);
make_database($node, 'app', 1);
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->safe_psql('postgres', 'ALTER DATABASE bare SET privacy.sweep_enabled = on');
$node->safe_psql('postgres', "CREATE DATABASE closed ALLOW_CONNECTIONS false");
$node->restart;
visits_settle_at($node, 'app', 3, 'the first round comes soon after the start, long before the interval is over');
ok($node->poll_query_until('app', 'SELECT count(*) = 1 FROM privacy.sweep_run WHERE finished_at IS NOT NULL'),
	'the run is on record');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity
		WHERE $LAUNCHER AND state = 'idle' AND query = ''"), 'the round ends');
is($node->safe_psql('reserved', 'SELECT count(*), (SELECT count(*) FROM privacy.sweep_run) FROM visit'), '10|0',
	'a database that did not opt in is left alone');
is($node->safe_psql('app', "SELECT sum(row_count) FROM privacy.audit_entry WHERE action = 'sweep.delete'"), '7',
	'the worker leaves evidence');
is($node->safe_psql('app', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'the evidence verifies');

# ---------------------------------------------------------------------------------------- being idle
is($node->safe_psql('postgres', "SELECT count(*), count(datid) FROM pg_stat_activity
		WHERE $LAUNCHER OR $WORKER"), '1|0', 'when idle there is the launcher only, in no database');
is($node->safe_psql('postgres', "SELECT application_name FROM pg_stat_activity WHERE $LAUNCHER"),
	'pg_privacy launcher', 'the launcher has a name');
my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $LAUNCHER");
SKIP:
{
	skip 'no /proc here', 1 unless -r "/proc/$pid/stat";
	my $ticks = cpu_ticks($pid);
	$node->safe_psql('postgres', 'SELECT pg_sleep(3)');
	cmp_ok(cpu_ticks($pid) - $ticks, '<=', 3, 'an idle launcher uses no CPU time');
}

# ------------------------------------------------------------------------------------------- reload
add_due_visit($node, 'app');
my $start = time;
set_interval($node, 1);
visits_settle_at($node, 'app', 3, 'a shorter interval takes effect at once');
is($node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $LAUNCHER"), $pid,
	'in the same launcher');

# Round after round, with databases coming and going.
for my $n (1 .. 5)
{
	$node->safe_psql('postgres', "CREATE DATABASE guest$n");
	$node->safe_psql('postgres', "DROP DATABASE guest$n");
}
pass('databases are created and dropped while rounds are made');
make_database($node, 'late', 1);
visits_settle_at($node, 'late', 3, 'a database that opts in later is swept without a restart');
$node->safe_psql('postgres', 'DROP DATABASE late');

# -------------------------------------------------------------------------------------- one bad rule
$node->safe_psql('app', <<'SQL');
	CREATE TABLE a_ratio (id int PRIMARY KEY, seen_at timestamptz NOT NULL, divisor int NOT NULL);
	INSERT INTO a_ratio SELECT n, now() - interval '2 years', n % 5 FROM generate_series(1, 10) n;
	SECURITY LABEL FOR privacy ON TABLE a_ratio IS
		'RETAIN FOR service AFTER seen_at WHERE (10 / divisor > 0) THEN DELETE';
SQL
add_due_visit($node, 'app');
visits_settle_at($node, 'app', 3, 'a rule that errors leaves the others to be swept');
ok($node->poll_query_until('app', "SELECT count(*) > 0 FROM privacy.sweep_outcome
		WHERE rule_table::text LIKE '%a_ratio' AND problem LIKE '%division by zero%'"), 'and its error is on record');
is($node->safe_psql('app', 'SELECT count(*) FROM a_ratio WHERE divisor = 0'), '2', 'its undecidable rows are kept');
$node->safe_psql('app', 'DROP TABLE a_ratio');

# ----------------------------------------------------------------------------------- at work, watched
make_slow_table($node, 'app', 10000, 0.01);
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity
		WHERE $WORKER AND state = 'active' AND datname = 'app' AND query LIKE '%slow%'
			AND application_name = 'pg_privacy worker'"), 'pg_stat_activity shows what the worker is doing');
is($node->safe_psql('postgres', "SELECT query FROM pg_stat_activity WHERE $LAUNCHER"),
	'serving database "app"', 'and for what the launcher waits');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE $WORKER AND datname = 'app'"), '1', 'one worker in a database');
$node->safe_psql('postgres', 'CREATE DATABASE guest');
$node->safe_psql('postgres', 'DROP DATABASE guest');
pass('databases are created and dropped while a sweep runs elsewhere');
($status, $out, $error) = $node->psql('app', 'CALL privacy.sweep()', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($error, qr/55006/, 'a second sweep is refused while one runs');

# A launcher that goes takes its worker along, and comes back.
my $worker = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $WORKER");
$pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $LAUNCHER");
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS
		(SELECT FROM pg_stat_activity WHERE pid IN ($pid, $worker))"), 'a terminated launcher stops its worker');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE $LAUNCHER AND pid <> $pid"),
	'the postmaster starts another launcher');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity
		WHERE $WORKER AND query LIKE '%slow%'"), 'which goes on with the sweep');

# ------------------------------------------------------------------------------------------ shutdown
$start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 5, 'a fast shutdown does not wait for a sweep of a hundred seconds');

# The batch that was open is undone, the batches before it stand.
$node->adjust_conf('postgresql.auto.conf', 'privacy.sweep_interval', 3600);
$node->append_conf('postgresql.conf', "max_worker_processes = 1\nmax_logical_replication_workers = 0\n");
my $log_at = -s $node->logfile;
$node->start;
is($node->safe_psql('app', "SELECT 10000 - count(*) - coalesce((SELECT sum(row_count) FROM privacy.audit_entry
		WHERE action = 'sweep.delete' AND object LIKE '%slow%'), 0) FROM slow"), '0', 'evidence equals effect');
is($node->safe_psql('app', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'and verifies');

# --------------------------------------------------------------------------------------- no free slot
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity
		WHERE $LAUNCHER AND query LIKE 'waiting for a background worker slot, % attempts'"),
	'without a free slot the launcher waits and says so');
$pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $LAUNCHER");
SKIP:
{
	skip 'no /proc here', 1 unless -r "/proc/$pid/stat";
	my $ticks = cpu_ticks($pid);
	$node->safe_psql('postgres', 'SELECT pg_sleep(3)');
	cmp_ok(cpu_ticks($pid) - $ticks, '<=', 3, 'without spinning');
}
my @full = slurp_file($node->logfile, $log_at) =~ /(no background worker slot is free)/g;
is(scalar @full, 1, 'and logs it once');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|TRAP:/, 'no process crashed');

# ----------------------------------------------------------------------------------- without preload
my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->append_conf('postgresql.conf', "privacy.keyring_file = '$key_file'\nprivacy.sweep_interval = 1\n");
$plain->start;
make_database($plain, 'app', 1);
is($plain->safe_psql('app', "SELECT count(*) FROM pg_stat_activity WHERE $LAUNCHER OR $WORKER"), '0',
	'without preload there is no launcher');
$plain->safe_psql('app', 'CALL privacy.sweep()');
visits_settle_at($plain, 'app', 3, 'but CALL works');
is($plain->safe_psql('app', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'with its evidence');
$plain->stop;

done_testing();
