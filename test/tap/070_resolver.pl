# The resolver against a naive evaluator: random labels, random rows, random cut-offs. The engine sweeps; resolver/naive.sql,
# written from DESIGN.md section 4 alone, says in PL/pgSQL which rows and values should be gone. They must agree on every one.
#
# A world is a schema with three tables (leaf refers to mid, mid to top), each with a random label on the table and on some of
# its columns, and purposes, tenants' periods and changed promises of its own. Two databases are made of such worlds, one in
# Stockholm's time zone, one in a zone where stranger things happen. Each is swept at five cut-offs in the 2060s; rows are
# made so that many ends lie exactly at a cut-off or a microsecond beside it.
#
#   PP_RESOLVER_SEED     repeats a run
#   PP_RESOLVER_WORLDS   how many worlds in each database (22)
#   PP_RESOLVER_ROWS     rows in each table (370)
use strict;
use warnings;
use IPC::Run qw(start finish);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed = defined $ENV{PP_RESOLVER_SEED} ? $ENV{PP_RESOLVER_SEED} : int(rand(1_000_000_000));
my $worlds = $ENV{PP_RESOLVER_WORLDS} || 22;
my $rows = $ENV{PP_RESOLVER_ROWS} || 370;
note "PP_RESOLVER_SEED=$seed";
srand($seed);
my $json = JSON::PP->new->canonical;

# ------------------------------------------------------------------------------------------------ chance

sub one_of { return $_[int(rand(@_))] }
sub chance { return rand() < $_[0] }

# Some of a list, at least one, in their order.
sub some_of
{
	my @from = @_;
	my $sure = int(rand(@from));
	return map { $from[$_] } grep { $_ == $sure || chance(0.35) } 0 .. $#from;
}

# Periods by length in days, roughly: a term may not be longer than its purpose.
my %period_days = (
	'0' => 0, '30 minutes' => 0.02, '36 hours' => 1.5, '1 day' => 1, '30 days' => 30, '1 month' => 30.5, '1 month 15 days 12 hours' => 46,
	'3 months' => 91, '1 year' => 365, '1 year 1 day' => 366, '18 months' => 547, '2 years' => 730, '7 years' => 2556);
my @periods = sort keys %period_days;

# A period in the words of the language: "18 months", else an interval literal.
sub period_words
{
	my ($period) = @_;
	return $period =~ /^\d+ (?!min)[a-z]+$/ && chance(0.5) ? $period : "'$period'";
}

# ------------------------------------------------------------------------------------------- expressions

# Each returns the words of the label and the same thing as a structure.

sub random_start
{
	my ($world, $level, $depth) = @_;
	my $dice = rand;
	if ($depth < 2 && $dice < 0.3)
	{
		my @parts = map { [ random_start($world, $level, $depth + 1) ] } 1 .. 1 + int(rand(3));
		my $kind = one_of('all', 'any');
		return (uc($kind) . ' OF (' . join(', ', map { $_->[0] } @parts) . ')', { $kind => [ map { $_->[1] } @parts ] });
	}
	if ($dice < 0.36)
	{
		my ($column, $more) = (one_of('s2', 's3'), one_of('36 hours', '10 days', '1 month', '1 year'));
		return ("($column + interval '$more')", { plus => [ $column, $more ] });
	}
	if ($dice < 0.42)
	{
		my $kind = one_of('closed', 'seen');
		return ("((SELECT max(e.at) FROM $world.event AS e WHERE e.level = '$level' AND e.thing = $level.id AND e.kind = '$kind'))",
			{ event => $kind });
	}
	if ($dice < 0.47 && $level ne 'top')
	{
		my $parent = $level eq 'leaf' ? 'mid' : 'top';
		my $column = one_of('s1', 's2', 'd1');
		return ("((SELECT p.$column FROM $world.$parent AS p WHERE p.id = $level.up))", { parent => $column });
	}
	if ($dice < 0.52)
	{
		my ($closed, $again) = (one_of('s1', 's2'), 's3');
		return ("(CASE WHEN $again >= $closed THEN NULL ELSE $closed END)", { case => [ $closed, $again ] });
	}
	my $column = one_of('s1', 's1', 's2', 's3', 'd1', 'd2');
	return (chance(0.1) ? "($column)" : $column, { column => $column });
}

