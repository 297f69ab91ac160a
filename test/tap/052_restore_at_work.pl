# A worker wakes in the middle of a restore: the dump brings ALTER DATABASE ... SET privacy.sweep_enabled along, and the tables and
# their rows are there before the keys that protect them. It must neither delete nor write anything: its own rows would take the
# numbers of those to come, and the old evidence and its key would be lost.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/root.key", ('00112233445566778899aabbccddeeff' x 2) . "\n");
chmod 0600, "$directory/root.key";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$directory/root.key'
privacy.sweep_interval = '7d'
log_min_messages = debug1
CONF
$node->start;

$node->safe_psql('postgres', q{CREATE DATABASE school});
$node->safe_psql('postgres', q{ALTER DATABASE school SET privacy.sweep_enabled = on});
$node->safe_psql('school', <<'SQL');
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_scope('person');
	SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
	CREATE TABLE agreement (id int PRIMARY KEY, at timestamptz);
	CREATE TABLE invoice (id int PRIMARY KEY, agreement_id int REFERENCES agreement);
	SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN FOR service AFTER at THEN DELETE';
	INSERT INTO agreement VALUES (1, '2020-01-01'), (2, '2020-01-01');
	INSERT INTO invoice VALUES (1, 1);
	CALL privacy.sweep();
SQL
my $evidence = q{SELECT count(*), string_agg(action, ',' ORDER BY id), (SELECT count(*) FROM privacy.verify_audit()) FROM privacy.audit_entry};
my $before = $node->safe_psql('school', $evidence);
is($node->safe_psql('school', q{SELECT string_agg(id::text, ',') FROM agreement}), '1', 'the invoice keeps its agreement');

my $dump = "$directory/school.dump";
$node->command_ok([ 'pg_dump', '-Fc', '-C', '-f', $dump, '-d', $node->connstr('school') ], 'dumped');
$node->safe_psql('postgres', q{DROP DATABASE school});

# As the worker would find it between two parts of a restore.
sub let_the_worker_come
{
	my $offset = -s $node->logfile;
	$node->append_conf('postgresql.conf', 'privacy.sweep_interval = 1');
	$node->reload;
	$node->wait_for_log(qr/deletion rules of this database wait to be bound|pg_privacy worker.*exited/i, $offset);
	$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_privacy worker'})
		or die 'the worker stays';
	$node->append_conf('postgresql.conf', "privacy.sweep_interval = '7d'");
	$node->reload;
	return;
}

$node->command_ok([ 'pg_restore', '-C', '-e', '--section=pre-data', '-d', $node->connstr('postgres'), $dump ], 'tables and labels');
let_the_worker_come();
is($node->safe_psql('school', q{SELECT (SELECT count(*) FROM privacy.root_key) + (SELECT count(*) FROM privacy.audit_entry)
	+ (SELECT count(*) FROM privacy.sweep_run)}), '0', 'the worker has written nothing');
$node->command_ok([ 'pg_restore', '-e', '--section=data', '-d', $node->connstr('school'), $dump ], 'rows and evidence');
let_the_worker_come();
is($node->safe_psql('school', q{SELECT string_agg(id::text, ',') FROM agreement}), '1', 'no foreign key yet, and nothing deleted');
$node->command_ok([ 'pg_restore', '-e', '--section=post-data', '-d', $node->connstr('school'), $dump ], 'and what protects them');
is($node->safe_psql('school', $evidence), $before, 'the evidence is what it was, and whole');

# Once somebody says so, it goes on.
$node->safe_psql('school', q{DELETE FROM invoice; SELECT privacy.rebind_labels()});
$node->append_conf('postgresql.conf', 'privacy.sweep_interval = 1');
$node->reload;
ok($node->poll_query_until('school', q{SELECT count(*) = 0 FROM agreement}), 'bound, the rule runs');
$node->stop;
done_testing();
