# A sweep that pauses holds nothing, hears of new limits within the pause, waits for a standby that is behind, stops where its window closes, and
# ends at once when it is told to.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/root.key", ('0123456789abcdef' x 4) . "\n");
chmod 0600, "$directory/root.key" or die "cannot protect the key: $!";

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$directory/root.key'
privacy.sweep_interval = '7d'
privacy.sweep_batch_pages = 1
autovacuum = off
CONF
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
	CREATE TABLE visit (id int, seen_at timestamptz NOT NULL);
	SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER seen_at THEN DELETE';
SQL
$primary->backup('backup');

sub set_limit
{
	my ($name, $value) = @_;
	$primary->safe_psql('postgres', "ALTER SYSTEM SET privacy.$name = '$value'");
	$primary->reload;
	# a reload takes its time to reach everybody; a session that begins now has it when the postmaster has
	$primary->poll_query_until('postgres', "SELECT setting = '$value' FROM pg_settings WHERE name = 'privacy.$name'")
	  or die "$name is not set";
	return;
}

# Starts a sweep of some thousand due rows in a session of its own.
sub start_sweep
{
	$primary->safe_psql('postgres', q{TRUNCATE visit; INSERT INTO visit SELECT n, now() - interval '2 years' FROM generate_series(1, 4000) n});
	return start('CALL privacy.sweep()');
}

sub start
{
	my ($statement) = @_;
	my %session = (out => '', error => '');
	$session{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $primary->connstr('postgres'), '-c', $statement ],
		'<', \undef, '>', \$session{out}, '2>', \$session{error});
	return \%session;
}

sub wait_for_pause
{
	return $primary->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event_type = 'Extension'});
}

sub end_of
{
	my ($session) = @_;
	my $start = time;
	eval { $session->{run}->finish };
	return time - $start;
}

my $ROWS = 'SELECT count(*) FROM visit';
my $OUTCOME = 'SELECT state FROM privacy.sweep_outcome WHERE run_id = (SELECT max(id) FROM privacy.sweep_run)';

# A limit without sense keeps it asleep for an hour, but holding nothing; it is lifted, and the sweep goes on.
set_limit('sweep_rate_limit', 1);
my $sweep = start_sweep();
ok(wait_for_pause(), 'a sweep pauses');
is($primary->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL%' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)}),
	'0', 'without a snapshot');
is($primary->safe_psql('postgres', q{SET lock_timeout = '1s'; ALTER TABLE visit ADD note text; SELECT 'altered'}), 'altered', 'and without a lock on the table');
cmp_ok($primary->safe_psql('postgres', $ROWS), '>', 3000, 'after the first batch');
set_limit('sweep_rate_limit', 0);
cmp_ok(end_of($sweep), '<', 20, 'it hears that the limit is lifted');
is($primary->safe_psql('postgres', $ROWS), '0', 'and does the rest');

# The table's own pace is heard of without a reload.
set_limit('sweep_rate_limit', 1);
$sweep = start_sweep();
wait_for_pause();
$primary->safe_psql('postgres', q{SELECT privacy.set_sweep_pace('visit', rate_limit => 1000000)});
cmp_ok(end_of($sweep), '<', 20, 'it hears that its table is given another pace');
is($primary->safe_psql('postgres', $ROWS), '0', 'and does the rest');
$primary->safe_psql('postgres', q{SELECT privacy.set_sweep_pace('visit')});

# The window closes on a sweep.
$sweep = start_sweep();
wait_for_pause();
set_limit('sweep_window', $primary->safe_psql('postgres',
	q{SELECT to_char((now() + interval '2 hours') AT TIME ZONE 'UTC', 'HH24:MI-') || to_char((now() + interval '3 hours') AT TIME ZONE 'UTC', 'HH24:MI')}));
cmp_ok(end_of($sweep), '<', 20, 'when its window closes, the sweep does not wait for the next');
is($primary->safe_psql('postgres', $OUTCOME), 'waiting for the window', 'its rule does');
cmp_ok($primary->safe_psql('postgres', $ROWS), '>', 3000, 'with what is left');
set_limit('sweep_window', '');

