# The primary is killed in the middle of a sweep, under load, and its standby promoted, again and again. What reached the
# standby is effect with its evidence, or neither; the new primary sweeps on without anybody's approval, and in the end
# exactly those rows are left that plain SQL says must be of what reached it.
#
#   PP_PROMOTIONS  how often (3)
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use FindBin;
use lib $FindBin::Bin;
use SweepTruth;

my $promotions = $ENV{PP_PROMOTIONS} || 3;

my $key_file = PostgreSQL::Test::Utils::tempdir . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file or die "cannot protect $key_file: $!";

my $primary = PostgreSQL::Test::Cluster->new('primary0');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
privacy.sweep_interval = 1
privacy.sweep_batch_pages = 1
CONF
$primary->start;
make_tables($primary);

for my $round (1 .. $promotions)
{
	my $standby = PostgreSQL::Test::Cluster->new("primary$round");
	my $delay = int(rand(800_000));
	$primary->backup("backup$round");
	$standby->init_from_backup($primary, "backup$round", has_streaming => 1);
	$standby->start;
	my $load = start_load($primary);
	add_rows($primary, $round);
	$primary->wait_for_catchup($standby);
	$primary->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity
			WHERE backend_type = 'pg_privacy worker' AND query LIKE '%sweeping%'")
	  or die 'the primary does not sweep';
	usleep($delay);
	$primary->kill9;
	$standby->promote;
	eval { $load->kill_kill };
	my $runs = $standby->safe_psql('postgres', 'SELECT max(id) FROM privacy.sweep_run');
	compare_evidence($standby, sprintf('promotion %d, %.3f s into a sweep', $round, $delay / 1e6));
	ok($standby->poll_query_until('postgres', "SELECT count(*) > 0 FROM privacy.sweep_run
		WHERE id > $runs AND finished_at IS NOT NULL"), "promotion $round: the new primary sweeps, and gets through");
	is($standby->safe_psql('postgres', "SELECT count(*) FROM privacy.sweep_rule WHERE state LIKE 'waiting%' OR state = 'parked'"), '0',
		"promotion $round: without waiting for an approval");
	is($standby->safe_psql('postgres', 'SELECT coalesce(max(crashes), 0) FROM privacy.sweep_standing'), '0',
		"promotion $round: the crash of another server is none of a rule here");
	$primary = $standby;
}
compare_truth($primary);
unlike(slurp_file($primary->logfile), qr/PANIC|TRAP:|terminated by signal 11/, 'no process crashed by itself');
$primary->stop;

done_testing();
