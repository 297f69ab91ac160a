-- data.sql: a few registrations, all of them invented.
--
-- psql -X -q -v ON_ERROR_STOP=1 -f data.sql

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL TimeZone = 'Europe/Stockholm';

INSERT INTO isopartner.registration VALUES
  (1, 'Ada Isolera', 'Bygg AB', 'ada@bygg.example', 'Storgatan 1', '2015-01-01', '2018-03-31'),
  (2, 'Bo Ullman',   NULL,      'bo@post.example',  'Storgatan 2', '2015-01-01', NULL);
INSERT INTO isopartner.activity VALUES
  (1, 1, '2018-01-01', '192.0.2.1', '/stenull'), (2, 2, '2024-01-01', '192.0.2.2', '/cellplast'), (3, NULL, '2015-01-01', '192.0.2.3', '/');

COMMIT;
