# A dump takes the promises along, and none of their effects: restored labels delete nothing by accident, pseudonyms stay
# what they were where the root key is the same, the evidence stays whole, and another root key is refused.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = PostgreSQL::Test::Utils::tempdir();
my $key_file = write_key('root.key', join('', map { sprintf '%02x', $_ } 0 .. 31));
my $other_key_file = write_key('other.key', 'ab' x 32);
my $now = q{SET privacy.core_clock = '2026-01-01 00:00+00';};

sub write_key
{
	my ($name, $key) = @_;
	append_to_file("$directory/$name", "$key\n");
	chmod 0600, "$directory/$name";
	return "$directory/$name";
}

sub start_node
{
	my ($name, $key) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$key'
privacy.sweep_interval = '7d'
CONF
	$node->start;
	return $node;
}

# An error's SQLSTATE and words.
sub error_of
{
	my ($node, $database, $sql) = @_;
	my ($status, $out, $error) = $node->psql($database, "\\set VERBOSITY verbose\n$sql", on_error_stop => 1);
	isnt($status, 0, 'refused: ' . substr($sql, 0, 60));
	return $error;
}

sub states
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, q{SELECT string_agg(DISTINCT state, ',') FROM privacy.check_labels()});
}

sub remaining
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, q{SELECT string_agg(id::text, ',' ORDER BY id) FROM learner});
}

my $REMAINING_EMAILS = q{SELECT string_agg(id || ' ' || (privacy.is_pseudonym(email, 'person'))::text, ', ' ORDER BY id) FROM learner};

# The table "account" comes first in the dump, and its label reads "event", which comes later; purposes come after both.
my $source = start_node('source', $key_file);
$source->safe_psql('postgres', 'CREATE DATABASE school');
$source->safe_psql('school', <<"SQL");
	$now
	CREATE EXTENSION pg_privacy;
	SELECT privacy.create_scope('person');
	SELECT privacy.create_scope('shared', 'person', false);
	CREATE ROLE school_owner;
	SELECT privacy.grant_scope('person', 'school_owner');
	SELECT privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
	SELECT privacy.create_purpose('statistics', 'legitimate_interests', '3 years', 'Statistics');
	SELECT privacy.alter_purpose('statistics', '2 years', '2090-01-01 00:00+00');
	CREATE TABLE learner (id int PRIMARY KEY, email text, closed_at timestamptz);
	CREATE TABLE account (id int PRIMARY KEY, learner_id int REFERENCES learner);
	CREATE TABLE event (account int, at timestamptz);
	INSERT INTO learner VALUES (1, 'a\@example.org', '2020-01-01 00:00+00'), (2, 'b\@example.org', '2024-06-01 00:00+00');
	SECURITY LABEL FOR privacy ON TABLE learner IS 'SUBJECT learner KEY (id); RETAIN FOR service, statistics AFTER closed_at THEN DELETE';
	SECURITY LABEL FOR privacy ON COLUMN learner.email IS 'CATEGORY user.contact.email; FOR service THEN PSEUDONYMIZE AS email';
	SECURITY LABEL FOR privacy ON TABLE account IS
		'SUBJECT learner VIA (learner_id); RETAIN FOR service AFTER ((SELECT pg_catalog.max(e.at) FROM public.event e WHERE e.account = account.id)) THEN DELETE';
	CALL privacy.sweep();
	INSERT INTO learner VALUES (3, 'c\@example.org', '2020-01-01 00:00+00'), (4, 'd\@example.org', '2024-06-01 00:00+00'), (5, 'e\@example.org', '2025-12-31 00:00+00');
	INSERT INTO account VALUES (1, 5);
	INSERT INTO event VALUES (1, '2020-01-01 00:00+00');
SQL
is(remaining($source, 'school'), '2,3,4,5', 'the source has swept once, and has more to do');
is(states($source, 'school'), 'enforced', 'its rules are enforced');
my $pseudonym = $source->safe_psql('school', q{SELECT privacy.pseudonym('Anna', 'person') || privacy.pseudonym('Anna', 'shared')});
my $head = $source->safe_psql('school', 'SELECT privacy.seal_audit(); SELECT privacy.audit_head()');
$head =~ s/.*\n//;
my $labels = $source->safe_psql('school', 'SELECT privacy.label_script()');
my $purposes = q{SELECT * FROM privacy.purpose p JOIN privacy.purpose_period q ON q.purpose = p.name ORDER BY 1, q.effective_at};
my $promises = $source->safe_psql('school', $purposes);
my $runs = $source->safe_psql('school', 'SELECT count(*) FROM privacy.sweep_run');

