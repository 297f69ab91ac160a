-- rows.sql: random rows for 070_resolver.pl, with a liking for the moments at which things go wrong. The
-- session's time zone is the policy's. random() is seeded by the caller.

CREATE TABLE naive.anchor (at timestamptz PRIMARY KEY);			-- the cut-offs to come
CREATE TABLE naive.common_period (period interval);				-- the periods that promises and terms are made of

-- Moments that are edges by themselves: leap days, month ends, both sides of summer time, the ends of all calendars, and
-- those at which promises change.
CREATE FUNCTION naive.odd_moment() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
SELECT ('{2056-02-29 12:00, 2056-02-29 00:00, 2059-02-28 23:59:59.999999, 2060-02-29 08:00, 2058-01-31 10:00, 2057-12-31 23:59:59.999999,
	2058-01-01 00:00, 2058-08-31 00:00, 2059-10-31 12:00, 2057-03-31 23:30, 2059-03-30 02:30, 2059-10-26 02:30, 2059-10-26 00:30+00,
	2059-10-26 01:30+00, 2058-06-30 00:00, 2058-07-01 00:00, 1970-01-01 00:00, 1582-10-15 00:00, 0001-01-01 00:00, 4712-01-01 00:00 BC,
	200000-01-01 00:00, 280000-12-31 23:59:59.999999, 2055-06-01 00:00, 2058-01-01 00:00, 2059-12-31 23:59:59.999999, 2060-01-01 00:00,
	2060-01-01 00:00:00.000001, 2062-12-24 12:00}'::timestamptz[])[1 + floor(random() * 28)]
$$;

CREATE FUNCTION naive.some_moment() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	dice float8 := random();
	anchor timestamptz;
	period interval;
BEGIN
	IF dice < 0.10 THEN RETURN NULL; END IF;
	IF dice < 0.12 THEN RETURN 'infinity'; END IF;
	IF dice < 0.14 THEN RETURN '-infinity'; END IF;
	IF dice < 0.27 THEN RETURN naive.odd_moment(); END IF;
	IF dice < 0.45 THEN RETURN timestamptz '2050-01-01' + random() * interval '18 years'; END IF;
	-- a start whose end lies at a cut-off, or a hair, a day or a season beside it
	SELECT a.at INTO anchor FROM naive.anchor AS a ORDER BY random() LIMIT 1;
	SELECT c.period INTO period FROM naive.common_period AS c ORDER BY random() LIMIT 1;
	RETURN anchor - period
		+ ('{0, 0, 1 microsecond, -1 microsecond, 1 day, -1 day, 1 hour, -1 hour, -1 month, -5 months, -10 months}'::interval[])[1 + floor(random() * 11)];
END
$$;

CREATE FUNCTION naive.some_day() RETURNS date LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	dice float8 := random();
BEGIN
	IF dice < 0.02 THEN RETURN ('{5874897-12-31, 4712-01-02 BC, 294276-12-31, 0001-01-01 BC}'::date[])[1 + floor(random() * 4)]; END IF;
	RETURN naive.some_moment()::date;
END
$$;

-- Makes a world's tables and its rows.
CREATE PROCEDURE naive.create_world(world text, size integer) LANGUAGE plpgsql AS $$
DECLARE
	this_level text;
	parent_level text;
