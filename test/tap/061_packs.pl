# The other four policies, as far as they promise how long something is kept: each pack is swept at the day before, the day of
# and the day after every end that it knows of, in order; each time its acceptance test compares all that is left with what
# plain SQL computed from the rows as they were.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TAP::Parser;
use Test::More;

my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/root.key", ('0f1e2d3c4b5a6978' x 4) . "\n");
chmod 0600, "$directory/root.key";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$directory/root.key'
privacy.sweep_interval = '7d'
CONF
$node->start;

# Runs a script of a pack; returns what it writes.
sub run_script
{
	my ($pack, $script, @variables) = @_;
	my ($out, $error) = ('', '');
	my @command = ('psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', (map { ('-v', $_) } @variables),
		'-d', $node->connstr($pack), '-f', "examples/$pack/$script");
	IPC::Run::run(\@command, '>', \$out, '2>', \$error) or do { fail("$pack: $script runs"); diag($error) };
	return $out;
}

# How many comparisons hold at a moment; those that do not, in full.
sub compare_all
{
	my ($pack, $as_of) = @_;
	my $output = run_script($pack, 'acceptance.sql', "as_of=$as_of");
	my $parser = TAP::Parser->new({ tap => $output });
	my ($held, @failed) = (0);
	while (my $result = $parser->next)
	{
		next unless $result->is_test;
		if ($result->is_ok) { $held++ } else { push @failed, $result->description }
	}
	push @failed, $parser->parse_errors;
	diag($output) if @failed && $ENV{PP_VERBOSE};
	return ($held, @failed);
}

# The packs, and what would be wrong in each.
my %damage = (
	zenler => 'UPDATE zenler.customer SET biography = NULL WHERE id = 4',
	learnifier => 'DELETE FROM learnifier.session WHERE id = 3',
	izonen => 'UPDATE izonen.customer SET email = NULL WHERE id = 3',
	isopartner => 'DELETE FROM isopartner.activity WHERE id = 1');

for my $pack ('zenler', 'learnifier', 'izonen', 'isopartner')
{
	$node->safe_psql('postgres', "CREATE DATABASE $pack");
	$node->safe_psql($pack, q{CREATE EXTENSION pgtap; CREATE EXTENSION pg_privacy});
	run_script($pack, $_) for 'schema.sql', 'data.sql', 'oracle.sql', 'labels.sql';

	my @moments = split /\n/, $node->safe_psql($pack, "SET TimeZone = 'UTC'; SELECT at FROM ${pack}_oracle.moment ORDER BY at");
	cmp_ok(scalar(@moments), '>', 2, "$pack: there are moments to look at");
	my (undef, @red) = compare_all($pack, $moments[-1]);
	cmp_ok(scalar(@red), '>', 0, "$pack: the comparison is red before the sweep") if $pack ne 'isopartner';    # where nothing ever ends
	my ($held, @failed) = (0);
	for my $moment (@moments)
	{
		$node->safe_psql($pack, "SET privacy.core_clock = '$moment';\nCALL privacy.sweep()");
		my ($held_now, @failed_now) = compare_all($pack, $moment);
		$held += $held_now;
		push @failed, @failed_now;
	}
	is(join("\n", @failed), '', "$pack: every comparison holds at every moment");
	cmp_ok($held, '>', 2 * @moments, "$pack: $held comparisons at " . @moments . ' moments');

	$node->safe_psql($pack, $damage{$pack});
	(undef, @red) = compare_all($pack, $moments[-1]);
	cmp_ok(scalar(@red), '>', 0, "$pack: the comparison is red when something is missing");
}
$node->stop;
done_testing();
