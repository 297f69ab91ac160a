-- schema.sql: films and courses for schools and companies: customers, what they buy and what their users watch.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f schema.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA izonen;
COMMENT ON SCHEMA izonen IS 'Films and courses, under iZONENs privacy policy';

CREATE TABLE izonen.customer (
    id                  bigint PRIMARY KEY,
    name                text,
    email               text,
    phone               text,
    organisation_number text,
    agreement_ended_at  timestamptz
);
CREATE INDEX ON izonen.customer (agreement_ended_at);
COMMENT ON COLUMN izonen.customer.organisation_number IS 'A sole trader''s is a personal number';
COMMENT ON COLUMN izonen.customer.agreement_ended_at IS 'Null while the agreement is in force; may lie ahead';

CREATE TABLE izonen.invoice (
    id              bigint PRIMARY KEY,
    customer_id     bigint NOT NULL REFERENCES izonen.customer,
    recipient       text NOT NULL,
    your_reference  text,
    fiscal_year_end date,
    amount          numeric(10,2) NOT NULL
);
CREATE INDEX ON izonen.invoice (customer_id);
CREATE INDEX ON izonen.invoice (fiscal_year_end);

CREATE TABLE izonen.viewing (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES izonen.customer,
    user_email  text NOT NULL,
    film        text NOT NULL,
    watched_at  timestamptz NOT NULL
);
CREATE INDEX ON izonen.viewing (customer_id);

COMMIT;
