-- acceptance.sql: did the sweep do what the policy demands? To be run after oracle.sql and a sweep with the
-- same cut-off. Compares every row and every value of every table with the oracle, both ways: nothing
-- is left that should be gone, nothing is gone or changed that should have stayed.
--
-- Leaves nothing behind (pgTAP is created for the transaction if need be).
--
--   :without_extension  set: look at the tables only, not at the evidence (to work on this pack itself)
--
-- pg_prove, or psql -X -q -A -t -v ON_ERROR_STOP=1 -f acceptance.sql

\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA learnster_acceptance;
CREATE EXTENSION IF NOT EXISTS pgtap SCHEMA learnster_acceptance;
SELECT set_config('search_path', format('pg_catalog, %I, pg_temp', extnamespace::regnamespace), true) AS path
  FROM pg_extension WHERE extname = 'pgtap' \gset
SET LOCAL work_mem = '128MB';

-- 1. The comparison. The oracle's tables say themselves which columns may be treated: those with a fate.

-- The tables of the pack.
CREATE VIEW pg_temp.compared AS
SELECT relname::text AS name FROM pg_class
 WHERE relnamespace = 'learnster'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition;

-- The columns that may be treated.
CREATE VIEW pg_temp.treated AS
SELECT relname::text AS table_name, regexp_replace(attname, '_fate$', '') AS column_name
  FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
 WHERE relnamespace = 'learnster_oracle'::regnamespace AND attname LIKE '%\_fate';

