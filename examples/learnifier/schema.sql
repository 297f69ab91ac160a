-- schema.sql: an e-learning platform and the customers who run their own schools on it, as far as its retention promises reach.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f schema.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA learnifier;
COMMENT ON SCHEMA learnifier IS 'An e-learning platform, under its privacy policy';

CREATE TABLE learnifier.customer (
    id         bigint PRIMARY KEY,
    company    text NOT NULL,
    contact    text NOT NULL,
    email      text NOT NULL,
    closed_at  timestamptz
);
COMMENT ON TABLE learnifier.customer IS 'A company with a platform of its own: controller of what its participants leave there';

CREATE TABLE learnifier.participant (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES learnifier.customer,
    name        text NOT NULL,
    email       text NOT NULL,
    left_at     timestamptz
);
CREATE INDEX ON learnifier.participant (customer_id);
CREATE INDEX ON learnifier.participant (left_at);

CREATE TABLE learnifier.answer (
    id             bigint PRIMARY KEY,
    participant_id bigint NOT NULL REFERENCES learnifier.participant,
    answered_at    timestamptz NOT NULL,
    body           text NOT NULL
);
CREATE INDEX ON learnifier.answer (participant_id);
CREATE INDEX ON learnifier.answer (answered_at);

CREATE TABLE learnifier.referral (
    id           bigint PRIMARY KEY,
    friend_name  text,
    friend_email text,
    referred_at  timestamptz NOT NULL
);
COMMENT ON TABLE learnifier.referral IS 'Friends whom somebody recommended. The policy: "we do not store this information"';

CREATE TABLE learnifier.session (
    id           bigint PRIMARY KEY,
    ip_address   inet,
    browser      text,
    last_seen_at timestamptz,
    ended_at     timestamptz
);
CREATE INDEX ON learnifier.session (last_seen_at);
CREATE INDEX ON learnifier.session (ended_at);

COMMIT;
