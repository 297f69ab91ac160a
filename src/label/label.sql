-- label: the parsed labels, and what they resolved to.

CREATE TABLE privacy.label_binding (
	relation oid NOT NULL,
	attribute smallint NOT NULL,
	label text NOT NULL,
	binding text NOT NULL,
	cluster bigint NOT NULL,
	PRIMARY KEY (relation, attribute)
);
REVOKE ALL ON privacy.label_binding FROM PUBLIC;
COMMENT ON TABLE privacy.label_binding IS
	'What the names and expressions of each label resolved to when it was set: relations, attribute numbers, types, functions, operators. Compared at every run; a difference parks the rule. Not dumped: a restored label is bound on first use.';
COMMENT ON COLUMN privacy.label_binding.cluster IS
	'System identifier of the cluster in which the binding was made; in another one it counts as absent.';

CREATE FUNCTION privacy.check_label(label text) RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pp_sql_check_label';
GRANT EXECUTE ON FUNCTION privacy.check_label(text) TO PUBLIC;
COMMENT ON FUNCTION privacy.check_label(text) IS
	'Parses a label and returns what it says. Raises what SECURITY LABEL would raise before it looks at the table: syntax errors with a cursor position and the valid words, and clauses that are not supported yet. Names are checked only when the label is set.';

CREATE VIEW privacy.table_label AS
SELECT l.objoid::pg_catalog.regclass AS relation,
	p.said -> 'subjects' AS subjects,
	coalesce(p.said ->> 'tenant', p.said ->> 'tenant_via') AS tenant,
	p.said -> 'terms' AS terms,
	p.said -> 'at_most' AS at_most,
	p.said ? 'draft' AS draft,
	l.label
FROM pg_catalog.pg_seclabel l
CROSS JOIN LATERAL privacy.check_label(l.label) AS p (said)
WHERE l.provider = 'privacy' AND l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
	AND l.objsubid = 0;
GRANT SELECT ON privacy.table_label TO PUBLIC;
COMMENT ON VIEW privacy.table_label IS
	'Every labelled table with its label parsed: subjects (kind, key or via), the column of its tenant, terms (period, purposes, after, until, while, with, end_of, where), maxima (at_most), and whether it is a draft. As open as pg_seclabel itself.';

CREATE VIEW privacy.column_label AS
SELECT l.objoid::pg_catalog.regclass AS relation,
	a.attname AS column_name,
	p.said ->> 'category' AS category,
	p.said ->> 'identifier' AS identifier,
	p.said ->> 'source' AS source,
	p.said -> 'purposes' AS purposes,
	p.said -> 'terms' AS terms,
	p.said -> 'at_most' AS at_most,
	p.said ->> 'treatment' AS treatment,
	p.said ->> 'mark' AS mark,
	p.said ->> 'masking' AS masking,
	p.said -> 'subjects' AS subjects,
	l.label
FROM pg_catalog.pg_seclabel l
JOIN pg_catalog.pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
CROSS JOIN LATERAL privacy.check_label(l.label) AS p (said)
WHERE l.provider = 'privacy' AND l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
	AND l.objsubid > 0 AND NOT a.attisdropped;
GRANT SELECT ON privacy.column_label TO PUBLIC;
COMMENT ON VIEW privacy.column_label IS
	'Every labelled column with its label parsed: data category, attribute class (ISO/IEC 20889), source, the purposes it serves or the terms and maxima of a RETAIN of its own, what becomes of its value in the end, the column that marks it as treated, and the treatment that masked readers see and static masking writes. As open as pg_seclabel itself.';

CREATE FUNCTION privacy.label_script(remove boolean DEFAULT false) RETURNS SETOF text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT format('SECURITY LABEL FOR privacy ON %s %I.%I%s IS %s;',
		CASE l.objsubid WHEN 0 THEN 'TABLE' ELSE 'COLUMN' END, n.nspname, c.relname,
		'.' || quote_ident(a.attname), CASE WHEN remove THEN 'NULL' ELSE quote_literal(l.label) END)
	FROM pg_seclabel l
	JOIN pg_class c ON c.oid = l.objoid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	LEFT JOIN pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid AND l.objsubid > 0
	WHERE l.provider = 'privacy' AND l.classoid = 'pg_class'::regclass
	ORDER BY l.objsubid > 0, n.nspname, c.relname, l.objsubid;
END;
GRANT EXECUTE ON FUNCTION privacy.label_script(boolean) TO PUBLIC;
COMMENT ON FUNCTION privacy.label_script(boolean) IS
	'Every privacy label of this database as a SECURITY LABEL statement, tables before columns: the policy as a file. With remove, the statements that take them away.';

CREATE PROCEDURE privacy.remove_labels()
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	statement text;
BEGIN
	FOR statement IN SELECT privacy.label_script(remove => true)
	LOOP
		EXECUTE statement;
	END LOOP;
END;
$$;
REVOKE ALL ON PROCEDURE privacy.remove_labels() FROM PUBLIC;
COMMENT ON PROCEDURE privacy.remove_labels() IS
	'Removes every privacy label of this database, as DROP EXTENSION pg_privacy needs it first: labels left without the extension are dumped, and refused on restore. The caller must own the labelled tables. label_script() keeps them as a file.';
