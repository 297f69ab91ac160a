# KillServer: ends a server as a power cut would, and starts it again.
package KillServer;
use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);
our @EXPORT = qw(kill_and_start kill_process);

# kill -9 takes a moment, and the killed server's last processes hold on to its shared memory for
# another; a start that comes too early fails and is repeated.
sub kill_and_start
{
	my ($node) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
	my $pid = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	$node->kill9;
	usleep(10_000) while kill(0, $pid) && time < $deadline;
	until ($node->start(fail_ok => 1))
	{
		die 'the server does not start again' if time > $deadline;
		usleep(100_000);
		$node->stop('fast', fail_ok => 1);
	}
	return;
}

# kill -9 of one process, and the wait for the server to be there again. The process may have ended by itself; then
# nothing happens.
sub kill_process
{
	my ($node, $pid) = @_;
	my $ready = qr/database system is ready to accept connections/;
	my $before = () = slurp_file($node->logfile) =~ /$ready/g;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
	return unless $pid && kill(9, $pid);
	while ((() = slurp_file($node->logfile) =~ /$ready/g) == $before)
	{
		die 'the server does not recover' if time > $deadline;
		usleep(50_000);
	}
	return;
}

1;
