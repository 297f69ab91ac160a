# 013_reversal.pl: reversible pseudonyms between processes.
#
# The value may be shown only when its evidence is on disk: whatever happens to the transaction that asks, to the process
# that writes the evidence, or to the server. And another implementation computes the same pseudonyms.
use strict;
use warnings;
use File::Basename;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $vectors = dirname(__FILE__) . '/../vectors';
my $file = decode_json(slurp_file("$vectors/reversal.json"));
my $key = PostgreSQL::Test::Utils::tempdir_short() . '/root.key';
append_to_file($key, "$file->{root_key}\n");
chmod 0600, $key;

my $node = PostgreSQL::Test::Cluster->new('reversal');
$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key'
privacy.sweep_interval = '7d'
privacy.keyring_reidentify_limit = 1000
log_statement = 'all'
log_min_messages = 'debug1'
restart_after_crash = on
CONF
$node->start;

# ---- vectors, in databases of different encodings

sub sql_text
{
	my ($text, $repeat) = @_;
	utf8::encode(my $bytes = $text);
	return "repeat(convert_from('\\x" . unpack('H*', $bytes) . "', 'UTF8'), $repeat)";
}

command_like([ 'python3', "$vectors/check_reversal.py" ], qr/^\d+ vectors agree$/, 'python computes the vectors');
foreach my $encoding ('UTF8', 'LATIN1', 'SQL_ASCII')
{
	my $database = lc $encoding;
	my %scopes = map { $_->{scope} => 1 } @{ $file->{vectors} };
	my @cases;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding'");
	$node->safe_psql($database, 'CREATE EXTENSION pg_privacy');
	$node->safe_psql($database, "SELECT privacy.create_scope('$_', destroyable => false)") foreach sort keys %scopes;
	foreach my $vector (@{ $file->{vectors} })
	{
		next if $encoding eq 'LATIN1' && $vector->{text} =~ /[^\x00-\xff]/;
		next if $encoding eq 'SQL_ASCII' && $vector->{text} =~ /[^\x00-\x7f]/;
		my $expected = $vector->{encrypted_pseudonym} // $vector->{sha256};
		push @cases, '(' . sql_text($vector->{text}, $vector->{repeat}) . ", '$vector->{scope}', '$expected')";
	}
	my $result = $node->safe_psql($database, <<"SQL");
		SELECT count(*), bool_and(expected IN (token, encode(sha256(token::bytea), 'hex'))),
			bool_and(privacy.reidentify(token, scope, 'vectors') = value)
		  FROM (VALUES @{[ join ",\n", @cases ]}) AS v (value, scope, expected), LATERAL privacy.encrypted_pseudonym(value, scope) AS token
SQL
	is($result, scalar(@cases) . '|t|t', "$encoding: the vectors, there and back");

	# Characters at random, in SQL_ASCII bytes that are no text anywhere.
	my $last = $encoding eq 'UTF8' ? 0xd7ff : 255;
	is($node->safe_psql($database, <<"SQL"), '40|t', "$encoding: texts at random");
		CREATE TABLE random_text AS SELECT n, coalesce(string_agg(chr(1 + floor(random() * $last)::int), ''), '') AS v
		  FROM generate_series(0, 39) AS n LEFT JOIN generate_series(1, 80) AS i ON i <= 2 * n GROUP BY n;
		SELECT count(*), bool_and(privacy.reidentify(privacy.encrypted_pseudonym(v, 'shared'), 'shared', 'random') = v) FROM random_text;
SQL
}

my @values = map { "value $_ of " . rand() } 1 .. 20;
my ($out, $err) = run_command([ 'python3', "$vectors/check_reversal.py", $file->{root_key}, 'shared', '1', @values ]);
my $list = join ', ', map { "('$_')" } @values;
is($node->safe_psql('utf8', "SELECT privacy.encrypted_pseudonym(v, 'shared') FROM (VALUES $list) AS t (v)"), $out, 'new values');
($out, $err) = run_command([ 'python3', "$vectors/check_reversal.py", $file->{root_key}, 'other', '2', @values ]);
$node->safe_psql('utf8', "SELECT privacy.rotate_scope('other')");
is($node->safe_psql('utf8', "SELECT privacy.encrypted_pseudonym(v, 'other') FROM (VALUES $list) AS t (v)"),
	$out, 'new values of the next version');

