# SweepTruth: tables with rules, rows that are inserted twice, and what plain SQL says must be left of them.
#
# Agreements with their payments (a foreign key; an agreement whose payment must stay is blocked), and members
# whose address is pseudonymised after a year while the row stays for ten. Schema "truth" keeps a copy of all that
# was inserted. Triggers take their time, so that there is something to interrupt.
package SweepTruth;
use strict;
use warnings;
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
our @EXPORT = qw(make_tables add_rows start_load compare_evidence compare_truth);

sub make_tables
{
	my ($node) = @_;
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
	CREATE SEQUENCE truth.id START 100000000;

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
	return;
}

# Six in seven agreements are due, but a seventh is kept by the younger of their two payments; four in five
# members' addresses are due.
sub add_rows
{
	my ($node, $round) = @_;
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
		INSERT INTO agreement SELECT * FROM truth.agreement WHERE id BETWEEN $first AND $first + 9999;
		INSERT INTO payment SELECT * FROM truth.payment WHERE id BETWEEN $first AND $first + 9999;
		INSERT INTO member SELECT * FROM truth.member WHERE id BETWEEN $first AND $first + 9999;
		COMMIT;
SQL
	return;
}

# An application at work beside the sweep: three sessions that insert an agreement with a payment, one in fifty of them
# due, until the server goes away.
sub start_load
{
	my ($node) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir . '/load.sql';
	append_to_file($script, <<'SQL') unless -e $script;
SELECT nextval('truth.id') AS id \gset
\set due random(1, 50)
BEGIN;
INSERT INTO truth.agreement VALUES (:id, CASE WHEN :due = 1 THEN now() - interval '2 years' END, 'load');
INSERT INTO agreement SELECT * FROM truth.agreement WHERE id = :id;
INSERT INTO truth.payment VALUES (:id, :id, CASE WHEN :due = 1 THEN now() - interval '2 years' ELSE now() END, 'load');
INSERT INTO payment SELECT * FROM truth.payment WHERE id = :id;
COMMIT;
SQL
	my $output = '';
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', 3, '-T', 3600, '-R', 15, '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'<', \undef, '>', \$output, '2>', \$output);
}

# Effect less evidence for each table, in one snapshot: the launcher may have begun again.
sub compare_evidence
{
	my ($node, $when) = @_;
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

# Waits until the sweep has got through, and compares every row.
sub compare_truth
{
	my ($node) = @_;
	$node->safe_psql('postgres', <<'SQL');
	DROP TABLE IF EXISTS truth.payment_left, truth.agreement_left, truth.member_left;
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
	compare_evidence($node, 'at the end');
	return;
}

1;
