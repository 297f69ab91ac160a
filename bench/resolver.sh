#!/bin/bash
# resolver.sh [millions [rounds]]: what it costs to decide which rows are due, beside what a DBA would write by hand.
#
# Learnster's course progress: one row, four purposes, three tables. First the whole table is decided, with most rows due
# and with few: the generated condition against a hand-written WHERE that says the same. Then 0.1 % of the rows are due
# and the starting column has an index: the generated condition against the hand-written indexed query, at a fifth of
# the size, at the size, and at five times (with 5: 1, 5 and 25 million); then 1000 rows in each. The engine also
# reads the rows of five days beyond what is due: that is the price of its index. The statements take turns in every round;
# the median counts. Trust ratios, not milliseconds.
set -euo pipefail
. "$(dirname "$0")/../script/lib.sh"

millions=${1:-5}
rounds=${2:-5}

need_server
throwaway_install
test_key
start_server data "shared_buffers = '1GB'" 'jit = off' 'max_parallel_workers_per_gather = 0' 'autovacuum = off' \
	"work_mem = '64MB'" 'max_wal_size = 8GB' 'privacy.sweep_interval = 1d'

psql=(as_user env PGHOST="$PGHOST" PGUSER="$PGUSER" "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 postgres)
"${psql[@]}" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_privacy;
SELECT FROM privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
SELECT FROM privacy.create_purpose('account', 'contract', '1 year', 'User account');
SELECT FROM privacy.create_purpose('improvement', 'legitimate_interests', '3 years', 'Improve the service');
SELECT FROM privacy.create_purpose('statistics', 'legitimate_interests', '1 year', 'Statistics');
CREATE TABLE agreement (id int PRIMARY KEY, ended_at timestamptz, final_payment_at timestamptz);
CREATE TABLE learner (id int PRIMARY KEY, agreement_id int REFERENCES agreement, notice_given_at timestamptz, closed_at timestamptz);
CREATE TABLE course_progress (id int PRIMARY KEY, learner_id int REFERENCES learner, score int, collected_at timestamptz);
SECURITY LABEL FOR privacy ON TABLE agreement IS 'RETAIN FOR service AFTER ALL OF (ended_at, final_payment_at) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE learner IS
	'RETAIN FOR service WITH (agreement_id), FOR account AFTER ANY OF (notice_given_at, closed_at) THEN DELETE';
SECURITY LABEL FOR privacy ON TABLE course_progress IS
	'RETAIN FOR service, account WITH (learner_id), FOR improvement, statistics AFTER collected_at THEN DELETE';
SQL

# fill <rows>: progress of ten years to 2026, ten rows for each learner; nine in ten agreements ended by 2021, nine in ten accounts closed.
fill()
{
	"${psql[@]}" <<SQL
SET client_min_messages = warning;
SET synchronous_commit = off;
TRUNCATE course_progress, learner, agreement;
DROP INDEX IF EXISTS course_progress_collected_at_idx;
INSERT INTO agreement SELECT i, d, d + interval '40 days' FROM generate_series(0, $1 / 1000) AS i,
	LATERAL (SELECT CASE WHEN i % 10 > 0 THEN '2018-01-01'::timestamptz + i % 1000 * interval '1 day' END AS d) AS ended;
INSERT INTO learner SELECT i, i % ($1 / 1000), NULL, CASE WHEN i % 10 < 9 THEN '2019-01-01'::timestamptz + i % 700 * interval '1 day' END
	FROM generate_series(0, $1 / 10) AS i;
INSERT INTO course_progress SELECT i, i % ($1 / 10), i % 100,
	'2016-01-01'::timestamptz + (i::float8 / $1) * interval '3650 days' FROM generate_series(1, $1) AS i;
ALTER TABLE course_progress DISABLE TRIGGER ALL;
SQL
	"${psql[@]}" -c 'VACUUM ANALYZE agreement, learner, course_progress'
}

# prepared <cut-off> <hand-written condition>: both statements, with the cut-off as a parameter, as the sweep has it.
prepared()
{
	printf "SET TimeZone = 'UTC';\nSET plan_cache_mode = force_custom_plan;\n"
	"${psql[@]}" -c "SELECT format('PREPARE engine(timestamptz) AS SELECT count(*) FROM course_progress AS target WHERE %s;',
		privacy.rule_condition('course_progress', NULL, '$1'))"
	printf 'PREPARE hand(timestamptz) AS SELECT count(*) FROM course_progress AS p WHERE %s;\n' "$2"
}