# Not one digit may be another.
is($node->safe_psql('utf8', <<'SQL'), '158|0', 'no altered pseudonym opens');
	CREATE FUNCTION pg_temp.opens(token text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM privacy.reidentify(token, 'shared', 'altered');
		RETURN true;
	EXCEPTION WHEN invalid_parameter_value THEN
		RETURN false;
	END $$;
	SELECT count(*), count(*) FILTER (WHERE pg_temp.opens(overlay(t PLACING digit FROM n)))
	  FROM privacy.encrypted_pseudonym('anna@example.org', 'shared') AS t, generate_series(1, length(t)) AS n,
		   LATERAL (SELECT d FROM regexp_split_to_table('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', '') AS d
					 WHERE d <> substr(t, n, 1) ORDER BY md5(d || n) LIMIT 2) AS other (digit);
SQL

# From one database to another, whose encoding may not have the characters.
my $swedish = $node->safe_psql('latin1', "SELECT privacy.encrypted_pseudonym(convert_from('\\xc3a5c3a4c3b6', 'UTF8'), 'shared')");
is($node->safe_psql('utf8', "SELECT privacy.reidentify('$swedish', 'shared', 'transfer') = convert_from('\\xc3a5c3a4c3b6', 'UTF8')"),
	't', 'from LATIN1 to UTF8');
my $chinese = $node->safe_psql('utf8', "SELECT privacy.encrypted_pseudonym(convert_from('\\xe6bca2e5ad97', 'UTF8'), 'shared')");
my $status;
($status, $out, $err) = $node->psql('latin1', "\\set VERBOSITY verbose\nSELECT privacy.reidentify('$chinese', 'shared', 'transfer')");
like($err, qr/22P05: the value cannot be written in this database\nDETAIL:  It has characters that encoding "LATIN1" lacks/, 'from UTF8 to LATIN1: refused');
unlike($err, qr/e6|0xbc/i, '... without quoting them');

# ---- evidence before the value

my $RECORDED = "SELECT count(*) FROM privacy.audit_entry WHERE action = 'scope.reidentify' AND detail ->> 'role' = 'officer'";
my $READ = "SELECT privacy.reidentify(name, 'person', 'request 17') FROM customer WHERE id = 1";
# The value is put together here, so that no statement contains it and the log must not either.
my $secret = 'Anna Hemlig';
$node->safe_psql('postgres', <<'SQL');
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_scope('person');
	CREATE ROLE officer LOGIN;
	SELECT privacy.grant_reidentify('person', 'officer');
	CREATE TABLE customer AS SELECT 1 AS id, privacy.encrypted_pseudonym('Anna ' || 'Hemlig', 'person') AS name;
	GRANT SELECT ON customer TO officer;
SQL
my $token = $node->safe_psql('postgres', 'SELECT name FROM customer');

sub officer
{
	my ($sql, %options) = @_;
	($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', 'officer' ], %options);
	return $out;
}

# What a role or a database has set does not keep the evidence from being written.
$node->safe_psql('postgres', "ALTER ROLE officer SET default_transaction_read_only = on; ALTER ROLE officer SET synchronous_commit = off;
	ALTER DATABASE postgres SET default_transaction_read_only = on; ALTER DATABASE postgres SET statement_timeout = '10min';
	ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'");
is(officer("BEGIN;\n$READ;\nROLLBACK"), $secret, 'read and rolled back, in a read-only transaction');
is($node->safe_psql('postgres', $RECORDED), '1', '... is on record');
is(officer("BEGIN; SAVEPOINT s;\n$READ;\nROLLBACK TO s; COMMIT"), $secret, 'read and rolled back to a savepoint');
is(officer("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM customer;\n$READ;\n$READ; ROLLBACK"), "1\n$secret\n$secret", 'read twice with one snapshot');
is($node->safe_psql('postgres', $RECORDED), '4', '... are on record');
is($node->safe_psql('postgres', "SELECT DISTINCT actor FROM privacy.audit_entry WHERE action = 'scope.reidentify'"), 'officer', '... under the session\'s user');
$node->safe_psql('postgres', "SET default_transaction_read_only = off; ALTER ROLE officer RESET ALL; ALTER DATABASE postgres RESET ALL");

# The limit holds in all sessions together, whatever they roll back and however many come at a time.
$node->append_conf('postgresql.conf', 'privacy.keyring_reidentify_limit = 12');
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('privacy.keyring_reidentify_limit') = '12'");
my @sessions = map { $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'officer' ]) } 1 .. 4;
$_->query_until(qr/asked/, "\\echo asked\n" . "BEGIN; $READ; ROLLBACK;\n" x 4) foreach @sessions;
my $shown = 0;
$shown += () = $_->query('SELECT 1') =~ /$secret/g foreach @sessions;
$_->quit foreach @sessions;
is($shown, 8, 'four sessions at a time have read what was left');
is($node->safe_psql('postgres', $RECORDED), '12', '... and all of it is on record');
is(officer($READ), '', 'the limit is reached');
like($err, qr/53400: role "officer" has reached its limit of reversals/, '... and says so');
is(officer("SET ROLE officer; $READ"), '', '... whatever the session does');
$node->append_conf('postgresql.conf', 'privacy.keyring_reidentify_limit = 1000');
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('privacy.keyring_reidentify_limit') = '1000'");

# While somebody holds the evidence, its writer waits. What happens then, in each case: nothing is shown.
my $IN_WAIT = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_privacy evidence' AND wait_event_type = 'Lock'";
my $holder = $node->background_psql('postgres', on_error_stop => 0);
my $reader = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'officer' ]);
sub ask_and_wait
{
	$holder->query('BEGIN; LOCK TABLE privacy.audit_entry IN SHARE MODE');
	$reader->query_until(qr/asked/, "\\echo asked\n$READ;\n");
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM ($IN_WAIT) AS w") or die 'nobody waits';
	return $node->safe_psql('postgres', $IN_WAIT);
}
sub nothing_shown
{
	my ($name, $words) = @_;
	unlike($reader->query('SELECT 1'), qr/$secret/, "$name: nothing is shown");
	like($reader->{stderr}, $words, '... but the error');
	$reader->{stderr} = '';
	$holder->query('ROLLBACK');
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_privacy evidence'");
	is($node->safe_psql('postgres', $RECORDED), '12', '... and nothing is on record');
}