-- How many rows of a table, joined with what the oracle says of them, fulfil a condition. A row that
-- only one side has is null on the other.
CREATE FUNCTION pg_temp.rows_where(name text, condition text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    result bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM learnster.%I AS found
                      FULL JOIN learnster_oracle.%1$I AS wanted ON wanted.key = found.id WHERE %s', name, condition)
       INTO result;
    RETURN result;
END
$$;

-- The columns that no sweep may touch, as the oracle hashed them: all but the key and the treated ones.
CREATE FUNCTION pg_temp.untouched(name text) RETURNS text LANGUAGE sql AS $$
SELECT format('ROW (%s)', string_agg(format('found.%I', attname), ', ' ORDER BY attnum))
  FROM pg_attribute
 WHERE attrelid = format('learnster.%I', name)::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'
   AND NOT EXISTS (SELECT FROM pg_temp.treated WHERE table_name = name AND column_name = attname)
$$;

-- Every value that became a pseudonym, as it was and as it is.
CREATE FUNCTION pg_temp.pseudonyms() RETURNS TABLE (format text, raw text, pseudonym text) LANGUAGE plpgsql AS $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT * FROM pg_temp.treated LOOP
        RETURN QUERY EXECUTE format(
            'SELECT wanted.%2$I, wanted.%3$I::text, found.%3$I::text
               FROM learnster.%1$I AS found JOIN learnster_oracle.%1$I AS wanted ON wanted.key = found.id
              WHERE wanted.fate = ''stay'' AND wanted.%2$I IN (''token'', ''email'')',
            item.table_name, item.column_name || '_fate', item.column_name);
    END LOOP;
END
$$;
CREATE TEMPORARY TABLE pseudonym ON COMMIT DROP AS SELECT * FROM pg_temp.pseudonyms();

SELECT plan((SELECT 3 * count(*) FROM pg_temp.compared)::integer
            + (SELECT 2 * count(*) FROM pg_temp.treated)::integer
            + 9 + 4);

-- 2. Is this a test at all? An oracle that finds nothing to do would pass anything.

SELECT is((SELECT count(*) FROM pg_temp.compared), 17::bigint, 'all seventeen tables are compared');
SELECT is((SELECT count(*) FROM pg_temp.treated), 26::bigint, 'all twenty-six treated columns are compared');
SELECT cmp_ok((SELECT sum(gone) FROM learnster_oracle.summary), '>', 0::numeric, 'there are rows to go');
SELECT cmp_ok((SELECT sum(staying) FROM learnster_oracle.summary), '>', 0::numeric, 'there are rows to stay');
SELECT cmp_ok((SELECT sum(blocked) FROM learnster_oracle.summary), '>', 0::numeric, 'there are blocked rows');

-- 3. The rows.

SELECT is(pg_temp.rows_where(name, 'wanted.fate = ''stay'' AND found.id IS NULL'), 0::bigint,
          name || ': no row is lost that should stay')
  FROM pg_temp.compared ORDER BY name;
SELECT is(pg_temp.rows_where(name, 'found.id IS NOT NULL AND wanted.fate IS DISTINCT FROM ''stay'''), 0::bigint,
          name || ': no row is left that should be gone')
  FROM pg_temp.compared ORDER BY name;
SELECT is(pg_temp.rows_where(name, format('wanted.fate = ''stay'' AND found.id IS NOT NULL AND hash_record_extended(%s, 0) <> wanted.rest',
                                          pg_temp.untouched(name))), 0::bigint,
          name || ': what no rule treats is as it was')
  FROM pg_temp.compared ORDER BY name;

-- 4. The values.

SELECT is(pg_temp.rows_where(table_name, format(
            'wanted.fate = ''stay'' AND wanted.%2$I <> ''keep'' AND found.id IS NOT NULL AND
             CASE wanted.%2$I
               WHEN ''null''    THEN found.%1$I IS NOT NULL
               WHEN ''literal'' THEN found.%1$I::text IS DISTINCT FROM ''[removed]''
               WHEN ''token''   THEN (found.%1$I::text ~ ''^[0-9a-f]{40}$'') IS NOT TRUE OR found.%1$I = wanted.%1$I
               WHEN ''email''   THEN (found.%1$I::text ~ ''^[0-9a-f]{40}@pseudonym\.invalid$'') IS NOT TRUE
                                     OR found.%1$I = wanted.%1$I
             END', column_name, column_name || '_fate')), 0::bigint,
          format('%s.%s: no value is left whose purposes have ended', table_name, column_name))
  FROM pg_temp.treated ORDER BY table_name, column_name;
SELECT is(pg_temp.rows_where(table_name, format(
            'wanted.fate = ''stay'' AND wanted.%2$I = ''keep'' AND found.id IS NOT NULL
             AND found.%1$I IS DISTINCT FROM wanted.%1$I', column_name, column_name || '_fate')), 0::bigint,
          format('%s.%s: every value that still serves a purpose is as it was', table_name, column_name))
  FROM pg_temp.treated ORDER BY table_name, column_name;

SELECT cmp_ok((SELECT count(*) FROM pg_temp.pseudonym), '>', 0::bigint, 'there are pseudonyms');
SELECT is((SELECT count(*) FROM (SELECT FROM pg_temp.pseudonym GROUP BY format, raw
                                 HAVING count(DISTINCT pseudonym.pseudonym) > 1) AS torn), 0::bigint,
          'equal values have equal pseudonyms, in whatever table');
SELECT is((SELECT count(*) FROM (SELECT FROM pg_temp.pseudonym GROUP BY format, pseudonym.pseudonym
                                 HAVING count(DISTINCT raw) > 1) AS merged), 0::bigint,
          'different values have different pseudonyms');
SELECT is((SELECT count(*)
             FROM (SELECT login_email AS email FROM learnster.account UNION ALL
                   SELECT email FROM learnster.learner UNION ALL
                   SELECT contact_email FROM learnster.support_ticket UNION ALL
                   SELECT sender_email FROM learnster.support_message UNION ALL
                   SELECT participant_email FROM learnster.invoice_line) AS left_over
             JOIN learnster_oracle.learner USING (email)
            WHERE learner.fate = 'delete'), 0::bigint,
          'no table but those of letters sent knows the address of a learner who is gone');

-- 5. The evidence.

\if :{?without_extension}
SELECT skip('without the extension there is no evidence', 4);
\else
SELECT is_empty('SELECT * FROM privacy.verify_audit()', 'the audit chain is whole');
SELECT is((SELECT sum(row_count) FROM privacy.audit_entry
            WHERE action = 'sweep.delete' AND cut_off = (SELECT at FROM learnster_oracle.cut_off)),
          (SELECT sum(gone) FROM learnster_oracle.summary),
          'the evidence counts as many deleted rows as should be gone');
SELECT is((SELECT sum(row_count) FROM privacy.audit_entry
            WHERE action = 'sweep.delete' AND cut_off = (SELECT at FROM learnster_oracle.cut_off)),
          (SELECT sum(total) FROM learnster_oracle.summary)
          - (SELECT sum(pg_temp.rows_where(name, 'found.id IS NOT NULL AND wanted.key IS NOT NULL'))
               FROM pg_temp.compared),
          'and as many as are gone');
SELECT is((SELECT count(*) FROM privacy.audit_entry AS entry
            WHERE entry::text ~ '@foretag-|@post\.example'), 0::bigint,
          'the evidence itself names nobody');
\endif

SELECT * FROM finish();
ROLLBACK;
