-- naive.sql: what DESIGN.md section 4 says about one row, read word by word and put into PL/pgSQL.
--
-- The other half of a property test: 070_resolver.pl makes random labels and random rows, the engine
-- sweeps them, and this file says what should have happened. It was written from the design alone. It
-- knows nothing of the engine's SQL, never looks at a label's text (it is given the same label as a
-- structure), and is as slow and as plain as it can be: one row, one purpose, one cut-off at a time.
--
-- A world is a schema with three tables of one shape: leaf refers to mid, mid to top, both by the
-- column up; event refers to nothing, and is what sub-selects read. Before the first sweep the rows are
-- copied into naive.thing; from then on the copy follows what should have happened.
--
-- Label structures (jsonb):
--   table    {"name", "nothing", "terms": [...], "caps": [...], "tenant": "own" | "via", "columns": [...]}
--   column   {"name", "for": [purpose...] | absent, "terms": [...], "caps": [...], "treatment", "literal"}
--   term     {"period", "purposes": [...], "when": "after" | "until" | "while" | "with", "unit", "start",
--             "condition", "where"}; purposes are spelled out, nothing dotted is left to be resolved
--   cap      {"period", "start"}
--   start    {"column"} | {"all": [start...]} | {"any": [start...]} | {"plus": [column, interval]}
--             | {"event": kind} | {"parent": column} | {"case": [column, column]}
--   condition {"kind": value} | {"flag"} | {"above": number} | {"less": [column, column]} | {"event": kind} | {"not": condition}

CREATE SCHEMA naive;

CREATE TABLE naive.purpose (name text PRIMARY KEY, legal_basis text NOT NULL);
CREATE TABLE naive.promise (purpose text, effective timestamptz, period interval, PRIMARY KEY (purpose, effective));
CREATE TABLE naive.tenant_promise (tenant text, purpose text, period interval, PRIMARY KEY (tenant, purpose));
CREATE TABLE naive.label (world text, level text, label jsonb, words text, PRIMARY KEY (world, level));
CREATE TABLE naive.event (world text, level text, thing integer, kind text, at timestamptz);
CREATE INDEX ON naive.event (world, level, thing, kind);
CREATE TABLE naive.thing (
	world text, level text, id integer, up integer,
	s1 timestamptz, s2 timestamptz, s3 timestamptz, d1 date, d2 date,
	kind text, flag boolean, number integer, tenant text,
	has_c1 boolean, has_c2 boolean, has_c3 boolean, has_c4 boolean,	-- columns that are not null
	treated text[] NOT NULL DEFAULT '{}',							-- columns whose value should be what their treatment makes
	gone boolean NOT NULL DEFAULT false,							-- rows that should not be there any more
	PRIMARY KEY (world, level, id));
CREATE INDEX ON naive.thing (world, level, up);

-- What is known of one purpose on one row: 'undetermined', 'waiting', 'ahead' (it has an end, which may be
-- infinitely far when a WHILE holds). A purpose that does not apply to the row has no entry at all.
CREATE TYPE naive.outlook AS (state text, ends_at timestamptz);

-- The row's own list, purpose by purpose, for those who live WITH it.
CREATE TABLE naive.entry (world text, level text, id integer, purpose text, state text, ends_at timestamptz);
CREATE INDEX ON naive.entry (world, level, id, purpose);

CREATE TABLE naive.decision (
	cut_off timestamptz, world text, level text, id integer, target text,	-- target: 'row' or a column
	state text, ends_at timestamptz);
CREATE INDEX ON naive.decision (world, level, id);

-- Starting points. The session's time zone is the policy's, so a date is its 00:00 there.

CREATE FUNCTION naive.column_moment(thing naive.thing, name text) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
	CASE name
		WHEN 's1' THEN RETURN thing.s1;
		WHEN 's2' THEN RETURN thing.s2;
		WHEN 's3' THEN RETURN thing.s3;
		WHEN 'd1' THEN RETURN naive.day_moment(thing.d1);
		WHEN 'd2' THEN RETURN naive.day_moment(thing.d2);
	END CASE;
END
$$;

-- A day that no timestamptz can hold is infinitely far for us.
CREATE FUNCTION naive.day_moment(day date) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
	IF day > '294270-01-01' THEN RETURN 'infinity'; END IF;
	RETURN day::timestamptz;
END
$$;

CREATE FUNCTION naive.moment(thing naive.thing, start jsonb) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
	part jsonb;
	moment timestamptz;
	result timestamptz;
	unknown boolean := false;
