# 011_vectors.pl: another implementation computes the same pseudonyms.
#
# test/vectors/check_vectors.py knows the description only (and python's own BLAKE2b). It recomputes the published
# vectors; the server is compared to them here, in UTF-8 and in a database with another encoding.
use strict;
use warnings;
use File::Basename;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $vectors = dirname(__FILE__) . '/../vectors';
my $file = decode_json(slurp_file("$vectors/pseudonym.json"));

command_like([ 'python3', "$vectors/check_vectors.py" ], qr/^\d+ vectors agree$/, 'python computes the vectors');

my $key = PostgreSQL::Test::Utils::tempdir_short() . '/root.key';
append_to_file($key, "$file->{root_key}\n");
chmod 0600, $key;
my $node = PostgreSQL::Test::Cluster->new('vectors');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_privacy'\nprivacy.keyring_file = '$key'");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE utf8 TEMPLATE template0 ENCODING 'UTF8'; ");
$node->safe_psql('postgres', "CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1'");

foreach my $database ('utf8', 'latin1')
{
	my %scopes = map { $_->{scope} => 1 } @{ $file->{vectors} };
	$node->safe_psql($database, 'CREATE EXTENSION pg_privacy');
	$node->safe_psql($database, "SELECT privacy.create_scope('$_', destroyable => false)") foreach sort keys %scopes;

	foreach my $vector (@{ $file->{vectors} })
	{
		my $text = $vector->{text};
		next if $database eq 'latin1' && $text =~ /[^\x00-\xff]/;
		utf8::encode(my $bytes = $text);
		my $value = "repeat(convert_from('\\x" . unpack('H*', $bytes) . "', 'UTF8'), $vector->{repeat})";
		my $name = "$database, $vector->{scope}, " . unpack('H*', substr($bytes, 0, 20)) . " x $vector->{repeat}";
		is($node->safe_psql($database, "SELECT privacy.pseudonym($value, '$vector->{scope}')"), $vector->{pseudonym}, $name);
		is($node->safe_psql($database, "SELECT privacy.pseudonym_email($value, '$vector->{scope}')"), $vector->{pseudonym_email}, "$name, email");
		is($node->safe_psql($database, "SELECT privacy.is_pseudonym('$vector->{pseudonym}', '$vector->{scope}')"), 't', "$name, recognised");
	}
}

# The other way round: what python computes for new values.
my @values = map { "value $_ of " . rand() } 1 .. 20;
my ($out, $err) = run_command([ 'python3', "$vectors/check_vectors.py", $file->{root_key}, 'shared', '1', @values ]);
my $list = join ', ', map { "('$_')" } @values;
is($node->safe_psql('utf8', "SELECT privacy.pseudonym(v, 'shared') FROM (VALUES $list) AS t (v)"), $out, 'new values');

done_testing();
