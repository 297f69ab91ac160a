-- discovery: what the labels do not say yet, or say wrongly.

CREATE FUNCTION privacy.lint(
	OUT severity text, OUT object text, OUT finding text, OUT hint text, OUT id text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pp_sql_lint';
REVOKE ALL ON FUNCTION privacy.lint() FROM PUBLIC;
COMMENT ON FUNCTION privacy.lint() IS
	'What is missing, contradictory or slow in the labels of this database, one row each: severity (error: a rule does not run or contradicts another; warning: it does not do what one would expect; notice), the object, the finding, what to do, and a stable id, explained in doc/lint.md. Changes nothing; reads the labelled tables as their owners, and may take as long as reading them. Never quotes a value, and never fails for a single label. May be called by whoever may sweep.';
