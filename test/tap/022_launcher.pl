# Many databases and many rules: who waits for whom, what a sleeping, failing or crashing rule costs the others, and
# what may be dropped, copied or closed in the midst of it.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use FindBin;
use lib $FindBin::Bin;
use KillServer;

my $key_file = PostgreSQL::Test::Utils::tempdir . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file or die "cannot protect $key_file: $!";

my $WORKER = "backend_type = 'pg_privacy worker'";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
privacy.sweep_interval = '1h'
restart_after_crash = on
CONF
$node->start;

sub make_database
{
	my ($name, $trigger) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, <<'SQL');
		CREATE EXTENSION pg_privacy;
		SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
		CREATE TABLE a_visit (id int PRIMARY KEY, seen_at timestamptz NOT NULL);
		CREATE TABLE b_visit (id int PRIMARY KEY, seen_at timestamptz NOT NULL);
		INSERT INTO a_visit VALUES (1, now() - interval '2 years');
		INSERT INTO b_visit VALUES (1, now() - interval '2 years');
		SECURITY LABEL FOR privacy ON TABLE a_visit IS 'RETAIN FOR service AFTER seen_at THEN DELETE';
		SECURITY LABEL FOR privacy ON TABLE b_visit IS 'RETAIN FOR service AFTER seen_at THEN DELETE';
SQL
	make_trigger($name, $trigger) if $trigger;
	$node->safe_psql('postgres', "ALTER DATABASE $name SET privacy.sweep_enabled = on");
	return;
}

# What happens to each row of a_visit before it goes.
sub make_trigger
{
	my ($database, $body) = @_;
	$node->safe_psql($database, <<"SQL");
		CREATE OR REPLACE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN $body; RETURN OLD; END';
		CREATE OR REPLACE TRIGGER meddle BEFORE DELETE ON a_visit FOR EACH ROW EXECUTE FUNCTION public.meddle();
SQL
	return;
}

sub set
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'");
	$node->reload;
	return;
}

sub wait_for
{
	my ($database, $condition, $name) = @_;
	ok($node->poll_query_until($database, "SELECT $condition"), $name);
	return;
}

# ------------------------------------------------------------------------------------ several at a time
my $SLEEP = 'PERFORM pg_catalog.pg_sleep(600)';
make_database('slow', $SLEEP);
make_database('other');
set('privacy.sweep_interval', 1);
wait_for('other', 'count(*) = 0 FROM a_visit', 'a rule that sleeps in one database keeps no other waiting');
wait_for('slow', "count(*) = 1 FROM privacy.sweep_progress WHERE phase = 'running' AND rule_table = 'public.a_visit'
	AND rule_number = '1 of 2' AND done = 0 AND phase_since <= clock_timestamp()",
	'sweep_progress shows where it is');