BEGIN
	IF start ? 'column' THEN
		RETURN naive.column_moment(thing, start ->> 'column');
	ELSIF start ? 'all' THEN
		-- null when any part is null; what happened at no known time (-infinity) is not known to be over
		FOR part IN SELECT * FROM jsonb_array_elements(start -> 'all') LOOP
			moment := naive.moment(thing, part);
			IF moment IS NULL THEN
				RETURN NULL;
			END IF;
			unknown := unknown OR moment = '-infinity';
			IF result IS NULL OR moment > result THEN result := moment; END IF;
		END LOOP;
		RETURN CASE WHEN unknown THEN '-infinity' ELSE result END;
	ELSIF start ? 'any' THEN
		FOR part IN SELECT * FROM jsonb_array_elements(start -> 'any') LOOP
			moment := naive.moment(thing, part);
			IF result IS NULL OR moment < result THEN result := moment; END IF;
		END LOOP;
		RETURN result;
	ELSIF start ? 'plus' THEN
		RETURN naive.later(naive.column_moment(thing, start -> 'plus' ->> 0), (start -> 'plus' ->> 1)::interval);
	ELSIF start ? 'event' THEN
		SELECT max(at) INTO result FROM naive.event AS e
		 WHERE e.world = thing.world AND e.level = thing.level AND e.thing = thing.id AND e.kind = start ->> 'event';
		RETURN result;
	ELSIF start ? 'parent' THEN
		SELECT naive.column_moment(parent, start ->> 'parent') INTO result FROM naive.thing AS parent
		 WHERE parent.world = thing.world AND parent.id = thing.up
		   AND parent.level = CASE thing.level WHEN 'leaf' THEN 'mid' ELSE 'top' END;
		RETURN result;
	ELSIF start ? 'case' THEN
		-- a case opened again is not closed
		result := naive.column_moment(thing, start -> 'case' ->> 0);
		moment := naive.column_moment(thing, start -> 'case' ->> 1);
		RETURN CASE WHEN moment >= result THEN NULL ELSE result END;
	END IF;
	RAISE 'what is %?', start;
END
$$;

