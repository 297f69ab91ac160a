#!/bin/bash
# sweep.sh [millions [rounds [scenario...]]]: what the sweep takes to delete or treat what is due, beside one statement that does the same.
#
# The same rows each time, filled anew; the ways to do it take turns in every round, and the median counts. The first way of each
# scenario is one statement; the others are given as rates of it, by the clock and by the time on the CPU, which others who use the
# machine disturb less. Then bytes of WAL per row, and what the backend had of memory besides shared buffers.
#
# What else people run is measured as well, written from its documentation: a loop of LIMITed DELETEs, each a transaction
# (what pg_cron is used for), and such a loop in one transaction with pauses of 10 ms (pg_ttl_index).
#
# The single statement commits as the server does, and so does the run's last commit; fsync is off. Where a run takes seconds,
# privacy.sweep_batch_target and lz4 count as they are by default. Trust ratios, not milliseconds. "sweep.sh 1 1" takes two minutes.
set -euo pipefail
. "$(dirname "$0")/../script/lib.sh"

millions=${1:-2}
rounds=${2:-3}
rows=$((millions * 1000000))
scenarios=("${@:3}")
[ $# -gt 2 ] || scenarios=(contiguous scattered snapshot referenced columns sparse nothing partition memory)
partitioned=
snapshot=

need_server
throwaway_install
test_key
start_server data "shared_buffers = '1GB'" 'jit = off' 'max_parallel_workers_per_gather = 0' 'autovacuum = off' \
	'max_wal_size = 16GB' 'checkpoint_timeout = 1h' 'privacy.sweep_interval = 1d'

psql=(as_user env PGHOST="$PGHOST" PGUSER="$PGUSER" "$bin/psql" -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 postgres)
"${psql[@]}" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_privacy;
SELECT FROM privacy.create_scope('person');
SELECT FROM privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
ALTER DATABASE postgres SET privacy.core_clock = '2026-01-01 00:00+00';
ALTER DATABASE postgres SET privacy.sweep_max_fraction = 1;
ALTER DATABASE postgres SET client_min_messages = error;
-- What this backend has spent: milliseconds, those on the CPU, bytes of WAL; and the most it had of memory of its own, in kB.
CREATE FUNCTION spent(OUT clock numeric, OUT cpu numeric, OUT wal numeric, OUT memory int) LANGUAGE sql VOLATILE AS $$
	SELECT round(extract(epoch FROM clock_timestamp()) * 1000, 1), split_part(stat, ' ', 14)::numeric * 10 + split_part(stat, ' ', 15)::numeric * 10,
		pg_current_wal_insert_lsn() - '0/0', (regexp_match(status, 'VmHWM:\s+(\d+)'))[1]::int -
		(regexp_match(status, 'RssFile:\s+(\d+)'))[1]::int - (regexp_match(status, 'RssShmem:\s+(\d+)'))[1]::int
	FROM pg_read_file('/proc/' || pg_backend_pid() || '/stat') AS stat, pg_read_file('/proc/' || pg_backend_pid() || '/status') AS status;
$$;
SQL

# fill <expression of i that says when it ended> [number of rows]: with two indexes.
fill()
{
	"${psql[@]}" <<SQL
SET synchronous_commit = off;
DROP TABLE IF EXISTS child, item;
CREATE TABLE item (id int PRIMARY KEY, ended_at timestamptz, note text, email text)$partitioned;
INSERT INTO item SELECT i, $1, md5(i::text), 'p' || i || '@example.org' FROM generate_series(1, ${2:-$rows}) AS i;
CREATE INDEX ON item (ended_at);
SQL
	"${psql[@]}" -c 'VACUUM ANALYZE item' -c CHECKPOINT
}

# timed <preparation> <statement>: prints milliseconds, those on the CPU, bytes of WAL, kB. "warm": the second time that it runs.
timed()
{
	local statement=${2#warm } first=
	[ "$statement" = "$2" ] || first=$statement
	[ -z "$snapshot" ] || open_snapshot
	"${psql[@]}" -c "$1" -c "$first" -c 'SELECT * FROM spent()' -c "$statement" -c 'SELECT * FROM spent()' |
		awk 'NF == 4 { for (i = 1; i <= 3; i++) { spent[i] = $i - last[i]; last[i] = $i } memory = $4 }
			END { printf "%.1f %d %d %d\n", spent[1], spent[2], spent[3], memory }'
	[ -z "$snapshot" ] || close_snapshot
}

open_snapshot()
{
	"${psql[@]}" -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' -c 'SELECT 1' -c 'SELECT pg_sleep(3600)' >/dev/null 2>&1 &
	sleep 1
}

close_snapshot()
{
	"${psql[@]}" -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)' AND pid <> pg_backend_pid()" >/dev/null
	wait $! 2>/dev/null || true
}

median()
{
	sort -n | awk '{ all[NR] = $0 } END { print all[int((NR + 1) / 2)] }'
}

# compare <heading> <rows that are due> <expression> [<way> <preparation> <statement>]...
compare()
{
	local heading=$1 due=$2 expression=$3 round way times first=
	shift 3
	local ways=("$@") found=()
	for ((round = 0; round < rounds; round++)); do
		for ((way = 0; way < ${#ways[@]}; way += 3)); do
			fill "$expression"
			times=$(timed "${ways[way + 1]}" "${ways[way + 2]}")
			found[way]="${found[way]:-}$times"$'\n'
		done
	done
	heading "$heading"
	printf '%-34s %10s %6s %6s %10s %6s %9s\n' way ms rate cpu 'WAL B/row' WAL 'memory MB'
	for ((way = 0; way < ${#ways[@]}; way += 3)); do
		times=$(printf '%s' "${found[way]}" | median)
		first=${first:-$times}
		awk -v way="${ways[way]}" -v rows="$due" -v first="$first" -v times="$times" 'BEGIN {
			split(first, one); split(times, own)
			printf "%-34s %10.1f %6.2f %6.2f %10.0f %6.2f %9.1f\n", way, own[1], one[1] / own[1], one[2] / (own[2] > 0 ? own[2] : 1),
				own[3] / rows, (one[3] > 0 ? own[3] / one[3] : 0), own[4] / 1024 }'
	done
}

# loop <limit> <what follows each batch>
loop()
{
	echo "DO \$\$ BEGIN LOOP
		DELETE FROM item WHERE ctid = ANY (ARRAY(SELECT ctid FROM item WHERE ended_at <= '2025-01-01 00:00+00' LIMIT $1 FOR UPDATE SKIP LOCKED));
		EXIT WHEN NOT FOUND; $2; END LOOP; END \$\$"
}

ended="'2020-01-01 00:00+00' ELSE '2025-06-01 00:00+00' END::timestamptz + i * interval '1 second'"
contiguous="CASE WHEN i <= $rows / 2 THEN $ended"
scattered="CASE WHEN i % 2 = 0 THEN $ended"
sparse="CASE WHEN i % 1000 = 0 THEN $ended"
nothing="'2025-06-01 00:00+00'::timestamptz + i * interval '1 second'"
everything="'2020-01-01 00:00+00'::timestamptz + i * interval '1 second'"
label="SECURITY LABEL FOR privacy ON TABLE item IS 'RETAIN FOR service AFTER ended_at THEN DELETE'"
due="ended_at + interval '1 year' <= '2026-01-01 00:00+00'"
delete="DELETE FROM item WHERE $due"
sweep='CALL privacy.sweep()'
half=$((rows / 2))

heading "$millions million rows, $rounds rounds"
for scenario in "${scenarios[@]}"; do
	case $scenario in
		contiguous | scattered)
			compare "half due, $scenario" $half "${!scenario}" 'one DELETE' '' "$delete" sweep "$label" "$sweep" \
				'LIMIT 5000 per transaction' '' "$(loop 5000 COMMIT)" \
				'LIMIT 10000, one transaction' '' "$(loop 10000 'PERFORM pg_sleep(0.01)')"
			;;
		snapshot)
			snapshot=yes
			compare 'half due, contiguous, old snapshot open' $half "$contiguous" 'one DELETE' '' "$delete" sweep "$label" "$sweep"
			compare 'half due, scattered, old snapshot open' $half "$scattered" 'one DELETE' '' "$delete" sweep "$label" "$sweep"
			snapshot=
			;;
		referenced)
			references='CREATE TABLE child (item_id int REFERENCES item); CREATE INDEX ON child (item_id)'
			compare 'half due, contiguous, locked first: a foreign key' $half "$contiguous" \
				'one DELETE' "$references" "$delete" sweep "$references; $label" "$sweep"
			compare 'half due, scattered, locked first: a foreign key' $half "$scattered" \
				'one DELETE' "$references" "$delete" sweep "$references; $label" "$sweep"
			;;
		columns)
			compare 'two columns pseudonymised in half of the rows' $half "$contiguous" 'one UPDATE of both' '' \
				"UPDATE item SET note = privacy.pseudonym(note, 'person'), email = privacy.pseudonym_email(email, 'person') WHERE $due" \
				sweep "SECURITY LABEL FOR privacy ON TABLE item IS 'RETAIN FOR service AFTER ended_at, 10 years AFTER ended_at THEN DELETE';
				SECURITY LABEL FOR privacy ON COLUMN item.note IS 'FOR service THEN PSEUDONYMIZE IN person';
				SECURITY LABEL FOR privacy ON COLUMN item.email IS 'FOR service THEN PSEUDONYMIZE AS email IN person'" "$sweep"
			;;
		sparse) compare '0.1 % due, scattered' $((rows / 1000)) "$sparse" 'one DELETE' '' "$delete" sweep "$label" "$sweep" ;;
		nothing)
			# the second in its session: the first one fills caches
			compare 'nothing due' 1 "$nothing" 'one DELETE' '' "$delete" sweep "$label" "$sweep" 'sweep, warm' "$label" "warm $sweep"
			;;
		partition)
			partitioned=' PARTITION BY RANGE (id); CREATE TABLE item_1 PARTITION OF item DEFAULT'
			compare 'a whole partition' "$rows" "$everything" 'counting alone' '' "SELECT count(*) FROM item WHERE $due" \
				'one DELETE' '' "$delete" sweep "$label" "$sweep"
			partitioned=
			;;
		memory)
			heading 'memory of its own at half of so many rows deleted'
			for part in 10 1; do
				fill "${scattered}" $((rows / part))
				timed "$label" "$sweep" | awk -v rows=$((rows / part)) '{ printf "%10d rows %9.1f MB\n", rows, $4 / 1024 }'
			done
			;;
		*) die "no scenario $scenario" ;;
	esac
done
