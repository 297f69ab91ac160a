# 012_root_rotation.pl: replacing the root key, and what a destroyed version leaves to whom.
#
# Databases move to the next root key one by one, sessions go on, no pseudonym changes, evidence stays whole, and in the
# end the old root key is needed by nobody but by copies that were taken before: a dump, or the rows that a kill -9 in
# the middle of the rotation left.
use strict;
use warnings;
use File::Basename;
use lib dirname(__FILE__);
use KillServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = PostgreSQL::Test::Utils::tempdir_short();
my %hex = (old => '00010203' x 8, new => 'a0a1a2a3' x 8, third => '5f5e5d5c' x 8);
my %file = map { $_ => "$directory/$_" } keys %hex;
foreach my $name (keys %hex)
{
	append_to_file($file{$name}, "$hex{$name}\n");
	chmod 0600, $file{$name};
}

my $node = PostgreSQL::Test::Cluster->new('rotation');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<"END");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$file{old}'
max_parallel_workers_per_gather = 2
min_parallel_table_scan_size = 0
parallel_setup_cost = 0
parallel_tuple_cost = 0
END
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->safe_psql('postgres', 'CREATE DATABASE third');

sub configure
{
	my ($current, $next) = map { defined $_ ? $file{$_} // $_ : '' } @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET privacy.keyring_file = '$current'");
	$node->safe_psql('postgres', "ALTER SYSTEM SET privacy.keyring_next_file = '$next'");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT current_setting('privacy.keyring_file') = '$current' AND current_setting('privacy.keyring_next_file') = '$next'");
}

# All pseudonyms that a database can make, with who recognises what, and the state of its evidence.
my $everything = <<'END';
SELECT string_agg(concat_ws(' ', p.scope, p.version, p.state,
	CASE WHEN p.state <> 'destroyed' THEN privacy.pseudonym_at('anna', p.scope, p.version) END), E'\n' ORDER BY p.scope, p.version)
  FROM privacy.scope_status AS p;
SELECT count(*) FILTER (WHERE privacy.is_pseudonym(token, 'person')) FROM kept;
SELECT count(*) FROM privacy.verify_audit();
END

foreach my $database ('postgres', 'second')
{
	$node->safe_psql($database, <<'END');
CREATE EXTENSION pg_privacy;
SELECT privacy.create_scope('person'), privacy.create_scope('shared', destroyable => false);
CREATE TABLE kept AS SELECT privacy.pseudonym('anna', 'person') AS token;
SELECT privacy.rotate_scope('person');
INSERT INTO kept SELECT privacy.pseudonym('anna', 'person');
SELECT privacy.rotate_scope('person'), privacy.rotate_scope('shared');
SELECT privacy.import_salt('person', 'pepper');
SELECT privacy.destroy_scope('person', 2);
CREATE TABLE crowd AS SELECT 'p' || i AS name FROM generate_series(1, 20000) AS i;
ANALYZE crowd;
SELECT privacy.seal_audit();
END
}
my %before = map { $_ => $node->safe_psql($_, $everything) } ('postgres', 'second');
like($before{postgres}, qr/person 4 imported [0-9a-f]{64}/, 'there is something of every kind');
like($before{postgres}, qr/\n2\n0$/, 'destroyed or not, pseudonyms are recognised');
my $shared_of_old = (split / /, (grep { /^shared 1/ } split /\n/, $before{postgres})[0])[3];
$node->command_ok([ 'pg_dump', '--file', "$directory/before.sql", 'second' ], 'dumped before');
my $old_keys = $node->safe_psql('postgres', 'SELECT string_agg(wrapped_key::text || wrapped_check_key::text, $$,$$) FROM privacy.scope_version');

sub refused
{
	my ($database, $statement, $words, $name) = @_;
	my ($status, $out, $err) = $node->psql($database, "\\set VERBOSITY verbose\n$statement");
	isnt($status, 0, "$name: refused");
	like($err, $words, "$name: in these words");
	unlike($err, qr/a0a1a2a3|00010203|5f5e5d5c/, "$name: shows nothing of a key");
}

# Without a next root key, with a bad one, and with the current one.
refused('postgres', 'SELECT privacy.rotate_root()', qr/PV001: there is no next root key\n/, 'no next root key');
configure('old', "$directory/missing");
refused('postgres', 'SELECT privacy.rotate_root()', qr/PV001: the key file does not exist\n/, 'a missing file');
is($node->safe_psql('postgres', $everything), $before{postgres}, 'a bad next root key disturbs nobody');
chmod 0640, $file{new};
configure('old', 'new');
refused('postgres', 'SELECT privacy.rotate_root()', qr/PV001: the key file is open to others\n/, 'the same checks');
chmod 0600, $file{new};
configure('old', 'next.key');
refused('postgres', 'SELECT privacy.rotate_root()', qr/DETAIL:  privacy.keyring_next_file is "next.key"/, 'a relative path');
configure('old', 'old');
refused('postgres', 'SELECT privacy.rotate_root()', qr/55000: this database already has the next root key/, 'the same key');
$node->safe_psql('postgres', "ALTER SYSTEM SET privacy.keyring_next_command = 'cat $file{new}'");
configure('old', 'new');
refused('postgres', 'SELECT privacy.rotate_root()', qr/PV001: there are two sources for the next root key/, 'two sources');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET privacy.keyring_next_command');
configure('old', 'new');

# A server that ends before the commit has not rotated anything, although the new rows reached the disk.
my $doomed = $node->background_psql('postgres', on_error_stop => 0);
$doomed->query_safe('BEGIN; SELECT privacy.rotate_root()');
$node->safe_psql('second', 'CHECKPOINT');
kill_and_start($node);
eval { $doomed->quit };
is($node->safe_psql('postgres', $everything), $before{postgres}, 'killed before the commit: nothing has changed');

# The rotation, beside sessions that have keys in use, and one that wants to change keys.
my $session = $node->background_psql('postgres', on_error_stop => 0);
my $repeatable = $node->background_psql('postgres', on_error_stop => 0);
my $one = "SELECT privacy.pseudonym('anna', 'person')";
my $token = $session->query_safe($one);
$repeatable->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM crowd");
my $rotating = $node->background_psql('postgres', on_error_stop => 0);
$rotating->query_safe('BEGIN; SELECT privacy.rotate_root()');
is($rotating->query_safe($one), $token, 'the rotating session sees the new root key');
is($session->query_safe($one), $token, 'others go on with the old one meanwhile');
is($node->safe_psql('postgres', $one), $token, 'new sessions too');
my $creating = $node->background_psql('postgres', on_error_stop => 0);
$creating->query_until(qr/asked/, "\\echo asked\nSELECT privacy.create_scope('late', destroyable => false), privacy.create_scope('later');\n");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
  or die 'create_scope does not wait';
$rotating->query_safe('COMMIT');
$rotating->quit;
$creating->query_safe('SELECT 1');
$creating->quit;
is($session->query_safe($one), $token, 'a session that has the old key in use: after the commit');
is($repeatable->query_safe($one), $token, 'a transaction with an old snapshot: too');
like($node->safe_psql('postgres', "SELECT privacy.pseudonym('anna', 'late') || privacy.pseudonym('anna', 'later')"),
	qr/^[0-9a-f]{80}$/, 'what waited was wrapped by the new root key');
$repeatable->query_safe('COMMIT');
my $stale = $node->background_psql('second', on_error_stop => 0);
$stale->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM crowd");
$node->safe_psql('second', "SELECT privacy.rotate_scope('person')");
$stale->query('\set VERBOSITY verbose');
my $answer = $stale->query('SELECT privacy.rotate_root()');
is($stale->query('ROLLBACK; SELECT 1'), '1', 'an old snapshot');
like($stale->{stderr}, qr/40001: the keys were changed by another transaction/, 'an old snapshot does not pass over a key');
$stale->quit;
$before{second} = $node->safe_psql('second', $everything);

sub without_late { return join "\n", grep { !/^late/ } split /\n/, $_[0]; }

is(without_late($node->safe_psql('postgres', $everything)), $before{postgres}, 'every pseudonym is what it was, the evidence whole');
is($node->safe_psql('second', $everything), $before{second}, 'the other database still has the old root key');
refused('postgres', 'SELECT privacy.rotate_root()', qr/55000: this database already has the next root key/, 'once');
is($node->safe_psql('postgres', "SELECT count(*) FROM privacy.scope_version WHERE scope = 'shared' AND wrapped_key IS NULL"),
	'0', 'derived keys are stored from now on');
is($node->safe_psql('postgres', "SELECT count(*) FROM privacy.scope_version WHERE position(wrapped_key::text || wrapped_check_key::text IN '$old_keys') > 0"),
	'0', 'nothing is wrapped as it was');
is($node->safe_psql('postgres', "SELECT count(*) FROM privacy.audit_entry WHERE action = 'root.rotate'"), '1', 'and the evidence says so');

# Committed means durable.
kill_and_start($node);
eval { $session->quit; $repeatable->quit; };
is(without_late($node->safe_psql('postgres', $everything)), $before{postgres}, 'killed after the commit: rotated');
my $plan = $node->safe_psql('postgres', "EXPLAIN SELECT count(DISTINCT t) FROM (SELECT privacy.pseudonym(name, 'shared') AS t FROM crowd OFFSET 0) AS c");
like($plan, qr/Parallel/, 'a parallel plan');
my $crowd = "SELECT md5(string_agg(privacy.pseudonym_at(name, 'shared', 1), ',' ORDER BY name)) FROM crowd";
my $in_parallel = "SELECT md5(string_agg(t, ',' ORDER BY name)) FROM (SELECT name, privacy.pseudonym_at(name, 'shared', 1) AS t FROM crowd OFFSET 0) AS c";
is($node->safe_psql('postgres', $in_parallel), $node->safe_psql('second', "SET max_parallel_workers_per_gather = 0; $crowd"),
	'parallel workers, other database, other root key: equal pseudonyms');

# A database that is made between the times is set up with the current root key.
$node->safe_psql('third', "CREATE EXTENSION pg_privacy; SELECT privacy.create_scope('shared', destroyable => false)");
is($node->safe_psql('third', "SELECT privacy.pseudonym('anna', 'shared')"), $shared_of_old, 'a new database has the current root key');
$node->safe_psql($_, 'SELECT privacy.rotate_root()') foreach ('second', 'third');
is($node->safe_psql('third', "SELECT privacy.pseudonym('anna', 'shared')"), $shared_of_old, 'and moves like the others');

# The old file goes before the setting moves, by mistake: whoever has moved does not need it.
unlink $file{old};
$node->restart;
is($node->safe_psql('second', $everything), $before{second}, 'the old root key is gone');
my $open = $node->background_psql('second', on_error_stop => 0);
$open->query_safe($one);
configure('new', undef);
is($open->query_safe($everything), $before{second}, 'the settings have moved: a session goes on');
$open->quit;
is(without_late($node->safe_psql('postgres', $everything)), $before{postgres}, 'and new ones');
$node->restart;
is($node->safe_psql('second', $everything), $before{second}, 'after a restart too');
is($node->safe_psql('second', "SELECT privacy.create_scope('more'), privacy.rotate_scope('person')"), '|6', 'and goes on');

# A database that is made afterwards derives from the new root key. The documentation says so.
$node->safe_psql('postgres', 'CREATE DATABASE fourth');
$node->safe_psql('fourth', "CREATE EXTENSION pg_privacy; SELECT privacy.create_scope('shared', destroyable => false)");
isnt($node->safe_psql('fourth', "SELECT privacy.pseudonym('anna', 'shared')"), $shared_of_old, 'a later database derives others');

# The horizon: what was dumped before needs the old root key, and with it opens what has been destroyed since.
$node->safe_psql('second', "SELECT privacy.destroy_scope('person')");
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', "$directory/before.sql" ], 'the dump is restored');
refused('restored', $one, qr/PV002: the root key is not the one this database was set up with/, 'without the old root key');
append_to_file($file{old}, "$hex{old}\n");
chmod 0600, $file{old};
configure('new', 'old');
like($node->safe_psql('restored', $one), qr/^[0-9a-f]{40}$/, 'with the old root key the dump makes pseudonyms that were destroyed since');
refused('second', $one, qr/55000: the newest version of scope "person" has been destroyed/, 'but not the database');
configure('new', undef);

# And once more: what was derived is wrapped by now.
configure('new', 'third');
$node->safe_psql('postgres', 'SELECT privacy.rotate_root()');
is(without_late($node->safe_psql('postgres', $everything)), $before{postgres}, 'rotated twice');

# A standby has the same two keys, and follows.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', "SELECT privacy.rotate_scope('person')");
$node->wait_for_catchup($standby);
my $reader = $standby->background_psql('postgres', on_error_stop => 0);
$token = $node->safe_psql('postgres', $one);
is($reader->query($one), $token, 'a standby makes the same pseudonyms');
configure('third', 'new');
$standby->append_conf('postgresql.conf', "privacy.keyring_file = '$file{third}'\nprivacy.keyring_next_file = '$file{new}'");
unlink $standby->data_dir . '/postgresql.auto.conf';
$standby->reload;
$standby->poll_query_until('postgres', "SELECT current_setting('privacy.keyring_next_file') = '$file{new}'");
$node->safe_psql('postgres', 'SELECT privacy.rotate_root()');
$node->wait_for_catchup($standby);
is($reader->query($one), $token, 'also after the primary has rotated');
$node->safe_psql('postgres', "SELECT privacy.destroy_scope('person')");
$node->wait_for_catchup($standby);
is($reader->query($one), '', 'and none that were destroyed there');
like($reader->{stderr}, qr/the newest version of scope "person" has been destroyed/, 'in the same words');
$reader->quit;
$standby->stop;

# A next root key that is missing at start is a warning.
my $log_before = -s $node->logfile;
configure('third', "$directory/missing");
$node->restart;
like(slurp_file($node->logfile, $log_before), qr/WARNING:  the key file does not exist/, 'a bad next root key is a warning at start');
refused('postgres', 'SELECT privacy.rotate_root()', qr/PV001: the key file does not exist/, 'and an error for who wants it');

unlike(slurp_file($node->logfile), qr/a0a1a2a3a0|0001020300|5f5e5d5c5f/i, 'no key in the log');
done_testing();