my $plain = "$directory/school.sql";
my $custom = "$directory/school.dump";
$source->command_ok([ 'pg_dump', '-f', $plain, $source->connstr('school') ], 'pg_dump in plain text');
$source->command_ok([ 'pg_dump', '-Fc', '-f', $custom, $source->connstr('school') ], 'pg_dump in custom format');
unlike(slurp_file($plain), qr/label_binding/, 'bindings are not dumped');

# The same cluster, by psql; and another cluster with the same key, by pg_restore.
$source->safe_psql('postgres', 'CREATE DATABASE copy');
$source->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $plain, $source->connstr('copy') ], 'restored by psql');
check_restored($source, 'copy');

my $target = start_node('target', $key_file);
$target->safe_psql('postgres', 'CREATE ROLE school_owner; CREATE DATABASE school');
$target->command_ok([ 'pg_restore', '-d', $target->connstr('school'), $custom ], 'restored by pg_restore in another cluster');
check_restored($target, 'school');

# Everything that is due, and nothing else, and only when somebody asks.
sub check_restored
{
	my ($node, $database) = @_;
	my $name = $node->name . " $database";

	is(remaining($node, $database), '2,3,4,5', "$name: nothing went while restoring");
	is(states($node, $database), 'unbound', "$name: the rules are unbound");
	is($node->safe_psql($database, 'SELECT count(*) FROM privacy.label_binding'), '0', "$name: nothing is bound by looking");
	is($node->safe_psql($database, q{SELECT DISTINCT state FROM privacy.sweep_preview('2026-01-01 00:00+00')}), 'unbound',
		"$name: a preview says so");
	is($node->safe_psql($database, 'SELECT privacy.label_script()'), $labels, "$name: the labels are the same");
	is($node->safe_psql($database, $purposes), $promises, "$name: so are the purposes and their periods");
	is($node->safe_psql($database, q{SELECT privacy.pseudonym('Anna', 'person') || privacy.pseudonym('Anna', 'shared')}),
		$pseudonym, "$name: and the pseudonyms");
	is($node->safe_psql($database, q{SELECT grantees FROM privacy.scope_status WHERE scope = 'person'}), '{school_owner}',
		"$name: and who may use the scope");
	is($node->safe_psql($database, "SELECT * FROM privacy.verify_audit('$head')"), '', "$name: the evidence is whole, up to its head");
	is($node->safe_psql($database, 'SELECT count(*) FROM privacy.sweep_run'), $runs, "$name: the history came along");
	is($node->safe_psql($database, $REMAINING_EMAILS), '2 true, 3 false, 4 false, 5 false', "$name: a pseudonym is still known as one");
	return;
}

# Bound by rebind_labels() in the one, by first use in the other: both sweep alike.
is($source->safe_psql('copy', 'SELECT privacy.rebind_labels()'), '3', 'rebind_labels() binds three rules');
is(states($source, 'copy'), 'enforced', 'then they are enforced');
foreach my $restored ([ $source, 'copy' ], [ $target, 'school' ])
{
	my ($node, $database) = @$restored;
	my $name = $node->name . " $database";
	$node->safe_psql($database, "$now CALL privacy.sweep()");
	is(remaining($node, $database), '2,4,5', "$name: what is due goes");
	is($node->safe_psql($database, $REMAINING_EMAILS), '2 true, 4 true, 5 false', "$name: what is due is treated, and no pseudonym once more");
	is($node->safe_psql($database, 'SELECT count(*) FROM account'), '0', "$name: the rule that reads a later table works");
	is(states($node, $database), 'enforced', "$name: the rules are bound");
	is($node->safe_psql($database, "SELECT * FROM privacy.verify_audit('$head')"), '', "$name: the new evidence continues the old");
	is($node->safe_psql($database, 'SELECT count(*) > count(DISTINCT id) FROM privacy.audit_entry'), 'f', "$name: no id twice");
}

# A label that names what is not there any more is parked, not guessed.
$target->safe_psql('school', q{ALTER TABLE learner RENAME closed_at TO left_at; DELETE FROM privacy.label_binding});
is(states($target, 'school'), 'parked,unbound', 'an unbound label that does not resolve is parked')
  or diag($target->safe_psql('school', 'SELECT * FROM privacy.check_labels()'));
$target->safe_psql('school', 'ALTER TABLE learner RENAME left_at TO closed_at');

