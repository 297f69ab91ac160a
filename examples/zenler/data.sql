-- data.sql: a few customers, every one of them invented, each with a way of ending of her own.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f data.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL TimeZone = 'Europe/Stockholm';

INSERT INTO zenler.customer VALUES
  (1, 'Ada Kund',    'ada@post.example',   'Storgatan 1', '4242', 'Målar',   'Europe/Stockholm', '2015-01-10', '2018-03-31'),
  (2, 'Bo Skott',    'bo@post.example',    'Storgatan 2', '4243', 'Seglar',  'Europe/Stockholm', '2015-01-10', '2020-02-29'),  -- a leap day
  (3, 'Cia Nyår',    'cia@post.example',   'Storgatan 3', NULL,   NULL,      'Europe/Stockholm', '2015-01-10', '2018-12-31 23:59:59.999999'),
  (4, 'Dan Trogen',  'dan@post.example',   'Storgatan 4', '4245', 'Sjunger', 'Europe/Stockholm', '2015-01-10', NULL),          -- still a customer
  (5, 'Eva Evig',    'eva@post.example',   'Storgatan 5', '4246', 'Vandrar', 'Europe/Stockholm', '2015-01-10', 'infinity'),    -- nobody knows when
  (6, 'Far Visman',  'far@post.example',   'Storgatan 6', '4247', 'Tiger',   'Europe/Stockholm', '2015-01-10', '2018-03-31');  -- bought nothing
INSERT INTO zenler.purchase VALUES
  (1, 1, 'Akvarell för alla', 499, '2015-02-01'), (2, 1, 'Akvarell, del 2', 499, '2018-03-30'),
  (3, 2, 'Navigation', 999, '2016-05-01'), (4, 3, 'Navigation', 999, '2017-05-01'), (5, 4, 'Körsång', 299, '2015-02-01'),
  (6, 5, 'Körsång', 299, '2015-02-01');
INSERT INTO zenler.post VALUES
  (1, 1, '2015-03-01', 'Hej, jag heter Ada'), (2, 2, '2016-06-01', 'Hej, jag heter Bo'), (3, 4, '2016-06-01', 'Hej, jag heter Dan'),
  (4, 5, '2016-06-01', 'Hej, jag heter Eva'), (5, 6, '2016-06-01', '...');
INSERT INTO zenler.login VALUES
  (1, 1, '2018-03-30 08:00', '192.0.2.1', 'Firefox'), (2, 2, '2019-08-31 12:00', '192.0.2.2', 'Safari'),     -- 31 August and six months
  (3, 4, '2024-05-05 05:05', '192.0.2.4', 'Chrome'), (4, 5, 'infinity', '192.0.2.5', 'Edge');

COMMIT;
