#!/bin/bash
# sweep.sh [millions [rounds]]: what the sweep takes to delete or treat what is due, beside one statement that does the same.
#
# The same rows each time, filled anew: half of them due, in one block or scattered; the sweep and one DELETE (or UPDATE) take
# turns in every round, and the median counts, with the bytes of WAL per row. Then with an old snapshot open; with a foreign
# key, where rows are locked before they are deleted; 0.1 % due; nothing due; two columns pseudonymised; a whole partition.
# What else people run is measured as well, written from its documentation: a loop of LIMITed DELETEs, each a transaction
# (what pg_cron is used for), and the same loop in one transaction with pauses of 10 ms (pg_ttl_index).
#
# The single statement commits as the server does, and so does the run's last commit. Trust ratios, not milliseconds.
set -euo pipefail
. "$(dirname "$0")/../script/lib.sh"

millions=${1:-2}
rounds=${2:-3}
rows=$((millions * 1000000))
partitioned=

need_server
throwaway_install
test_key
start_server data "shared_buffers = '1GB'" 'jit = off' 'max_parallel_workers_per_gather = 0' 'autovacuum = off' \
	'max_wal_size = 16GB' 'checkpoint_timeout = 1h' 'privacy.sweep_interval = 1d'

psql=(as_user env PGHOST="$PGHOST" PGUSER="$PGUSER" "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 postgres)
"${psql[@]}" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_privacy;
SELECT FROM privacy.create_scope('person');
SELECT FROM privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
ALTER DATABASE postgres SET privacy.core_clock = '2026-01-01 00:00+00';
ALTER DATABASE postgres SET privacy.sweep_max_fraction = 1;
SQL

# fill <expression of i that says when it ended> [more columns]: the rows, with two indexes.
fill()
{
	"${psql[@]}" <<SQL
SET client_min_messages = warning;
SET synchronous_commit = off;
DROP TABLE IF EXISTS child, item;
CREATE TABLE item (id int PRIMARY KEY, ended_at timestamptz, note text, email text)$partitioned;
INSERT INTO item SELECT i, $1, md5(i::text), ${2:-NULL} FROM generate_series(1, $rows) AS i;
CREATE INDEX ON item (ended_at);
SQL
	"${psql[@]}" -c 'VACUUM ANALYZE item' -c CHECKPOINT
}

contiguous="CASE WHEN i <= $rows / 2 THEN '2020-01-01 00:00+00' ELSE '2025-06-01 00:00+00' END::timestamptz + i * interval '1 second'"
scattered="CASE WHEN i % 2 = 0 THEN '2020-01-01 00:00+00' ELSE '2025-06-01 00:00+00' END::timestamptz + i * interval '1 second'"
sparse="CASE WHEN i % 1000 = 0 THEN '2020-01-01 00:00+00' ELSE '2025-06-01 00:00+00' END::timestamptz + i * interval '1 second'"
nothing="'2025-06-01 00:00+00'::timestamptz + i * interval '1 second'"
label="SECURITY LABEL FOR privacy ON TABLE item IS 'RETAIN FOR service AFTER ended_at THEN DELETE'"
delete="DELETE FROM item WHERE ended_at + interval '1 year' <= '2026-01-01 00:00+00'"

# timed <statements>: prints milliseconds, bytes of WAL.
timed()
{
	local from to start
	start=$("${psql[@]}" -c 'SELECT pg_current_wal_insert_lsn()')
	from=$(date +%s%N)
	"${psql[@]}" -c 'SET client_min_messages = error' "$@" >/dev/null
	to=$(date +%s%N)
	echo "$(((to - from) / 1000000)) $("${psql[@]}" -c "SELECT pg_current_wal_insert_lsn() - '$start'::pg_lsn")"
}

median()
{
	sort -n | awk '{ all[NR] = $0 } END { print all[int((NR + 1) / 2)] }'
}

# compare <heading> <rows that are due> <preparation> <statement beside it> <expression> [more columns]
compare()
{
	local ours=() theirs=() round a b
	for ((round = 0; round < rounds; round++)); do
		fill "$5" "${6:-NULL}"
		theirs+=("$(timed -c "$4")")
		fill "$5" "${6:-NULL}"
		"${psql[@]}" -c 'SET client_min_messages = error' -c "$3"
		ours+=("$(timed -c 'CALL privacy.sweep()')")
	done
	a=$(printf '%s\n' "${theirs[@]}" | median)
	b=$(printf '%s\n' "${ours[@]}" | median)
	awk -v heading="$1" -v rows="$2" -v a="$a" -v b="$b" 'BEGIN {
		split(a, one); split(b, our)
		printf "%-46s one statement %6d ms %6.0f B/row   sweep %6d ms %6.0f B/row   rate %.2f  WAL %.2f\n", heading,
			one[1], one[2] / rows, our[1], our[2] / rows, one[1] / our[1], our[2] / one[2] }'
}