sub random_condition
{
	my ($world, $level, $depth) = @_;
	my $dice = rand;
	return do { my $kind = one_of('a', 'b'); ("kind = '$kind'", { kind => $kind }) } if $dice < 0.3;
	return ('flag', { flag => JSON::PP::true }) if $dice < 0.5;
	return do { my $number = int(rand(10)); ("number > $number", { above => $number }) } if $dice < 0.65;
	if ($dice < 0.8)
	{
		my ($one, $other) = (one_of('s1', 'd1'), one_of('s2', 'd2'));
		return ("$one < $other", { less => [ $one, $other ] });
	}
	if ($dice < 0.88 || $depth > 1)
	{
		return ("EXISTS (SELECT FROM $world.event AS e WHERE e.level = '$level' AND e.thing = $level.id AND e.kind = 'closed')",
			{ event => 'closed' });
	}
	my ($words, $structure) = random_condition($world, $level, $depth + 1);
	return ("NOT ($words)", { not => $structure });
}

# ------------------------------------------------------------------------------------------------- terms

# FOR: the names said, and the purposes they mean ("naming marketing names all below it").
sub random_purposes
{
	my ($world, $from) = @_;
	my @said = some_of(sort @$from);
	splice @said, 3 if @said > 3;
	my %meant = map { $_ => 1 } grep { my $purpose = $_; grep { $purpose eq $_ || $purpose =~ /^\Q$_\E\./ } @said } @$from;
	my @meant = sort keys %meant;
	return (\@said, \@meant);
}

# purposes: name => period of all that exist; parent: what the parent's list names.
sub random_term
{
	my ($world, $level, $purposes, $parent) = @_;
	my %term;
	my $words = '';
	my $dice = rand;
	$term{when} = $dice < 0.1 ? 'until' : $dice < 0.2 ? 'while' : $dice < 0.5 && @$parent ? 'with' : 'after';
	my $from = $term{when} eq 'with' ? $parent : [ keys %$purposes ];
	my $nameless = $term{when} eq 'after' && chance(0.08);
	my ($said, $meant) = $nameless ? ([], []) : random_purposes($world, $from);
	if ($term{when} eq 'after')
	{
		my @fits = grep {
			my $days = $period_days{$_};
			!grep { defined $purposes->{$_} && $days > 0.9 * $period_days{ $purposes->{$_} } } @$meant
		} @periods;
		if ($nameless || @fits && chance(0.35))
		{
			$term{period} = one_of(@fits);
			$words .= period_words($term{period}) . ' ';
		}
	}
	if (!$nameless)
	{
		$term{purposes} = $meant;
		$words .= 'FOR ' . join(', ', @$said) . ' ';
	}
	if ($term{when} eq 'with')
	{
		$words .= 'WITH (up)';
	}
	elsif ($term{when} eq 'while')
	{
		my $condition;
		($condition, $term{condition}) = random_condition($world, $level, 0);
		$words .= "WHILE ($condition)";
	}
	else
	{
		my $start;
		($start, $term{start}) = random_start($world, $level, 0);
		if ($term{when} eq 'after' && chance(0.3))
		{
			$term{unit} = one_of('month', 'quarter', 'year');
			$start = 'END OF ' . uc($term{unit}) . " OF $start";
		}
		$words .= uc($term{when}) . " $start";
	}
	if (chance(0.25))
	{
		my $condition;
		($condition, $term{where}) = random_condition($world, $level, 0);
		$words .= " WHERE ($condition)";
	}
	return ($words, \%term);
}

# The terms and caps of a RETAIN.
sub random_retain
{
	my ($world, $level, $purposes, $parent) = @_;
	my (@words, @terms, @caps);
	for (1 .. one_of(1, 1, 2, 2, 3))
	{
		my ($words, $term) = random_term($world, $level, $purposes, $parent);
		push @words, $words;
		push @terms, $term;
	}
	my $words = 'RETAIN ' . join(', ', @words);
	while (chance(0.25) && @caps < 3)
	{
		my $period = one_of(@periods);
		my ($start, $structure) = random_start($world, $level, 0);
		push @caps, { period => $period, start => $structure };
		$words .= ' AT MOST ' . period_words($period) . " AFTER $start";
	}
	return ($words, \@terms, \@caps);
}

my %treatments = (
	c1 => { null => 'SET NULL', literal => q{SET '[removed]'}, pseudonym => 'PSEUDONYMIZE IN person' },
	c2 => { null => 'SET NULL', literal => q{SET '[removed]'} },
	c3 => { literal => 'SET 0' },
	c4 => { literal => q{SET '"gone"' MARK (mark)} });

