# The acceptance test of the whole: a real policy on a real schema, every row and value compared with what plain SQL computed
# from the policy's text before. The worker sweeps, and the server is killed under it again and again; in the end nothing
# that should stay is lost, nothing that should go is left, and the evidence counts exactly what is gone.
#
#   PP_KILLS      how often (20)
#   PP_LEARNERS   the size of the example (6000)
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TAP::Parser;
use Test::More;
use Time::HiRes qw(usleep);
use FindBin;
use lib $FindBin::Bin;
use KillServer;

my $kills = $ENV{PP_KILLS} || 20;
my $learners = $ENV{PP_LEARNERS} || 6000;
my $as_of = '2026-11-01 00:00+01';
my $example = 'examples/learnster';

my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/root.key", ('0f1e2d3c4b5a6978' x 4) . "\n");
chmod 0600, "$directory/root.key";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$directory/root.key'
privacy.core_clock = '$as_of'
privacy.sweep_interval = '7d'
privacy.sweep_batch_pages = 1
CONF
$node->start;
$node->safe_psql('postgres', q{CREATE DATABASE school});

# The scripts use psql's variables; the acceptance test's output is returned.
sub run_script
{
	my ($script) = @_;
	my ($out, $error) = ('', '');
	my @command = ('psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-v', "learners=$learners", '-v', "as_of=$as_of",
		'-d', $node->connstr('school'), '-f', "$example/$script");
	ok(IPC::Run::run(\@command, '>', \$out, '2>', \$error), "$script runs") or diag($error);
	return $out;
}

# How many of the acceptance test's comparisons hold, and which do not.
sub compare_all
{
	my $parser = TAP::Parser->new({ tap => run_script('acceptance.sql') });
	my ($held, @failed) = (0);
	while (my $result = $parser->next)
	{
		next unless $result->is_test;
		if ($result->is_ok) { $held++ } else { push @failed, $result->description }
	}
	push @failed, $parser->parse_errors;
	return ($held, @failed);
}

run_script('schema.sql');
run_script('data.sql');
$node->safe_psql('school', q{CREATE EXTENSION pgtap; CREATE EXTENSION pg_privacy});
run_script('oracle.sql');
run_script('labels.sql');

my ($held, @failed) = compare_all();
cmp_ok(scalar(@failed), '>', 20, 'the comparison is red before the sweep');

# Years of neglect are to go at once: somebody has looked at the preview and approves.
$node->safe_psql('school', q{SELECT privacy.approve_sweep(relation) FROM (SELECT DISTINCT relation FROM privacy.sweep_rule) AS labelled});
$node->safe_psql('postgres', q{ALTER DATABASE school SET privacy.sweep_enabled = on});
my $whole = q{SELECT FROM privacy.sweep_run WHERE state = 'done'};
my $work = q{SELECT coalesce(sum(deleted + treated), 0) FROM privacy.sweep_outcome};
$node->append_conf('postgresql.conf', 'privacy.sweep_interval = 1');
$node->reload;
my $killed = 0;
for my $round (1 .. $kills)
{
	my $done = $node->safe_psql('school', $work);
	$node->poll_query_until('school', "SELECT ($work) > $done OR EXISTS ($whole)") or die 'no sweep';
	last if $node->safe_psql('school', "SELECT count(*) FROM ($whole) AS whole");
	usleep(int(rand(100_000)));
	kill_and_start($node);
	$killed++;
}
cmp_ok($killed, '>=', $kills / 4, "killed $killed times in mid-sweep");
# A rule in whose midst the server went down three times waits until somebody has looked.
$node->safe_psql('school', q{SELECT privacy.resume_sweep(relation) FROM (SELECT DISTINCT relation FROM privacy.sweep_rule) AS labelled});
$node->poll_query_until('school', "SELECT EXISTS ($whole)") or die 'the sweep does not end';

($held, @failed) = compare_all();
is(join("\n", @failed), '', 'every comparison holds after the sweep');
cmp_ok($held, '>', 100, "$held comparisons");
is($node->safe_psql('school', q{SELECT count(*) FROM privacy.verify_audit()}), '0', 'the evidence is whole');
$node->stop;
done_testing();