is($node->safe_psql('slow', "SELECT string_agg(rule_table || ' ' || state, ', ' ORDER BY rule_table) FROM privacy.sweep_outcome
	WHERE run_id = (SELECT max(id) FROM privacy.sweep_run)"), 'public.a_visit queued, public.b_visit queued', 'sweep_outcome that nothing is done yet');
is($node->safe_psql('other', 'SELECT count(*) FROM privacy.sweep_progress WHERE rule_table = $$public.a_visit$$ AND pid IN
	(SELECT pid FROM pg_stat_activity WHERE datname = $$slow$$)'), '0', 'to nobody in another database');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE $WORKER AND datname = 'slow'"), '1',
	'round after round, with one worker in the database');
set('privacy.worker_max', 1);
make_database('third');
my $runs = $node->safe_psql('other', 'SELECT count(*) FROM privacy.sweep_run');
$node->safe_psql('postgres', 'SELECT pg_sleep(3)');
is($node->safe_psql('third', 'SELECT count(*) FROM privacy.sweep_run'), '0', 'worker_max = 1 leaves room for one');

# --------------------------------------------------------------------------------------- a sleeping rule
set('privacy.sweep_batch_timeout', '500ms');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $WORKER AND datname = 'slow'");
wait_for('third', 'count(*) = 0 FROM b_visit', 'a rule that sleeps is stopped when its batch takes too long');
wait_for('slow', 'count(*) = 0 FROM b_visit', 'and the next rule of its own database gets its turn');
is($node->safe_psql('slow', 'SELECT state, problem, failures > 0, next_run > clock_timestamp() + interval $$30 seconds$$
	FROM privacy.sweep_rule WHERE relation = $$a_visit$$::regclass'), 'failed|it took longer than 500 ms|t|t',
	'it is on record, and has to wait longer than the others');
$runs = $node->safe_psql('slow', 'SELECT max(id) FROM privacy.sweep_run');
wait_for('slow', "count(*) > 0 FROM privacy.sweep_outcome WHERE run_id > $runs AND rule_table = 'public.a_visit'
	AND state = 'waiting for a retry'", 'the rounds until then pass it over');
is($node->safe_psql('slow', 'SELECT failures FROM privacy.sweep_standing WHERE relation = $$a_visit$$::regclass'), '1',
	'so that it costs nothing');
is($node->safe_psql('slow', 'SELECT overdue, why FROM privacy.overdue'), '1|failed: it took longer than 500 ms',
	'the row that is still there is overdue, and why');

# ----------------------------------------------------------------------------------- dropped in the midst
set('privacy.sweep_batch_timeout', '0');
make_trigger('slow', 'PERFORM pg_catalog.pg_sleep(0.2)');
$node->safe_psql('slow', 'INSERT INTO a_visit SELECT n, now() - interval $$2 years$$ FROM generate_series(2, 20) n;
	SELECT privacy.resume_sweep($$a_visit$$)');
wait_for('slow', "count(*) = 1 FROM privacy.sweep_progress WHERE rule_table = 'public.a_visit'", 'at work');
my $log_at = -s $node->logfile;
my ($status, $out, $error) = $node->psql('slow', 'CALL privacy.remove_labels(); DROP EXTENSION pg_privacy CASCADE');
my $gone = $node->safe_psql('slow', "SELECT count(*) FROM pg_extension WHERE extname = 'pg_privacy'");
is($gone, '0', 'DROP EXTENSION waits for a batch, not for the sweep') or diag $error;
wait_for('postgres', "count(*) = 0 FROM pg_stat_activity WHERE $WORKER AND datname = 'slow'", 'the worker ends');
$node->safe_psql('postgres', 'DROP DATABASE slow WITH (FORCE)');

make_database('doomed', $SLEEP);
wait_for('doomed', "count(*) = 1 FROM privacy.sweep_progress WHERE rule_table = 'public.a_visit'", 'another at work');
$node->safe_psql('postgres', 'DROP DATABASE doomed WITH (FORCE)');
pass('DROP DATABASE WITH (FORCE) ends the worker');

# -------------------------------------------------------------------- templates, limits, closed databases
$node->safe_psql('postgres', 'ALTER DATABASE other IS_TEMPLATE true');
my $before = $node->safe_psql('other', 'SELECT max(id) FROM privacy.sweep_run');
$node->safe_psql('third', 'INSERT INTO b_visit VALUES (2, now() - interval $$2 years$$)');
wait_for('third', 'count(*) = 0 FROM b_visit', 'other databases go on');
$node->safe_psql('third', 'INSERT INTO b_visit VALUES (2, now() - interval $$2 years$$)');
wait_for('third', 'count(*) = 0 FROM b_visit', 'and on');
cmp_ok($node->safe_psql('other', 'SELECT max(id) FROM privacy.sweep_run'), '<=', $before + 1, 'a template is left alone');
$node->safe_psql('postgres', 'ALTER DATABASE other IS_TEMPLATE false');
$node->safe_psql('postgres', 'ALTER DATABASE third CONNECTION LIMIT 0');
$node->safe_psql('third', 'INSERT INTO b_visit VALUES (2, now() - interval $$2 years$$)');
wait_for('third', 'count(*) = 0 FROM b_visit', 'a connection limit does not keep the sweep out');

# ---------------------------------------------------------------------------------- one sweep at a time
make_trigger('third', $SLEEP);
$node->safe_psql('third', 'INSERT INTO a_visit VALUES (9, now() - interval $$2 years$$)');
wait_for('third', "count(*) = 1 FROM privacy.sweep_progress WHERE rule_table = 'public.a_visit'", 'at work again');
($status, $out, $error) = $node->psql('third', 'CALL privacy.sweep()');
like($error, qr/another sweep of this database is running/, 'CALL and the worker exclude each other');
my $start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 5, 'a fast shutdown does not wait');
note sprintf 'fast shutdown in the middle of a batch: %.2f s', time - $start;
$node->start;
wait_for('third', "count(*) = 1 FROM privacy.sweep_run WHERE state = 'cancelled'", 'the next run finds the last one cancelled');
is($node->safe_psql('third', 'SELECT max(crashes) FROM privacy.sweep_standing'), '0', 'a shutdown is no crash of the rule');

# ------------------------------------------------------------------------------------------- three crashes
for my $crash (1 .. 3)
{
	wait_for('third', "count(*) = 1 FROM privacy.sweep_progress WHERE rule_table = 'public.a_visit'
		AND (SELECT count(*) FROM privacy.sweep_standing WHERE at_work IS NOT NULL) = 1", "at work, crash $crash");
	if ($crash == 2) { kill_and_start($node); }
	else { kill_process($node, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $WORKER AND datname = 'third'")); }
}
wait_for('third', q{(SELECT state || ': ' || problem FROM privacy.sweep_rule WHERE relation = 'a_visit'::regclass) =
	'parked: the server crashed 3 times while it ran; privacy.resume_sweep() lets it run again'}, 'after three crashes the rule is parked');
is($node->safe_psql('third', "SELECT count(*) FROM privacy.sweep_run WHERE state = 'crashed'"), '3', 'each crash is on record');
$node->safe_psql('third', 'INSERT INTO b_visit VALUES (3, now() - interval $$2 years$$)');
wait_for('third', 'count(*) = 0 FROM b_visit', 'the other rules go on');
$node->safe_psql('third', 'DROP TRIGGER meddle ON a_visit; CALL privacy.sweep()');
is($node->safe_psql('third', 'SELECT count(*) FROM a_visit'), '1', 'CALL does not start it either');
is($node->safe_psql('third', 'SELECT privacy.resume_sweep($$a_visit$$)'), '1', 'until someone has looked');
wait_for('third', 'count(*) = 0 FROM a_visit', 'then it runs');
is($node->safe_psql('third', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'the evidence verifies');


# A crash after the end of a run is none of its rules.
$node->poll_query_until('third', "SELECT state <> 'running' FROM privacy.sweep_run ORDER BY id DESC LIMIT 1") or die 'it does not end';
set('privacy.sweep_interval', '7d');
wait_for('postgres', "count(*) = 0 FROM pg_stat_activity WHERE $WORKER", 'nobody sweeps');
kill_process($node, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"));
my $errors = 'SELECT coalesce(max(crashes), 0), count(last_error) FROM privacy.sweep_standing WHERE relation = $$b_visit$$::regclass';
$node->safe_psql('third', 'CALL privacy.sweep()');
is($node->safe_psql('third', $errors), '0|0', 'a crash when nobody sweeps is none of a rule');

my $log = slurp_file($node->logfile);
like($log, qr/LOG:  the sweep of database "third" starts, with 2 rules/, 'the log has the start of a run');
like($log, qr/LOG:  the sweep of database "other" ends: done\n.*DETAIL:  2 rows deleted, 0 values treated, 0 rows blocked; 0 of 2 rules in trouble/, 'and its end');
unlike($log, qr/PANIC|TRAP:|terminated by signal 11/, 'no process crashed by itself');
$node->stop;

done_testing();
