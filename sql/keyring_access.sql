-- keyring_access: no way around a scope's list. Each part is an attempt by a role that is not on it; the last is what is meant.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_privacy CASCADE;
CREATE EXTENSION pg_privacy;
RESET client_min_messages;
CREATE ROLE regress_owner;
CREATE ROLE regress_stranger;
CREATE SCHEMA regress_data AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA regress_data TO regress_stranger;
SELECT privacy.create_scope('person');
SELECT privacy.grant_scope('person', 'regress_owner');

-- PUBLIC may execute nothing that is keyed, nor anything that changes keys.
SELECT p.oid::regprocedure AS executable_by_public FROM pg_proc AS p
 WHERE p.pronamespace = 'privacy'::regnamespace
   AND has_function_privilege('regress_stranger', p.oid, 'EXECUTE')
   AND (p.proname ~ 'pseudonym|scope|root|salt|reidentify' OR 'scope' = ANY (p.proargnames));
SET ROLE regress_stranger;
SELECT privacy.pseudonym('anna', 'person');
RESET ROLE;

-- EXECUTE alone opens nothing: from here on the stranger has it for all that is keyed, by somebody's mistake.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA privacy TO regress_stranger;
REVOKE EXECUTE ON FUNCTION privacy.grant_scope(text, regrole), privacy.grant_reidentify(text, regrole), privacy.rotate_scope(text),
	privacy.destroy_scope(text, integer), privacy.rotate_root(), privacy.import_salt(text, bytea) FROM regress_stranger;
SET ROLE regress_stranger;
SELECT privacy.pseudonym('anna', 'person');
SELECT privacy.pseudonym_at('anna', 'person', 1);
SELECT privacy.pseudonym_email('anna', 'person');
SELECT privacy.is_pseudonym('anna', 'person');
SELECT privacy.chain_pseudonym('anna', 'person');
SELECT privacy.subject_pseudonym('anna', 'person', '7');
SELECT privacy.encrypted_pseudonym('anna', 'person');
RESET ROLE;

-- Through a view of somebody who is on the list: tables are read with the owner's rights, functions are not.
SET ROLE regress_owner;
CREATE TABLE regress_data.customer (id int PRIMARY KEY, email text);
INSERT INTO regress_data.customer SELECT i, 'c' || i || '@example.org' FROM generate_series(1, 1000) AS i;
CREATE VIEW regress_data.pseudonymous AS SELECT id, privacy.pseudonym(email, 'person') AS email FROM regress_data.customer;
GRANT SELECT ON regress_data.pseudonymous TO regress_stranger;
SELECT count(DISTINCT email) FROM regress_data.pseudonymous;
SET ROLE regress_stranger;
SELECT count(DISTINCT email) FROM regress_data.pseudonymous;
RESET ROLE;

