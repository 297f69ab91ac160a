-- mask: what shows less of a value, without a key. The only functions for PUBLIC: who may call one has the value already.

CREATE FUNCTION privacy.mask_partial(value text, prefix integer, padding text, suffix integer) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_partial';
GRANT EXECUTE ON FUNCTION privacy.mask_partial(text, integer, text, integer) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_partial(text, integer, text, integer) IS
'The first prefix and the last suffix characters of a value, and padding once for whatever lies between, so that its length does not show. A value with no more characters than prefix and suffix together becomes the padding alone: never is the whole shown. Characters are those of the database''s encoding. Null for null. Raises invalid_parameter_value for a negative prefix or suffix.';

CREATE FUNCTION privacy.mask_email(value text) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_email';
GRANT EXECUTE ON FUNCTION privacy.mask_email(text) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_email(text) IS
'An e-mail address by the first character of its local part and of its domain, and a top-level domain of two or three letters: a***@e***.org. What has one character only shows none, a longer top-level domain is hidden with the domain. The last at-sign counts; a value without one, or with nothing before or behind it, becomes ***. Null for null. Raises nothing.';

CREATE FUNCTION privacy.mask_range(value integer, width integer) RETURNS int4range
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_range_int4';
GRANT EXECUTE ON FUNCTION privacy.mask_range(integer, integer) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_range(integer, integer) IS
'The range that a value lies in, from a multiple of width up to before the next: [30,40) for 34 and 10. It has no bound where the type cannot hold it. Null for null. Raises invalid_parameter_value unless width is positive.';

CREATE FUNCTION privacy.mask_range(value bigint, width bigint) RETURNS int8range
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_range_int8';
GRANT EXECUTE ON FUNCTION privacy.mask_range(bigint, bigint) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_range(bigint, bigint) IS
'The range that a value lies in, from a multiple of width up to before the next: [30,40) for 34 and 10. It has no bound where the type cannot hold it. Null for null. Raises invalid_parameter_value unless width is positive.';

CREATE FUNCTION privacy.mask_range(value numeric, width numeric) RETURNS numrange
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_range_numeric';
GRANT EXECUTE ON FUNCTION privacy.mask_range(numeric, numeric) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_range(numeric, numeric) IS
'The range that a value lies in, from a multiple of width up to before the next: [0.5,0.75) for 0.618 and 0.25. Infinities and NaN become the range without bounds. Null for null. Raises invalid_parameter_value unless width is positive and finite.';

CREATE FUNCTION privacy.mask_number(value integer, step integer) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_number_int4';
GRANT EXECUTE ON FUNCTION privacy.mask_number(integer, integer) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_number(integer, integer) IS
'The multiple of step nearest to a value, half a step away from zero: 1200 for 1234 and 100. Where the type cannot hold it, the next one towards zero. Null for null. Raises invalid_parameter_value unless step is positive.';

CREATE FUNCTION privacy.mask_number(value bigint, step bigint) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_number_int8';
GRANT EXECUTE ON FUNCTION privacy.mask_number(bigint, bigint) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_number(bigint, bigint) IS
'The multiple of step nearest to a value, half a step away from zero: 1200 for 1234 and 100. Where the type cannot hold it, the next one towards zero. Null for null. Raises invalid_parameter_value unless step is positive.';

CREATE FUNCTION privacy.mask_number(value numeric, step numeric) RETURNS numeric
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_number_numeric';
GRANT EXECUTE ON FUNCTION privacy.mask_number(numeric, numeric) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_number(numeric, numeric) IS
'The multiple of step nearest to a value, half a step away from zero: 12.5 for 12.34 and 0.5, with no more decimals than it needs. Infinities and NaN stay. Null for null. Raises invalid_parameter_value unless step is positive and finite.';

CREATE FUNCTION privacy.mask_number(value double precision, step double precision) RETURNS double precision
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_number_float8';
GRANT EXECUTE ON FUNCTION privacy.mask_number(double precision, double precision) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_number(double precision, double precision) IS
'The multiple of step nearest to a value, half a step away from zero, as exact as the type is: 59.3 for 59.3293 and 0.1. Infinities and NaN stay. Null for null. Raises invalid_parameter_value unless step is positive and finite.';

CREATE FUNCTION privacy.mask_date(value date, unit text) RETURNS date
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_date';
GRANT EXECUTE ON FUNCTION privacy.mask_date(date, text) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_date(date, text) IS
'The first day of the week (its Monday), month, quarter, year, decade or century that a date lies in. Infinities stay; a first day before the type''s first date is that date. Null for null. Raises invalid_parameter_value for another unit.';

CREATE FUNCTION privacy.mask_date(value timestamp, unit text) RETURNS timestamp
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_date_timestamp';
GRANT EXECUTE ON FUNCTION privacy.mask_date(timestamp, text) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_date(timestamp, text) IS
'The beginning of the hour, day, week, month, quarter, year, decade or century that a moment lies in. Infinities stay; a beginning before the type''s first moment is that moment. Null for null. Raises invalid_parameter_value for another unit.';

CREATE FUNCTION privacy.mask_date(value timestamptz, unit text) RETURNS timestamptz
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_date_timestamp';
GRANT EXECUTE ON FUNCTION privacy.mask_date(timestamptz, text) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_date(timestamptz, text) IS
'The beginning of the hour, day, week, month, quarter, year, decade or century that a moment lies in, by UTC, whatever the session''s time zone. Infinities stay; a beginning before the type''s first moment is that moment. Null for null. Raises invalid_parameter_value for another unit.';

CREATE FUNCTION privacy.mask_date(value timestamptz, unit text, zone text) RETURNS timestamptz
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_date_zone';
GRANT EXECUTE ON FUNCTION privacy.mask_date(timestamptz, text, text) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_date(timestamptz, text, text) IS
'The beginning of the hour, day, week, month, quarter, year, decade or century that a moment lies in, by the clocks of a time zone. Stable: a zone''s rules change with the server''s time zone data. Infinities stay. Null for null. Raises invalid_parameter_value for another unit or an unknown zone, datetime_field_overflow within a day of the type''s ends.';

CREATE FUNCTION privacy.mask_inet(value inet, prefix_v4 integer DEFAULT 24, prefix_v6 integer DEFAULT 48) RETURNS inet
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1
	AS 'MODULE_PATHNAME', 'pp_sql_mask_inet';
GRANT EXECUTE ON FUNCTION privacy.mask_inet(inet, integer, integer) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_inet(inet, integer, integer) IS
'The network of an address, by so many bits for IPv4 and IPv6; a network that is larger already stays: 192.0.2.0/24 for 192.0.2.77. Null for null. Raises invalid_parameter_value for a prefix beyond 0 to 32 or 0 to 128.';

CREATE FUNCTION privacy.mask_mentions(value text, given_values text[] DEFAULT '{}', replacement text DEFAULT NULL) RETURNS text
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
	AS 'MODULE_PATHNAME', 'pp_sql_mask_mentions';
GRANT EXECUTE ON FUNCTION privacy.mask_mentions(text, text[], text) TO PUBLIC;
COMMENT ON FUNCTION privacy.mask_mentions(text, text[], text) IS
'A free text with e-mail addresses, phone numbers (with + or 00, Swedish with 0), Swedish personal and coordination numbers with a valid check digit, and given values replaced by [email], [phone], [personal number], [name], or all by the replacement. given_values: found as whole words, whatever their case, white space or a genitive s; null and blank ones are passed over. Where it is in doubt it masks: an order number that begins with 0 and has eight digits or more is taken for a phone number. doc/masks.md says what is not found. Null for a null value. Raises nothing.';

