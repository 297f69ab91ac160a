# 015_national.pl: another implementation computes the same pseudonyms of numbers and names that people have.
#
# test/vectors/check_national.py knows the descriptions and the lists only. It recomputes its vectors; here the server
# evaluates their expressions, in UTF-8 and in a database with another encoding.
use strict;
use warnings;
use File::Basename;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $vectors = dirname(__FILE__) . '/../vectors';
my $file = decode_json(slurp_file("$vectors/national.json"));
$ENV{PYTHONDONTWRITEBYTECODE} = 1;
$ENV{PGCLIENTENCODING} = 'UTF8';

command_like([ 'python3', "$vectors/check_national.py" ], qr/^\d+ vectors agree$/, 'python computes the vectors');

my $key = PostgreSQL::Test::Utils::tempdir_short() . '/root.key';
append_to_file($key, "$file->{root_key}\n");
chmod 0600, $key;
my $node = PostgreSQL::Test::Cluster->new('national');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_privacy'\nprivacy.keyring_file = '$key'");
$node->start;

foreach my $encoding ('UTF8', 'LATIN1')
{
	my $database = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding'");
	$node->safe_psql($database, "CREATE EXTENSION pg_privacy; SELECT privacy.create_scope('shared', destroyable => false)");

	my @vectors = grep { $encoding eq 'UTF8' || $_->{sql} !~ /[^\x00-\xff]/ } @{ $file->{vectors} };
	my $list = join ",\n", map { "($_->{sql})" } @vectors;
	utf8::encode($list);
	my @results = split /\n/, $node->safe_psql($database, "SELECT '=' || v FROM (VALUES $list) AS t (v)"), -1;
	is(scalar @results, scalar @vectors, "$encoding: a result for every vector");
	my @wrong = grep {
		utf8::encode(my $expected = "=$vectors[$_]{result}");
		$results[$_] ne $expected
	} 0 .. $#vectors;
	is(join("\n", map { "$vectors[$_]{sql}: $results[$_]" } @wrong), '', "$encoding: the server gives the same");
}

done_testing();