-- Through an index: keyed functions cannot be indexed, and a wrapper that lies about itself is run as whoever writes.
SET ROLE regress_owner;
CREATE INDEX ON regress_data.customer (privacy.pseudonym(email, 'person'));
CREATE FUNCTION regress_data.wrapper(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	AS $$ BEGIN RETURN privacy.pseudonym(value, 'person'); END $$;
CREATE INDEX customer_email ON regress_data.customer (regress_data.wrapper(email));
GRANT SELECT, INSERT ON regress_data.customer TO regress_stranger;
SET ROLE regress_stranger;
INSERT INTO regress_data.customer VALUES (0, 'guess@example.org');
RESET ROLE;
DROP INDEX regress_data.customer_email;

-- Through an index on a table of the stranger's own: maintenance runs it as the owner of the table, whoever asks for it.
SET ROLE regress_owner;
GRANT EXECUTE ON FUNCTION regress_data.wrapper(text) TO regress_stranger;
GRANT CREATE ON SCHEMA regress_data TO regress_stranger;
SET ROLE regress_stranger;
CREATE TABLE regress_data.trap (guess text);
CREATE INDEX trap_guess ON regress_data.trap (regress_data.wrapper(guess));
RESET ROLE;
INSERT INTO regress_data.trap VALUES ('anna');	-- a superuser's own insert is his own act
ANALYZE regress_data.trap;
REINDEX TABLE regress_data.trap;
DROP TABLE regress_data.trap;

-- Through a cast.
CREATE TYPE regress_data.token AS (value text);
CREATE FUNCTION regress_data.to_token(value text) RETURNS regress_data.token LANGUAGE sql STABLE
	AS $$ SELECT ROW(privacy.pseudonym(value, 'person'))::regress_data.token $$;
CREATE CAST (text AS regress_data.token) WITH FUNCTION regress_data.to_token(text);
SET ROLE regress_stranger;
SELECT 'anna'::text::regress_data.token;
RESET ROLE;

-- Through a domain's CHECK, which would be an oracle.
CREATE DOMAIN regress_data.pseudonym AS text CHECK (privacy.is_pseudonym(VALUE, 'person'));
SET ROLE regress_stranger;
SELECT repeat('a', 40)::regress_data.pseudonym;
RESET ROLE;

-- Through a default or a trigger.
SET ROLE regress_owner;
CREATE TABLE regress_data.guess (value text, token text DEFAULT privacy.pseudonym('anna', 'person'));
CREATE TABLE regress_data.copied (value text, token text);
CREATE FUNCTION regress_data.fill() RETURNS trigger LANGUAGE plpgsql
	AS $$ BEGIN NEW.token := privacy.pseudonym(NEW.value, 'person'); RETURN NEW; END $$;
CREATE TRIGGER fill BEFORE INSERT ON regress_data.copied FOR EACH ROW EXECUTE FUNCTION regress_data.fill();
GRANT SELECT, INSERT ON regress_data.guess, regress_data.copied TO regress_stranger;
SET ROLE regress_stranger;
INSERT INTO regress_data.guess (value) VALUES ('anna');
INSERT INTO regress_data.copied (value) VALUES ('anna');
RESET ROLE;

-- Through a plan that somebody else has prepared and used, generic or not.
SET plan_cache_mode = force_generic_plan;
PREPARE use AS SELECT length(privacy.pseudonym($1, 'person'));
EXECUTE use ('anna');
SET ROLE regress_stranger;
EXECUTE use ('anna');
RESET ROLE;
DEALLOCATE use;
RESET plan_cache_mode;
-- Through a cursor that somebody else has opened and not yet read.
BEGIN;
SET LOCAL ROLE regress_owner;
DECLARE opened CURSOR FOR SELECT email <> 'x' FROM regress_data.pseudonymous;
FETCH 1 FROM opened;
SET LOCAL ROLE regress_stranger;
FETCH 1 FROM opened;
ROLLBACK;

-- Through a parallel worker: it asks as the leader's user does.
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 1;
CREATE FUNCTION regress_data.is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text; BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		IF line ~ 'Parallel Seq Scan' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
ANALYZE regress_data.customer;
SET ROLE regress_stranger;
SELECT regress_data.is_parallel($$SELECT count(*) FROM regress_data.customer WHERE privacy.pseudonym(email, 'person') < 'a'$$);
SELECT count(*) FROM regress_data.customer WHERE privacy.pseudonym(email, 'person') < 'a';
RESET ROLE;
-- For who is on the list, workers compute what the leader does.
SET ROLE regress_owner;
SELECT md5(string_agg(email, ',' ORDER BY id)) AS in_parallel FROM regress_data.pseudonymous \gset
SET max_parallel_workers_per_gather = 0;
SELECT md5(string_agg(email, ',' ORDER BY id)) = :'in_parallel' AS equal FROM regress_data.pseudonymous;
RESET ROLE;
RESET max_parallel_workers_per_gather;

-- A literal is shown where the call is shown: pass values as parameters or columns. A column's values are not.
EXPLAIN (VERBOSE, COSTS OFF) SELECT privacy.pseudonym('anna', 'person');
PREPARE quiet AS SELECT privacy.pseudonym($1, 'person');
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE quiet ('anna');
RESET plan_cache_mode;
DEALLOCATE quiet;
-- Statistics of a column of pseudonyms, and of an index on one that is computed, hold pseudonyms only.
CREATE TABLE regress_data.masked AS SELECT privacy.pseudonym(email, 'person') AS token FROM regress_data.customer;
CREATE INDEX customer_email ON regress_data.customer (regress_data.wrapper(email));
ANALYZE regress_data.masked, regress_data.customer;
SELECT tablename, attname, count(*) AS rows, bool_or(concat(most_common_vals, histogram_bounds) ~ '@') AS raw
  FROM pg_stats WHERE schemaname = 'regress_data' AND tablename IN ('masked', 'customer_email') GROUP BY 1, 2 ORDER BY 1;

-- The intended way: a function that runs as its owner, who is on the list.
SET ROLE regress_owner;
CREATE FUNCTION regress_data.customer_token(id int) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	RETURN (SELECT privacy.pseudonym(c.email, 'person') FROM regress_data.customer AS c WHERE c.id = $1);
SET ROLE regress_stranger;
SELECT regress_data.customer_token(7) ~ '^[0-9a-f]{40}$' AS delegated;
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA regress_data CASCADE;
DROP EXTENSION pg_privacy CASCADE;
DROP ROLE regress_owner, regress_stranger;