BEGIN
	EXECUTE format('CREATE SCHEMA %I', world);
	EXECUTE format('CREATE TABLE %I.event (level text, thing integer, kind text, at timestamptz)', world);
	EXECUTE format('CREATE INDEX ON %I.event (level, thing, kind)', world);
	FOREACH this_level IN ARRAY ARRAY['top', 'mid', 'leaf'] LOOP
		EXECUTE format('CREATE TABLE %I.%I (id integer PRIMARY KEY, up integer, s1 timestamptz, s2 timestamptz, s3 timestamptz,
			d1 date, d2 date, kind text, flag boolean, number integer, tenant text,
			c1 text, c2 text, c3 integer, c4 json, mark timestamptz, wall timestamp)', world, this_level);
		IF parent_level IS NOT NULL THEN
			EXECUTE format('ALTER TABLE %1$I.%2$I ADD FOREIGN KEY (up) REFERENCES %1$I.%3$I', world, this_level, parent_level);
		END IF;
		EXECUTE format('CREATE INDEX ON %I.%I (up)', world, this_level);
		IF random() < 0.5 THEN
			EXECUTE format('CREATE INDEX ON %I.%I (s1)', world, this_level);
			EXECUTE format('CREATE INDEX ON %I.%I (d1)', world, this_level);
		END IF;
		-- a third of the parents have no child, so that their own fate shows
		EXECUTE format('INSERT INTO %I.%I
			SELECT i, CASE WHEN %L AND random() < 0.85 THEN 1 + floor(random() * %s * 0.6) END,
				   CASE WHEN random() < 0.01 THEN timestamptz ''294276-12-31 12:00+00'' ELSE naive.some_moment() END,
				   naive.some_moment(), naive.some_moment(), naive.some_day(), naive.some_day(),
				   (%L::text[])[1 + floor(random() * 4)], (%L::boolean[])[1 + floor(random() * 5)],
				   CASE WHEN random() < 0.9 THEN floor(random() * 10) END, (%L::text[])[1 + floor(random() * 4)],
				   CASE WHEN random() < 0.8 THEN ''raw'' END, CASE WHEN random() < 0.8 THEN ''raw'' END,
				   CASE WHEN random() < 0.8 THEN 7 END, CASE WHEN random() < 0.8 THEN json ''"raw"'' END
			  FROM generate_series(1, %s) AS i',
			world, this_level, parent_level IS NOT NULL, size, '{a,b,c,NULL}', '{t,t,f,f,NULL}', '{t1,t2,t3,NULL}', size);
		EXECUTE format('INSERT INTO %I.event SELECT %L, 1 + floor(random() * %s), (%L::text[])[1 + floor(random() * 2)], naive.some_moment()
			FROM generate_series(1, %3$s)', world, this_level, size, '{closed,seen}');
		EXECUTE format('INSERT INTO naive.thing
			SELECT %1$L, %2$L, id, up, s1, s2, s3, d1, d2, kind, flag, number, tenant,
				   c1 IS NOT NULL, c2 IS NOT NULL, c3 IS NOT NULL, c4 IS NOT NULL FROM %1$I.%2$I', world, this_level);
		EXECUTE format('ANALYZE %I.%I', world, this_level);
		parent_level := this_level;
	END LOOP;
	EXECUTE format('INSERT INTO naive.event SELECT %L, * FROM %1$I.event', world);
END
$$;

-- What there is now, to be compared.
CREATE TABLE naive.found (world text, level text, id integer, c1 text, c2 text, c3 text, c4 text, PRIMARY KEY (world, level, id));

CREATE PROCEDURE naive.look_around() LANGUAGE plpgsql AS $$
DECLARE
	place record;
BEGIN
	TRUNCATE naive.found;
	FOR place IN SELECT world, level FROM naive.label LOOP
		EXECUTE format('INSERT INTO naive.found SELECT %1$L, %2$L, id, c1, c2, c3, c4 FROM %1$I.%2$I', place.world, place.level);
	END LOOP;
END
$$;

-- What a value should look like by now.
CREATE FUNCTION naive.looks_right(value text, name text, has_value boolean, treated text[], label jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	treatment text;
BEGIN
	IF NOT has_value THEN
		RETURN value IS NULL;
	END IF;
	IF name = ANY (treated) THEN
		SELECT c ->> 'treatment' INTO treatment FROM jsonb_array_elements(label -> 'columns') AS c WHERE c ->> 'name' = name;
		RETURN COALESCE(CASE treatment WHEN 'pseudonym' THEN value ~ '^[0-9a-f]{40}$'
						ELSE value = CASE name WHEN 'c3' THEN '0' WHEN 'c4' THEN '"gone"' ELSE '[removed]' END END, false);
	END IF;
	RETURN COALESCE(value = CASE name WHEN 'c3' THEN '7' WHEN 'c4' THEN '"raw"' ELSE 'raw' END, false);
END
$$;

-- Where the engine and the naive evaluator disagree.
CREATE VIEW naive.difference AS
SELECT world, level, id,
	   CASE WHEN found.id IS NULL AND NOT gone THEN 'row: gone, should stay'
			WHEN found.id IS NOT NULL AND gone THEN 'row: stays, should go'
			ELSE concat_ws(', ',
				CASE WHEN NOT naive.looks_right(c1, 'c1', has_c1, treated, label) THEN 'c1: ' || COALESCE(c1, 'null') END,
				CASE WHEN NOT naive.looks_right(c2, 'c2', has_c2, treated, label) THEN 'c2: ' || COALESCE(c2, 'null') END,
				CASE WHEN NOT naive.looks_right(c3, 'c3', has_c3, treated, label) THEN 'c3: ' || COALESCE(c3, 'null') END,
				CASE WHEN NOT naive.looks_right(c4, 'c4', has_c4, treated, label) THEN 'c4: ' || COALESCE(c4, 'null') END) END AS what
  FROM naive.thing JOIN naive.label USING (world, level) LEFT JOIN naive.found USING (world, level, id)
 WHERE (found.id IS NULL) <> gone
	OR found.id IS NOT NULL AND NOT (naive.looks_right(c1, 'c1', has_c1, treated, label)
		AND naive.looks_right(c2, 'c2', has_c2, treated, label) AND naive.looks_right(c3, 'c3', has_c3, treated, label)
		AND naive.looks_right(c4, 'c4', has_c4, treated, label));

-- What the engine says of rows before it sweeps: how many are in which state, and the states of a few.

CREATE TABLE naive.counted (world text, level text, state text, rows bigint, problem text);
CREATE TABLE naive.said (world text, level text, id integer, state text);

CREATE PROCEDURE naive.ask(cut_off timestamptz) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE naive.counted, naive.said;
	INSERT INTO naive.counted
	SELECT relnamespace::regnamespace::text, relname, counts.state, counts.rows, s.problem
	  FROM privacy.row_states(cut_off) AS s JOIN pg_class ON pg_class.oid = s.relation,
		   LATERAL (VALUES ('undetermined', undetermined), ('waiting', waiting), ('running', running), ('restricted', restricted),
						   ('held', held), ('blocked', blocked), ('due', due), ('total', total)) AS counts (state, rows)
	 WHERE counts.rows IS DISTINCT FROM 0;
	INSERT INTO naive.said
	SELECT world, level, id, privacy.row_state(format('%I.%I', world, level)::regclass, id::text, cut_off)
	  FROM (SELECT world, level, id FROM naive.thing JOIN naive.label AS l USING (world, level)
	 WHERE NOT gone AND (l.label ? 'terms' OR l.label ? 'nothing') ORDER BY random() LIMIT 20) AS picked;
END
$$;

-- The states of rows as the naive evaluator sees them, after its sweep: a due row that is not gone is blocked.
CREATE VIEW naive.row_decision AS
SELECT world, level, id, CASE WHEN state = 'due' AND NOT gone THEN 'blocked' ELSE state END AS state, ends_at
  FROM naive.decision JOIN naive.thing USING (world, level, id) WHERE target = 'row';

CREATE VIEW naive.state_difference AS
SELECT world, level, NULL::integer AS id, state, format('%s rows, not %s %s', engine.rows, evaluator.rows, problem) AS what
  FROM (SELECT * FROM naive.counted WHERE state <> 'total') AS engine
  FULL JOIN (SELECT world, level, state, count(*) AS rows FROM naive.row_decision GROUP BY world, level, state) AS evaluator
	   USING (world, level, state)
 WHERE engine.rows IS DISTINCT FROM evaluator.rows
 UNION ALL
SELECT world, level, id, said.state, 'not ' || row_decision.state
  FROM naive.said JOIN naive.row_decision USING (world, level, id) WHERE said.state IS DISTINCT FROM row_decision.state;
