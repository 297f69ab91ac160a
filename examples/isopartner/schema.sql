-- schema.sql: a distributor of insulation: customers, and what is seen of visitors to its site.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f schema.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA isopartner;
COMMENT ON SCHEMA isopartner IS 'A distributor in a group, under Isopartners privacy policy';

CREATE TABLE isopartner.registration (
    id              bigint PRIMARY KEY,
    name            text NOT NULL,
    company         text,
    email           text NOT NULL,
    billing_address text,
    registered_at   timestamptz NOT NULL,
    left_at         timestamptz
);

CREATE TABLE isopartner.activity (
    id              bigint PRIMARY KEY,
    registration_id bigint REFERENCES isopartner.registration,
    seen_at         timestamptz NOT NULL,
    ip_address      inet,
    page            text NOT NULL
);
CREATE INDEX ON isopartner.activity (registration_id);

COMMIT;
