-- data.sql: three customers with contracts that differ, and their participants, all of them invented.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f data.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL TimeZone = 'Europe/Stockholm';

INSERT INTO learnifier.customer VALUES
  (1, 'Skolan AB',   'Alva Rektor', 'alva@skolan.example',  '2019-06-30'),
  (2, 'Snabbt AB',   'Bill Brådis', 'bill@snabbt.example',  NULL),           -- three months, says the contract
  (3, 'Arkivet AB',  'Cilla Spar',  'cilla@arkivet.example', NULL);          -- five years, longer than the policy
INSERT INTO learnifier.participant VALUES
  (1, 1, 'Per Första',    'per@skolan.example',    '2020-02-29'),
  (2, 2, 'Stina Andra',   'stina@snabbt.example',  '2020-11-30'),              -- 30 November and three months
  (3, 3, 'Ove Tredje',    'ove@arkivet.example',   '2020-02-29'),
  (4, 1, 'Lisa Kvar',     'lisa@skolan.example',   NULL),
  (5, 2, 'Karl Kvar',     'karl@snabbt.example',   NULL),
  (6, 3, 'Maja Evig',     'maja@arkivet.example',  'infinity');
INSERT INTO learnifier.answer VALUES
  (1, 1, '2019-05-05', 'Fyrtiotvå'), (2, 2, '2019-05-05', 'Fyrtiotre'), (3, 3, '2019-05-05', 'Fyrtiofyra'),
  (4, 4, '2019-05-05', 'Fyrtiofem'), (5, 5, '2019-10-31', 'Fyrtiosex'), (6, 6, '2019-05-05', 'Fyrtiosju');
INSERT INTO learnifier.referral VALUES
  (1, 'Vän Ett', 'van.ett@post.example', '2019-01-01'), (2, NULL, 'van.tva@post.example', '2030-01-01');
INSERT INTO learnifier.session VALUES
  (1, '192.0.2.1', 'Firefox', '2019-03-31 01:45', '2019-03-31 03:05'),        -- logged out, in the night of summer time
  (2, '192.0.2.2', 'Safari',  '2019-03-31 01:45', NULL),                      -- went away: over at 03:15 by the clock
  (3, '192.0.2.3', 'Chrome',  NULL, NULL),                                    -- nobody knows
  (4, '192.0.2.4', 'Edge',    '2019-03-31 01:45', '2019-03-31 01:50');

COMMIT;
