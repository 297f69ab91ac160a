# KillServer: ends a server as a power cut would, and starts it again.
package KillServer;
use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);
our @EXPORT = qw(kill_and_start);

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

1;