-- Whether something holds for the row; null when nobody knows.
CREATE FUNCTION naive.holds(thing naive.thing, condition jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF condition ? 'kind' THEN
		RETURN thing.kind = condition ->> 'kind';
	ELSIF condition ? 'flag' THEN
		RETURN thing.flag;
	ELSIF condition ? 'above' THEN
		RETURN thing.number > (condition ->> 'above')::integer;
	ELSIF condition ? 'less' THEN
		-- as SQL compares a day with a moment, beyond all calendars as well
		RETURN CASE condition ->> 'less' WHEN '["s1", "s2"]' THEN thing.s1 < thing.s2 WHEN '["s1", "d2"]' THEN thing.s1 < thing.d2
										 WHEN '["d1", "s2"]' THEN thing.d1 < thing.s2 WHEN '["d1", "d2"]' THEN thing.d1 < thing.d2 END;
	ELSIF condition ? 'event' THEN
		RETURN EXISTS (SELECT FROM naive.event AS e WHERE e.world = thing.world AND e.level = thing.level
						  AND e.thing = thing.id AND e.kind = condition ->> 'event');
	ELSIF condition ? 'not' THEN
		RETURN NOT naive.holds(thing, condition -> 'not');
	END IF;
	RAISE 'what is %?', condition;
END
$$;

-- A moment and a period; what lies beyond all calendars is infinitely far.
CREATE FUNCTION naive.later(moment timestamptz, period interval) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
	IF NOT isfinite(moment) OR moment > '290000-01-01' THEN
		RETURN CASE WHEN isfinite(moment) THEN 'infinity' ELSE moment END;
	END IF;
	RETURN moment + period;
END
$$;

-- END OF YEAR OF and its like: the first moment after the calendar unit.
CREATE FUNCTION naive.end_of(unit text, moment timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
	IF unit IS NULL OR NOT isfinite(moment) OR moment > '290000-01-01' THEN
		RETURN moment;
	END IF;
	RETURN (date_trunc(unit, moment AT TIME ZONE current_setting('TimeZone'))
			+ CASE unit WHEN 'year' THEN interval '1 year' WHEN 'quarter' THEN interval '3 months' ELSE interval '1 month' END)
		   AT TIME ZONE current_setting('TimeZone');
END
$$;

-- When a purpose ends that starts now, by the promises made of it so far: "a shorter period takes every row from then on,
-- a longer one only rows whose start is later". Null: no period.
CREATE FUNCTION naive.promised(purpose_name text, start timestamptz, cut_off timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
	promise naive.promise;
	next_end timestamptz;
	ends_at timestamptz;
BEGIN
	FOR promise IN SELECT * FROM naive.promise AS p WHERE p.purpose = purpose_name AND p.effective <= cut_off ORDER BY effective LOOP
		next_end := naive.later(start, promise.period);
		IF start > promise.effective OR ends_at IS NULL OR next_end < ends_at THEN
			ends_at := next_end;
		END IF;
	END LOOP;
	RETURN ends_at;
END
$$;

-- Whose tenant the row is.
CREATE FUNCTION naive.tenant(row_of naive.thing, label jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	IF label ->> 'tenant' = 'own' THEN
		RETURN row_of.tenant;
	ELSIF label ->> 'tenant' = 'via' THEN
		SELECT parent.tenant INTO result FROM naive.thing AS parent
		 WHERE parent.world = row_of.world AND parent.id = row_of.up
		   AND parent.level = CASE row_of.level WHEN 'leaf' THEN 'mid' ELSE 'top' END;
		RETURN result;
	END IF;
	RETURN NULL;
END
$$;

-- One purpose of one term on one row, before caps; null: the term does not apply.
CREATE FUNCTION naive.look(thing naive.thing, tenant_name text, term jsonb, purpose_name text, cut_off timestamptz)
RETURNS naive.outlook LANGUAGE plpgsql AS $$
DECLARE
	applies boolean := true;
	start timestamptz;
	ends_at timestamptz;
	tenant_period interval;
	has_tenant_period boolean := false;
	result naive.outlook;
BEGIN
	IF term ? 'where' THEN
		applies := naive.holds(thing, term -> 'where');
	END IF;
	IF applies IS NULL THEN
		RETURN ROW('undetermined', NULL)::naive.outlook;
	ELSIF NOT applies THEN
		RETURN NULL;
	END IF;

	IF term ->> 'when' = 'with' THEN
		IF thing.up IS NULL THEN
			RETURN NULL;
		END IF;
		SELECT e.state, e.ends_at INTO result FROM naive.entry AS e
		 WHERE e.world = thing.world AND e.id = thing.up AND e.purpose = purpose_name
		   AND e.level = CASE thing.level WHEN 'leaf' THEN 'mid' ELSE 'top' END;
		RETURN CASE WHEN FOUND THEN result END;
	ELSIF term ->> 'when' = 'while' THEN
		applies := naive.holds(thing, term -> 'condition');
		IF applies IS NULL THEN
			RETURN ROW('undetermined', NULL)::naive.outlook;
		END IF;
		RETURN ROW('ahead', CASE WHEN applies THEN 'infinity' ELSE '-infinity' END::timestamptz)::naive.outlook;
	END IF;

	start := naive.end_of(term ->> 'unit', naive.moment(thing, term -> 'start'));
	IF term ->> 'when' = 'until' THEN
		ends_at := start;
	ELSE
		-- the tenant's period, else the term's, else the purpose's
		SELECT period, true INTO tenant_period, has_tenant_period FROM naive.tenant_promise AS t
		 WHERE t.tenant = tenant_name AND t.purpose = purpose_name;
		IF has_tenant_period THEN
			ends_at := naive.later(start, tenant_period);
		ELSE
			ends_at := naive.promised(purpose_name, start, cut_off);
			IF term ? 'period' AND (ends_at IS NULL OR ends_at > naive.later(start, (term ->> 'period')::interval)) THEN
				ends_at := naive.later(start, (term ->> 'period')::interval);
			END IF;
		END IF;
	END IF;
	-- Where the clock has not started we cannot ask for an end, but for the period that it would start with: is there one at all?
	IF start IS NULL AND term ->> 'when' = 'after' AND NOT COALESCE(has_tenant_period, false) AND NOT term ? 'period'
	   AND (SELECT p.period FROM naive.promise AS p WHERE p.purpose = purpose_name AND p.effective <= cut_off
			 ORDER BY p.effective DESC LIMIT 1) IS NULL THEN
		RETURN ROW('undetermined', NULL)::naive.outlook;
	ELSIF start IS NULL THEN
		RETURN ROW('waiting', NULL)::naive.outlook;
	ELSIF ends_at IS NULL OR NOT isfinite(start) OR start > '290000-01-01' OR NOT isfinite(ends_at) THEN	-- beyond all calendars is infinite
		RETURN ROW('undetermined', NULL)::naive.outlook;
	END IF;
	RETURN ROW('ahead', ends_at)::naive.outlook;
END
$$;

-- The earliest of the caps: null caps nothing, and neither does a moment that is no moment.
CREATE FUNCTION naive.cap(thing naive.thing, caps jsonb) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
	cap jsonb;
	moment timestamptz;
	earliest timestamptz;
BEGIN
	FOR cap IN SELECT * FROM jsonb_array_elements(caps) LOOP
		moment := naive.moment(thing, cap -> 'start');
		IF isfinite(moment) AND moment < '290000-01-01' THEN
			earliest := LEAST(earliest, naive.later(moment, (cap ->> 'period')::interval));
		END IF;
	END LOOP;
	RETURN earliest;
END
$$;

-- A list of terms on one row: each purpose's outlook, one entry per term that applies.
CREATE FUNCTION naive.list(thing naive.thing, tenant_name text, terms jsonb, cap timestamptz, cut_off timestamptz)
RETURNS TABLE (purpose text, state text, ends_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	term jsonb;
	outlook naive.outlook;
BEGIN
	FOR term IN SELECT * FROM jsonb_array_elements(terms) LOOP
		FOREACH purpose IN ARRAY CASE WHEN term ? 'purposes' THEN ARRAY(SELECT jsonb_array_elements_text(term -> 'purposes')) ELSE '{""}' END LOOP
			outlook := naive.look(thing, tenant_name, term, purpose, cut_off);
			CONTINUE WHEN outlook.state IS NULL;
			-- the earliest cap ends every purpose that does not rest on legal_obligation, whatever else is known of it
			IF cap IS NOT NULL AND NOT EXISTS (SELECT FROM naive.purpose AS p WHERE p.name = purpose AND p.legal_basis = 'legal_obligation') THEN
				IF outlook.state <> 'ahead' OR outlook.ends_at > cap THEN
					outlook := ROW('ahead', cap)::naive.outlook;
				END IF;
			END IF;
			state := outlook.state;
			ends_at := outlook.ends_at;
			RETURN NEXT;
		END LOOP;
	END LOOP;
END
$$;

-- Several outlooks seen as one: nothing applies, or anything undetermined: undetermined; then waiting; then the latest end.
CREATE FUNCTION naive.together(outlooks naive.outlook[]) RETURNS naive.outlook LANGUAGE plpgsql AS $$
DECLARE
	outlook naive.outlook;
	waiting boolean := false;
	latest timestamptz;
BEGIN
	FOREACH outlook IN ARRAY outlooks LOOP
		IF outlook.state = 'undetermined' THEN
			RETURN outlook;
		ELSIF outlook.state = 'waiting' THEN
			waiting := true;
		ELSE
			latest := GREATEST(latest, outlook.ends_at);
		END IF;
	END LOOP;
	IF waiting THEN
		RETURN ROW('waiting', NULL)::naive.outlook;
	ELSIF latest IS NULL THEN
		RETURN ROW('undetermined', NULL)::naive.outlook;
	END IF;
	RETURN ROW('ahead', latest)::naive.outlook;
END
$$;

-- Decides one row and its columns, and remembers each purpose for those who live with it.
CREATE FUNCTION naive.decide(thing naive.thing, label jsonb, cut_off timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	tenant_name text := naive.tenant(thing, label);
	cap timestamptz := naive.cap(thing, COALESCE(label -> 'caps', '[]'));
	entry record;
	of_list naive.outlook[] := '{}';
	of_row naive.outlook[];
	of_column naive.outlook;
	column_label jsonb;
	in_list text[] := '{}';
	purpose_name text;
	told text[] := '{}';
BEGIN
	FOR entry IN SELECT * FROM naive.list(thing, tenant_name, COALESCE(label -> 'terms', '[]'), cap, cut_off) LOOP
		in_list := in_list || entry.purpose;
		of_list := of_list || (entry.state, entry.ends_at)::naive.outlook;
	END LOOP;

	-- what children ask for: a purpose's end on a row is the latest end of its applicable terms
	IF thing.level <> 'leaf' THEN
		FOREACH purpose_name IN ARRAY in_list LOOP
			CONTINUE WHEN purpose_name = ANY (told);
			told := told || purpose_name;
			INSERT INTO naive.entry
			SELECT thing.world, thing.level, thing.id, purpose_name, (naive.together(ARRAY(
				SELECT (o.state, o.ends_at)::naive.outlook FROM unnest(in_list, of_list) AS o (purpose, state, ends_at)
				 WHERE o.purpose = purpose_name))).*;
		END LOOP;
	END IF;

	-- RETAIN NOTHING: due at once
	of_row := ARRAY[CASE WHEN (label ->> 'nothing')::boolean THEN ('ahead', '-infinity'::timestamptz)::naive.outlook
					ELSE naive.together(of_list) END];

	FOR column_label IN SELECT * FROM jsonb_array_elements(label -> 'columns') LOOP
		IF column_label ? 'terms' THEN
			-- a list of its own; no maximum of its table is exceeded by it
			of_column := naive.together(ARRAY(
				SELECT (l.state, l.ends_at)::naive.outlook FROM naive.list(thing, tenant_name, column_label -> 'terms',
					LEAST(cap, naive.cap(thing, COALESCE(column_label -> 'caps', '[]'))), cut_off) AS l));
			-- the row stays for it where the value is not null
			IF (CASE column_label ->> 'name' WHEN 'c1' THEN thing.has_c1 WHEN 'c2' THEN thing.has_c2
					WHEN 'c3' THEN thing.has_c3 ELSE thing.has_c4 END) THEN
				of_row := of_row || of_column;
			END IF;
		ELSIF column_label ? 'for' THEN
			of_column := naive.together(ARRAY(
				SELECT (o.state, o.ends_at)::naive.outlook FROM unnest(in_list, of_list) AS o (purpose, state, ends_at)
				 WHERE column_label -> 'for' ? o.purpose));
		ELSE
			of_column := of_row[1];
		END IF;
		INSERT INTO naive.decision VALUES (cut_off, thing.world, thing.level, thing.id, column_label ->> 'name', of_column.state, of_column.ends_at);
	END LOOP;

	IF label ? 'terms' OR (label ->> 'nothing')::boolean THEN
		of_column := naive.together(of_row);
		INSERT INTO naive.decision VALUES (cut_off, thing.world, thing.level, thing.id, 'row', of_column.state, of_column.ends_at);
	END IF;
END
$$;

-- Decides everything that is left, parents first, since their purposes are what their children live with.
CREATE PROCEDURE naive.decide_all(cut_off timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	this_level text;
	place record;
BEGIN
	TRUNCATE naive.entry, naive.decision;
	FOREACH this_level IN ARRAY ARRAY['top', 'mid', 'leaf'] LOOP
		FOR place IN SELECT world, label || '{}' AS label FROM naive.label WHERE level = this_level LOOP	-- ||: unpack it once
			PERFORM naive.decide(thing, place.label, cut_off) FROM naive.thing
			  WHERE world = place.world AND level = this_level AND NOT gone;
		END LOOP;
	END LOOP;
	UPDATE naive.decision SET state = CASE WHEN state <> 'ahead' THEN state WHEN ends_at <= decision.cut_off THEN 'due' ELSE 'running' END;
END
$$;

-- What a sweep should make of it: children go first, and whoever has one left stays.
CREATE PROCEDURE naive.sweep() LANGUAGE plpgsql AS $$
DECLARE
	this_level text;
BEGIN
	UPDATE naive.thing SET treated = ARRAY(SELECT DISTINCT unnest(thing.treated || columns.due)),
		-- what is set to null is null from then on, and keeps no row any more
		has_c1 = has_c1 AND NOT ('c1' = ANY (columns.due) AND columns.treatments ->> 'c1' = 'null'),
		has_c2 = has_c2 AND NOT ('c2' = ANY (columns.due) AND columns.treatments ->> 'c2' = 'null')
	  FROM (SELECT world, level, id, array_agg(target) AS due,
				   jsonb_object_agg(target, (SELECT c ->> 'treatment' FROM naive.label AS l, jsonb_array_elements(l.label -> 'columns') AS c
											  WHERE (l.world, l.level) = (d.world, d.level) AND c ->> 'name' = target)) AS treatments
			  FROM naive.decision AS d
			 WHERE target <> 'row' AND state = 'due' GROUP BY world, level, id) AS columns
	 WHERE (thing.world, thing.level, thing.id) = (columns.world, columns.level, columns.id) AND NOT thing.treated @> columns.due;
	FOREACH this_level IN ARRAY ARRAY['leaf', 'mid', 'top'] LOOP
		UPDATE naive.thing SET gone = true
		  FROM naive.decision AS d
		 WHERE d.target = 'row' AND d.state = 'due' AND thing.level = this_level
		   AND (thing.world, thing.level, thing.id) = (d.world, d.level, d.id)
		   AND NOT EXISTS (SELECT FROM naive.thing AS child
							WHERE child.world = thing.world AND child.up = thing.id AND NOT child.gone
							  AND child.level = CASE this_level WHEN 'mid' THEN 'leaf' WHEN 'top' THEN 'mid' END);
	END LOOP;
END
$$;