# compare <name> <cut-off> <hand-written condition>: one line of the report.
compare()
{
	local i
	prepared "$2" "$3" >"$scratch/prepared"
	{
		cat "$scratch/prepared"
		printf "EXECUTE engine('%s') \\\\gset engine_\nEXECUTE hand('%s') \\\\gset hand_\n" "$2" "$2"
		printf "SELECT 1 / (:engine_count = :hand_count)::int AS same, :engine_count AS due \\\\gset\n\\\\echo due :due\n"
		echo '\timing on'
		for ((i = 0; i < rounds; i++)); do printf "EXECUTE engine('%s');\nEXECUTE hand('%s');\n" "$2" "$2"; done
	} | "${psql[@]}" >"$scratch/out"
	sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' "$scratch/out" >"$scratch/times"
	awk -v name="$1" -v due="$(sed -n 's/^due //p' "$scratch/out")" -v engine="$(median 0)" -v hand="$(median 1)" \
		'BEGIN { printf "%-34s %10d %12.1f %12.1f %8.2f\n", name, due, engine, hand, engine / hand }'
}

# The n-th time belongs to the engine or the hand in turn.
median()
{
	awk -v k="$1" '(NR - 1) % 2 == k' "$scratch/times" | sort -n |
		awk '{ t[NR] = $1 } END { print (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2 }'
}

# What a DBA writes who thinks of everything: nulls, both events, and an index on the starting column.
agreement_over="EXISTS (SELECT FROM agreement a WHERE a.id = l.agreement_id AND a.ended_at + interval '1 year' <= \$1 AND a.final_payment_at + interval '1 year' <= \$1)"
learner_over="EXISTS (SELECT FROM learner l WHERE l.id = p.learner_id AND LEAST(l.notice_given_at, l.closed_at) + interval '1 year' <= \$1
	AND (l.agreement_id IS NULL OR $agreement_over))"
by_row="p.collected_at + interval '3 years' <= \$1 AND p.collected_at + interval '1 year' <= \$1 AND (p.learner_id IS NULL OR $learner_over)"
indexed="p.collected_at <= \$1 - interval '3 years' AND (p.learner_id IS NULL OR $learner_over)"

heading "deciding $millions million rows, medians of $rounds rounds, milliseconds"
printf '%-34s %10s %12s %12s %8s\n' '' 'rows due' engine 'by hand' ratio
fill $((millions * 1000000))
compare 'most rows due' '2029-06-01 00:00+00' "$by_row"
compare 'half of the rows due' '2024-06-01 00:00+00' "$by_row"
compare 'few rows due, no index' '2020-06-01 00:00+00' "$by_row"

# 0.1 % of ten years are 3.65 days.
for size in $((millions * 200000)) $((millions * 1000000)) $((millions * 5000000)); do
	fill "$size"
	"${psql[@]}" -c 'CREATE INDEX course_progress_collected_at_idx ON course_progress (collected_at)' -c 'ANALYZE course_progress'
	"${psql[@]}" -c "UPDATE agreement SET ended_at = '2010-01-01', final_payment_at = '2010-01-01'" \
		-c "UPDATE learner SET closed_at = '2010-01-01'" -c 'VACUUM ANALYZE agreement, learner'
	compare "0.1 % of $((size / 1000)) thousand due, index" '2019-01-04 15:36+00' "$indexed"
	# the same number of rows in each size: what is left of the table's size in the time
	cut_off=$("${psql[@]}" -c "SELECT '2016-01-01 00:00+00'::timestamptz + interval '3 years' + (1000.0 / $size) * interval '3650 days'")
	compare "1000 of $((size / 1000)) thousand due, index" "$cut_off" "$indexed"
done
