-- oracle.sql: what should be left of these rows at any moment, in plain SQL. Nothing of the extension is used.
--
-- Run it before the first sweep: it remembers the rows as they were. It leaves schema learnifier_oracle with a
-- function for each table, and the moments to look at: the day before, the day of, and the day after each end.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f oracle.sql

BEGIN;
SET LOCAL TimeZone = 'Europe/Stockholm';

CREATE SCHEMA learnifier_oracle;
CREATE TABLE learnifier_oracle.customer_before AS TABLE learnifier.customer;
CREATE TABLE learnifier_oracle.participant_before AS TABLE learnifier.participant;
CREATE TABLE learnifier_oracle.answer_before AS TABLE learnifier.answer;
CREATE TABLE learnifier_oracle.referral_before AS TABLE learnifier.referral;
CREATE TABLE learnifier_oracle.session_before AS TABLE learnifier.session;

-- Whether something that ended then is so long past. An end that is not known is not past.
CREATE FUNCTION learnifier_oracle.past(ended timestamptz, period interval, as_of timestamptz) RETURNS boolean LANGUAGE sql STABLE
SET TimeZone = 'Europe/Stockholm'
RETURN COALESCE(isfinite(ended) AND ended + period <= as_of, false);

-- F9: what the contract of each customer says, else the policy.
CREATE FUNCTION learnifier_oracle.agreed(customer bigint) RETURNS interval LANGUAGE sql IMMUTABLE
RETURN CASE customer WHEN 2 THEN interval '3 months' WHEN 3 THEN interval '5 years' ELSE interval '1 year' END;

-- F8: a reasonable time is no time that a machine could wait for.
CREATE FUNCTION learnifier_oracle.customer(as_of timestamptz) RETURNS SETOF learnifier.customer LANGUAGE sql STABLE AS $$
SELECT * FROM learnifier_oracle.customer_before
$$;
CREATE FUNCTION learnifier_oracle.answer(as_of timestamptz) RETURNS SETOF learnifier.answer LANGUAGE sql STABLE AS $$
SELECT answer.* FROM learnifier_oracle.answer_before AS answer JOIN learnifier_oracle.participant_before AS participant ON participant.id = participant_id
 WHERE NOT learnifier_oracle.past(answered_at, learnifier_oracle.agreed(customer_id), as_of)
$$;
-- Whoever's answers are still there stays.
CREATE FUNCTION learnifier_oracle.participant(as_of timestamptz) RETURNS SETOF learnifier.participant LANGUAGE sql STABLE AS $$
SELECT * FROM learnifier_oracle.participant_before AS participant
 WHERE NOT learnifier_oracle.past(left_at, learnifier_oracle.agreed(customer_id), as_of)
    OR EXISTS (SELECT FROM learnifier_oracle.answer(as_of) AS answer WHERE answer.participant_id = participant.id)
$$;
CREATE FUNCTION learnifier_oracle.referral(as_of timestamptz) RETURNS SETOF learnifier.referral LANGUAGE sql STABLE AS $$
SELECT * FROM learnifier_oracle.referral_before WHERE false
$$;
CREATE FUNCTION learnifier_oracle.session(as_of timestamptz) RETURNS SETOF learnifier.session LANGUAGE sql STABLE AS $$
SELECT * FROM learnifier_oracle.session_before
 WHERE NOT learnifier_oracle.past(ended_at, '0', as_of) AND NOT learnifier_oracle.past(last_seen_at, '30 minutes', as_of)
$$;

CREATE TABLE learnifier_oracle.moment AS
SELECT DISTINCT ends_at + beside AS at
  FROM (SELECT left_at + learnifier_oracle.agreed(customer_id) FROM learnifier.participant WHERE isfinite(left_at) UNION
        SELECT left_at + interval '1 year' FROM learnifier.participant WHERE isfinite(left_at) UNION
        SELECT answered_at + learnifier_oracle.agreed(customer_id)
          FROM learnifier.answer JOIN learnifier.participant ON participant.id = participant_id UNION
        SELECT closed_at + interval '50 years' FROM learnifier.customer WHERE closed_at IS NOT NULL UNION
        SELECT ended_at FROM learnifier.session WHERE ended_at IS NOT NULL UNION
        SELECT last_seen_at + interval '30 minutes' FROM learnifier.session WHERE last_seen_at IS NOT NULL) AS ends (ends_at),
       unnest('{-1 day, -1 microsecond, 0, 1 day}'::interval[]) AS beside;

COMMIT;