# pg_upgrade carries the bindings along, of a cluster whose object ids meant something else: they count as absent.
$target->safe_psql('school', "SELECT privacy.rebind_labels(); UPDATE privacy.label_binding SET cluster = cluster + 1, binding = 'old'");
is(states($target, 'school'), 'unbound', 'bindings of another cluster count as absent');
$target->safe_psql('school', "INSERT INTO learner VALUES (6, 'f\@example.org', '2020-01-01 00:00+00'); $now CALL privacy.sweep()");
is(states($target, 'school'), 'enforced', 'and are replaced on first use');
is(remaining($target, 'school'), '2,4,5', 'which sweeps');
is($target->safe_psql('school', "SELECT count(*) FROM privacy.label_binding WHERE binding = 'old'"), '0', 'none of the old is left');

# Another root key: refused, and nothing done.
my $stranger = start_node('stranger', $other_key_file);
$stranger->safe_psql('postgres', 'CREATE ROLE school_owner; CREATE DATABASE school');
$stranger->command_ok([ 'pg_restore', '-d', $stranger->connstr('school'), $custom ], 'restored where the root key is another');
like(error_of($stranger, 'school', "$now CALL privacy.sweep();"), qr/PV002/, 'a sweep needs the root key of the database');
like(error_of($stranger, 'school', q{SELECT privacy.pseudonym('Anna', 'person');}), qr/PV002/, 'so does a pseudonym');
like(error_of($stranger, 'school', 'SELECT * FROM privacy.verify_audit();'), qr/PV002/, 'and the evidence');
like(error_of($stranger, 'school', q{SELECT privacy.create_scope('new');}), qr/PV002/, 'and a new scope');
is(remaining($stranger, 'school'), '2,3,4,5', 'nothing was swept');
is($stranger->safe_psql('school', 'SELECT count(*) FROM privacy.sweep_run'), $runs, 'nothing was begun');

# A label where the extension is not: refused, with the way out.
$source->safe_psql('postgres', 'CREATE DATABASE bare');
$source->safe_psql('bare', 'CREATE TABLE learner (id int, closed_at timestamptz)');
like(error_of($source, 'bare', q{SECURITY LABEL FOR privacy ON TABLE learner IS 'RETAIN 1 year AFTER closed_at THEN DELETE';}),
	qr/extension "pg_privacy" is not created in this database.*HINT:  Use CREATE EXTENSION pg_privacy/s, 'no label without the extension');

# Labels go before the extension does; what is left in its place would be refused on restore.
my $script = $source->safe_psql('copy', 'SELECT privacy.label_script()');
$source->safe_psql('copy', 'CALL privacy.remove_labels()');
is($source->safe_psql('copy', q{SELECT count(*) FROM pg_seclabel WHERE provider = 'privacy'}), '0', 'remove_labels() removes every label');
is($source->safe_psql('copy', 'SELECT count(*) FROM privacy.label_binding'), '0', 'and what they were bound to');
$source->safe_psql('copy', 'DROP EXTENSION pg_privacy');
is($source->safe_psql('copy', q{SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = to_regnamespace('privacy')}),
	'0', 'the extension leaves nothing behind but its schema, as any extension does');
is(remaining($source, 'copy'), '2,4,5', 'but the data');
$source->command_ok([ 'pg_dump', '-f', "$directory/plain.sql", $source->connstr('copy') ], 'a dump of it');
$source->safe_psql('postgres', 'CREATE DATABASE without');
$source->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', "$directory/plain.sql", $source->connstr('without') ], 'restores without the extension');

# The script brings the promises back.
$source->safe_psql('copy', "CREATE EXTENSION pg_privacy; SELECT privacy.create_scope('person');
	SELECT privacy.create_purpose('service', 'contract', '1 year', 'x'), privacy.create_purpose('statistics', 'legitimate_interests', '3 years', 'x'); $script");
is(states($source, 'copy'), 'enforced', 'label_script() is the policy as a file');

# Without remove_labels() the labels stay behind, and can be removed without the extension.
$source->safe_psql('copy', 'DROP EXTENSION pg_privacy');
$source->safe_psql('copy', 'SECURITY LABEL FOR privacy ON TABLE learner IS NULL; SECURITY LABEL FOR privacy ON COLUMN learner.email IS NULL; SECURITY LABEL FOR privacy ON TABLE account IS NULL');
is($source->safe_psql('copy', q{SELECT count(*) FROM pg_seclabel WHERE provider = 'privacy'}), '0', 'a label left behind can be removed');

$_->stop foreach $source, $target, $stranger;
done_testing();
