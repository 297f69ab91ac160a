-- show_learner.sql: all that the platform knows of one learner, before and after a sweep.
--
--   :learner_key  whom (default 2: Elsa Bergström, who lives on under a pseudonym; 1 is Astrid
--                 Lindqvist, who vanishes wholly)
--
-- psql -X -q -v ON_ERROR_STOP=1 [-v learner_key=...] -f show_learner.sql

\if :{?learner_key}
\else
  \set learner_key 2
\endif
BEGIN READ ONLY;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL TimeZone = 'Europe/Stockholm';
SET LOCAL DateStyle = 'ISO, YMD';
\pset null '(null)'

\echo Learner :learner_key
SELECT learner.name, learner.email, agreement.agreement_number AS agreement,
       agreement.ended_at::date AS ended, agreement.final_payment_at::date AS paid,
       COALESCE(account.notice_given_at, account.closed_at)::date AS left
  FROM learnster.learner
  LEFT JOIN learnster.agreement ON agreement.id = agreement_id
  LEFT JOIN learnster.account ON account.id = account_id
 WHERE learner.id = :learner_key;

\echo Account
SELECT login_email, password_hash, notice_given_at::date AS notice, closed_at::date AS closed
  FROM learnster.account
 WHERE id = (SELECT account_id FROM learnster.learner WHERE id = :learner_key);

\echo Courses
SELECT course.title, 'lesson ' || lesson AS what, collected_at::date AS at, score, NULL AS certificate
  FROM learnster.course_progress JOIN learnster.course ON course.id = course_id
 WHERE learner_id = :learner_key
 UNION ALL
SELECT course.title, 'completed', completed_at::date, final_score, certificate_number
  FROM learnster.completed_course JOIN learnster.course ON course.id = course_id
 WHERE learner_id = :learner_key
 ORDER BY at;

\echo Support
SELECT ticket.id AS ticket, subject, opened_at::date AS opened, closed_at::date AS closed, contact_name, contact_phone,
       sender_email, body
  FROM learnster.support_ticket AS ticket LEFT JOIN learnster.support_message AS message ON ticket_id = ticket.id
 WHERE learner_id = :learner_key
 ORDER BY opened_at, sent_at;

\echo On the site
SELECT started_at, last_seen_at, ip_address, user_agent, city
  FROM learnster.web_session
 WHERE learner_id = :learner_key
 ORDER BY started_at;

\echo Profile
SELECT segment, likelihood, collected_at::date AS collected
  FROM learnster.marketing_profile
 WHERE learner_id = :learner_key
 ORDER BY collected_at;

\pset null ''
COMMIT;