# alone <heading> <rows> <expression> <option of psql>...: one way by itself.
alone()
{
	fill "$3"
	timed "${@:4}" | awk -v heading="$1" -v rows="$2" '{ printf "%-46s %6d ms %6.0f B/row\n", heading, $1, $2 / rows }'
}

# with_snapshot <command>...: while an old snapshot is open.
with_snapshot()
{
	"${psql[@]}" -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' -c 'SELECT 1' -c 'SELECT pg_sleep(3600)' >/dev/null 2>&1 &
	sleep 1
	"$@"
	"${psql[@]}" -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)' AND pid <> pg_backend_pid()" >/dev/null
	wait $! 2>/dev/null || true
}

half=$((rows / 2))
heading "$millions million rows, $rounds rounds"
compare 'half due, contiguous' $half "$label" "$delete" "$contiguous"
compare 'half due, scattered' $half "$label" "$delete" "$scattered"
references="CREATE TABLE child (item_id int REFERENCES item); CREATE INDEX ON child (item_id)"
delete_referenced="$references; $delete"
compare 'foreign key (locked first), contiguous' $half "$references; $label" "$delete_referenced" "$contiguous"
compare 'foreign key (locked first), scattered' $half "$references; $label" "$delete_referenced" "$scattered"
compare '0.1 % due' $((rows / 1000)) "$label" "$delete" "$sparse"
compare 'nothing due' 1 "$label" "$delete" "$nothing"
column="SECURITY LABEL FOR privacy ON TABLE item IS 'RETAIN 10 years AFTER ended_at THEN DELETE';
	SECURITY LABEL FOR privacy ON COLUMN item.note IS 'RETAIN FOR service AFTER ended_at THEN PSEUDONYMIZE IN person';
	SECURITY LABEL FOR privacy ON COLUMN item.email IS 'RETAIN FOR service AFTER ended_at THEN PSEUDONYMIZE AS email IN person'"
update="UPDATE item SET note = privacy.pseudonym(note, 'person') WHERE ended_at + interval '1 year' <= '2026-01-01 00:00+00';
	UPDATE item SET email = privacy.pseudonym_email(email, 'person') WHERE ended_at + interval '1 year' <= '2026-01-01 00:00+00'"
compare 'two columns pseudonymised' $half "$column" "$update" "$contiguous" "'p' || i || '@example.org'"
with_snapshot alone 'one DELETE, old snapshot, contiguous' $half "$contiguous" -c "$delete"
with_snapshot alone 'sweep, old snapshot, contiguous' $half "$contiguous" -c "$label" -c 'CALL privacy.sweep()'

# loop <limit> <what follows each batch>
loop()
{
	echo "DO \$\$ BEGIN LOOP
		DELETE FROM item WHERE ctid = ANY (ARRAY(SELECT ctid FROM item WHERE ended_at < '2025-01-01 00:00+00' LIMIT $1 FOR UPDATE SKIP LOCKED));
		EXIT WHEN NOT FOUND; $2; END LOOP; END \$\$"
}
alone 'loop of LIMIT 5000, contiguous' $half "$contiguous" -c "$(loop 5000 COMMIT)"
alone 'loop of LIMIT 10000 in one transaction, contiguous' $half "$contiguous" -c "$(loop 10000 'PERFORM pg_sleep(0.01)')"
partitioned=' PARTITION BY RANGE (id); CREATE TABLE item_1 PARTITION OF item DEFAULT'
compare 'a whole partition' $rows "$label" "$delete" "'2020-01-01 00:00+00'::timestamptz + i * interval '1 second'"
