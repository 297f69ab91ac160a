# The contracts: every test/pgtap/*.sql in a database of its own that has pgtap and pg_privacy. A file whose
# SQL fails, or that does not run what it planned, fails as a whole.
use strict;
use warnings FATAL => 'all';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TAP::Parser;
use Test::More;

my @files = sort glob('test/pgtap/*.sql');
plan skip_all => 'no files in test/pgtap yet' unless @files;

# A root key outside the data directory, as the extension demands.
my $key_file = PostgreSQL::Test::Utils::tempdir() . '/root.key';
append_to_file($key_file, join('', map { sprintf '%02x', $_ } 0 .. 31) . "\n");
chmod 0600, $key_file;

my $node = PostgreSQL::Test::Cluster->new('contracts');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
CONF
$node->start;

for my $file (@files)
{
	subtest $file => sub { run_contracts($file) };
}
$node->stop;
done_testing();

# One pgTAP file, each of its assertions as one of ours.
sub run_contracts
{
	my ($file) = @_;
	(my $database = $file) =~ s{.*/|\.sql$}{}g;
	$node->safe_psql('postgres', qq{CREATE DATABASE "$database"});
	$node->safe_psql($database, 'CREATE EXTENSION pgtap; CREATE EXTENSION IF NOT EXISTS pg_privacy');

	my ($output, $errors) = ('', '');
	my $status = $node->psql($database, slurp_file($file), stdout => \$output, stderr => \$errors,
		on_error_die => 0, on_error_stop => 1);
	is($status, 0, 'its SQL runs to the end') or diag($errors);

	my $parser = TAP::Parser->new({ tap => $output });
	while (my $result = $parser->next)
	{
		if ($result->is_test)
		{
			ok($result->is_ok, $result->description =~ s{^- }{}r);
		}
		elsif ($result->is_comment)
		{
			diag($result->comment);
		}
	}
	is(join('; ', $parser->parse_errors), '', 'its plan is kept');
	return;
}
