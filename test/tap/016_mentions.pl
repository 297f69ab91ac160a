# mask_mentions() against writers of texts: numbers and addresses as people write them, in any order and
# between anything, must leave no digit and no at-sign behind; and random pieces of text in every kind of
# server encoding must neither break it nor come out as broken text.
#
#   PP_FUZZ_SEED   repeats a run
use strict;
use warnings;
use utf8;

use Encode qw(encode);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{PP_FUZZ_SEED} || int rand 1_000_000;
srand $seed;
note "PP_FUZZ_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_privacy'\n");
$node->start;

sub one_of { return $_[ rand @_ ] }

sub luhn
{
	my ($digits, $sum, $double) = ($_[0], 0, 1);
	for my $digit (reverse split //, $digits)
	{
		my $part = $digit * ($double ? 2 : 1);
		$sum += int($part / 10) + $part % 10;
		$double = !$double;
	}
	return (10 - $sum % 10) % 10;
}

sub personal_number
{
	my ($century, @date) = (one_of(18, 19, 20), map { sprintf '%02d', $_ } rand 100, 1 + rand 12, 1 + rand(28) + one_of(0, 60));
	my $serial = sprintf '%03d', rand 1000;
	my $last = $serial . luhn(join('', @date) . $serial);
	my $year = one_of('', $century) . shift @date;
	my $inner = one_of('', '', '-', ' ');
	return join($inner, $year, @date) . one_of('', '-', '+', ' ', ' - ', '–', "\x{a0}", '/') . $last;
}

sub phone
{
	my $area = one_of(8, 70, 73, 31, 910);
	my $number = join one_of(' ', '', '-', "\x{a0}"), ($area == 910 ? 10 + int rand 90 : 100 + int rand 900), map { sprintf '%02d', rand 100 } 1, 2;
	return one_of("0$area-", "0$area ", "0$area/", "(0$area) ", "+46 $area ", "+46 (0)$area ", "0046 $area-", "+46$area") . $number;
}

sub email
{
	return one_of('anna', 'å.b', 'x_y', "o'neil", 'a+b', '"a b"') . '@' . one_of('x.se', 'sub.domäin.se', 'localhost', '[10.0.0.1]');
}

# Loads texts and given values, as bytes of the database's encoding.
sub load
{
	my ($database, $encoding, @rows) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/$database.txt";
	open my $out, '>:raw', $file or die $!;
	for my $row (@rows)
	{
		my @fields = map { s/([\\\t\n\r])/sprintf '\\x%02x', ord $1/ger } @$row;
		print $out join("\t", @fields), "\n";
	}
	close $out;
	$node->safe_psql($database, "CREATE EXTENSION pg_privacy; CREATE TABLE input (value text, given text);"
		  . "COPY input FROM '$file' WITH (ENCODING '$encoding')");
}

my @between = ('', ' ', '(', ', ', '. ', ' och ', 'tel:', "\n", '; ', 'ring ', '/');
my @written = map { one_of(@between) . one_of(\&personal_number, \&phone, \&email)->() . one_of('.', ', ', ')', '?', "\n", ' tack', ' ')
	  . one_of('', one_of(@between[ 5 .. 8 ]) . one_of(\&personal_number, \&phone, \&email)->()) } 1 .. 20000;
$node->safe_psql('postgres', "CREATE DATABASE written TEMPLATE template0 ENCODING 'UTF8'");
load('written', 'UTF8', map { [ encode('UTF-8', $_), '' ] } @written);
is($node->safe_psql('written', "SELECT value FROM input WHERE privacy.mask_mentions(value) ~ '[0-9@]' LIMIT 5"), '', 'nothing left of 20000 texts');

my %pieces = (UTF8 => "å Å ß é 山 🙂 e\x{301} \x{a0} \x{200b}", LATIN1 => "å Å ß \x{a0}", WIN1251 => 'Ж ж я', EUC_JP => '山 田 ア', SQL_ASCII => '');
my @ascii = ('@', '%40', '"', '[', '0', '07', '+46', '46701740605', ' ', '-', '(', '.', "\n", '850709-9805', 'anna', 'Anna', 's', 'x.se');
my %codec = (UTF8 => 'UTF-8', LATIN1 => 'iso-8859-1', WIN1251 => 'cp1251', EUC_JP => 'euc-jp');
for my $encoding (sort keys %pieces)
{
	my @pieces = (@ascii, map { $codec{$encoding} ? encode($codec{$encoding}, $_) : $_ } split / /, $pieces{$encoding});
	push @pieces, map { chr } 128 .. 255 if $encoding eq 'SQL_ASCII';
	$node->safe_psql('postgres', "CREATE DATABASE fuzz_\L$encoding\E TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	load("fuzz_\L$encoding\E", $encoding, map { [ join('', map { one_of(@pieces) } 0 .. rand 14), one_of(@pieces) ] } 1 .. 10000);
	is($node->safe_psql("fuzz_\L$encoding\E", <<'SQL'), '10000|t|f', "$encoding: whole texts, never the whole value");
SELECT count(*), bool_and(pg_catalog.convert(masked::bytea, getdatabaseencoding(), getdatabaseencoding()) IS NOT NULL),
	bool_or(privacy.mask_partial(value, 1, '', 1) = value AND value <> '')
FROM (SELECT value, replace(privacy.mask_mentions(value, ARRAY[given]) || privacy.mask_partial(value, 2, '', 1) || privacy.mask_email(value), '\', '') AS masked FROM input) AS m
SQL
}

done_testing();
