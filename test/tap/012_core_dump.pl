# 012_core_dump.pl: a core dump of a backend that has just worked with keys holds none of them.
#
# What the kernel writes into a core dump is every mapping of the process but those that are marked "do not dump" (dd in
# /proc/PID/smaps). So no process has to die here and no tool has to be installed: the test reads a living backend's
# memory, everything that could be dumped, and looks there for the root key and for all that python derives from it. The
# controls: the same search in the other mappings finds them, and among what could be dumped it finds a canary.
use strict;
use warnings;
use File::Basename;
use File::Copy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

# What a backend keeps, and what it only passes through.
my @kept = qw(root_key check_key token_state permutation_key prefix_key shift_key choice_key nonce_key seal_key);

my $hex = unpack('H*', pack('N*', map { ($_ * 2654435761 + 12345) % 2**32 } 1 .. 8));
my $next = unpack('H*', pack('N*', map { ($_ * 2246822519 + 54321) % 2**32 } 1 .. 8));
my $directory = PostgreSQL::Test::Utils::tempdir_short();
foreach my $key ([ 'root', $hex ], [ 'next', $next ])
{
	append_to_file("$directory/$key->[0]", "$key->[1]\n");
	chmod 0600, "$directory/$key->[0]";
}
my ($derived, $errors) = run_command([ 'python3', dirname(__FILE__) . '/derive_secrets.py', $hex, 'shared', '1' ]);
my %secret = map { my ($name, $value) = split / /; ($name => pack('H*', $value)) } split /\n/, $derived;
is(scalar(keys %secret), 13, 'python derives the secrets') or diag $errors;
$secret{next_root_key} = pack('H*', $next);
$secret{canary} = 'canary in the heap';

my $node = PostgreSQL::Test::Cluster->new('core');
$node->init;
$node->append_conf('postgresql.conf', <<"END");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$directory/root'
privacy.keyring_next_file = '$directory/next'
END
$node->start;

