#!/bin/bash
# sweep_gentle.sh [millions [transactions per second]]: what other sessions feel of a sweep.
#
# pgbench runs its simple updates in an open loop, so many transactions per second whatever the server's mood, and every latency counts from
# the moment at which its transaction should have begun. Beside it: nothing; one DELETE of what is due; the sweep as it is; the
# sweep at half duty; the sweep at 8 MB of WAL per second. Half of the rows are due, scattered. Prints the percentiles of the transactions that ran at the same time,
# in milliseconds, and the rate of the deletion. Trust ratios, not milliseconds.
set -euo pipefail
. "$(dirname "$0")/../script/lib.sh"

millions=${1:-2}
rate=${2:-500}
rows=$((millions * 1000000))
idle=20

need_server
throwaway_install
test_key
start_server data "shared_buffers = '1GB'" 'autovacuum = off' 'max_wal_size = 16GB' 'checkpoint_timeout = 1h' \
	'fsync = on' 'privacy.sweep_interval = 1d' 'privacy.sweep_max_fraction = 1'

client=(as_user env PGHOST="$PGHOST" PGUSER="$PGUSER")
psql=("${client[@]}" "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 postgres)
"${client[@]}" "$bin/pgbench" -q -i -s 10 postgres >"$scratch/init.out" 2>&1
"${psql[@]}" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_privacy;
SELECT FROM privacy.create_purpose('service', 'contract', '1 year', 'Provide the service');
ALTER DATABASE postgres SET privacy.core_clock = '2026-01-01 00:00+00';
SQL

fill()
{
	"${psql[@]}" <<SQL
SET client_min_messages = warning;
SET synchronous_commit = off;
DROP TABLE IF EXISTS item;
CREATE TABLE item (id int PRIMARY KEY, ended_at timestamptz, note text);
INSERT INTO item SELECT i, CASE WHEN i % 2 = 0 THEN '2020-01-01 00:00+00' ELSE '2025-06-01 00:00+00' END::timestamptz + i * interval '1 second', md5(i::text)
  FROM generate_series(1, $rows) AS i;
CREATE INDEX ON item (ended_at);
SECURITY LABEL FOR privacy ON TABLE item IS 'RETAIN FOR service AFTER ended_at THEN DELETE';
SQL
	"${psql[@]}" -c 'VACUUM ANALYZE item' -c CHECKPOINT
}

# beside <name> <seconds or -> [statement...]: pgbench for as long as the statements take.
beside()
{
	local name=$1 seconds=$2 from to
	shift 2
	fill
	rm -f "$scratch"/latency.*
	"${client[@]}" "$bin/pgbench" -n -N -c 4 -j 1 -R "$rate" -T 600 -l --log-prefix="$scratch/latency" postgres >"$scratch/pgbench.out" 2>&1 &
	local bench=$!
	sleep 3
	from=$(date +%s%N)
	if [ "$seconds" != - ]; then
		sleep "$seconds"
	else
		"${psql[@]}" "$@" >/dev/null
	fi
	to=$(date +%s%N)
	sleep 1
	kill -INT $(descendants $bench) 2>/dev/null || true
	wait $bench 2>/dev/null || true
	report "$name" "$from" "$to" "$seconds"
}

# pgbench logs latency in microseconds from the scheduled start, and when the transaction ended.
report()
{
	cat "$scratch"/latency.* | awk -v from="$2" -v to="$3" '{ end = $5 + $6 / 1e6; if (end >= from / 1e9 && end <= to / 1e9 + 0.5) print $3 / 1000 }' |
		sort -n | awk -v name="$1" -v seconds="$(awk -v a="$2" -v b="$3" 'BEGIN { print (b - a) / 1e9 }')" -v due="$([ "$4" = - ] && echo $((rows / 2)) || echo 0)" '
		{ v[NR] = $1 }
		END { printf "%-24s %8.1f %8.1f %8.1f %9.1f %9d %12.0f\n", name, v[int(NR * 0.50) + 1], v[int(NR * 0.95) + 1], v[int(NR * 0.99) + 1], v[NR], NR, due / seconds }'
}

printf '%-24s %8s %8s %8s %9s %9s %12s\n' beside p50 p95 p99 max count 'rows/s'
beside nothing "$idle"
beside 'one DELETE' - -c "DELETE FROM item WHERE ended_at + interval '1 year' <= '2026-01-01 00:00+00'"
beside 'sweep' - -c 'CALL privacy.sweep()'
beside 'sweep, half duty' - -c 'SET privacy.sweep_duty_cycle = 50' -c 'CALL privacy.sweep()'
beside 'sweep, 8 MB of WAL/s' - -c "SET privacy.sweep_wal_rate = '8MB'" -c 'CALL privacy.sweep()'
