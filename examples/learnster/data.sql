-- data.sql: ten years of an e-learning platform, every person of it invented.
--
-- Deterministic: all that looks like chance is hash arithmetic, so equal variables give equal rows.
-- Names are combined from common ones; mail domains end in .example; telephone numbers lie in the
-- series that the Swedish authority keeps free for fiction; organisation numbers start with 0, which
-- none does; addresses on the internet are those of documentation.
--
--   :learners  how many learners are generated (default 100000: about two million rows in all)
--   :as_of     the moment the ten years lead up to (default 2026-11-01 00:00 in Stockholm)
--
-- Rows with id below 1000 are written by hand: two learners to show, and the edges of every rule.
--
-- psql -X -q -v ON_ERROR_STOP=1 [-v learners=...] [-v as_of=...] -f data.sql

\if :{?learners}
\else
  \set learners 100000
\endif
\if :{?as_of}
\else
  \set as_of '2026-11-01 00:00+01'
\endif

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'Europe/Stockholm';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL synchronous_commit = off;
SET LOCAL work_mem = '128MB';

-- 1. Tools. Each is one SQL expression, so that the planner can inline it.

-- A number from 0 to below n that belongs to (i, seed).
CREATE FUNCTION pg_temp.pick(i bigint, seed integer, n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(i, seed) & 9223372036854775807) % n;

-- Whether (i, seed) belongs to the given per cent.
CREATE FUNCTION pg_temp.in_percent(i bigint, seed integer, percent integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(i, seed) & 9223372036854775807) % 100 < percent;

-- A moment from a to before b that belongs to (i, seed); a where b is not later.
CREATE FUNCTION pg_temp.between(a timestamptz, b timestamptz, i bigint, seed integer) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN a + ((hashint8extended(i, seed) & 9223372036854775807) % 1000000) / 1000000.0::double precision
           * GREATEST(b - a, interval '0');

