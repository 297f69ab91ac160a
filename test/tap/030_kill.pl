# The server is killed in the middle of sweeps, again and again. Each time evidence equals effect, and in
# the end exactly those rows are left that plain SQL says must be.
#
# The tables: agreements with their payments (a foreign key; an agreement whose payment must stay is
# blocked), and members whose address is pseudonymised after a year while the row stays for ten. Each
# round inserts more rows, so that there is always a sweep to kill, and chooses which of the three tables the sweep
# must have come to when it is killed. "truth" keeps a copy of all that was inserted.
#
#   PP_KILLS       how often (20)
#   PP_KILL_SEED   repeats a run
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use FindBin;
use lib $FindBin::Bin;
use KillServer;

my $kills = $ENV{PP_KILLS} || 20;
my $seed = $ENV{PP_KILL_SEED} || int(time);
srand($seed);
note "PP_KILL_SEED=$seed";

my $key_file = PostgreSQL::Test::Utils::tempdir . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file or die "cannot protect $key_file: $!";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
privacy.sweep_interval = 1
privacy.sweep_batch_pages = 1
CONF
$node->start;

$node->safe_psql('postgres', <<'SQL');
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_scope('person');
	SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
	SELECT privacy.create_purpose('account', 'contract', '10 years', 'Keep the account');

	CREATE TABLE agreement (id int PRIMARY KEY, ended_at timestamptz, filler text);
	CREATE TABLE payment (id int PRIMARY KEY, agreement_id int NOT NULL REFERENCES agreement,
		paid_at timestamptz, filler text);
	CREATE INDEX ON payment (agreement_id);
	CREATE TABLE member (id int PRIMARY KEY, left_at timestamptz, address text, filler text);
	CREATE SCHEMA truth;
	CREATE TABLE truth.agreement (LIKE public.agreement);
	CREATE TABLE truth.payment (LIKE public.payment);
	CREATE TABLE truth.member (LIKE public.member);

	-- every row takes so many seconds at least
	CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN PERFORM pg_catalog.pg_sleep(TG_ARGV[0]::float8); RETURN coalesce(NEW, OLD); END';
	CREATE TRIGGER dawdle BEFORE DELETE ON payment FOR EACH ROW EXECUTE FUNCTION dawdle(0.001);
	CREATE TRIGGER dawdle BEFORE DELETE ON agreement FOR EACH ROW EXECUTE FUNCTION dawdle(0.003);
	CREATE TRIGGER dawdle BEFORE UPDATE ON member FOR EACH ROW EXECUTE FUNCTION dawdle(0.003);
	-- so that many kills come between effect and evidence
	CREATE TRIGGER dawdle BEFORE INSERT ON privacy.audit_entry FOR EACH ROW EXECUTE FUNCTION dawdle(0.02);

	SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN FOR service AFTER ended_at THEN DELETE';
	SECURITY LABEL FOR privacy ON TABLE payment IS 'RETAIN FOR service AFTER paid_at THEN DELETE';
	SECURITY LABEL FOR privacy ON TABLE member IS
		'RETAIN FOR service AFTER left_at, FOR account AFTER left_at THEN DELETE';
	SECURITY LABEL FOR privacy ON COLUMN member.address IS 'FOR service THEN PSEUDONYMIZE IN person';
	ALTER DATABASE postgres SET privacy.sweep_enabled = on;
SQL

# Six in seven agreements are due, but a seventh is kept by the younger of their two payments; four in five
# members' addresses are due.
sub add_rows
{
	my ($round) = @_;
	my $first = $round * 10000;
	$node->safe_psql('postgres', <<"SQL");
		BEGIN;
		INSERT INTO truth.agreement
			SELECT $first + n, CASE WHEN n % 7 = 0 THEN NULL ELSE now() - interval '2 years' END, repeat('a', 300)
			FROM generate_series(1, 210) n;
		INSERT INTO truth.payment
			SELECT $first + n, $first + 1 + n % 210,
				CASE WHEN n % 210 % 7 = 3 AND n > 210 THEN now() ELSE now() - interval '3 years' END, repeat('p', 200)
			FROM generate_series(1, 420) n;
		INSERT INTO truth.member
			SELECT $first + n, CASE WHEN n % 5 = 0 THEN now() ELSE now() - interval '2 years' END,
				'member' || $first + n || '\@example.org', repeat('m', 300)
			FROM generate_series(1, 250) n;
		INSERT INTO agreement SELECT * FROM truth.agreement WHERE id > $first;
		INSERT INTO payment SELECT * FROM truth.payment WHERE id > $first;
		INSERT INTO member SELECT * FROM truth.member WHERE id > $first;
		COMMIT;
SQL
	return;
}