# The label of a table and those of its columns: words by column ('' is the table), and the structure.
sub random_labels
{
	my ($world, $level, $purposes, $parent, $tenant) = @_;
	my (%words, @columns);
	my %label = (name => $level, columns => \@columns);
	my $list = [];
	if (chance(0.04))
	{
		$label{nothing} = JSON::PP::true;
		$words{''} = 'RETAIN NOTHING THEN DELETE';
	}
	elsif (chance(0.95))
	{
		($words{''}, $label{terms}, $label{caps}) = random_retain($world, $level, $purposes, $parent);
		$words{''} .= ' THEN DELETE';
		my %named = map { $_ => 1 } map { @{ $_->{purposes} || [] } } @{ $label{terms} };
		$list = [ sort keys %named ];
	}
	if ($tenant && defined $words{''})
	{
		$label{tenant} = $tenant;
		$words{''} = 'TENANT ' . ($tenant eq 'own' ? '(tenant)' : 'VIA (up)') . "; $words{''}";
	}
	for my $column (sort keys %treatments)
	{
		next if chance(0.5);
		my $treatment = one_of(sort keys %{ $treatments{$column} });
		my %column = (name => $column, treatment => $treatment);
		my $then = "THEN $treatments{$column}{$treatment}";
		if (chance(0.35))
		{
			($words{$column}, $column{terms}, $column{caps}) = random_retain($world, $level, $purposes, $parent);
			$words{$column} .= " $then";
		}
		elsif (@$list && chance(0.75))
		{
			my ($said, $meant) = random_purposes($world, $list);
			$column{for} = $meant;
			$words{$column} = 'FOR ' . join(', ', @$said) . " $then";
		}
		elsif (defined $words{''})
		{
			$words{$column} = $then;
		}
		else
		{
			next;
		}
		push @columns, \%column;
	}
	return (\%words, \%label, $list);
}

# ------------------------------------------------------------------------------------------------ worlds

