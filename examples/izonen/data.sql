-- data.sql: customers at every edge of five and seven years, all of them invented.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f data.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL TimeZone = 'Europe/Stockholm';

INSERT INTO izonen.customer VALUES
  (1, 'Skola Ett',    'ett@skola.example',    '+46 8 465 004 01', '0000-0001', '2018-06-30'),              -- has bookkeeping
  (2, 'Skola Två',    'tva@skola.example',    '+46 8 465 004 02', '0000-0002', '2018-06-30'),              -- has none: goes at five years
  (3, 'Skola Tre',    'tre@skola.example',    '+46 8 465 004 03', '0000-0003', NULL),                      -- in force
  (4, 'Skola Fyra',   'fyra@skola.example',   '+46 8 465 004 04', '0000-0004', '2016-02-29'),              -- a leap day; old bookkeeping
  (5, 'Skola Fem',    'fem@skola.example',    '+46 8 465 004 05', '0000-0005', 'infinity'),                -- nobody knows
  (6, 'Skola Sex',    'sex@skola.example',    NULL,               '0000-0006', '2018-12-31 12:00');        -- bookkeeping not closed
INSERT INTO izonen.invoice VALUES
  (1, 1, 'Skola Ett',  'Ada Rektor', '2018-12-31', 900), (2, 1, 'Skola Ett', 'Bo Rektor', '2017-06-30', 900),
  (3, 3, 'Skola Tre',  'Cia Rektor', '2017-06-30', 900), (4, 4, 'Skola Fyra', NULL,      '2013-12-31', 900),
  (5, 5, 'Skola Fem',  'Eva Rektor', '2017-12-31', 900), (6, 6, 'Skola Sex', 'Fia Rektor', NULL, 900);
INSERT INTO izonen.viewing VALUES
  (1, 1, 'elev1@skola.example', 'Brandskydd', '2018-01-15'), (2, 2, 'elev2@skola.example', 'Brandskydd', '2018-01-15'),
  (3, 3, 'elev3@skola.example', 'Brandskydd', '2011-01-15'), (4, 4, 'elev4@skola.example', 'Brandskydd', '2015-12-15'),
  (5, 5, 'elev5@skola.example', 'Brandskydd', '2011-01-15');

COMMIT;
