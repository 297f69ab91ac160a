-- schema.sql: a school on a hosted course platform, as far as its retention promise reaches.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f schema.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA zenler;
COMMENT ON SCHEMA zenler IS 'A school on a hosted course platform, under its privacy policy';

CREATE TABLE zenler.customer (
    id                 bigint PRIMARY KEY,
    name               text NOT NULL,
    email              text NOT NULL UNIQUE,
    billing_address    text,
    card_last_four     text,
    biography          text,
    time_zone          text,
    became_customer_at timestamptz NOT NULL,
    ceased_at          timestamptz
);
CREATE INDEX ON zenler.customer (ceased_at);
COMMENT ON COLUMN zenler.customer.ceased_at IS 'Null while a customer, and again for one who came back';
COMMENT ON COLUMN zenler.customer.biography IS 'What the customer shows to the other participants';

CREATE TABLE zenler.purchase (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES zenler.customer,
    item        text NOT NULL,
    amount      numeric(10,2) NOT NULL,
    bought_at   timestamptz NOT NULL
);
CREATE INDEX ON zenler.purchase (customer_id);

CREATE TABLE zenler.post (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES zenler.customer,
    posted_at   timestamptz NOT NULL,
    body        text NOT NULL
);
CREATE INDEX ON zenler.post (customer_id);

CREATE TABLE zenler.login (
    id           bigint PRIMARY KEY,
    customer_id  bigint NOT NULL REFERENCES zenler.customer,
    logged_in_at timestamptz NOT NULL,
    ip_address   inet,
    browser      text
);
CREATE INDEX ON zenler.login (customer_id);
CREATE INDEX ON zenler.login (logged_in_at);

COMMIT;
