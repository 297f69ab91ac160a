# A standby keeps no promises of its own: it does nothing until it is promoted, and then it does everything.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $key_file = PostgreSQL::Test::Utils::tempdir . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file or die "cannot protect $key_file: $!";

my $PROCESSES = "backend_type IN ('pg_privacy launcher', 'pg_privacy worker')";

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
privacy.sweep_interval = '7d'
CONF
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
	CREATE TABLE visit (id int PRIMARY KEY, seen_at timestamptz NOT NULL);
	INSERT INTO visit SELECT n, now() - interval '2 years' FROM generate_series(1, 5) n;
	SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER seen_at THEN DELETE';
	ALTER DATABASE postgres SET privacy.sweep_enabled = on;
SQL

# The primary makes its one round of the week. What comes now the standby would sweep within a second.
$primary->restart;
$primary->poll_query_until('postgres', 'SELECT count(*) = 1 FROM privacy.sweep_run
		WHERE started_at > pg_postmaster_start_time() AND finished_at IS NOT NULL')
  or die 'the primary does not sweep';
$primary->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE $PROCESSES")
  or die 'the worker of the primary does not end';
$primary->safe_psql('postgres', <<'SQL');
	INSERT INTO visit SELECT n, now() - interval '2 years' FROM generate_series(1, 5) n;
	INSERT INTO visit SELECT n, now() FROM generate_series(6, 10) n;
SQL
$primary->backup('backup');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "privacy.sweep_interval = 1\n");
$standby->start;
$primary->wait_for_catchup($standby);

is($standby->safe_psql('postgres', 'SELECT count(*) FROM visit'), '10', 'the standby has the rows');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM privacy.verify_audit()'), '0',
	'and can verify the evidence');
my ($status, $out, $error) = $standby->psql('postgres', 'CALL privacy.sweep()');
isnt($status, 0, 'it cannot sweep by hand');
like($error, qr/recovery|read-only/, 'and says why');
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity, pg_sleep(3) WHERE $PROCESSES"), '0',
	'it has neither launcher nor worker');
$standby->restart;
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity, pg_sleep(3) WHERE $PROCESSES"), '0',
	'nor has it after a restart');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM visit'), '10', 'so that nothing is swept');
is($primary->safe_psql('postgres', 'SELECT count(*) FROM visit'), '10', 'on either side');

$primary->stop;
$standby->promote;
ok($standby->poll_query_until('postgres', 'SELECT count(*) = 5 FROM visit'), 'promoted, it sweeps');
is($standby->safe_psql('postgres', 'SELECT min(id) FROM visit'), '6', 'what is due and nothing else');
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_privacy launcher'"),
	'1', 'by a launcher of its own');
ok($standby->poll_query_until('postgres', "SELECT sum(row_count) = 10 FROM privacy.audit_entry
		WHERE action = 'sweep.delete'"), 'with evidence that continues the primary\'s');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'and verifies');
$standby->stop;

done_testing();