sub quote { my ($text) = @_; return 'NULL' if !defined $text; $text =~ s/'/''/g; return "'$text'"; }

# The cut-offs of a database, in its zone: turns of calendar units, summer time, a leap day, some microsecond.
my @cut_offs = ('2060-01-01 00:00', '2061-03-27 03:00', '2062-07-01 00:00', '2064-02-29 00:00',
	sprintf('2065-%02d-%02d %02d:%02d:%02d.%06d', 1 + int(rand(12)), 1 + int(rand(28)), int(rand(24)),
		int(rand(60)), int(rand(60)), int(rand(1_000_000))));

# When promises change: before, at, and a microsecond beside the cut-offs.
my @changes = ('2055-06-01 00:00', '2058-01-01 00:00', '2059-12-31 23:59:59.999999', '2060-01-01 00:00', '2060-01-01 00:00:00.000001',
	'2062-12-24 12:00', '2064-02-29 00:00');

# One world as a script: tables and rows, purposes, labels, and then what changes about the promises.
sub random_world
{
	my ($world, $has_tenants) = @_;
	my %purposes = (
		"${world}_contract" => one_of(@periods), "${world}_interest" => one_of(@periods),
		"${world}_law" => chance(0.3) ? undef : one_of(@periods), "${world}_open" => undef,
		"${world}_marketing.email" => one_of(@periods), "${world}_marketing.sms" => one_of(@periods));
	$purposes{"${world}_marketing"} = one_of(@periods) if chance(0.4);
	my %basis = (contract => 'contract', interest => 'legitimate_interests', law => 'legal_obligation', open => 'contract');
	my @script = ("CALL naive.create_world('$world', $rows);");
	for my $purpose (sort keys %purposes)
	{
		my $basis = $basis{ ($purpose =~ /^\w+?_(\w+)/)[0] } || 'consent';
		push @script, sprintf(q{SELECT privacy.create_purpose('%s', '%s', %s, 'x');}, $purpose, $basis, quote($purposes{$purpose})),
			"INSERT INTO naive.purpose VALUES ('$purpose', '$basis');",
			sprintf(q{INSERT INTO naive.promise VALUES ('%s', '-infinity', %s);}, $purpose, quote($purposes{$purpose}));
	}
	my ($parent, $parents_tenant) = ([], '');
	for my $level ('top', 'mid', 'leaf')
	{
		my $tenant = !$has_tenants || chance(0.6) ? undef : $parents_tenant eq 'own' && chance(0.5) ? 'via' : 'own';
		my ($words, $label, $list) = random_labels($world, $level, \%purposes, $parent, $tenant);
		push @script, "INSERT INTO naive.label VALUES ('$world', '$level', " . quote($json->encode($label)) . ', '
			. quote(join("\n", map { ($_ eq '' ? 'TABLE: ' : "$_: ") . $words->{$_} } sort keys %$words)) . ');';
		push @script, map { sprintf('SECURITY LABEL FOR privacy ON %s IS %s;',
				$_ eq '' ? "TABLE $world.$level" : "COLUMN $world.$level.$_", quote($words->{$_})) } sort keys %$words;
		($parent, $parents_tenant) = ($list, $label->{tenant} || '');
	}
	for my $purpose (sort keys %purposes)
	{
		for my $tenant ('t1', 't2')
		{
			next unless $has_tenants && chance(0.15);
			my $period = one_of(@periods);
			push @script, "SELECT privacy.set_tenant_period('$tenant', '$purpose', '$period');",
				"INSERT INTO naive.tenant_promise VALUES ('$tenant', '$purpose', '$period');";
		}
		next unless chance(0.3);
		my %when = map { one_of(@changes) => 1 } 1 .. 1 + int(rand(2));
		for my $when (sort keys %when)
		{
			my $period = chance(0.1) ? undef : one_of(@periods);
			push @script, sprintf(q{SELECT privacy.alter_purpose('%s', %s, '%s');}, $purpose, quote($period), $when),
				sprintf(q{INSERT INTO naive.promise VALUES ('%s', '%s', %s);}, $purpose, $when, quote($period));
		}
	}
	return @script;
}

# -------------------------------------------------------------------------------------------------- runs

my $node = PostgreSQL::Test::Cluster->new('main');
my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/root.key", ('0f1e2d3c4b5a6978' x 4) . "\n");
chmod 0600, "$directory/root.key";
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_privacy'
privacy.keyring_file = '$directory/root.key'
privacy.sweep_interval = '7d'
max_locks_per_transaction = 2000
client_min_messages = error
log_min_messages = error
CONF
$node->start;

my ($skipped, $decided, $values, $states, $edges, $labels) = (0) x 6;

# Runs a script; its first error is returned as SQLSTATE and message.
sub run_script
{
	my ($database, @lines) = @_;
	my ($out, $error) = ('', '');
	my @command = ('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database));
	IPC::Run::run(\@command, '<', \join("\n", @lines), '>', \$out, '2>', \$error);
	my ($state, $message) = $error =~ /(?:ERROR|FATAL):\s+(\w{5}): (.*)/ ? ($1, $2) : ($error ? ('?', $error) : ('', ''));
	return ($state, $message, $error);
}

sub make_worlds
{
	my ($database, $zone) = @_;
	my $has_tenants = $node->safe_psql($database, q{SELECT count(*) FROM pg_proc WHERE proname = 'set_tenant_period'});
	note 'no set_tenant_period: no tenants' if !$has_tenants;
	for my $number (1 .. $worlds)
	{
		my $world = "w$number";
		my ($state, $message, $error) = run_script($database, "SELECT setseed(" . rand() . ");", 'BEGIN;', random_world($world, $has_tenants), 'COMMIT;');
		next if $state eq '';
		if ($state eq '0A000')
		{
			$skipped++;
			note "$world: $message";
			next;
		}
		fail("$zone: labels are accepted");
		diag("$world: $error");
	}
	return;
}

my @zones = ('Europe/Stockholm', one_of('America/Havana', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'America/New_York', 'Africa/Casablanca',
		'Pacific/Auckland', 'UTC'));
my %database = ('Europe/Stockholm' => 'stockholm', $zones[1] => 'elsewhere');

# What only one of them is told to do, as a running psql.
sub start_work
{
	my ($zone, $who, @statements) = @_;
	my %work = (zone => $zone, who => $who, error => '', out => '', from => time);
	my @command = ('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database{$zone}), map { ('-c', $_) } @statements);
	$work{handle} = start(\@command, '>', \$work{out}, '2>', \$work{error});
	return \%work;
}

# The engine and the evaluator work at the same time, in both databases: neither looks at what the other does.
sub work_at
{
	my ($cut_off) = @_;
	my @work = map {
		(start_work($_, 'engine', "CALL naive.ask('$cut_off')", "SET privacy.core_clock = '$cut_off'", 'CALL privacy.sweep()'),
			start_work($_, 'evaluator', "CALL naive.decide_all('$cut_off')", 'CALL naive.sweep()'))
	} @zones;
	for my $work (@work)
	{
		finish($work->{handle});
		is($work->{error}, '', "$work->{zone}: the $work->{who} is done with $cut_off");
	}
	return;
}

# They must agree on every row and value, and on every state.
sub compare_at
{
	my ($cut_off, $zone) = @_;
	my $ask = sub { return $node->safe_psql($database{$zone}, $_[0]) };
	$ask->('CALL naive.look_around()');
	is($ask->(q{SELECT rule_table, rule, state, problem FROM privacy.sweep_outcome
		WHERE run_id = (SELECT max(id) FROM privacy.sweep_run) AND state <> 'enforced' LIMIT 5}), '', "$zone, $cut_off: every rule went through");
	is($ask->('SELECT count(*) FROM naive.difference'), '0', "$zone, $cut_off: engine and evaluator agree")
		or diag($ask->(q{SELECT format(E'%s.%s %s: %s\n%s\n%s\n%s\n', world, level, id, what, words,
				(SELECT to_json(t) FROM naive.thing AS t WHERE (t.world, t.level, t.id) = (d.world, d.level, d.id)),
				(SELECT string_agg(format('%s %s %s', target, state, ends_at), '; ' ORDER BY target) FROM naive.decision AS n
				  WHERE (n.world, n.level, n.id) = (d.world, d.level, d.id)))
			FROM (SELECT DISTINCT ON (world, level) * FROM naive.difference ORDER BY world, level, id) AS d
			JOIN naive.label USING (world, level) LIMIT 4}));
	is($ask->('SELECT count(*) FROM naive.state_difference'), '0', "$zone, $cut_off: they see the same states")
		or diag($ask->(q{SELECT format(E'%s.%s %s: %s %s\n%s\n', world, level, d.id, state, what, words)
			FROM naive.state_difference AS d JOIN naive.label USING (world, level) ORDER BY d.id LIMIT 6}));
	$values += $ask->(q{SELECT count(*) FROM naive.decision WHERE target <> 'row'});
	$states += $ask->('SELECT count(*) FROM naive.said');
	$edges += $ask->("SELECT count(*) FROM naive.decision WHERE isfinite(ends_at)
		AND ends_at BETWEEN timestamptz '$cut_off' - interval '1 microsecond' AND timestamptz '$cut_off' + interval '1 microsecond'");
	return;
}

my $began = time;
for my $zone (@zones)
{
	my $database = $database{$zone};
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql('postgres', "ALTER DATABASE $database SET $_ = '$zone'") for 'TimeZone', 'privacy.policy_timezone';
	$node->safe_psql($database, 'CREATE EXTENSION pg_privacy');
	$node->safe_psql($database, q{SELECT privacy.create_scope('person')});
	$node->psql($database, slurp_file("test/tap/resolver/$_.sql"), on_error_die => 1) for 'naive', 'rows';
	$node->safe_psql($database, 'INSERT INTO naive.anchor VALUES ' . join(', ', map { "('$_')" } @cut_offs));
	$node->safe_psql($database, 'INSERT INTO naive.common_period VALUES ' . join(', ', map { "('$_')" } @periods));
	make_worlds($database, $zone);
	$node->safe_psql($database, 'VACUUM ANALYZE');
	$labels += $node->safe_psql($database, 'SELECT coalesce(sum(1 + jsonb_array_length(label -> $$columns$$)), 0) FROM naive.label');
}
note sprintf('%d labels in %.0f s; %d worlds skipped', $labels, time - $began, $skipped);

for my $cut_off (@cut_offs)
{
	my $from = time;
	$decided += $node->safe_psql($_, 'SELECT count(*) FROM naive.thing WHERE NOT gone') for values %database;
	work_at($cut_off);
	compare_at($cut_off, $_) for @zones;
	note sprintf('%s: %.1f s', $cut_off, time - $from);
}
$node->stop;

note sprintf('%d row decisions, %d column decisions, %d states asked, %.0f s', $decided, $values, $states, time - $began);
is($skipped, 0, 'no label was refused as not supported');
cmp_ok($edges, '>', ($decided + $values) / 1000, "$edges ends within a microsecond of the cut-off");
cmp_ok($decided, '>=', 200_000, 'enough was decided') if $worlds >= 22 && $rows >= 370;
done_testing();
