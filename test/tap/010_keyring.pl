# 010_keyring.pl: where the root key comes from, and every way in which it is refused.
#
# The regression tests run with a good key. Here the server is given bad ones: each refusal has its own words, none of
# them shows what the file holds, none keeps the server from starting, and none writes anything.
use strict;
use warnings;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = PostgreSQL::Test::Utils::tempdir_short();
my $hex = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
my $other_hex = 'ff' x 32;
my $anna = q{SELECT privacy.pseudonym('anna@example.org', 'shared')};

sub write_key
{
	my ($name, $content, $mode) = @_;
	my $path = "$directory/$name";
	unlink $path;
	append_to_file($path, $content);
	chmod($mode // 0600, $path);
	return $path;
}

my $node = PostgreSQL::Test::Cluster->new('keyring');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_privacy'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_privacy');

# Changes the two settings and waits until new sessions have them.
sub configure
{
	my ($file, $command) = @_;
	$file //= '';
	$command //= '';
	$node->safe_psql('postgres', "ALTER SYSTEM SET privacy.keyring_file = '$file'");
	$node->safe_psql('postgres', "ALTER SYSTEM SET privacy.keyring_command = \$c\$$command\$c\$");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT current_setting('privacy.keyring_file') = '$file' AND current_setting('privacy.keyring_command') = \$c\$$command\$c\$");
}

sub refused
{
	my ($name, $words, $detail) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT privacy.create_scope('person')");
	isnt($status, 0, "$name: refused");
	like($err, qr/ERROR:  PV001: \Q$words\E\n/, "$name: says so");
	like($err, $detail, "$name: says what it found") if defined $detail;
	like($err, qr/HINT:  \S/, "$name: says what to do");
	unlike($err, qr/1011121314|ffffffff|0102/, "$name: shows nothing of the key");
	is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM privacy.root_key) + (SELECT count(*) FROM privacy.scope) + (SELECT count(*) FROM privacy.audit_entry)'),
		'0', "$name: nothing was written");
}

refused('nothing set', 'there is no root key', qr/Neither privacy.keyring_file nor privacy.keyring_command is set/);

my $good = write_key('good', "$hex\n");
configure($good, "cat $good");
refused('both set', 'there are two sources for the root key');

configure('root.key');
refused('relative path', 'the path of the key file is relative', qr/"root.key"/);

configure("$directory/missing");
refused('missing file', 'the key file does not exist', qr/no file "\Q$directory\E\/missing"/);
configure("$directory/no/directory");
refused('missing directory', 'the key file does not exist', qr/no directory/);

configure(write_key('unreadable', "$hex\n", 0000));
refused('unreadable', 'the key file cannot be read', qr/Permission denied/) if $> != 0;

symlink($good, "$directory/link");
configure("$directory/link");
refused('symbolic link', 'the key file is a symbolic link');

mkdir "$directory/folder";
configure("$directory/folder");
refused('directory', 'the key file is not a regular file');
system('mkfifo', "$directory/pipe") == 0 or die 'mkfifo';
configure("$directory/pipe");
refused('named pipe', 'the key file is not a regular file');

configure('/etc/passwd');
refused('another owner', 'the key file belongs to another user', qr/owned by user id 0/) if $> != 0;

foreach my $mode (0640, 0604, 0620, 0700, 0660)
{
	configure(write_key(sprintf('mode%o', $mode), "$hex\n", $mode));
	my $octal = sprintf('%04o', $mode);
	refused("mode $octal", 'the key file is open to others', qr/has mode $octal/);
}

my $data = File::Spec->rel2abs($node->data_dir);
append_to_file("$data/root.key", "$hex\n");
chmod 0600, "$data/root.key";
configure("$data/root.key");
refused('in the data directory', 'the key file is below the data directory');
symlink("$data/global", "$directory/elsewhere");
append_to_file("$data/global/root.key", "$hex\n");
chmod 0600, "$data/global/root.key";
configure("$directory/elsewhere/root.key");
refused('below it by a linked directory', 'the key file is below the data directory');
configure($directory . '/../' . (split m{/}, $directory)[-1] . '/elsewhere/root.key');
refused('below it by dots', 'the key file is below the data directory');

