-- oracle.sql: what should be left of these rows at any moment, in plain SQL. Nothing of the extension is used.
--
-- Run it before the first sweep: it remembers the rows as they were. It leaves schema izonen_oracle with a
-- function for each table, and the moments to look at: the day before, the day of, and the day after each end.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f oracle.sql

BEGIN;
SET LOCAL TimeZone = 'Europe/Stockholm';

CREATE SCHEMA izonen_oracle;
CREATE TABLE izonen_oracle.customer_before AS TABLE izonen.customer;
CREATE TABLE izonen_oracle.invoice_before AS TABLE izonen.invoice;
CREATE TABLE izonen_oracle.viewing_before AS TABLE izonen.viewing;

-- Whether something that ended then is so long past. An end that is not known is not past.
CREATE FUNCTION izonen_oracle.past(ended timestamptz, period interval, as_of timestamptz) RETURNS boolean LANGUAGE sql STABLE
SET TimeZone = 'Europe/Stockholm'
RETURN COALESCE(isfinite(ended) AND ended + period <= as_of, false);

-- Seven years from the end of the calendar year.
CREATE FUNCTION izonen_oracle.booked(fiscal_year_end date, as_of timestamptz) RETURNS boolean LANGUAGE sql STABLE
SET TimeZone = 'Europe/Stockholm'
RETURN COALESCE(as_of >= make_timestamptz(extract(year FROM fiscal_year_end)::integer + 8, 1, 1, 0, 0, 0), false);

CREATE FUNCTION izonen_oracle.invoice(as_of timestamptz) RETURNS SETOF izonen.invoice LANGUAGE sql STABLE AS $$
SELECT invoice.id, customer_id, recipient,
       CASE WHEN NOT izonen_oracle.past(agreement_ended_at, '5 years', as_of) THEN your_reference END,
       fiscal_year_end, amount
  FROM izonen_oracle.invoice_before AS invoice JOIN izonen_oracle.customer_before AS customer ON customer.id = customer_id
 WHERE NOT izonen_oracle.booked(fiscal_year_end, as_of)
    OR NOT izonen_oracle.past(agreement_ended_at, '5 years', as_of) AND your_reference IS NOT NULL
$$;
CREATE FUNCTION izonen_oracle.viewing(as_of timestamptz) RETURNS SETOF izonen.viewing LANGUAGE sql STABLE AS $$
SELECT viewing.*
  FROM izonen_oracle.viewing_before AS viewing JOIN izonen_oracle.customer_before AS customer ON customer.id = customer_id
 WHERE NOT izonen_oracle.past(agreement_ended_at, '5 years', as_of)
   AND NOT (izonen_oracle.past(agreement_ended_at, '0', as_of) AND izonen_oracle.past(watched_at, '7 years', as_of))
$$;
-- At five years all goes that the law does not want; with no records left, so does the rest.
CREATE FUNCTION izonen_oracle.customer(as_of timestamptz) RETURNS SETOF izonen.customer LANGUAGE sql STABLE AS $$
SELECT id,
       CASE WHEN wanted_by_law OR NOT five_years THEN name END,
       CASE WHEN NOT five_years THEN email END,
       CASE WHEN NOT izonen_oracle.past(agreement_ended_at, '0', as_of) THEN phone END,
       CASE WHEN wanted_by_law OR NOT five_years THEN organisation_number END,
       agreement_ended_at
  FROM izonen_oracle.customer_before AS customer,
       LATERAL (SELECT izonen_oracle.past(agreement_ended_at, '5 years', as_of),
                       EXISTS (SELECT FROM izonen_oracle.invoice_before AS invoice
                                WHERE invoice.customer_id = customer.id AND NOT izonen_oracle.booked(fiscal_year_end, as_of)))
         AS _ (five_years, wanted_by_law)
 WHERE wanted_by_law OR NOT five_years
$$;

CREATE TABLE izonen_oracle.moment AS
SELECT DISTINCT ends_at + beside AS at
  FROM (SELECT agreement_ended_at + period FROM izonen.customer, unnest('{0, 5 years, 7 years}'::interval[]) AS period
         WHERE isfinite(agreement_ended_at) UNION
        SELECT make_timestamptz(extract(year FROM fiscal_year_end)::integer + 8, 1, 1, 0, 0, 0) FROM izonen.invoice WHERE isfinite(fiscal_year_end) UNION
        SELECT watched_at + interval '7 years' FROM izonen.viewing) AS ends (ends_at),
       unnest('{-1 day, -1 microsecond, 0, 1 day}'::interval[]) AS beside;

COMMIT;