# Effect less evidence for each table, in one snapshot: the launcher may have begun again.
sub compare_evidence
{
	my ($when) = @_;
	my $difference = $node->safe_psql('postgres', <<'SQL');
		WITH effect (action, name, n) AS (
			SELECT 'sweep.delete', 'agreement', (SELECT count(*) FROM truth.agreement) - (SELECT count(*) FROM agreement)
			UNION ALL
			SELECT 'sweep.delete', 'payment', (SELECT count(*) FROM truth.payment) - (SELECT count(*) FROM payment)
			UNION ALL
			SELECT 'sweep.delete', 'member', (SELECT count(*) FROM truth.member) - (SELECT count(*) FROM member)
			UNION ALL
			SELECT 'sweep.treat', 'member', count(*) FROM member m JOIN truth.member t USING (id)
				WHERE m.address <> t.address
		)
		SELECT action, name, n, evidence FROM effect
		CROSS JOIN LATERAL (
			SELECT coalesce(sum(a.row_count), 0) AS evidence FROM privacy.audit_entry a
			WHERE a.action = effect.action AND a.object LIKE '%' || effect.name || '%') e
		WHERE n <> evidence
SQL
	is($difference, '', "$when: evidence equals effect");
	is($node->safe_psql('postgres', <<'SQL'), '', "$when: the evidence verifies");
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT * FROM privacy.verify_audit();
		COMMIT;
SQL
	return;
}

my $in_the_middle = 0;
for my $round (1 .. $kills)
{
	my $table = (qw(payment agreement member))[rand 3];
	my $delay = int(rand(500_000));
	add_rows($round);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity
			WHERE backend_type = 'pg_privacy worker' AND query LIKE '%$table%'")
	  or die "the sweep does not come to table $table";
	usleep($delay);
	kill_and_start($node);
	my $finished = $node->safe_psql('postgres', <<'SQL');
		SELECT finished_at IS NOT NULL FROM privacy.sweep_run WHERE started_at < pg_postmaster_start_time()
		ORDER BY id DESC LIMIT 1
SQL
	$in_the_middle++ if $finished eq 'f';
	compare_evidence(sprintf('kill %d, %.3f s after the sweep came to %s', $round, $delay / 1e6, $table));
}
note "$in_the_middle of $kills kills interrupted a sweep";

# --------------------------------------------------------------------------- what plain SQL expects
$node->safe_psql('postgres', <<'SQL');
	CREATE TABLE truth.payment_left AS SELECT * FROM truth.payment WHERE paid_at >= now() - interval '1 year';
	CREATE TABLE truth.agreement_left AS SELECT * FROM truth.agreement a
		WHERE ended_at IS NULL OR EXISTS (SELECT FROM truth.payment_left p WHERE p.agreement_id = a.id);
	CREATE TABLE truth.member_left AS SELECT id, left_at,
		CASE WHEN left_at < now() - interval '1 year' THEN privacy.pseudonym(address, 'person') ELSE address END
			AS address, filler
	FROM truth.member;
SQL
ok($node->poll_query_until('postgres', <<'SQL'), 'the sweep gets through in the end');
	SELECT (SELECT count(*) FROM agreement) = (SELECT count(*) FROM truth.agreement_left)
		AND (SELECT count(*) FROM payment) = (SELECT count(*) FROM truth.payment_left)
		AND NOT EXISTS (SELECT FROM member m JOIN truth.member t USING (id)
			WHERE m.address = t.address AND t.left_at < now() - interval '1 year')
SQL
for my $table (qw(agreement payment member))
{
	my $difference = $node->safe_psql('postgres', <<"SQL");
		(SELECT 'missing', * FROM truth.${table}_left EXCEPT SELECT 'missing', * FROM $table)
		UNION ALL
		(SELECT 'too many', * FROM $table EXCEPT SELECT 'too many', * FROM truth.${table}_left)
		LIMIT 5
SQL
	is($difference, '', "$table: exactly the expected rows remain");
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM $table"), '>', 0, "$table: some do");
}
compare_evidence('at the end');
ok($node->poll_query_until('postgres', <<'SQL'), 'the agreements that payments keep are reported as blocked');
	SELECT count(*) > 0 FROM privacy.sweep_outcome o
	WHERE rule_table::text LIKE '%agreement' AND blocked_by::text LIKE '%payment%'
		AND blocked = (SELECT count(*) FROM truth.agreement_left WHERE ended_at IS NOT NULL)
SQL
cmp_ok($in_the_middle, '>=', $kills * 0.75, 'most kills interrupted a sweep');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal 11/, 'no process crashed by itself');
$node->stop;

done_testing();