my $form = 'the root key is not 64 hexadecimal digits';
configure(write_key('empty', ''));
refused('empty', $form, qr/holds 0 bytes/);
configure(write_key('short', substr($hex, 0, 63) . "\n"));
refused('63 digits', $form, qr/holds 63 bytes/);
configure(write_key('long', $hex . "0\n"));
refused('65 digits', $form, qr/more than 64 bytes/);
configure(write_key('lines', "$hex\n\n"));
refused('two newlines', $form);
configure(write_key('crlf', "$hex\r\n"));
refused('carriage return', $form);
configure(write_key('letter', substr($hex, 0, 63) . "g\n"));
refused('not hexadecimal', $form, qr/not all of them are hexadecimal/);
configure(write_key('binary', pack('C*', 0 .. 31)));
refused('32 bytes, not digits', $form, qr/holds 32 bytes/);

configure('', 'exit 3');
refused('failing command', 'privacy.keyring_command failed', qr/exit code 3/);
configure('', "cat $good; exit 1");
refused('command that prints a key and fails', 'privacy.keyring_command failed');
configure('', 'echo secret');
refused('command that prints something else', $form, qr/output of privacy.keyring_command/);
configure('', '/nonexistent/command');
refused('missing command', 'privacy.keyring_command failed');

# A server whose key is bad still starts, and says so in its log.
configure("$directory/missing");
my $log_before = -s $node->logfile;
$node->restart;
like(slurp_file($node->logfile, $log_before), qr/WARNING:  the key file does not exist/, 'a bad key is a warning at start');
refused('after the restart', 'the key file does not exist');

# A reload is enough to mend it, also in a session that was refused before.
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query("SELECT privacy.create_scope('person')");
configure($good);
like($session->query("SELECT privacy.create_scope('shared', destroyable => false); SELECT 'ok'"), qr/ok/, 'a session that was refused goes on after a reload');
my $token = $node->safe_psql('postgres', $anna);
is($token, '5a11fc3e586689f40f0f2165f751b677e47c7c90', 'the file\'s key');

# The same key from a command, without a newline, in capitals.
configure('', "tr a-f A-F <$good | tr -d [:space:]");
is($node->safe_psql('postgres', $anna), $token, 'the command\'s key');
chmod 0400, $good;
configure($good);
is($node->safe_psql('postgres', $anna), $token, 'a read-only file');
chmod 0600, $good;

# Another key is refused, in sessions old and new, and at once.
$node->safe_psql('postgres', "SELECT privacy.create_scope('person')");
configure(write_key('other', "$other_hex\n"));
foreach my $call ("privacy.pseudonym('anna', 'shared')", "privacy.pseudonym('anna', 'person')",
	"privacy.create_scope('more')", "privacy.seal_audit()", "count(*) FROM privacy.verify_audit()")
{
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT $call");
	like($err, qr/PV002: the root key is not the one this database was set up with/, "another key: $call is refused");
}
$session->query("SELECT privacy.pseudonym('anna', 'shared')");
is($node->safe_psql('postgres', 'SELECT count(*) FROM privacy.scope'), '2', 'another key: nothing was written');
# Another database of the cluster is set up with it: check values are per database, derived keys differ.
$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->safe_psql('second', "CREATE EXTENSION pg_privacy; SELECT privacy.create_scope('shared', destroyable => false)");
isnt($node->safe_psql('second', $anna), $token, 'another key, other pseudonyms');
configure($good);
is($node->safe_psql('postgres', $anna), $token, 'the right key again');

# Preloaded: loaded once, by the postmaster; backends need the file no more.
$node->restart;
rename $good, "$good.away";
is($node->safe_psql('postgres', $anna), $token, 'the postmaster has the key');
rename "$good.away", $good;

# Not preloaded: on first use.
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
is($node->safe_psql('postgres', $anna), $token, 'loaded on first use');
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_privacy'");
$node->restart;

