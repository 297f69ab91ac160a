#!/bin/bash
# pseudonym.sh [rows [rounds]]: what a pseudonym costs per row, beside what it could be compared to.
#
# One server, one table in memory, one session without parallel workers. In every round each expression runs once, in turn, so
# that the machine's moods hit all of them alike; the median of the rounds counts. Two floors are shown: reading
# the table, and a C function that does nothing. The ratio says how many times faster an expression is than
# pgcrypto's HMAC-SHA-256 in hex, reading of the table not counted. On a shared machine trust ratios, not nanoseconds.
set -euo pipefail
. "$(dirname "$0")/../script/lib.sh"

rows=${1:-1000000}
rounds=${2:-7}

need_server
throwaway_install
test_key
start_server data "shared_buffers = '512MB'" 'jit = off' 'max_parallel_workers_per_gather = 0' 'autovacuum = off'

as_user cp -a "$build/bench/noop" "$scratch/noop"
as_user make -s -C "$scratch/noop" PG_CONFIG="$PG_BINDIR/pg_config"

psql=(as_user env PGHOST="$PGHOST" PGUSER="$PGUSER" "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 postgres)
"${psql[@]}" <<SQL
SET client_min_messages = warning;
CREATE EXTENSION pg_privacy;
CREATE EXTENSION pgcrypto;
CREATE FUNCTION noop(text) RETURNS text LANGUAGE C STABLE STRICT AS '$scratch/noop/noop';
SELECT FROM privacy.create_scope('bench');
CREATE UNLOGGED TABLE person AS
	SELECT 'name.' || lpad(i::text, 7, '0') || '@example.org' AS v FROM generate_series(1, $rows) AS i;
CREATE UNLOGGED TABLE token AS SELECT privacy.pseudonym(v, 'bench') AS v FROM person;
VACUUM ANALYZE person, token;
SELECT FROM person;
SQL

names=('reading the table' 'no-op C function' pseudonym pseudonym_email is_pseudonym 'md5 (core)' 'hmac sha256 hex (pgcrypto)')
queries=(
	'SELECT count(v) FROM person'
	'SELECT count(noop(v)) FROM person'
	"SELECT count(privacy.pseudonym(v, 'bench')) FROM person"
	"SELECT count(privacy.pseudonym_email(v, 'bench')) FROM person"
	"SELECT count(privacy.is_pseudonym(v, 'bench')) FROM token"
	'SELECT count(md5(v)) FROM person'
	"SELECT count(encode(hmac(v, '0123456789abcdef0123456789abcdef', 'sha256'), 'hex')) FROM person"
)

heading "$rows rows of 24 bytes, $rounds rounds"
{
	echo '\timing on'
	for _ in $(seq "$rounds"); do printf '%s;\n' "${queries[@]}"; done
} | "${psql[@]}" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' >"$scratch/times"

# The n-th time belongs to query n modulo their number.
median()
{
	awk -v n="${#queries[@]}" -v k="$1" '(NR - 1) % n == k' "$scratch/times" | sort -n |
		awk '{ t[NR] = $1 } END { print (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2 }'
}

base=$(median 0)
last=$(median $((${#queries[@]} - 1)))
printf '%-28s %12s %12s %22s\n' expression 'ns per row' 'net of read' 'times as fast as hmac'
for k in "${!queries[@]}"; do
	awk -v name="${names[$k]}" -v t="$(median "$k")" -v base="$base" -v last="$last" -v rows="$rows" 'BEGIN {
		ratio = t > base ? sprintf("%.2f", (last - base) / (t - base)) : "-"
		printf "%-28s %12.0f %12.0f %22s\n", name, t * 1e6 / rows, (t - base) * 1e6 / rows, ratio }'
done
