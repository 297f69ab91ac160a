# prove.pl <log folder> <count file> <test file>...: what prove does, and two things more: it counts
# assertions, and shows the logs of the files that failed. Writes "<passed> <failed>" to the count file.
use strict;
use warnings FATAL => 'all';
use TAP::Harness;

my ($log_folder, $count_file, @names) = @ARGV;

my $harness = TAP::Harness->new({ jobs => 2, timer => 1, lib => [ split /:/, $ENV{PERL5LIB} ] });
my $total = $harness->runtests(map { [ "test/tap/$_", $_ ] } @names);

# An assertion that was skipped has not passed. A file that died, or did not run what it planned,
# is a failure also when each assertion it made was fine; so is one that made none without saying why.
my $passed = scalar($total->passed) - scalar($total->skipped);
my $failed = scalar $total->failed;
for my $name (@names)
{
	my ($parser) = $total->parsers($name);
	my $broken = $parser->exit || $parser->wait || $parser->parse_errors
	  || !($parser->tests_run || $parser->skip_all);
	$failed++ if $broken && !$parser->failed;
	show_log($name) if $broken || $parser->failed;
	print "skipped: $name: ", $parser->skip_all, "\n" if $parser->skip_all;
}
printf "%d assertions skipped\n", scalar $total->skipped if $total->skipped;

open my $count, '>', $count_file or die "$count_file: $!";
print $count "$passed $failed\n";
close $count;
exit($failed ? 1 : 0);

# The end of the test's own log, and of each of its servers' logs.
sub show_log
{
	my ($name) = @_;
	(my $stem = $name) =~ s/\.pl$//;
	for my $log ("$log_folder/regress_log_$stem", glob("$log_folder/${stem}_*.log"))
	{
		open my $file, '<', $log or next;
		my @lines = <$file>;
		splice @lines, 0, -120 if @lines > 120;
		print "---- $log\n", @lines;
	}
	return;
}