# Changes in one session reach the other.
$node->safe_psql('postgres', "CREATE ROLE reader; SELECT privacy.grant_scope('person', 'reader')");
my $reader = $node->background_psql('postgres', on_error_stop => 0);
$reader->query('SET ROLE reader; BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->query("SELECT length(privacy.pseudonym('anna', 'person'))"), '40', 'a grant reaches another session');
$node->safe_psql('postgres', "DELETE FROM privacy.scope_grant");
is($reader->query("SELECT length(privacy.pseudonym('anna', 'person'))"), '', 'taking it away reaches a transaction with an old snapshot');
$reader->quit;
$session->quit;

# What is dumped is restored to the same pseudonyms, the same rights and whole evidence.
$node->safe_psql('postgres', "SELECT privacy.grant_scope('person', 'reader'); SELECT privacy.seal_audit()");
my $person = $node->safe_psql('postgres', "SELECT privacy.pseudonym('anna', 'person')");
my $head = $node->safe_psql('postgres', 'SELECT privacy.audit_head()');
my $dump = "$directory/dump.sql";
$node->command_ok([ 'pg_dump', '--file', $dump, 'postgres' ], 'dumped');
unlike(slurp_file($dump), qr/\Q$hex\E/i, 'the dump has no root key');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restored');
is($node->safe_psql('restored', "SELECT privacy.pseudonym('anna', 'person')"), $person, 'restored: the same pseudonym');
is($node->safe_psql('restored', "SET ROLE reader; SELECT privacy.pseudonym('anna', 'person')"), $person, 'restored: the same rights');
is($node->safe_psql('restored', "SELECT count(*) FROM privacy.verify_audit('$head')"), '0', 'restored: the evidence is whole');
$node->safe_psql('restored', "SELECT privacy.create_scope('next'); SELECT privacy.seal_audit()");
is($node->safe_psql('restored', "SELECT count(*) FROM privacy.verify_audit('$head')"), '0', 'restored: and goes on');

# A sealer does not wait for writers, and does not forget who commits after later ids were sealed.
my $writer = $node->background_psql('postgres');
$writer->query_safe("BEGIN; SELECT privacy.create_scope('slow')");
$node->safe_psql('postgres', "SELECT privacy.create_scope('fast')");
is($node->safe_psql('postgres', 'SELECT privacy.seal_audit()'), '1', 'sealed beside a writer');
$writer->query_safe('COMMIT');
$writer->quit;
is($node->safe_psql('postgres', 'SELECT privacy.seal_audit()'), '1', 'the late entry is sealed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'and the chain is whole');
is($node->safe_psql('postgres', 'SELECT count(*) FROM privacy.audit_entry e WHERE NOT EXISTS (SELECT FROM privacy.audit_seal s WHERE s.entry_id = e.id)'),
	'0', 'nothing is left over');

# Two sessions that set up a database at the same time agree on one audit key.
$node->safe_psql('postgres', 'CREATE DATABASE race');
$node->safe_psql('race', 'CREATE EXTENSION pg_privacy');
my $first = $node->background_psql('race');
my $second = $node->background_psql('race');
$first->query_safe("BEGIN; SELECT privacy.create_scope('a')");
$second->query_until(qr/asked/, "\\echo asked\nSELECT privacy.create_scope('b');\n");
$node->poll_query_until('race', "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'race' AND wait_event_type = 'Lock'");
$first->query_safe('COMMIT');
$first->quit;
$second->query_safe('SELECT 1');
$second->quit;
is($node->safe_psql('race', 'SELECT count(*) FROM privacy.root_key'), '1', 'a race: one root row');
is($node->safe_psql('race', 'SELECT count(*) FROM privacy.scope'), '2', 'a race: both scopes');
is($node->safe_psql('race', 'SELECT count(*) FROM privacy.verify_audit()'), '0', 'a race: one audit key');

# The log never shows a key.
unlike(slurp_file($node->logfile), qr/0a0b0c0d|ffffffffffff/i, 'no key in the log');
done_testing();
