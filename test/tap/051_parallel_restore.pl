# pg_restore -j loads the extension's tables in any order, each in a transaction of its own: nothing of them may be lost.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $key_file = PostgreSQL::Test::Utils::tempdir() . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file;
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';

my $node = PostgreSQL::Test::Cluster->new('parallel');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_privacy'\nprivacy.keyring_file = '$key_file'\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_scope('person');
	SELECT privacy.grant_scope('person', 'postgres');
	SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
	CREATE TABLE visit (id int PRIMARY KEY, at timestamptz);
	SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER at THEN DELETE';
	CALL privacy.sweep();
SQL
my $content = q{SELECT (SELECT count(*) FROM privacy.scope_version), (SELECT count(*) FROM privacy.scope_grant),
	(SELECT count(*) FROM privacy.purpose_period), (SELECT count(*) FROM privacy.sweep_outcome)};
my $before = $node->safe_psql('postgres', $content);
my $pseudonym = $node->safe_psql('postgres', q{SELECT privacy.pseudonym('Anna', 'person')});
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dumped');

for my $try (1 .. 5)
{
	$node->safe_psql('postgres', "CREATE DATABASE copy$try");
	$node->command_ok([ 'pg_restore', '-j4', '-d', $node->connstr("copy$try"), $dump ], 'restored in parallel without an error');
	is($node->safe_psql("copy$try", $content), $before, 'keys, grants, periods and history are there');
	my ($status, $out) = $node->psql("copy$try", q{SELECT privacy.pseudonym('Anna', 'person')});
	is($out, $pseudonym, 'and pseudonyms are what they were');
}
$node->stop;
done_testing();