my $writer = ask_and_wait();
$node->safe_psql('postgres', "SELECT pg_terminate_backend($writer)");
nothing_shown('the writer is terminated', qr/the evidence could not be recorded\nDETAIL:  The process that was to record "scope.reidentify" ended/);

ask_and_wait();
nothing_shown('the writer has waited too long', qr/the evidence could not be recorded/);

ask_and_wait();
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'officer' AND state = 'active'");
unlike($reader->query('SELECT 1'), qr/$secret/, 'the reader is cancelled: nothing is shown');
like($reader->{stderr}, qr/canceling statement due to user request/, '... but the error');
$holder->query('ROLLBACK');
ok($node->poll_query_until('postgres', $RECORDED, '13'), '... although the evidence comes afterwards');

my $self = $node->background_psql('postgres', on_error_stop => 0);
$self->query("BEGIN; LOCK TABLE privacy.audit_entry IN ACCESS EXCLUSIVE MODE");
unlike($self->query($READ), qr/$secret/, 'a transaction in its own way');
like($self->{stderr}, qr/the evidence could not be recorded/, '... ends, although no deadlock detector sees it');
$self->quit;

# A crash of the writer takes the whole server along, the reader with it.
$writer = ask_and_wait();
kill 'KILL', $writer;
my $lost = eval { $reader->query('SELECT 1') } // '';
unlike($lost . ($reader->{stdout} // ''), qr/$secret/, 'the writer is killed: nothing is shown');
eval { $reader->quit };
eval { $holder->quit };
$node->poll_query_until('postgres', 'SELECT true') or die 'the server does not come back';
is($node->safe_psql('postgres', $RECORDED), '13', '... and nothing is on record');
is(officer($READ), $secret, '... and it goes on');

# ---- without a slot, without preloading, on a standby

$node->append_conf('postgresql.conf', "max_worker_processes = 0\nmax_logical_replication_workers = 0");
$node->restart;
is(officer($READ), '', 'no worker slot is free: nothing is shown');
like($err, qr/53000: the evidence could not be recorded\nDETAIL:  No background worker slot is free.*\nHINT:  .*max_worker_processes/, '... and why');
$node->append_conf('postgresql.conf', 'max_worker_processes = 8');

$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
is(officer($READ), $secret, 'without preloading');
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_privacy'");
$node->restart;

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT privacy.encrypted_pseudonym('Anna ' || 'Hemlig', 'person')"), $token, 'a standby makes them');
($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY verbose\n$READ");
is($out, '', '... and turns none back');
like($err, qr/25006: evidence cannot be recorded during recovery/, '... and says why');
$standby->stop;

# ---- an hour

$node->safe_psql('latin1', 'SELECT privacy.seal_audit()');
my $age = "INSERT INTO privacy.audit_entry SELECT nextval('privacy.audit_entry_id'), now() - interval '%d minutes', actor, action, object, rule,
	cut_off, row_count, detail, subject_hash, mac FROM privacy.audit_entry WHERE action = 'scope.reidentify' LIMIT 1";
my $before = $node->safe_psql('latin1', "SELECT count(*) FROM privacy.audit_entry WHERE action = 'scope.reidentify'");
my $limited = 'SET privacy.keyring_reidentify_limit = ' . ($before + 2) . "; SELECT length(privacy.reidentify('$swedish', 'shared', 'the hour'))";
$node->safe_psql('latin1', sprintf($age, 61)) foreach 1 .. 3;
is($node->safe_psql('latin1', $limited), '3', 'what is older than an hour does not count');
$node->safe_psql('latin1', sprintf($age, 59));
($status, $out, $err) = $node->psql('latin1', $limited);
like($err, qr/has reached its limit/, 'what is younger does');

# ---- afterwards

$node->safe_psql('postgres', 'SELECT privacy.seal_audit()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'the evidence is whole');
$node->stop;
my $log = slurp_file($node->logfile);
unlike($log, qr/$secret/, 'the log never shows the value');
unlike($log, qr/\Q$token\E/, 'nor the pseudonym, where the client did not');
done_testing();