CREATE FUNCTION pg_temp.first_name(i bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('{Astrid,Elsa,Maja,Alice,Wilma,Ebba,Vera,Signe,Linnéa,Freja,Ingrid,Märta,Tuva,Stina,Åsa,Karin,
  Birgitta,Annika,Ulrika,Sofia,Emma,Hanna,Klara,Lovisa,Matilda,Fatima,Amina,Leila,Erik,Lars,Karl,Anders,
  Johan,Per,Nils,Olle,Gustav,Oskar,Axel,Hugo,Elias,Ludvig,Björn,Håkan,Göran,Sören,Åke,Magnus,Mattias,
  Fredrik,Henrik,Jonas,Viktor,Emil,Anton,Simon,Ali,Hassan,Yusuf,Mohammed}'::text[])[1 + pg_temp.pick(i, 101, 60)];

CREATE FUNCTION pg_temp.last_name(i bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('{Andersson,Johansson,Karlsson,Nilsson,Eriksson,Larsson,Olsson,Persson,Svensson,Gustafsson,
  Pettersson,Jonsson,Jansson,Hansson,Bengtsson,Jönsson,Lindberg,Jakobsson,Magnusson,Olofsson,Lindström,
  Lindqvist,Lindgren,Axelsson,Berg,Bergström,Lundberg,Lind,Lundgren,Lundqvist,Mattsson,Berglund,
  Fredriksson,Sandberg,Henriksson,Forsberg,Sjöberg,Wallin,Engström,Eklund,Danielsson,Lundin,Håkansson,
  Björk,Bergman,Gunnarsson,Holm,Wikström,Samuelsson,Isaksson,Fransson,Bergqvist,Nyström,Holmberg,
  Arvidsson,Löfgren,Söderberg,Nyberg,Åberg,Öberg}'::text[])[1 + pg_temp.pick(i, 102, 60)];

CREATE FUNCTION pg_temp.city(i bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('{Stockholm,Göteborg,Malmö,Uppsala,Västerås,Örebro,Linköping,Helsingborg,Jönköping,Norrköping,
  Lund,Umeå,Gävle,Borås,Södertälje,Eskilstuna,Halmstad,Växjö,Karlstad,Sundsvall}'::text[])[1 + pg_temp.pick(i, 103, 20)];

-- 'Åsa Öberg' as a mail box spells it: 'asa.oberg'.
CREATE FUNCTION pg_temp.mailbox(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZÅÄÖåäöé ', 'abcdefghijklmnopqrstuvwxyzaaoaaoe.');

CREATE FUNCTION pg_temp.phone(i bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '+46 8 465 004 ' || lpad(pg_temp.pick(i, 104, 100)::text, 2, '0');

-- 2. Companies, their agreements and contacts.

INSERT INTO learnster.course (id, title, published_at)
SELECT i, format('%s %s, del %s',
                 ('{Introduktion till,Grunderna i,Fördjupning i,Praktisk,Repetition av}'::text[])[1 + i % 5],
                 ('{brandskydd,dataskydd,projektledning,kundservice,arbetsmiljö,kalkylering,livsmedelshygien,
                    informationssäkerhet,ledarskap,första hjälpen,upphandling,retorik}'::text[])[1 + i / 5 % 12],
                 1 + i / 60),
       :'as_of'::timestamptz - interval '11 years' + i * interval '5 days'
  FROM generate_series(1, 300) AS i;

INSERT INTO learnster.company (id, name, organisation_number, city, created_at)
SELECT i, format('%s %s AB nr %s', pg_temp.last_name(i),
                 ('{Bygg,Vård,Transport,Handel,Teknik,Energi,Livs,Fastigheter}'::text[])[1 + pg_temp.pick(i, 110, 8)], i),
       format('0%s-%s', lpad((i / 10000)::text, 5, '0'), lpad((i % 10000)::text, 4, '0')),
       pg_temp.city(i),
       :'as_of'::timestamptz - interval '11 years'
  FROM (SELECT generate_series(1, 20) UNION ALL
        SELECT 1000 + generate_series(1, GREATEST(1, :learners / 200))) AS _ (i);

-- Two agreements a company. Most have an end; some of those are not paid, some lie ahead.
INSERT INTO learnster.agreement (id, company_id, agreement_number, signatory_name, signatory_email,
                                 signed_at, ended_at, final_payment_at)
SELECT 1000 + i, company_id, format('A-%s', 1000 + i), name,
       format('%s.%s@foretag-%s.example', pg_temp.mailbox(name), 1000 + i, company_id),
       signed_at, ended_at,
       CASE WHEN ended_at < :'as_of' AND NOT pg_temp.in_percent(i, 124, 12)
            THEN LEAST(ended_at + (pg_temp.pick(i, 125, 150) - 30) * interval '1 day', :'as_of'::timestamptz - interval '1 hour')
       END
  FROM (SELECT i, 1000 + 1 + (i - 1) / 2 AS company_id,
               pg_temp.first_name(i + 7000000) || ' ' || pg_temp.last_name(i + 7000000) AS name,
               signed_at,
               CASE WHEN pg_temp.in_percent(i, 122, 75)
                    THEN date_trunc('day', signed_at + (100 + pg_temp.pick(i, 123, 2200)) * interval '1 day')
               END AS ended_at
          FROM (SELECT i, date_trunc('day', :'as_of'::timestamptz
                                            - (60 + pg_temp.pick(i, 121, 3590)) * interval '1 day') AS signed_at
                  FROM generate_series(1, 2 * GREATEST(1, :learners / 200)) AS i) AS signed) AS agreed;

INSERT INTO learnster.company_contact (id, agreement_id, name, email, phone, title, city)
SELECT 1000 + row_number() OVER (ORDER BY agreement.id, nth), agreement.id, name,
       format('%s.k%s@foretag-%s.example', pg_temp.mailbox(name), i, company_id),
       pg_temp.phone(i),
       ('{HR-chef,Utbildningsansvarig,Ekonomiassistent,VD,Personalspecialist,Inköpare}'::text[])[1 + pg_temp.pick(i, 131, 6)],
       pg_temp.city(i)
  FROM learnster.agreement,
       generate_series(1, 2) AS nth,
       LATERAL (SELECT agreement.id * 2 + nth) AS _ (i),
       LATERAL (SELECT pg_temp.first_name(i + 8000000) || ' ' || pg_temp.last_name(i + 8000000)) AS __ (name)
 WHERE nth = 1 OR pg_temp.in_percent(agreement.id, 130, 60);

-- 3. Bookkeeping: an invoice a quarter. Fiscal years were broken (1 July to 30 June) until eight
-- years ago, then they followed the calendar.

INSERT INTO learnster.invoice (id, company_id, agreement_id, contact_id, invoice_number, record_type,
                               fiscal_year_end, issued_at, your_reference, delivery_email, total)
SELECT 1000 + i, company_id,
       CASE WHEN NOT pg_temp.in_percent(i, 140, 4) THEN agreement_id END,
       contact_id, format('F-%s', 1000 + i),
       CASE WHEN pg_temp.in_percent(i, 141, 1) THEN NULL
            WHEN pg_temp.in_percent(i, 142, 15) THEN 'working paper' ELSE 'voucher' END,
       CASE WHEN pg_temp.in_percent(i, 143, 1) THEN NULL
            WHEN issued_at < broken_until
            THEN (date_trunc('year', issued_at + interval '6 months') + interval '6 months')::date - 1
            ELSE (date_trunc('year', issued_at) + interval '1 year')::date - 1 END,
       issued_at, contact_name, contact_email, 500 + pg_temp.pick(i, 144, 90000)
  FROM (SELECT row_number() OVER (ORDER BY agreement.id, issued_at) AS i,
               company_id, agreement.id AS agreement_id, contact.id AS contact_id,
               contact.name AS contact_name, contact.email AS contact_email, issued_at,
               date_trunc('year', :'as_of'::timestamptz) - interval '7 years 6 months' AS broken_until
          FROM learnster.agreement
          LEFT JOIN LATERAL (SELECT id, name, email FROM learnster.company_contact
                              WHERE company_contact.agreement_id = agreement.id ORDER BY id LIMIT 1) AS contact ON true,
               generate_series(signed_at + interval '20 days',
                               LEAST(ended_at, :'as_of'::timestamptz), interval '3 months') AS issued_at) AS billed;

INSERT INTO learnster.invoice_line (id, invoice_id, line_number, description, participant_email, amount)
SELECT 1000 + row_number() OVER (ORDER BY invoice.id, nth), invoice.id, nth,
       ('{Licens per kvartal,Deltagarplats,Kurspaket}'::text[])[nth],
       CASE WHEN nth = 2 AND pg_temp.in_percent(invoice.id, 150, 50)
            THEN format('%s.d%s@foretag-%s.example',
                        pg_temp.mailbox(pg_temp.first_name(invoice.id) || ' ' || pg_temp.last_name(invoice.id)),
                        invoice.id, company_id) END,
       100 + pg_temp.pick(invoice.id * 4 + nth, 151, 20000)
  FROM learnster.invoice, generate_series(1, 3) AS nth;

INSERT INTO learnster.payment (id, invoice_id, paid_at, payer_name, amount)
SELECT 1000 + row_number() OVER (ORDER BY id), id,
       LEAST(issued_at + pg_temp.pick(id, 160, 60) * interval '1 day', :'as_of'),
       your_reference, total
  FROM learnster.invoice
 WHERE pg_temp.in_percent(id, 161, CASE record_type WHEN 'working paper' THEN 8 ELSE 92 END);

-- 4. Learners. pg_temp.life says from when until when each of them was active; nine in ten have an
-- account, nine in ten an agreement; two agreements in three are about courses without personal seats.

CREATE TEMPORARY TABLE life ON COMMIT DROP AS
SELECT 1000 + i AS learner_id, agreement_id, company_id,
       CASE WHEN pg_temp.in_percent(i, 172, 91) THEN 1000 + i END AS account_id,
       name,
       format('%s.%s@%s.example', pg_temp.mailbox(name), 1000 + i,
              CASE WHEN agreement_id IS NULL THEN 'post' ELSE 'foretag-' || company_id END) AS email,
       joined_at,
       CASE WHEN pg_temp.in_percent(i, 173, CASE WHEN over_at < :'as_of' THEN 88 ELSE 25 END)
            THEN LEAST(over_at, :'as_of'::timestamptz - interval '1 minute')
                 - pg_temp.pick(i, 174, 200 * 86400) * interval '1 second' END AS left_at
  FROM (SELECT i, agreement.id AS agreement_id, company_id,
               pg_temp.first_name(i) || ' ' || pg_temp.last_name(i) AS name,
               pg_temp.between(COALESCE(signed_at, :'as_of'::timestamptz - interval '10 years'),
                               LEAST(ended_at, :'as_of') - interval '250 days', i, 175) AS joined_at,
               COALESCE(ended_at, pg_temp.between(:'as_of'::timestamptz - interval '9 years',
                                                  :'as_of'::timestamptz + interval '2 years', i, 176)) AS over_at
          FROM generate_series(1, :learners) AS i
          LEFT JOIN learnster.agreement
            ON agreement.id = CASE WHEN NOT pg_temp.in_percent(i, 170, 9)
                                   THEN 1001 + pg_temp.pick(i, 171, 2 * GREATEST(1, :learners / 200)) / 3 * 3 END) AS enrolled;
UPDATE pg_temp.life SET left_at = joined_at + interval '100 days' WHERE left_at < joined_at;
ALTER TABLE pg_temp.life ADD active_until timestamptz;
UPDATE pg_temp.life SET active_until = LEAST(left_at, joined_at + interval '4 years', :'as_of');

INSERT INTO learnster.account (id, login_email, password_hash, created_at, notice_given_at, closed_at)
SELECT account_id, email, md5('password of ' || account_id), joined_at,
       CASE WHEN pg_temp.in_percent(account_id, 180, 40)
            THEN left_at - pg_temp.pick(account_id, 181, 90) * interval '1 day' END,
       CASE WHEN NOT pg_temp.in_percent(account_id, 180, 20) THEN left_at END
  FROM pg_temp.life
 WHERE account_id IS NOT NULL;

INSERT INTO learnster.learner (id, agreement_id, account_id, name, email, created_at, marketing_objected_at)
SELECT learner_id, agreement_id, account_id, name, email, joined_at,
       CASE WHEN pg_temp.in_percent(learner_id, 185, 10) THEN pg_temp.between(joined_at, :'as_of', learner_id, 186) END
  FROM pg_temp.life;

-- 5. What they left behind.

INSERT INTO learnster.course_progress (id, learner_id, course_id, lesson, collected_at, score)
SELECT 1000 + row_number() OVER (), learner_id, 1 + pg_temp.pick(learner_id * 16 + nth / 3, 190, 300), 1 + nth % 3,
       CASE WHEN NOT pg_temp.in_percent(learner_id * 16 + nth, 191, 1)
            THEN pg_temp.between(joined_at, active_until, learner_id * 16 + nth, 192) END,
       CASE WHEN NOT pg_temp.in_percent(learner_id * 16 + nth, 193, 10)
            THEN pg_temp.pick(learner_id * 16 + nth, 194, 1001) / 10.0 END
  FROM pg_temp.life, generate_series(0, 12) AS nth
 WHERE nth <= pg_temp.pick(learner_id, 195, 13);

INSERT INTO learnster.completed_course (id, learner_id, course_id, completed_at, final_score, certificate_number)
SELECT 1000 + row_number() OVER (), learner_id, 1 + (pg_temp.pick(learner_id, 200, 300) + nth * 7) % 300,
       pg_temp.between(joined_at, active_until, learner_id * 4 + nth, 201),
       50 + pg_temp.pick(learner_id * 4 + nth, 202, 501) / 10.0,
       CASE WHEN nth < 2 THEN format('INTYG-%s-%s', learner_id, nth) END
  FROM pg_temp.life, generate_series(0, 3) AS nth
 WHERE nth < pg_temp.pick(learner_id, 203, 5);

INSERT INTO learnster.support_ticket (id, learner_id, contact_name, contact_email, contact_phone, subject,
                                      opened_at, closed_at, reopened_at)
SELECT 1000 + row_number() OVER (ORDER BY learner_id, nth),
       CASE WHEN NOT visitor THEN learner_id END,
       name, CASE WHEN visitor THEN 'fraga.' || email ELSE email END, pg_temp.phone(learner_id),
       ('{Kan inte logga in,Fel på intyget,Filmen startar inte,Fråga om faktura,Byta e-postadress}'::text[])
         [1 + pg_temp.pick(i, 210, 5)],
       opened_at, closed_at,
       CASE WHEN pg_temp.in_percent(i, 211, 4) THEN closed_at + interval '9 days'
            WHEN pg_temp.in_percent(i, 211, 8) THEN closed_at - interval '2 days' END
  FROM (SELECT *, CASE WHEN NOT pg_temp.in_percent(i, 212, 4)
                       THEN LEAST(opened_at + pg_temp.pick(i, 213, 40 * 86400) * interval '1 second',
                                  :'as_of'::timestamptz - interval '10 days') END AS closed_at
          FROM (SELECT life.*, nth, learner_id * 4 + nth AS i,
                       pg_temp.in_percent(learner_id * 4 + nth, 214, 15) AS visitor,
                       pg_temp.between(joined_at, active_until, learner_id * 4 + nth, 215) AS opened_at
                  FROM pg_temp.life, generate_series(0, 1) AS nth
                 WHERE pg_temp.in_percent(learner_id * 4 + nth, 216, 40 - 20 * nth)) AS opened) AS handled;

INSERT INTO learnster.support_message (id, ticket_id, sender_email, sent_at, body)
SELECT 1000 + row_number() OVER (ORDER BY support_ticket.id, nth), support_ticket.id,
       CASE WHEN nth % 2 = 0 THEN contact_email ELSE 'support@learnster.example' END,
       opened_at + nth * interval '7 hours',
       CASE WHEN nth % 2 = 0 THEN format('Hej! %s. Ring mig på %s. Hälsningar %s', subject, contact_phone, contact_name)
            ELSE 'Hej! Vi tittar på saken och återkommer. Hälsningar Supporten' END
  FROM learnster.support_ticket, generate_series(0, 4) AS nth
 WHERE nth <= pg_temp.pick(support_ticket.id, 220, 5);

INSERT INTO learnster.newsletter_subscription (id, email, subscribed_at, objected_at)
SELECT 1000 + row_number() OVER (ORDER BY learner_id), email, joined_at,
       CASE WHEN pg_temp.in_percent(learner_id, 231, 35) THEN pg_temp.between(joined_at, :'as_of', learner_id, 232) END
  FROM pg_temp.life
 WHERE pg_temp.in_percent(learner_id, 230, 45);

-- Users first, then people at companies.
INSERT INTO learnster.marketing_recipient (id, name, email, added_at, objected_at)
SELECT 1000 + row_number() OVER (ORDER BY learner.id), learner.name, learner.email, learner.created_at, marketing_objected_at
  FROM learnster.learner
 WHERE pg_temp.in_percent(learner.id, 235, 25);
INSERT INTO learnster.marketing_recipient (id, name, email, added_at, objected_at)
SELECT 1000000000 + contact.id, contact.name, contact.email, signed_at,
       CASE WHEN pg_temp.in_percent(contact.id, 236, 20) THEN pg_temp.between(signed_at, :'as_of', contact.id, 237) END
  FROM learnster.company_contact AS contact JOIN learnster.agreement ON agreement.id = agreement_id
 WHERE pg_temp.in_percent(contact.id, 238, 50);

INSERT INTO learnster.marketing_profile (id, learner_id, segment, likelihood, collected_at)
SELECT 1000 + row_number() OVER (), learner_id,
       ('{nyfiken,återkommande,på väg bort,ambassadör,chef}'::text[])[1 + pg_temp.pick(learner_id, 240, 5)],
       pg_temp.pick(learner_id, 241, 1001) / 1000.0,
       CASE WHEN NOT pg_temp.in_percent(learner_id, 242, 1)
            THEN pg_temp.between(joined_at, active_until, learner_id, 243) END
  FROM pg_temp.life
 WHERE pg_temp.in_percent(learner_id, 244, 60);

INSERT INTO learnster.web_session (id, learner_id, started_at, last_seen_at, ip_address, user_agent, city)
SELECT 1000 + row_number() OVER (),
       CASE WHEN NOT pg_temp.in_percent(i, 250, 20) THEN learner_id END,
       started_at,
       CASE WHEN NOT pg_temp.in_percent(i, 251, 1)
            THEN LEAST(started_at + pg_temp.pick(i, 252, 7200) * interval '1 second', :'as_of') END,
       ('{192.0.2.0,198.51.100.0,203.0.113.0}'::inet[])[1 + pg_temp.pick(i, 253, 3)] + pg_temp.pick(i, 254, 256),
       ('{Firefox på Linux,Safari på iPhone,Chrome på Windows,Chrome på Android,Edge på Windows}'::text[])
         [1 + pg_temp.pick(i, 255, 5)],
       pg_temp.city(learner_id)
  FROM (SELECT learner_id, i, pg_temp.between(joined_at, active_until, i, 256) AS started_at
          FROM pg_temp.life, generate_series(0, 8) AS nth, LATERAL (SELECT learner_id * 16 + nth) AS _ (i)
         WHERE nth <= pg_temp.pick(learner_id, 257, 9)) AS browsed;

-- Those who are on the site as we look.
INSERT INTO learnster.web_session (id, learner_id, started_at, last_seen_at, ip_address, user_agent, city)
SELECT 900 + i, 1000 + i, :'as_of'::timestamptz - i * interval '3 minutes', :'as_of'::timestamptz - i * interval '1 minute',
       '192.0.2.0'::inet + i, 'Firefox på Linux', 'Uppsala'
  FROM generate_series(1, LEAST(60, :learners)) AS i;

-- 6. Two learners to show (show_learner.sql). The dates move with as_of and are given for 2026-11-01.

CREATE FUNCTION pg_temp.shifted(as_of timestamptz, day date) RETURNS timestamptz
LANGUAGE sql STABLE
RETURN (day + (as_of::date - date '2026-11-01'))::timestamptz;

-- Learner 1, Astrid Lindqvist: all purposes have ended. She vanishes wholly, with her account and,
-- since its vouchers are old enough, even the agreement.
-- Learner 2, Elsa Bergström: statistics ended 2025-03-01, account 2025-09-01, service 2026-08-15, but
-- improvement keeps her progress until 2027-03-01. Her row is due but blocked: she lives on under a
-- pseudonym, without scores, with the agreement and the account she points at.
INSERT INTO learnster.agreement VALUES
  (1, 1, 'A-1', 'Ulla Testberg',  'ulla.testberg@foretag-1.example',
   pg_temp.shifted(:'as_of', '2016-09-01'), pg_temp.shifted(:'as_of', '2018-08-31'), pg_temp.shifted(:'as_of', '2018-09-30')),
  (2, 2, 'A-2', 'Sven Provberg', 'sven.provberg@foretag-2.example',
   pg_temp.shifted(:'as_of', '2023-01-01'), pg_temp.shifted(:'as_of', '2025-06-30'), pg_temp.shifted(:'as_of', '2025-08-15'));
INSERT INTO learnster.company_contact VALUES
  (1, 1, 'Ulla Testberg', 'ulla.testberg@foretag-1.example', '+46 8 465 004 01', 'HR-chef', 'Uppsala'),
  (2, 2, 'Sven Provberg', 'sven.provberg@foretag-2.example', '+46 8 465 004 02', 'VD', 'Lund');
INSERT INTO learnster.invoice VALUES
  (1, 1, 1, 1, 'F-1', 'voucher', pg_temp.shifted(:'as_of', '2018-06-30')::date, pg_temp.shifted(:'as_of', '2018-06-01'),
   'Ulla Testberg', 'ulla.testberg@foretag-1.example', 4800);
INSERT INTO learnster.invoice_line VALUES (1, 1, 1, 'Deltagarplats', 'astrid.lindqvist@foretag-1.example', 4800);
INSERT INTO learnster.payment VALUES (1, 1, pg_temp.shifted(:'as_of', '2018-06-20'), 'Ulla Testberg', 4800);
INSERT INTO learnster.account VALUES
  (1, 'astrid.lindqvist@foretag-1.example', md5('password of 1'), pg_temp.shifted(:'as_of', '2016-09-05'),
   pg_temp.shifted(:'as_of', '2018-09-15'), pg_temp.shifted(:'as_of', '2018-12-01')),
  (2, 'elsa.bergstrom@foretag-2.example', md5('password of 2'), pg_temp.shifted(:'as_of', '2023-01-10'),
   NULL, pg_temp.shifted(:'as_of', '2024-09-01'));
INSERT INTO learnster.learner VALUES
  (1, 1, 1, 'Astrid Lindqvist', 'astrid.lindqvist@foretag-1.example', pg_temp.shifted(:'as_of', '2016-09-05')),
  (2, 2, 2, 'Elsa Bergström',  'elsa.bergstrom@foretag-2.example',  pg_temp.shifted(:'as_of', '2023-01-10'));
INSERT INTO learnster.course_progress VALUES
  (1, 1, 7, 1, pg_temp.shifted(:'as_of', '2017-02-03'), 71.5),
  (2, 1, 7, 2, pg_temp.shifted(:'as_of', '2018-03-01'), 88.0),
  (3, 2, 7, 1, pg_temp.shifted(:'as_of', '2023-03-01'), 64.0),
  (4, 2, 7, 2, pg_temp.shifted(:'as_of', '2024-03-01'), 93.5);
INSERT INTO learnster.completed_course VALUES
  (1, 1, 7, pg_temp.shifted(:'as_of', '2018-03-02'), 80.0, 'INTYG-1-0'),
  (2, 2, 7, pg_temp.shifted(:'as_of', '2024-02-20'), 78.5, 'INTYG-2-0');
INSERT INTO learnster.support_ticket VALUES
  (1, 1, 'Astrid Lindqvist', 'astrid.lindqvist@foretag-1.example', '+46 8 465 004 03', 'Fel på intyget',
   pg_temp.shifted(:'as_of', '2018-03-05'), pg_temp.shifted(:'as_of', '2018-03-08'), NULL),
  (2, 2, 'Elsa Bergström', 'elsa.bergstrom@foretag-2.example', '+46 8 465 004 04', 'Kan inte logga in',
   pg_temp.shifted(:'as_of', '2023-10-01'), pg_temp.shifted(:'as_of', '2023-10-05'), NULL),
  (3, 2, 'Elsa Bergström', 'elsa.bergstrom@foretag-2.example', '+46 8 465 004 04', 'Filmen startar inte',
   pg_temp.shifted(:'as_of', '2024-01-15'), pg_temp.shifted(:'as_of', '2024-01-20'), NULL);
INSERT INTO learnster.support_message VALUES
  (1, 1, 'astrid.lindqvist@foretag-1.example', pg_temp.shifted(:'as_of', '2018-03-05'), 'Hej! Mitt namn är felstavat. Astrid Lindqvist'),
  (2, 2, 'elsa.bergstrom@foretag-2.example', pg_temp.shifted(:'as_of', '2023-10-01'), 'Hej! Ring mig på 465 004 04. Elsa Bergström'),
  (3, 3, 'elsa.bergstrom@foretag-2.example', pg_temp.shifted(:'as_of', '2024-01-15'), 'Hej! Filmen om brandskydd startar inte. Elsa'),
  (4, 3, 'support@learnster.example', pg_temp.shifted(:'as_of', '2024-01-16'), 'Hej Elsa! Prova nu.');
INSERT INTO learnster.marketing_profile VALUES
  (1, 1, 'ambassadör', 0.910, pg_temp.shifted(:'as_of', '2018-01-01')),
  (2, 2, 'nyfiken',    0.420, pg_temp.shifted(:'as_of', '2023-09-01'));
INSERT INTO learnster.web_session VALUES
  (1, 1, pg_temp.shifted(:'as_of', '2018-03-01') + interval '9 hours',  pg_temp.shifted(:'as_of', '2018-03-01') + interval '10 hours',
   '192.0.2.17', 'Firefox på Linux', 'Uppsala'),
  (2, 2, pg_temp.shifted(:'as_of', '2024-02-20') + interval '9 hours',  pg_temp.shifted(:'as_of', '2024-02-20') + interval '10 hours',
   '198.51.100.4', 'Safari på iPhone', 'Lund');

-- 7. The edges. With id 10 an end falls on as_of itself and is due; 11 ends a microsecond too late,
-- 12 a day too late, 13 a day early.

INSERT INTO learnster.agreement (id, company_id, agreement_number, signatory_name, signatory_email,
                                 signed_at, ended_at, final_payment_at)
SELECT id, 10, 'A-' || id, 'Rut Kantberg', format('rut.kantberg.%s@foretag-10.example', id), '2014-01-01', ended, paid
  FROM (VALUES
    (10, :'as_of'::timestamptz - interval '15 months', :'as_of'::timestamptz - interval '1 year'),
    (11, :'as_of'::timestamptz - interval '15 months', :'as_of'::timestamptz - interval '1 year' + interval '1 microsecond'),
    (12, :'as_of'::timestamptz - interval '1 year' + interval '1 day', :'as_of'::timestamptz - interval '15 months'),
    (13, :'as_of'::timestamptz - interval '1 year' - interval '1 day', :'as_of'::timestamptz - interval '15 months'),
    (14, '2024-02-29 12:00', '2024-02-29 12:00'),            -- a leap day
    (15, NULL, :'as_of'::timestamptz - interval '5 years'),  -- waiting: not ended
    (16, :'as_of'::timestamptz - interval '5 years', NULL),  -- waiting: not paid
    (17, 'infinity',  :'as_of'::timestamptz - interval '5 years'),   -- infinite: never
    (18, '-infinity', :'as_of'::timestamptz - interval '5 years'),   -- an unknown event: never
    (19, '-infinity', '-infinity'),                                  -- infinite: never
    (20, :'as_of'::timestamptz - interval '5 years', :'as_of'::timestamptz - interval '5 years'),   -- ended
    (21, NULL, NULL)) AS edge (id, ended, paid);                                                    -- in force

INSERT INTO learnster.account (id, login_email, password_hash, created_at, notice_given_at, closed_at)
SELECT id, format('kant.%s@post.example', id), md5('password of ' || id), '2014-01-01', notice, closed
  FROM (VALUES
    (10, NULL::timestamptz, :'as_of'::timestamptz - interval '1 year'),
    (11, :'as_of'::timestamptz - interval '1 year' + interval '1 microsecond', NULL),
    (12, :'as_of'::timestamptz - interval '1 year' + interval '1 day', :'as_of'::timestamptz - interval '1 month'),
    (13, :'as_of'::timestamptz - interval '1 year' - interval '1 day', :'as_of'::timestamptz - interval '1 month'),
    (14, NULL, '2024-02-29 12:00'),
    (15, NULL, NULL),                                                -- waiting
    (16, :'as_of'::timestamptz - interval '5 years', 'infinity'),    -- whichever came first: due
    (17, 'infinity', NULL),                                          -- infinite: never
    (18, '-infinity', :'as_of'::timestamptz - interval '5 years'),   -- infinite: never
    (19, NULL, :'as_of'::timestamptz - interval '5 years'),          -- nobody's: no learner points at it
    (20, NULL, :'as_of'::timestamptz - interval '5 years'),
    (21, NULL, :'as_of'::timestamptz - interval '5 years'),
    (24, NULL, :'as_of'::timestamptz - interval '5 years'),
    (25, NULL, :'as_of'::timestamptz - interval '5 years'),
    (26, NULL, :'as_of'::timestamptz - interval '5 years'),
    (27, NULL, :'as_of'::timestamptz - interval '5 years'),
    (28, NULL, :'as_of'::timestamptz - interval '5 years'),
    (29, NULL, :'as_of'::timestamptz - interval '5 years'),
    (30, NULL, :'as_of'::timestamptz - interval '5 years')) AS edge (id, notice, closed);

INSERT INTO learnster.learner (id, agreement_id, account_id, name, email, created_at)
SELECT id, agreement, account, 'Kant Nr ' || id, format('kant.%s@post.example', id), '2014-01-01'
  FROM (VALUES
    (10, 10, 10), (11, 11, 11), (12, 12, 12), (13, 13, 13), (14, 14, 14),
    (15, 20, 15), (16, 20, 16), (17, 20, 17), (18, 20, 18),
    (20, 20, 20),       -- due, but a support case of hers is open: blocked
    (21, NULL, 21),     -- private, account long closed: due
    (22, NULL, NULL),   -- neither agreement nor account: no purpose applies, she never goes
    (23, 20, NULL),     -- never logged in: due with the agreement; blocked by young progress
    (24, 21, 24),       -- account over, agreement in force: the e-mail goes, the row stays
    (25, 20, 25),       -- due, but a closed case was opened again: blocked
    (26, 20, 26),       -- due, her case ends on as_of itself: all goes
    (27, 20, 27),       -- due, her case ends a microsecond later: blocked
    (28, 20, 28),       -- due, her progress ends on as_of itself: all goes
    (29, 20, 29),       -- due, her progress ends a microsecond later: blocked
    (30, 20, 30)) AS edge (id, agreement, account);   -- due; progress of leap days, sessions, profiles

INSERT INTO learnster.course_progress (id, learner_id, course_id, lesson, collected_at, score)
SELECT id, learner, 1, 1, collected, 50.0
  FROM (VALUES
    (22, 22, :'as_of'::timestamptz - interval '4 years'),   -- goes: improvement is all it served
    (23, 22, :'as_of'::timestamptz - interval '2 years'),   -- stays with its score: neither service nor account applies
    (24, 23, :'as_of'::timestamptz - interval '2 years'),   -- stays, its score goes
    (25, 24, :'as_of'::timestamptz - interval '4 years'),   -- stays with its score: service is running
    (26, 24, :'as_of'::timestamptz - interval '2 years'),
    (28, 28, :'as_of'::timestamptz - interval '3 years'),
    (29, 29, :'as_of'::timestamptz - interval '3 years' + interval '1 microsecond'),
    (30, 30, '2020-02-29 12:00'),
    (31, 30, '2024-02-29 12:00'),
    (32, 30, NULL),
    (33, 30, 'infinity'),
    (34, 30, '-infinity')) AS edge (id, learner, collected);

INSERT INTO learnster.support_ticket (id, learner_id, contact_name, contact_email, contact_phone, subject,
                                      opened_at, closed_at, reopened_at)
SELECT id, learner, 'Kant Nr ' || COALESCE(learner, id),
       CASE WHEN learner IS NULL THEN format('besok.%s@post.example', id) ELSE format('kant.%s@post.example', learner) END,
       '+46 8 465 004 99',
       'Fråga om faktura', :'as_of'::timestamptz - interval '4 years', closed, reopened
  FROM (VALUES
    (20, 20, NULL::timestamptz, NULL::timestamptz),
    (25, 25, :'as_of'::timestamptz - interval '3 years', :'as_of'::timestamptz - interval '30 months'),
    (26, 26, :'as_of'::timestamptz - interval '1 year', NULL),
    (27, 27, :'as_of'::timestamptz - interval '1 year' + interval '1 microsecond', NULL),
    (28, NULL, :'as_of'::timestamptz - interval '3 years', :'as_of'::timestamptz - interval '3 years'),      -- open again
    (29, NULL, :'as_of'::timestamptz - interval '3 years', :'as_of'::timestamptz - interval '37 months'),    -- closed again: due
    (30, NULL, NULL, :'as_of'::timestamptz - interval '3 years'),                                            -- reopened, never closed
    (31, NULL, 'infinity', NULL)) AS edge (id, learner, closed, reopened);
INSERT INTO learnster.support_message (id, ticket_id, sender_email, sent_at, body)
SELECT id, id, contact_email, opened_at, 'Hej! Hälsningar Kant Nr ' || id
  FROM learnster.support_ticket WHERE id BETWEEN 20 AND 31;

-- Objections end newsletters, marketing, and with it the profile, at that moment.
INSERT INTO learnster.newsletter_subscription
SELECT id, format('kant.%s@post.example', id), '2014-01-01', objected
  FROM (VALUES
    (10, :'as_of'::timestamptz),
    (11, :'as_of'::timestamptz + interval '1 microsecond'),
    (12, :'as_of'::timestamptz + interval '1 day'),
    (13, :'as_of'::timestamptz - interval '1 day'),
    (14, NULL),            -- has not objected
    (15, 'infinity'),      -- never
    (16, '-infinity')) AS edge (id, objected);   -- nobody knows when: kept
INSERT INTO learnster.marketing_recipient
SELECT id, 'Kant Nr ' || id, email, subscribed_at, objected_at FROM learnster.newsletter_subscription WHERE id BETWEEN 10 AND 16;
UPDATE learnster.learner SET marketing_objected_at = objected
  FROM (VALUES
    (10, :'as_of'::timestamptz),
    (11, :'as_of'::timestamptz + interval '1 microsecond'),
    (12, :'as_of'::timestamptz + interval '1 day'),
    (13, :'as_of'::timestamptz - interval '1 day'),
    (15, 'infinity'),
    (16, '-infinity'),
    (24, :'as_of'::timestamptz - interval '1 year')) AS edge (id, objected)
 WHERE learner.id = edge.id;
INSERT INTO learnster.marketing_profile
SELECT 100 + learner.id, learner.id, 'nyfiken', 0.5, CASE WHEN learner.id <> 24 THEN :'as_of'::timestamptz - interval '1 month' END
  FROM learnster.learner WHERE learner.id IN (10, 11, 12, 13, 15, 16, 24);

INSERT INTO learnster.marketing_profile VALUES
  (10, 30, 'nyfiken', 0.5, :'as_of'::timestamptz - interval '3 years'),
  (11, 30, 'nyfiken', 0.5, :'as_of'::timestamptz - interval '3 years' + interval '1 microsecond'),
  (12, 30, 'nyfiken', 0.5, :'as_of'::timestamptz - interval '3 years' + interval '1 day'),
  (13, 30, 'nyfiken', 0.5, :'as_of'::timestamptz - interval '3 years' - interval '1 day'),
  (14, 30, 'nyfiken', 0.5, NULL),
  (15, 30, 'nyfiken', 0.5, 'infinity');

INSERT INTO learnster.web_session VALUES
  (10, 30, :'as_of'::timestamptz - interval '3 years', :'as_of'::timestamptz - interval '3 years', '192.0.2.10', 'Edge på Windows', 'Lund'),
  (11, 30, :'as_of'::timestamptz - interval '3 years' + interval '1 microsecond', :'as_of'::timestamptz - interval '2 years', '192.0.2.11', 'Edge på Windows', 'Lund'),
  (12, 30, :'as_of'::timestamptz - interval '1 hour', :'as_of'::timestamptz - interval '30 minutes', '192.0.2.12', 'Edge på Windows', 'Lund'),
  (13, 30, :'as_of'::timestamptz - interval '1 hour', :'as_of'::timestamptz - interval '30 minutes' + interval '1 microsecond', '192.0.2.13', 'Edge på Windows', 'Lund'),
  (14, 30, :'as_of'::timestamptz - interval '5 years', NULL, '192.0.2.14', 'Edge på Windows', 'Lund'),
  (15, 30, :'as_of'::timestamptz - interval '5 years', 'infinity', '192.0.2.15', 'Edge på Windows', 'Lund'),
  (16, 30, :'as_of'::timestamptz - interval '1 year', :'as_of'::timestamptz - interval '1 year', '192.0.2.16', 'Edge på Windows', 'Lund'),
  (17, 30, :'as_of'::timestamptz - interval '1 year' + interval '1 microsecond', NULL, NULL, 'Edge på Windows', 'Lund'),
  (18, NULL, :'as_of'::timestamptz - interval '12 years', :'as_of'::timestamptz - interval '12 years', '192.0.2.18', 'Edge på Windows', 'Lund');

-- Records around the turn of a year, seven and three years on. No agreement: bookkeeping alone.
INSERT INTO learnster.invoice (id, company_id, agreement_id, contact_id, invoice_number, record_type,
                               fiscal_year_end, issued_at, your_reference, delivery_email, total)
SELECT id, 10, agreement, NULL, 'F-' || id, record_type, fiscal_year_end, '2014-06-01', 'Rut Kantberg',
       'rut.kantberg@foretag-10.example', 100
  FROM (SELECT date_trunc('year', :'as_of'::timestamptz)::date) AS _ (new_year),
       LATERAL (VALUES
         (10, NULL::bigint, 'voucher',       (new_year - interval '7 years')::date - 1),     -- ends at the turn of this year
         (11, NULL,         'voucher',       (new_year - interval '7 years')::date),         -- at the next
         (12, NULL,         'voucher',       (new_year - interval '7 years 6 months')::date - 1),
         (13, NULL,         'working paper', (new_year - interval '3 years')::date - 1),
         (14, NULL,         'working paper', (new_year - interval '3 years')::date),
         (15, NULL,         NULL,            (new_year - interval '9 years')::date - 1),     -- not classified: undetermined
         (16, NULL,         'voucher',       NULL),                                          -- not booked: waiting
         (17, NULL,         'voucher',       'infinity'),
         (18, 20,           'voucher',       (new_year - interval '5 years')::date - 1),     -- keeps the ended agreement 20
         (19, 18,           'working paper', (new_year - interval '4 years')::date - 1),     -- blocked by the payment, a voucher
         (20, 21,           'voucher',       (new_year - interval '9 years')::date - 1))     -- the agreement is in force
         AS edge (id, agreement, record_type, fiscal_year_end);
INSERT INTO learnster.invoice_line (id, invoice_id, line_number, description, participant_email, amount)
SELECT id, id, 1, 'Kurspaket', format('plats.%s@foretag-10.example', id), 100 FROM learnster.invoice WHERE id BETWEEN 10 AND 20;
INSERT INTO learnster.payment VALUES
  (10, 10, '2014-07-01', 'Rut Kantberg', 100),
  (19, 19, '2014-07-01', 'Rut Kantberg', 100);

-- 8. New ids start above the old ones; the planner learns what is there.

DO $$
DECLARE
    name regclass;
    highest bigint;
BEGIN
    FOR name IN SELECT oid FROM pg_class
                 WHERE relnamespace = 'learnster'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    LOOP
        EXECUTE format('SELECT max(id) FROM %s', name) INTO highest;
        EXECUTE format('ALTER TABLE %s ALTER COLUMN id RESTART WITH %s', name, highest + 1);
        EXECUTE format('ANALYZE %s', name);
    END LOOP;
END
$$;

DROP FUNCTION pg_temp.shifted, pg_temp.phone, pg_temp.mailbox, pg_temp.city, pg_temp.last_name, pg_temp.first_name,
              pg_temp.between, pg_temp.in_percent, pg_temp.pick;
COMMIT;
