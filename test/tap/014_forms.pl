# 014_forms.pl: another implementation computes the same, whatever the format.
#
# test/vectors/check_forms.py knows the descriptions only. It recomputes its vectors; here the server evaluates their
# expressions, and large domains are searched for collisions.
use strict;
use warnings;
use File::Basename;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $vectors = dirname(__FILE__) . '/../vectors';
my $file = decode_json(slurp_file("$vectors/forms.json"));
$ENV{PYTHONDONTWRITEBYTECODE} = 1;

command_like([ 'python3', "$vectors/check_forms.py" ], qr/^\d+ vectors agree$/, 'python computes the vectors');

my $key = PostgreSQL::Test::Utils::tempdir_short() . '/root.key';
append_to_file($key, "$file->{root_key}\n");
chmod 0600, $key;
my $node = PostgreSQL::Test::Cluster->new('forms');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_privacy'\nprivacy.keyring_file = '$key'\nDateStyle = ISO");
$node->start;
$node->safe_psql('postgres', "CREATE EXTENSION pg_privacy; SELECT privacy.create_scope('shared', destroyable => false)");

my $list = join ",\n", map { "(($_->{sql})::text)" } @{ $file->{vectors} };
utf8::encode($list);
my @results = split /\n/, $node->safe_psql('postgres', "SELECT '=' || v FROM (VALUES $list) AS t (v)"), -1;
foreach my $vector (@{ $file->{vectors} })
{
	utf8::encode(my $expected = "=$vector->{result}");
	utf8::encode(my $name = length $vector->{sql} < 90 ? $vector->{sql} : substr($vector->{sql}, 0, 90) . '...');
	is(shift @results, $expected, $name);
}

# A bijection has as many results as arguments: all of it up to a million, and a sample of what is larger.
foreach my $size (1 .. 6)
{
	is($node->safe_psql('postgres', "SELECT count(DISTINCT privacy.pseudonym_digits(lpad(i::text, $size, '0'), 'shared')) FROM generate_series(0, (10 ^ $size - 1)::int) AS i"),
		10 ** $size, "all codes of $size digits");
}
is($node->safe_psql('postgres', "SELECT count(DISTINCT privacy.pseudonym(i::smallint, 'shared')) FROM generate_series(-32768, 32767) AS i"),
	65536, 'all of smallint');
is($node->safe_psql('postgres', "SELECT count(DISTINCT p), min(p), max(p) FROM (SELECT privacy.pseudonym('1900-01-01'::date + i, 'shared') AS p FROM generate_series(0, 73048) AS i) AS s"),
	'73049|1900-01-01|2099-12-31', 'all days of two centuries');
is($node->safe_psql('postgres', "SELECT count(DISTINCT privacy.pseudonym(i, 'shared')), count(DISTINCT privacy.pseudonym(i * 4611686018427::bigint, 'shared')) FROM generate_series(1, 1000000) AS i"),
	'1000000|1000000', 'a million integers, a million bigints');
is($node->safe_psql('postgres', "SELECT count(DISTINCT privacy.pseudonym('10.0.0.0'::inet + i, 'shared')), count(DISTINCT set_masklen(privacy.pseudonym('10.0.0.0'::inet + i, 'shared'), 16)) FROM generate_series(0, 65535) AS i"),
	'65536|65536', 'all addresses of a network');
is($node->safe_psql('postgres', "SELECT count(DISTINCT network(set_masklen(privacy.pseudonym('10.0.0.0'::inet + i, 'shared'), 16))) FROM generate_series(0, 65535) AS i"),
	'1', 'one network stays one network');

# The same everywhere: another session, parallel workers, after a restart, and in a database restored from a dump.
my $sum = "SELECT md5(string_agg(p, ',' ORDER BY p)) FROM (SELECT privacy.pseudonym(i::text, 'shared') || privacy.pseudonym(i, 'shared') || privacy.pseudonym('::1'::inet + i, 'shared') AS p FROM number) AS s";
$node->safe_psql('postgres', 'CREATE TABLE number AS SELECT i FROM generate_series(1, 20000) AS i');
my $before = $node->safe_psql('postgres', $sum);
is($node->safe_psql('postgres', "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; $sum"), $before, 'parallel workers');
$node->restart;
is($node->safe_psql('postgres', $sum), $before, 'after a restart');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $node->basedir . '/dump', 'postgres' ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '-d', 'copy', $node->basedir . '/dump' ], 'restore');
is($node->safe_psql('copy', $sum), $before, 'in a restored copy');

done_testing();
