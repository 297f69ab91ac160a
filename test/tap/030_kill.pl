# kill -9 in the middle of sweeps, under load, again and again: of the postmaster, of the worker, of an application's
# session. Each time evidence equals effect, and in the end exactly those rows are left that plain SQL says must be.
#
# Each round inserts more rows, so that there is always a sweep to kill, and chooses which of the three tables the
# sweep must have come to. Rules that three kills in a row have parked are let go on.
#
#   PP_KILLS       how often (30)
#   PP_KILL_SEED   repeats a run
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use FindBin;
use lib $FindBin::Bin;
use KillServer;
use SweepTruth;

my $kills = $ENV{PP_KILLS} || 30;
my $seed = $ENV{PP_KILL_SEED} || int(time);
srand($seed);
note "PP_KILL_SEED=$seed";

my $key_file = PostgreSQL::Test::Utils::tempdir . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file or die "cannot protect $key_file: $!";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
privacy.sweep_interval = 1
privacy.sweep_batch_pages = 1
restart_after_crash = on
CONF
$node->start;
make_tables($node);

my %query = (
	worker => "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_privacy worker' LIMIT 1",
	session => "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench' ORDER BY random() LIMIT 1");
my $in_the_middle = 0;
my $crashes = 0;
for my $round (1 .. $kills)
{
	my $table = (qw(payment agreement member))[rand 3];
	my $victim = (qw(postmaster worker session))[rand 3];
	my $delay = int(rand(500_000));
	my $load = start_load($node);
	add_rows($node, $round);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity
			WHERE backend_type = 'pg_privacy worker' AND query LIKE '%$table%'")
	  or die "the sweep does not come to table $table";
	my ($killed_at, $pid) = split /\|/,
	  $node->safe_psql('postgres', 'SELECT clock_timestamp(), (' . ($query{$victim} // 'NULL') . ')');
	usleep($delay);
	if ($victim eq 'postmaster') { kill_and_start($node); }
	else { kill_process($node, $pid); }
	eval { $load->kill_kill };
	my $finished = $node->safe_psql('postgres', "SELECT finished_at IS NOT NULL FROM privacy.sweep_run
		WHERE started_at < '$killed_at' ORDER BY id DESC LIMIT 1");
	$in_the_middle++ if $finished eq 'f';
	compare_evidence($node, sprintf('kill %d, of the %s, %.3f s after the sweep came to %s', $round, $victim, $delay / 1e6, $table));
	$crashes += $node->safe_psql('postgres', "SELECT sum(privacy.resume_sweep(t)) FROM unnest('{payment,agreement,member}'::regclass[]) t");
}
note "$in_the_middle of $kills kills interrupted a sweep; $crashes were counted as crashes of a rule";

compare_truth($node);
ok($node->poll_query_until('postgres', <<'SQL'), 'the agreements that payments keep are reported as blocked');
	SELECT count(*) > 0 FROM privacy.sweep_outcome o
	WHERE rule_table::text LIKE '%agreement' AND blocked_by::text LIKE '%payment%'
		AND blocked = (SELECT count(*) FROM truth.agreement_left WHERE ended_at IS NOT NULL)
SQL
is($node->safe_psql('postgres', "SELECT count(*) FROM privacy.sweep_run WHERE state = 'running' AND id < (SELECT max(id) FROM privacy.sweep_run)"),
	'0', 'no run is left that seems to run');
cmp_ok($in_the_middle, '>=', $kills * 0.6, 'most kills interrupted a sweep');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal 11/, 'no process crashed by itself');
$node->stop;

done_testing();
