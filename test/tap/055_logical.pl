# Logical replication. The publisher sweeps, and what it deleted or treated is replicated like any change, once. A subscriber
# may have labels and a worker of its own: each side leaves evidence of what it did itself, and a row that the other has
# deleted already is in nobody's way.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $key_file = PostgreSQL::Test::Utils::tempdir . '/root.key';
append_to_file($key_file, ('0123456789abcdef' x 4) . "\n");
chmod 0600, $key_file or die "cannot protect $key_file: $!";

my $LABELS = <<'SQL';
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
	SELECT privacy.create_purpose('account', 'contract', '1 month', 'Keep the account');
	SECURITY LABEL FOR privacy ON TABLE visit IS 'RETAIN FOR service, account AFTER seen_at THEN DELETE';
	SECURITY LABEL FOR privacy ON COLUMN visit.note IS 'FOR account THEN SET NULL';
SQL

sub make_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key_file'
privacy.sweep_interval = '7d'
CONF
	$node->start;
	$node->safe_psql('postgres', 'CREATE TABLE visit (id int PRIMARY KEY, note text, seen_at timestamptz NOT NULL)');
	return $node;
}

# Of ten visits five are due, of two more the note.
sub add_visits
{
	my ($node, $first) = @_;
	$node->safe_psql('postgres', <<"SQL");
		INSERT INTO visit SELECT $first + n, 'note', now() - CASE WHEN n < 5 THEN interval '2 years'
			WHEN n < 7 THEN interval '2 months' ELSE interval '0' END FROM generate_series(0, 9) n
SQL
	return;
}

my $ROWS = 'SELECT count(*), count(note), min(id), max(id) FROM visit';
my $EVIDENCE = q{SELECT coalesce(sum(row_count) FILTER (WHERE action = 'sweep.delete'), 0), coalesce(sum(row_count) FILTER (WHERE action = 'sweep.treat'), 0),
	(SELECT count(*) FROM privacy.verify_audit()) FROM privacy.audit_entry};

my $publisher = make_node('publisher');
my $subscriber = make_node('subscriber');
$publisher->safe_psql('postgres', $LABELS);
add_visits($publisher, 100);
$publisher->safe_psql('postgres', 'CREATE PUBLICATION visits FOR TABLE visit');
$subscriber->safe_psql('postgres', sprintf "CREATE SUBSCRIPTION visits CONNECTION '%s' PUBLICATION visits", $publisher->connstr . ' dbname=postgres');
$subscriber->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_subscription_rel WHERE srsubstate IN ('r', 's')")
  or die 'no initial copy';
is($subscriber->safe_psql('postgres', $ROWS), '10|10|100|109', 'the subscriber has everything');

# The publisher's deletions, once.
$publisher->safe_psql('postgres', 'CALL privacy.sweep()');
$publisher->wait_for_catchup('visits');
is($publisher->safe_psql('postgres', $ROWS), '5|3|105|109', 'the publisher sweeps');
is($subscriber->safe_psql('postgres', $ROWS), '5|3|105|109', 'the subscriber follows, without an extension');
is($publisher->safe_psql('postgres', $EVIDENCE), '5|2|0', 'the evidence is where the sweep was');

# Both sweep the same rows, while neither knows of the other.
$subscriber->safe_psql('postgres', $LABELS);
add_visits($publisher, 200);
$publisher->wait_for_catchup('visits');
is($subscriber->safe_psql('postgres', $ROWS), '15|13|105|209', 'more rows arrive');
$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION visits DISABLE');
$subscriber->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_subscription WHERE pid IS NOT NULL') or die 'it stays';
$subscriber->safe_psql('postgres', 'CALL privacy.sweep()');
$publisher->safe_psql('postgres', 'CALL privacy.sweep()');
my $log_at = -s $subscriber->logfile;
$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION visits ENABLE');
add_visits($publisher, 300);
$publisher->wait_for_catchup('visits');
is($subscriber->safe_psql('postgres', $ROWS), '20|16|105|309', 'what both have deleted is in nobody\'s way: replication goes on');
unlike(slurp_file($subscriber->logfile, $log_at), qr/ERROR/, 'without an error');
is($publisher->safe_psql('postgres', $EVIDENCE), '10|4|0', 'the publisher has evidence of what it did');
is($subscriber->safe_psql('postgres', $EVIDENCE), '5|2|0', 'and the subscriber of what it did');

# What the subscriber deletes before the publisher does not come back.
$subscriber->safe_psql('postgres', 'CALL privacy.sweep()');
is($subscriber->safe_psql('postgres', $ROWS), '15|9|105|309', 'the subscriber is first');
$publisher->safe_psql('postgres', q{UPDATE visit SET note = 'again' WHERE id < 400});
$publisher->wait_for_catchup('visits');
is($subscriber->safe_psql('postgres', 'SELECT count(*), count(note) FROM visit'), '15|15', 'deleted rows do not come back, treated values do');
$publisher->safe_psql('postgres', 'CALL privacy.sweep()');
$publisher->wait_for_catchup('visits');
is($publisher->safe_psql('postgres', 'SELECT count(*), count(note) FROM visit'), '15|9', 'until the publisher has swept as well');
is($subscriber->safe_psql('postgres', 'SELECT count(*), count(note) FROM visit'), '15|9', 'which the subscriber follows');
$_->stop foreach $subscriber, $publisher;

done_testing();
