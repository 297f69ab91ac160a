#!/bin/bash
# pseudonym.sh [rows [rounds]]: what a pseudonym costs per row, beside what it could be compared to.
#
# One server, one table in memory, one session without parallel workers. In every round each expression runs once, in turn, so
# that the machine's moods hit all of them alike; the median of the rounds counts, in CPU time of the session. Shown:
# how many times the rows per second of pgcrypto's HMAC-SHA-256 in hex and how many times the time of pseudonym(), both with
# the reading of the table taken off; and how many times the time of the query with a C function that does nothing. On a shared machine trust ratios, not nanoseconds.
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
CREATE FUNCTION cpu_ns() RETURNS bigint LANGUAGE sql AS \$\$ SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint \$\$;
CREATE UNLOGGED TABLE person AS
	SELECT 'name.' || lpad(i::text, 7, '0') || '@example.org' AS v, i, lpad(i::text, 10, '0') AS code, '+4670' || lpad(i::text, 7, '0') AS phone,
		   '19' || to_char('1900-01-01'::date + i % 36524, 'YYMMDD') AS number, '512345' || lpad(i::text, 9, '0') AS card,
		   '10.0.0.0'::inet + i AS v4, '2001:db8::'::inet + i AS v6, '1900-01-01'::date + i % 36524 AS day,
		   '2000-01-01'::timestamptz + i * interval '1 minute' AS moment
	  FROM generate_series(1, $rows) AS i;
CREATE FUNCTION luhn(digits text) RETURNS text LANGUAGE sql IMMUTABLE AS \$\$
	SELECT digits || (10 - sum(d / 10 + d % 10) % 10) % 10 FROM (SELECT substr(digits, length(digits) + 1 - n, 1)::int * (1 + n % 2) AS d
	  FROM generate_series(1, length(digits)) AS n) AS s \$\$;
UPDATE person SET number = left(number, 2) || luhn(substr(number, 3) || lpad((i % 1000)::text, 3, '0')), card = luhn(card);
ALTER TABLE person ADD token text;
UPDATE person SET token = privacy.pseudonym(v, 'bench');
VACUUM FULL ANALYZE person;
SELECT FROM person;
SQL

names=('reading the table' 'no-op C function' 'md5 (core)' 'hmac sha256 hex (pgcrypto)' pseudonym)
queries=('v' 'noop(v)' 'md5(v)' "encode(hmac(v, '0123456789abcdef0123456789abcdef', 'sha256'), 'hex')" "privacy.pseudonym(v, 'bench')")
measure()    # <name> <expression>
{
	names+=("$1")
	queries+=("$2")
}
measure 'is_pseudonym of a raw value' "privacy.is_pseudonym(v, 'bench')"
measure 'is_pseudonym of a pseudonym' "privacy.is_pseudonym(token, 'bench')"
for form in base32 base64url email uuid given_name family_name name street city; do
	measure "pseudonym_$form" "privacy.pseudonym_$form(v, 'bench')"
done
measure 'pseudonym_email, domain too' "privacy.pseudonym_email(v, 'bench', 'pseudonymize')"
measure 'subject_pseudonym' "privacy.subject_pseudonym(v, 'bench', '7')"
measure 'pseudonym of integer' "privacy.pseudonym(i, 'bench')"
measure 'pseudonym of bigint' "privacy.pseudonym(i::bigint, 'bench')"
measure 'pseudonym_digits, 10' "privacy.pseudonym_digits(code, 'bench')"
measure 'pseudonym_phone' "privacy.pseudonym_phone(phone, 'bench')"
measure 'pseudonym_personnummer' "privacy.pseudonym_personnummer(number, 'bench')"
measure 'pseudonym_card' "privacy.pseudonym_card(card, 'bench')"
measure 'pseudonym of inet, IPv4' "privacy.pseudonym(v4, 'bench')"
measure 'pseudonym of inet, IPv6' "privacy.pseudonym(v6, 'bench')"
measure 'pseudonym of date' "privacy.pseudonym(day, 'bench')"
measure 'pseudonym of timestamptz' "privacy.pseudonym(moment, 'bench')"
measure 'subject_pseudonym of date' "privacy.subject_pseudonym(day, 'bench', '7')"
measure 'encrypted_pseudonym' "privacy.encrypted_pseudonym(v, 'bench')"

heading "$rows rows, $rounds rounds, CPU time of one session"
{
	echo '\o /dev/null'
	for _ in $(seq "$rounds"); do
		for query in "${queries[@]}"; do
			printf '%s\n' 'SELECT cpu_ns() AS before \gset' "SELECT count($query) FROM person;" 'SELECT cpu_ns() - :before AS spent \gset' '\qecho' '\echo :spent'
		done
	done
} | "${psql[@]}" | grep -E '^[0-9]+$' >"$scratch/times"

# The n-th time belongs to query n modulo their number.
median()
{
	awk -v n="${#queries[@]}" -v k="$1" '(NR - 1) % n == k' "$scratch/times" | sort -n |
		awk '{ t[NR] = $1 } END { print (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2 }'
}

read=$(median 0)
noop=$(median 1)
hmac=$(median 3)
pseudonym=$(median 4)
printf '%-30s %10s %16s %18s %20s\n' expression 'ns a row' 'rate of hmac' 'query of a no-op' 'cost of pseudonym'
for k in "${!queries[@]}"; do
	awk -v name="${names[$k]}" -v t="$(median "$k")" -v read="$read" -v noop="$noop" -v hmac="$hmac" -v pseudonym="$pseudonym" -v rows="$rows" 'BEGIN {
		net = t - read
		if (net <= 0) { printf "%-30s %10.0f\n", name, t / rows; exit }
		printf "%-30s %10.0f %15.2fx %17.2fx %19.2fx\n", name, net / rows, (hmac - read) / net, t / noop, net / (pseudonym - read) }'
done

heading 'Parallel workers: seconds for the whole, without and with two'
for workers in 0 2; do
	"${psql[@]}" <<SQL
SET max_parallel_workers_per_gather = $workers;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT clock_timestamp() AS began \gset
SELECT count(privacy.pseudonym(v, 'bench')) FROM person \gset
SELECT '$workers workers: ' || round(extract(epoch FROM clock_timestamp() - :'began'), 3);
SQL
done