# The label changes in a pause: what the table promises now, nobody has been asked about.
set_limit('sweep_rate_limit', 1);
$sweep = start_sweep();
wait_for_pause();
$primary->safe_psql('postgres', q{SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN 1 day FOR service AFTER seen_at THEN DELETE'});
set_limit('sweep_rate_limit', 0);
cmp_ok(end_of($sweep), '<', 20, 'a rule whose label has changed ends');
is($primary->safe_psql('postgres', $OUTCOME), 'waiting for the next run', 'until the next run');
cmp_ok($primary->safe_psql('postgres', $ROWS), '>', 3000, 'with what is left');
is($primary->safe_psql('postgres', "SELECT count(*) FROM privacy.audit_entry WHERE rule LIKE '%1 day%'"), '0', 'and has done nothing under the new one');
$primary->safe_psql('postgres', q{SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service AFTER seen_at THEN DELETE'});
set_limit('sweep_rate_limit', 1);

# So it is with a column that is treated along with another.
$primary->safe_psql('postgres', <<'SQL');
	SELECT privacy.create_purpose('greeting', 'contract', '1 month', 'Greet them');
	CREATE TABLE guest (id int, name text, nickname text, seen_at timestamptz NOT NULL);
	TRUNCATE visit;
	INSERT INTO guest SELECT n, 'x', 'y', now() - interval '2 months' FROM generate_series(1, 4000) n;
	SECURITY LABEL FOR privacy ON TABLE guest IS 'RETAIN FOR service, greeting AFTER seen_at THEN DELETE';
	SECURITY LABEL FOR privacy ON COLUMN guest.name IS 'FOR greeting THEN SET NULL';
	SECURITY LABEL FOR privacy ON COLUMN guest.nickname IS 'FOR greeting THEN SET NULL';
SQL
$sweep = start('CALL privacy.sweep()');
wait_for_pause();
$primary->safe_psql('postgres', q{SECURITY LABEL FOR privacy ON COLUMN guest.nickname IS $$FOR greeting THEN SET 'gone'$$});
set_limit('sweep_rate_limit', 0);
end_of($sweep);
is($primary->safe_psql('postgres', q{SELECT count(name) || ' ' || count(*) FILTER (WHERE nickname = 'gone') FROM guest}), '0 0',
	'a column whose label has changed is not treated along with another');
$primary->safe_psql('postgres', 'DROP TABLE guest');
set_limit('sweep_rate_limit', 1);

# Told to end, by the user and by the server.
$sweep = start_sweep();
wait_for_pause();
$primary->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL%'});
cmp_ok(end_of($sweep), '<', 10, 'a pause can be cancelled');
like($sweep->{error}, qr/canceling statement due to user request/, 'like any statement');
$sweep = start_sweep();
wait_for_pause();
my $start = time;
$primary->stop('fast');
cmp_ok(time - $start, '<', 10, 'a fast shutdown does not wait for it');
end_of($sweep);
$primary->start;

# A crash while it pauses is not its doing.
$sweep = start_sweep();
ok($primary->poll_query_until('postgres', "SELECT count(*) = 1 FROM privacy.sweep_progress WHERE phase = 'throttled by sweep_rate_limit'"), 'a sweep pauses again');
$primary->stop('immediate');
end_of($sweep);
$primary->start;
set_limit('sweep_rate_limit', 0);
my $broken = $primary->safe_psql('postgres', 'SELECT max(id) FROM privacy.sweep_run');
$primary->safe_psql('postgres', 'CALL privacy.sweep()');
is($primary->safe_psql('postgres', 'SELECT max(crashes) FROM privacy.sweep_rule'), '0', 'a crash while it pauses does not count');
is($primary->safe_psql('postgres', "SELECT string_agg(DISTINCT state, ', ') FROM privacy.sweep_outcome WHERE run_id = $broken"), 'cancelled',
	'the next run says that this one did not come to its end');

# Rules take turns: one that is slow by its own pace, or endless under everybody's, keeps no other waiting. Its columns wait for it.
$primary->safe_psql('postgres', <<'SQL');
	SELECT privacy.create_purpose('account', 'contract', '1 month', 'Keep the account');
	CREATE TABLE entry (id int, note text, seen_at timestamptz NOT NULL);
	INSERT INTO entry SELECT n, 'x', now() - interval '2 years' FROM generate_series(1, 300) n;
	INSERT INTO entry SELECT n, 'x', now() - interval '2 months' FROM generate_series(301, 310) n;
	SECURITY LABEL FOR privacy ON TABLE entry IS 'RETAIN FOR service, account AFTER seen_at THEN DELETE';
	SECURITY LABEL FOR privacy ON COLUMN entry.note IS 'FOR account THEN SET NULL';
	SELECT privacy.set_sweep_pace('visit', rate_limit => 1);
SQL
$sweep = start_sweep();
ok($primary->poll_query_until('postgres', 'SELECT count(*) = 0 FROM entry WHERE id <= 300 OR note IS NOT NULL'),
	'a rule that pauses by its own pace lets the others go on, columns too');
cmp_ok($primary->safe_psql('postgres', $ROWS), '>', 3000, 'while it waits');
$primary->safe_psql('postgres', q{SELECT privacy.set_sweep_pace('visit')});
cmp_ok(end_of($sweep), '<', 30, 'then it goes on');
is($primary->safe_psql('postgres', $ROWS), '0', 'to its end');
set_limit('sweep_rate_limit', 100);
$primary->safe_psql('postgres', q{INSERT INTO entry SELECT n, 'x', now() - interval '2 years' FROM generate_series(1001, 4000) n});
$sweep = start_sweep();
ok($primary->poll_query_until('postgres', "SELECT count(*) < 3000 FROM entry WHERE id > 1000")
	  && $primary->poll_query_until('postgres', "SELECT count(*) BETWEEN 1 AND 3999 FROM visit"),
	'two rules under the same limit take turns, neither is through');
cmp_ok($primary->safe_psql('postgres', "SELECT count(*) FROM entry WHERE id > 1000"), '>', 0, 'nor the other');
set_limit('sweep_rate_limit', 0);
end_of($sweep);
is($primary->safe_psql('postgres', "SELECT count(*) + (SELECT count(*) FROM entry WHERE id > 1000) FROM visit"), '0', 'in the end both are');
$primary->safe_psql('postgres', 'DROP TABLE entry');

# Somebody holds a row. The sweep waits for less than half of deadlock_timeout, and shows it.
$primary->safe_psql('postgres', q{ALTER SYSTEM SET deadlock_timeout = '10s'; SELECT pg_reload_conf(); TRUNCATE visit; INSERT INTO visit VALUES (1, '2020-01-01')});
my $holder = start('SELECT pg_sleep(600) FROM (SELECT FROM visit FOR UPDATE) AS held');
$primary->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%held' AND wait_event = 'PgSleep'}) or die 'it does not hold';
$sweep = start('CALL privacy.sweep()');
ok($primary->poll_query_until('postgres', q{SELECT count(*) = 1 FROM privacy.sweep_progress WHERE phase = 'waiting for a lock'}), 'the sweep waits for a lock');
$primary->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%held' AND wait_event = 'PgSleep';
	ALTER SYSTEM RESET deadlock_timeout; SELECT pg_reload_conf()});
end_of($holder);
end_of($sweep);
is($primary->safe_psql('postgres', $ROWS), '0', 'and goes on when it gets it');

# A standby that replays nothing holds the sweep up; one that only receives does not count.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'wal_receiver_status_interval = 1');
$standby->start;
$primary->wait_for_catchup($standby);
set_limit('sweep_max_lag', 64);
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$sweep = start_sweep();
ok(wait_for_pause(), 'the sweep waits for a standby');
is($primary->safe_psql('postgres', "SELECT pg_sleep(3); $ROWS") =~ /(\d+)$/ && $1 > 0, 1, 'as long as it is behind');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
end_of($sweep);
is($primary->safe_psql('postgres', $ROWS), '0', 'and goes on when it has caught up');
is($primary->safe_psql('postgres', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'the evidence is whole');
$_->stop foreach $standby, $primary;

done_testing();
