-- oracle.sql: what should be left of these rows at any moment, in plain SQL. Nothing of the extension is used.
--
-- Run it before the first sweep: it remembers the rows as they were. It leaves schema zenler_oracle with a
-- function for each table, and the moments to look at: the day before, the day of, and the day after each end.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f oracle.sql

BEGIN;
SET LOCAL TimeZone = 'Europe/Stockholm';

CREATE SCHEMA zenler_oracle;
CREATE TABLE zenler_oracle.customer_before AS TABLE zenler.customer;
CREATE TABLE zenler_oracle.purchase_before AS TABLE zenler.purchase;
CREATE TABLE zenler_oracle.post_before AS TABLE zenler.post;
CREATE TABLE zenler_oracle.login_before AS TABLE zenler.login;

-- Whether something that ended then is so long past. An end that is not known is not past.
CREATE FUNCTION zenler_oracle.past(ended timestamptz, period interval, as_of timestamptz) RETURNS boolean LANGUAGE sql STABLE
SET TimeZone = 'Europe/Stockholm'
RETURN COALESCE(isfinite(ended) AND ended + period <= as_of, false);

CREATE FUNCTION zenler_oracle.customer(as_of timestamptz) RETURNS SETOF zenler.customer LANGUAGE sql STABLE AS $$
SELECT id, name, email, billing_address, card_last_four,
       CASE WHEN NOT zenler_oracle.past(ceased_at, '1 year', as_of) THEN biography END,
       CASE WHEN NOT zenler_oracle.past(ceased_at, '6 months', as_of) THEN time_zone END,
       became_customer_at, ceased_at
  FROM zenler_oracle.customer_before
 WHERE NOT zenler_oracle.past(ceased_at, '6 years', as_of)
$$;
CREATE FUNCTION zenler_oracle.purchase(as_of timestamptz) RETURNS SETOF zenler.purchase LANGUAGE sql STABLE AS $$
SELECT purchase.* FROM zenler_oracle.purchase_before AS purchase JOIN zenler_oracle.customer_before AS customer ON customer.id = customer_id
 WHERE NOT zenler_oracle.past(ceased_at, '6 years', as_of)
$$;
CREATE FUNCTION zenler_oracle.post(as_of timestamptz) RETURNS SETOF zenler.post LANGUAGE sql STABLE AS $$
SELECT post.* FROM zenler_oracle.post_before AS post JOIN zenler_oracle.customer_before AS customer ON customer.id = customer_id
 WHERE NOT zenler_oracle.past(ceased_at, '1 year', as_of)
$$;
CREATE FUNCTION zenler_oracle.login(as_of timestamptz) RETURNS SETOF zenler.login LANGUAGE sql STABLE AS $$
SELECT * FROM zenler_oracle.login_before WHERE NOT zenler_oracle.past(logged_in_at, '6 months', as_of)
$$;

CREATE TABLE zenler_oracle.moment AS
SELECT DISTINCT ended + period + beside AS at
  FROM (SELECT ceased_at, period FROM zenler.customer, unnest('{6 months, 1 year, 6 years}'::interval[]) AS period UNION
        SELECT logged_in_at, interval '6 months' FROM zenler.login) AS past (ended, period),
       unnest('{-1 day, -1 microsecond, 0, 1 day}'::interval[]) AS beside
 WHERE isfinite(ended);

COMMIT;