# Which secrets are in the mappings that a core dump has, and in those that it has not.
sub search_memory
{
	my ($pid) = @_;
	my (%dumped, %left_out, @mappings);

	foreach my $line (split /\n/, slurp_file("/proc/$pid/smaps"))
	{
		push @mappings, { start => hex $1, end => hex $2, name => $4, flags => '' } if $line =~ /^([0-9a-f]+)-([0-9a-f]+) (\S+).*?\s(\S*)$/;
		$mappings[-1]{flags} = $1 if $line =~ /^VmFlags: (.*)/;
	}
	open(my $memory, '<:raw', "/proc/$pid/mem") or return;
	foreach my $mapping (grep { $_->{name} !~ /^\[v(var|syscall)/ } @mappings)
	{
		my $found = $mapping->{flags} =~ /\bdd\b/ ? \%left_out : \%dumped;
		my $size = $mapping->{end} - $mapping->{start};
		my $content = '';
		sysseek($memory, $mapping->{start}, 0) or next;
		while (length $content < $size)
		{
			last unless sysread($memory, $content, $size - length $content, length $content);
		}
		foreach my $name (keys %secret)
		{
			$found->{$name} = 1 if index($content, $secret{$name}) >= 0;
		}
	}
	close $memory;
	return ([ sort keys %dumped ], [ sort keys %left_out ]);
}

sub backend
{
	my $session = $node->background_psql('postgres');
	$session->query_safe("SET application_name = '$secret{canary}'");
	return ($session, $session->query_safe('SELECT pg_backend_pid()'));
}

# Every kind of use, one after the other; the memory is searched after each.
my @uses = (
	[ 'a pseudonym', "SELECT privacy.pseudonym('anna', 'shared')" ],
	[ 'one by number', "SELECT privacy.pseudonym_at('anna', 'shared', 1)" ],
	[ 'another scope', "SELECT privacy.pseudonym('anna', 'person')" ],
	[ 'recognising', "SELECT privacy.is_pseudonym('anna', 'shared'), privacy.is_pseudonym(repeat('a', 40), 'shared')" ],
	[ 'a million of them', "SELECT count(privacy.pseudonym(i::text, 'shared')) FROM generate_series(1, 1000000) AS i" ],
	[ 'numbers', "SELECT privacy.pseudonym(42, 'shared'), privacy.pseudonym_digits('0042', 'shared')" ],
	[ 'addresses, names, days', "SELECT privacy.pseudonym('10.1.2.3'::inet, 'shared'), privacy.pseudonym_name('Anna', 'shared'), privacy.subject_pseudonym('2026-01-31'::date, 'shared', '1')" ],
	[ 'a reversible one', "SELECT privacy.encrypted_pseudonym('anna', 'shared')" ],
	[ 'an error', "DO \$\$ BEGIN PERFORM privacy.pseudonym_at('anna', 'shared', 9); EXCEPTION WHEN undefined_object THEN NULL; END \$\$" ],
	[ 'new keys', "SELECT privacy.create_scope('more.' || pg_backend_pid()), privacy.rotate_scope('person')" ],
	[ 'evidence', 'SELECT privacy.seal_audit(); SELECT count(*) FROM privacy.verify_audit()' ],
	[ 'the next root key, rolled back', 'BEGIN; SELECT privacy.rotate_root(); ROLLBACK' ]);

$node->safe_psql('postgres', "CREATE EXTENSION pg_privacy; SELECT privacy.create_scope('shared', destroyable => false), privacy.create_scope('person')");
foreach my $preload ('pg_privacy', '')
{
	my $how = $preload ? 'preloaded' : 'loaded on first use';
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'$preload'");
	$node->restart;
	my ($session, $pid) = backend();
  SKIP:
	{
		open(my $memory, '<:raw', "/proc/$pid/mem") or skip "the memory of another process cannot be read here: $!", 1;
		close $memory;
		foreach my $use (@uses)
		{
			$session->query_safe($use->[1]);
			my ($dumped, $left_out) = search_memory($pid);
			is("@$dumped", 'canary', "$how, $use->[0]: no key in what a core dump holds");
			my %found = map { $_ => 1 } @$left_out;
			my @missed = grep { !$found{$_} } $use->[0] eq 'a pseudonym' ? grep { $_ ne 'next_root_key' } @kept : ();
			is("@missed", '', "$how, $use->[0]: the search does find the keys where they are");
		}
		my ($dumped, $left_out) = search_memory((split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0]);
		is(join(' ', grep { $_ ne 'canary' } @$dumped), '', "$how: nor in the postmaster's");
		is("@$left_out", $preload ? 'next_root_key root_key' : '', "$how: which has them or not");
	}

	# A root key that is named by another setting is given up by the postmaster; who needs it loads it.
	if ($preload)
	{
		my $elsewhere = "$directory/elsewhere";
		copy("$directory/root", $elsewhere);
		chmod 0600, $elsewhere;
		$node->safe_psql('postgres', "ALTER SYSTEM SET privacy.keyring_file = '$elsewhere'");
		$node->reload;
		my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
		my $left_out;
		foreach my $try (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
		{
			(undef, $left_out) = search_memory($postmaster);
			last if join(' ', @{ $left_out // [] }) !~ /\broot_key\b/;
			usleep(100_000);
		}
		is(join(' ', @{ $left_out // ['next_root_key'] }), 'next_root_key', "$how: the postmaster gives up what was replaced");
		is($session->query_safe("SELECT length(privacy.pseudonym('anna', 'shared'))"), '40', "$how: and sessions go on");
	}

	# What has been destroyed is not even in guarded memory any longer, once the transaction ends that learned of it.
	$session->query_safe("SELECT privacy.pseudonym('anna', 'shared')");
	$node->safe_psql('postgres', "SELECT privacy.rotate_scope('person')");
	$session->query_safe('SELECT count(*) FROM pg_class');
	my ($dumped, $left_out) = search_memory($pid);
	is(join(' ', grep { $_ eq 'token_state' || $_ eq 'check_key' } @{ $left_out // [] }), '', "$how: given up and zeroed after a change of keys");
	$session->quit;
}
done_testing();
