#!/bin/bash
# mask_table.sh [rows [rounds]]: what static masking costs, beside the two other ways to the same end.
#
# One table of customers (a million of them is 300 MB with its three indexes) with three treatments. In every round the same rows
# are loaded anew, and masked by mask_table; by CREATE TABLE AS SELECT with the same expressions and the same indexes built
# again, which is the floor; by one UPDATE with these expressions; and by one UPDATE through SQL-language wrappers as other
# tools have them. CPU is the backend's own, from /proc: one process, no parallel workers. Sizes are table, TOAST and indexes afterwards.
# The medians of the rounds count; the wrappers take minutes and run in the first round only. On a shared machine trust ratios, not seconds.
set -euo pipefail
. "$(dirname "$0")/../script/lib.sh"

rows=${1:-1000000}
rounds=${2:-3}

need_server
throwaway_install
test_key
start_server data "shared_buffers = '512MB'" "maintenance_work_mem = '256MB'" "max_wal_size = '8GB'" "checkpoint_timeout = '1h'" \
	'jit = off' 'max_parallel_workers_per_gather = 0' 'max_parallel_maintenance_workers = 0' 'autovacuum = off' 'wal_level = replica'

psql=(as_user env PGHOST="$PGHOST" PGUSER="$PGUSER" "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 postgres)
"${psql[@]}" <<SQL
SET client_min_messages = warning;
CREATE EXTENSION pg_privacy;
CREATE EXTENSION pgcrypto;
SELECT FROM privacy.create_scope('bench');
CREATE TABLE raw AS SELECT i AS id, 'Firstname' || i % 5000 || ' Lastname' || i % 7919 AS name,
	'name.' || lpad(i::text, 7, '0') || '@example.org' AS email, '+4670' || lpad(i::text, 7, '0') AS phone,
	'Street ' || i % 1000 || ', 12345 City' AS address, repeat('note ', 20) AS note, timestamptz '2026-01-01' - i * interval '1 minute' AS created_at
	FROM generate_series(1, $rows) AS i;
VACUUM ANALYZE raw;

-- As other tools do it: settings read by function, a projection onto a list of fakes, SQL upon SQL, each with a search_path of its own.
CREATE SCHEMA wrapped;
CREATE TABLE wrapped.setting (name text PRIMARY KEY, value text);
INSERT INTO wrapped.setting VALUES ('salt', 'a salt of this database'), ('algorithm', 'sha256');
CREATE TABLE wrapped.fake (id int PRIMARY KEY, name text);
INSERT INTO wrapped.fake SELECT i, 'Fake' || i FROM generate_series(0, 999) AS i;
CREATE FUNCTION wrapped.setting(wanted text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS
	\$\$ SELECT value FROM wrapped.setting WHERE name = wanted \$\$;
CREATE FUNCTION wrapped.digest(seed text, salt text, algorithm text) RETURNS text LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = '' AS
	\$\$ SELECT pg_catalog.encode(public.digest(pg_catalog.concat(seed, salt), algorithm), 'hex') \$\$;
CREATE FUNCTION wrapped.hash(seed text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS
	\$\$ SELECT wrapped.digest(seed, wrapped.setting('salt'), wrapped.setting('algorithm')) \$\$;
CREATE FUNCTION wrapped.pick(seed text) RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS
	\$\$ SELECT ('x' || pg_catalog.right(wrapped.hash(seed), 4))::pg_catalog.bit(16)::pg_catalog.int4 % 1000 \$\$;
CREATE FUNCTION wrapped.name(seed text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS
	\$\$ SELECT f.name FROM wrapped.fake f WHERE f.id = wrapped.pick(seed) \$\$;
CREATE FUNCTION wrapped.email(seed text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS
	\$\$ SELECT pg_catalog.format('%s.%s@%s', wrapped.name(seed), pg_catalog.left(wrapped.hash(seed), 12), 'example.invalid') \$\$;
SQL

load='SET client_min_messages = warning; DROP TABLE IF EXISTS customer, masked; CREATE TABLE customer (LIKE raw);
	INSERT INTO customer SELECT * FROM raw; ALTER TABLE customer ADD PRIMARY KEY (id); CREATE INDEX ON customer (email); CREATE INDEX ON customer (name);
	SECURITY LABEL FOR privacy ON COLUMN customer.email IS $$PSEUDONYMIZE AS email IN bench$$;
	SECURITY LABEL FOR privacy ON COLUMN customer.name IS $$PSEUDONYMIZE IN bench$$;
	SECURITY LABEL FOR privacy ON COLUMN customer.phone IS $$PSEUDONYMIZE IN bench$$;
	VACUUM ANALYZE customer;'
# What mask_table evaluates: a value that is a pseudonym already stays.
value()
{
	echo "CASE WHEN $1 IS DISTINCT FROM NULL AND NOT privacy.is_pseudonym($1, 'bench', 'replace') THEN privacy.$2($1, 'bench') ELSE $1 END"
}
names=('mask_table' 'CREATE TABLE AS, indexes' 'UPDATE' 'UPDATE, SQL wrappers')
statements=(
	"CALL privacy.mask_table('customer');"
	"CREATE TABLE masked AS SELECT id, $(value name pseudonym) AS name, $(value email pseudonym_email) AS email, $(value phone pseudonym) AS phone, address, note, created_at FROM customer;
		ALTER TABLE masked ADD PRIMARY KEY (id); CREATE INDEX ON masked (email); CREATE INDEX ON masked (name);"
	"UPDATE customer SET name = $(value name pseudonym), email = $(value email pseudonym_email), phone = $(value phone pseudonym);"
	"UPDATE customer SET name = wrapped.name(name), email = wrapped.email(email), phone = wrapped.hash(phone);"
)
tables=(customer masked customer customer)

# One session: CPU seconds, seconds, MB of WAL, MB on disk.
measure()
{
	local cpu="(split_part(f, ' ', 14)::int + split_part(f, ' ', 15)::int) / 100.0"
	printf '%s\n' "$load" 'CHECKPOINT;' \
		"CREATE TEMP TABLE start AS SELECT $cpu AS cpu, clock_timestamp() AS at, pg_current_wal_insert_lsn() AS wal FROM pg_read_file('/proc/self/stat') AS f;" \
		"${statements[$1]}" \
		"SELECT round($cpu - cpu, 2), round(extract(epoch FROM clock_timestamp() - at), 2), round((pg_current_wal_insert_lsn() - wal) / 1e6), round(pg_total_relation_size('${tables[$1]}') / 1e6), round(pg_total_relation_size('raw') / 1e6)
		FROM start, pg_read_file('/proc/self/stat') AS f;" | "${psql[@]}" | tail -n 1
}

heading "$rows customers, $rounds rounds"
for round in $(seq "$rounds"); do
	for k in "${!names[@]}"; do
		if [ "$round" = 1 ] || [ "$k" != 3 ]; then echo "$k|$(measure "$k")"; fi
	done
done >"$scratch/figures"

# median <statement> <column>
median()
{
	awk -F'|' -v k="$1" -v c="$2" '$1 == k { print $(c + 1) }' "$scratch/figures" | sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'
}

own=$(median 0 1)
printf '%-26s %8s %8s %9s %9s %24s\n' way 'CPU s' 'seconds' 'WAL MB' 'disk MB' 'CPU over mask_table'
for k in "${!names[@]}"; do
	printf '%-26s %8s %8s %9s %9s %24s\n' "${names[$k]}" "$(median "$k" 1)" "$(median "$k" 2)" "$(median "$k" 3)" "$(median "$k" 4)" \
		"$(awk -v a="$(median "$k" 1)" -v b="$own" 'BEGIN { printf "%.2f", a / b }')"
done
