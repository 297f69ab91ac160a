-- pseudonym: keyed pseudonyms. Not IMMUTABLE: a constant call would be folded into a plan that
-- outlives the right to make it. Not for PUBLIC: whoever may compute pseudonyms can guess what they stand for.
-- One name per way of calling; privacy.pseudonym() alone has one function per type of its value.

CREATE FUNCTION privacy.pseudonym(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym';
REVOKE ALL ON FUNCTION privacy.pseudonym(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(text, text) IS
'The pseudonym of a value in a scope: 40 lower-case hexadecimal digits, equal for equal values in one scope, unrelated across scopes. value: hashed as UTF-8, whatever the database''s encoding (SQL_ASCII: as its bytes are), neither trimmed nor case-folded. scope: of privacy.create_scope(). Null for null. Raises undefined_object for an unknown scope, insufficient_privilege when the current role is not on its list, object_not_in_prerequisite_state when the key was destroyed, PV001 or PV002 when the root key is missing or another one. Algorithm: keyed BLAKE2b-128 (RFC 7693) over length and value, personalisation "pgprivacy-token", and behind it the first four bytes of SipHash-2-4 under the version''s check key; test vectors in test/vectors.';

CREATE FUNCTION privacy.pseudonym_base32(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_base32';
REVOKE ALL ON FUNCTION privacy.pseudonym_base32(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_base32(text, text) IS
'The token of privacy.pseudonym(text, text), spelled with 32 upper-case digits of Crockford''s base 32, which has no I, L, O, U. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_base64url(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_base64url';
REVOKE ALL ON FUNCTION privacy.pseudonym_base64url(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_base64url(text, text) IS
'The token of privacy.pseudonym(text, text), spelled with 27 digits of base64url (RFC 4648, section 5, no padding). Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_uuid(value text, scope text) RETURNS uuid
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_uuid';
REVOKE ALL ON FUNCTION privacy.pseudonym_uuid(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_uuid(text, text) IS
'A UUID of version 8 (RFC 9562) for a value: 90 bits of the MAC of privacy.pseudonym(text, text), and a mark of 32 bits over them, so that privacy.is_pseudonym(uuid, text) recognises it. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value uuid, scope text) RETURNS uuid
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_of_uuid';
REVOKE ALL ON FUNCTION privacy.pseudonym(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(uuid, text) IS
'The same as privacy.pseudonym_uuid() of the value''s text in lower case: a soft key of type text matches. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value smallint, scope text) RETURNS smallint
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_int2';
REVOKE ALL ON FUNCTION privacy.pseudonym(smallint, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(smallint, text) IS
'Another number of the same type and sign, by a keyed permutation: no two values share one. Carries no mark, so that a label needs MARK. A domain so small is a shuffled table: who sees all pseudonyms and knows how often each value occurs may match them. Algorithm: alternating Feistel network over SipHash-2-4, see src/pseudonym/pseudonym_permutation.c. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value integer, scope text) RETURNS integer
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_int4';
REVOKE ALL ON FUNCTION privacy.pseudonym(integer, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(integer, text) IS
'Another number of the same type and sign, by a keyed permutation: no two values share one. Carries no mark, so that a label needs MARK. Algorithm: alternating Feistel network over SipHash-2-4, see src/pseudonym/pseudonym_permutation.c. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value bigint, scope text) RETURNS bigint
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_int8';
REVOKE ALL ON FUNCTION privacy.pseudonym(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(bigint, text) IS
'Another number of the same type and sign, by a keyed permutation: no two values share one. Carries no mark, so that a label needs MARK. Algorithm: alternating Feistel network over SipHash-2-4, see src/pseudonym/pseudonym_permutation.c. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_digits(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_digits';
REVOKE ALL ON FUNCTION privacy.pseudonym_digits(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_digits(text, text) IS
'Another code of as many digits, leading zeros included, by a keyed permutation of all codes of that length: no two values share one. value: 1 to 18 digits; anything else becomes what privacy.pseudonym_malformed says. Codes of up to four digits are a shuffled table: who sees all pseudonyms and knows how often each code occurs may match them. Carries no mark. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_email(value text, scope text, domain text DEFAULT 'replace') RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_email';
REVOKE ALL ON FUNCTION privacy.pseudonym_email(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_email(text, text, text) IS
'The pseudonym of a value as an e-mail address. domain: replace (an address that can never receive mail, RFC 2606: the 40 digits of privacy.pseudonym(text, text) and "@pseudonym.invalid", 58 characters), keep (the domain behind the last @, if it is one: letters, digits, hyphens and dots, at most 253 bytes), pseudonymize (a pseudonym of the domain in 20 digits, equal for equal domains whatever their case, and ".invalid"). The whole value is hashed, neither trimmed nor case-folded. A value without @, local part or such a domain becomes what privacy.pseudonym_malformed says, here the 40 digits and "@pseudonym.invalid". Raises invalid_parameter_value for another treatment of the domain. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value inet, scope text) RETURNS inet
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_inet';
REVOKE ALL ON FUNCTION privacy.pseudonym(inet, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(inet, text) IS
'Another address of the same family and mask length: addresses that share their first n bits have pseudonyms that share their first n bits, and no more. Networks stay recognisable by their structure. Carries no mark. Algorithm: prefix-preserving after Xu, Fan, Ammar and Moon (2002), over SipHash-2-4, see src/pseudonym/pseudonym_network.c. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value cidr, scope text) RETURNS cidr
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_cidr';
REVOKE ALL ON FUNCTION privacy.pseudonym(cidr, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(cidr, text) IS
'Another network of the same family and mask length, the one in which the pseudonyms of its addresses lie; as privacy.pseudonym(inet, text). Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value date, scope text) RETURNS date
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_date';
REVOKE ALL ON FUNCTION privacy.pseudonym(date, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(date, text) IS
'Another day, by a keyed permutation of blocks of 73 049 days, of which one is 1900-01-01 to 2099-12-31: no two days share one, and neither order nor distance remains. Infinity stays. Carries no mark. To keep order and distances of one subject, see privacy.subject_pseudonym(). Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value timestamptz, scope text) RETURNS timestamptz
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_timestamp';
REVOKE ALL ON FUNCTION privacy.pseudonym(timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(timestamptz, text) IS
'Another moment, by a keyed permutation of blocks of 73 049 days in microseconds; otherwise as privacy.pseudonym(date, text). Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value timestamp, scope text) RETURNS timestamp
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_timestamp';
REVOKE ALL ON FUNCTION privacy.pseudonym(timestamp, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(timestamp, text) IS
'As privacy.pseudonym(timestamptz, text), of the value as it stands. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym(value anyarray, scope text) RETURNS anyarray
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_array';
REVOKE ALL ON FUNCTION privacy.pseudonym(anyarray, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym(anyarray, text) IS
'Each element''s pseudonym in its type''s default format; dimensions, bounds and nulls stay. Elements of a domain must fit it. Raises invalid_parameter_value for a type without one, and as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_array(value anyarray, scope text, format text) RETURNS anyarray
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_array_as';
REVOKE ALL ON FUNCTION privacy.pseudonym_array(anyarray, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_array(anyarray, text, text) IS
'Each element''s pseudonym in a format that labels may name (PSEUDONYMIZE AS format); dimensions, bounds and nulls stay. Raises invalid_parameter_value for a format that the elements'' type does not have or that needs the subject''s key, and as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_at(value text, scope text, version integer) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_at';
REVOKE ALL ON FUNCTION privacy.pseudonym_at(text, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_at(text, text, integer) IS
'The pseudonym of a value under a given version of a scope, as privacy.pseudonym(text, text) gave it then; for a version that privacy.import_salt() made, sha256(value || salt) of the stored bytes in 64 hexadecimal digits. Raises undefined_object for an unknown version, object_not_in_prerequisite_state for a destroyed one. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.subject_pseudonym(value text, scope text, subject_key text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_subject_pseudonym';
REVOKE ALL ON FUNCTION privacy.subject_pseudonym(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.subject_pseudonym(text, text, text) IS
'The pseudonym of a value under a subject''s own secret: equal for equal values of one subject, unrelated between subjects; 40 digits with a mark. subject_key: what identifies the subject, such as its key as text; a random value that is kept with the subject and deleted with it makes the pseudonyms of the subject unlinkable then. The MAC of privacy.pseudonym(text, text) over both parts, each behind its length. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.subject_pseudonym(value date, scope text, subject_key text) RETURNS date
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_subject_pseudonym_date';
REVOKE ALL ON FUNCTION privacy.subject_pseudonym(date, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.subject_pseudonym(date, text, text) IS
'The day moved by as many days as the subject''s key and the scope say, 1 to 3652 either way: order and distances of one subject stay, those between subjects do not. Infinity stays. Carries no mark. A day that would leave the type moves the other way. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.subject_pseudonym(value timestamptz, scope text, subject_key text) RETURNS timestamptz
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_subject_pseudonym_timestamp';
REVOKE ALL ON FUNCTION privacy.subject_pseudonym(timestamptz, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.subject_pseudonym(timestamptz, text, text) IS
'The moment moved by as many times 24 hours as privacy.subject_pseudonym(date, text, text) moves days; the time of day in UTC stays. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.subject_pseudonym(value timestamp, scope text, subject_key text) RETURNS timestamp
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_subject_pseudonym_timestamp';
REVOKE ALL ON FUNCTION privacy.subject_pseudonym(timestamp, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.subject_pseudonym(timestamp, text, text) IS
'As privacy.subject_pseudonym(timestamptz, text, text); the time of day stays. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.is_pseudonym(value text, scope text, domain text DEFAULT 'keep') RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 3
	AS 'MODULE_PATHNAME', 'pp_sql_is_pseudonym';
REVOKE ALL ON FUNCTION privacy.is_pseudonym(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.is_pseudonym(text, text, text) IS
'Whether a value is a pseudonym of the scope, in any spelling and of any version, destroyed ones too: exactly as privacy.pseudonym(), _base32(), _base64url(), _email() or subject_pseudonym() write it, with a valid mark. domain: keep (behind an addresss @ may stand any domain) or replace, pseudonymize (only the reserved ones that pseudonym_email() writes count); another word raises invalid_parameter_value. Another text of such a form passes once in 2^32 per version. Null for null. Raises undefined_object, insufficient_privilege, PV001 and PV002 as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.is_pseudonym(value uuid, scope text) RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 3
	AS 'MODULE_PATHNAME', 'pp_sql_is_pseudonym_uuid';
REVOKE ALL ON FUNCTION privacy.is_pseudonym(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.is_pseudonym(uuid, text) IS
'Whether a UUID is a pseudonym of the scope, of any version, destroyed ones too. Another one passes once in 2^32 per version if it is of version 8, else never. Null for null. Raises as privacy.is_pseudonym(text, text, text) does.';

CREATE FUNCTION privacy.pseudonym_version(value text, scope text) RETURNS integer
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 3
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_version';
REVOKE ALL ON FUNCTION privacy.pseudonym_version(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_version(text, text) IS
'The version of the scope whose pseudonym the value is; null for a value that is none, and for null. Raises as privacy.is_pseudonym(text, text, text) does.';

CREATE FUNCTION privacy.pseudonym_version(value uuid, scope text) RETURNS integer
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 3
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_version_uuid';
REVOKE ALL ON FUNCTION privacy.pseudonym_version(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_version(uuid, text) IS
'The version of the scope whose pseudonym the UUID is; null for a value that is none, and for null. Raises as privacy.is_pseudonym(text, text, text) does.';

CREATE FUNCTION privacy.chain_pseudonym(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_chain_pseudonym';
REVOKE ALL ON FUNCTION privacy.chain_pseudonym(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.chain_pseudonym(text, text) IS
'The pseudonym of a pseudonym: one of an older version as one of the newest, in the same spelling, equal for equal ones; a pseudonym of the newest version as it is. It is another than the newest version''s pseudonym of the raw value. Raises invalid_parameter_value for a value that is no pseudonym of the scope. Source: EDPB Guidelines 01/2025, paragraph 91. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.chain_pseudonym(value uuid, scope text) RETURNS uuid
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_chain_pseudonym_uuid';
REVOKE ALL ON FUNCTION privacy.chain_pseudonym(uuid, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.chain_pseudonym(uuid, text) IS
'The same for a UUID of privacy.pseudonym_uuid(). Null for null. Raises as privacy.pseudonym(text, text) does.';

-- reversal: pseudonyms that can be turned back.

CREATE FUNCTION privacy.encrypted_pseudonym(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10
	AS 'MODULE_PATHNAME', 'pp_sql_encrypted_pseudonym';
REVOKE ALL ON FUNCTION privacy.encrypted_pseudonym(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.encrypted_pseudonym(text, text) IS
'A pseudonym that privacy.reidentify() can turn back: equal for equal values in one scope and version, unrelated otherwise; 58 characters of A-Z a-z 0-9 - _ for a value of up to 15 bytes, and 21 or 22 more for every further 16. value: encrypted as UTF-8, whatever the database''s encoding, at most 100 MB; its length shows in steps of 16 bytes. scope: of privacy.create_scope(). Null for null. Carries the scope''s version, and can be turned back as long as that is not destroyed. privacy.is_pseudonym() does not recognise it. Raises as privacy.pseudonym() does, and program_limit_exceeded. Algorithm: XChaCha20 with a synthetic nonce from keyed BLAKE2b-192, see src/pseudonym/pseudonym_reversal.c; test vectors in test/vectors/reversal.json.';

CREATE FUNCTION privacy.reidentify(token text, scope text, reason text) RETURNS text
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000
	AS 'MODULE_PATHNAME', 'pp_sql_reidentify';
REVOKE ALL ON FUNCTION privacy.reidentify(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.reidentify(text, text, text) IS
'The value behind a reversible pseudonym. token: of privacy.encrypted_pseudonym(); null gives null and is not counted. scope: the one it was made in. reason: one line of at most 500 characters, kept as evidence for good: name a case, never a person. For the roles of privacy.grant_reidentify(), superusers included in all that follows. Every attempt, failed ones too, is first recorded in privacy.audit_entry as scope.reidentify, committed on its own by a background worker, so that a rollback takes neither the entry back nor the count; a call takes some milliseconds. A role may make privacy.keyring_reidentify_limit attempts in an hour in this database; in a SECURITY DEFINER function that is its owner, and column actor names the session''s user. Pass the token as a parameter: a literal is in the log of statements. Raises invalid_parameter_value for a bad reason and, in the same words whatever is wrong, for a token that does not open; insufficient_privilege; configuration_limit_exceeded at the limit; insufficient_resources when no background worker is free; PV004 when the evidence could not be committed; read_only_sql_transaction on a standby; untranslatable_character; otherwise as privacy.pseudonym() does.';

CREATE FUNCTION privacy.reversal_hash(token text, scope text) RETURNS bytea
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'pp_sql_reversal_hash';
REVOKE ALL ON FUNCTION privacy.reversal_hash(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.reversal_hash(text, text) IS
'What column subject_hash of privacy.audit_entry says when this token was to be turned back in this scope, to ask who has done it and why. token: any text. Null for null. Reveals nothing about the value; for the extension''s owner and whom they grant. Raises PV001 or PV002 for the root key. Algorithm: keyed BLAKE2b-256 under this database''s audit key over "token:" and the scope, and the token, see src/audit/audit_mac.c.';

-- personal: numbers and names that people have. No room for a mark in them: a label needs MARK.

CREATE FUNCTION privacy.pseudonym_phone(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_phone';
REVOKE ALL ON FUNCTION privacy.pseudonym_phone(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_phone(text, text) IS
'Another phone number with the same country code, length, leading zeros and separators; the other digits are permuted among those of their length that do not begin with 0, so that no two values share one. value: digits with spaces, hyphens, parentheses, full stops and slashes between them: after + or 00 with a country code (ITU-T E.164), after 0 a Swedish national number, else a number for itself. +46 70 123 45 67, 0046701234567, +46 (0)70 123 45 67 and 0701234567 are given the same digits behind country code and zeros. More than 15 digits, fewer than five behind country code and zeros, another character: what privacy.pseudonym_malformed says. The result may be somebody''s number: nothing must be sent to it. Carries no mark. Algorithm: permutation under tweak "phone " and the country code, see src/pseudonym/pseudonym_phone.c. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_personnummer(value text, scope text, form text DEFAULT 'not_issuable') RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_personnummer';
REVOKE ALL ON FUNCTION privacy.pseudonym_personnummer(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_personnummer(text, text, text) IS
'Another Swedish personal number, with the same separator and century as far as they are given; a coordination number becomes another coordination number. Day in the century and serial are permuted together, so that no two values share one, and the check digit is right; numbers that differ in the century only, or in having one, have the same ten last digits (but where 29 February 1800 or 1900 would come out). value: YYMMDDNNNN or YYYYMMDDNNNN (from 1800 to 2099), with - or + before the last four digits or nothing; another form, date or check digit: what privacy.pseudonym_malformed says. form: not_issuable (a number that nobody can have: month 13 to 16, for coordination numbers 17 to 19 and 00, and the day of the year counted on from 00 in month and day) or issuable (a valid number, which may be somebody''s; its date may lie ahead). Carries no mark; but a pseudonym that is not issuable is no personal number, and shows as malformed when pseudonymised again. Algorithm: permutation under tweak "personnummer" or "coordination", Luhn digit, see src/pseudonym/pseudonym_national.c. Raises invalid_parameter_value for another form. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_organisation_number(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_organisation_number';
REVOKE ALL ON FUNCTION privacy.pseudonym_organisation_number(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_organisation_number(text, text) IS
'Another Swedish organisation number with the same first digit (the group of its legal form), spelling and a right check digit; a third digit from 2 on stays one; the rest is permuted, so that no two values share one. value: NNNNNN-NNNN, without the hyphen, or with 16 before it. A sole trader''s is a personal number, and gets the pseudonym that privacy.pseudonym_personnummer() gives it, not issuable. Another form or check digit: what privacy.pseudonym_malformed says. The result may be another organisation''s number. Carries no mark. Algorithm: permutation under tweak "organisation " and the first digit, Luhn digit, see src/pseudonym/pseudonym_national.c. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_card(value text, scope text, form text DEFAULT 'issuable') RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_card';
REVOKE ALL ON FUNCTION privacy.pseudonym_card(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_card(text, text, text) IS
'Another payment card number of the same issuer (first six digits) and length, with the separators in place and a right check digit; the digits between are permuted, so that no two values share one. value: 12 to 19 digits, the first not 0, with spaces or hyphens between them; another length, character or a wrong check digit: what privacy.pseudonym_malformed says. form: issuable (may be somebody''s card) or not_issuable (the first digit becomes 0, which no card has; cards whose numbers begin with different digits may then share a pseudonym). Carries no mark. Algorithm: permutation under tweak "card " and the six digits, Luhn digit (ISO/IEC 7812-1), see src/pseudonym/pseudonym_card.c. Raises invalid_parameter_value for another form. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_name(value text, scope text, "language" text DEFAULT 'sv') RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_name';
REVOKE ALL ON FUNCTION privacy.pseudonym_name(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_name(text, text, text) IS
'A given name and a family name from lists of common ones, chosen by a keyed hash of the whole value: equal for equal values, which are neither trimmed nor case-folded. Not unique: different values may share one. Takes any text. Carries no mark. language: sv (Swedish) or en (English); raises invalid_parameter_value for another. The lists are src/pseudonym/*.txt; in databases of other encodings than UTF-8, Latin-1, Latin-9, Windows-1252 and SQL_ASCII the names are without accents. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_given_name(value text, scope text, "language" text DEFAULT 'sv') RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_given_name';
REVOKE ALL ON FUNCTION privacy.pseudonym_given_name(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_given_name(text, text, text) IS
'A common given name, as privacy.pseudonym_name(text, text, text) chooses both. Not unique: different values may share one. Takes any text. Carries no mark. language: sv (Swedish) or en (English); raises invalid_parameter_value for another. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_family_name(value text, scope text, "language" text DEFAULT 'sv') RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_family_name';
REVOKE ALL ON FUNCTION privacy.pseudonym_family_name(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_family_name(text, text, text) IS
'A common family name, as privacy.pseudonym_name(text, text, text) chooses both. Not unique: different values may share one. Takes any text. Carries no mark. language: sv (Swedish) or en (English); raises invalid_parameter_value for another. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_street(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_street';
REVOKE ALL ON FUNCTION privacy.pseudonym_street(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_street(text, text) IS
'A common Swedish street name and a number from 1 to 199, chosen by a keyed hash of the whole value: equal for equal values. Not unique: different values may share one. Takes any text. Carries no mark. Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_postal_code(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_postal_code';
REVOKE ALL ON FUNCTION privacy.pseudonym_postal_code(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_postal_code(text, text) IS
'Another postal code of the Swedish form, by a keyed permutation of all that do not begin with 0: no two values share one. value: NNN NN or NNNNN; the space stays; anything else becomes what privacy.pseudonym_malformed says. There are few of them: who sees all pseudonyms and knows how often each code occurs may match them. Neither the region nor the fit to privacy.pseudonym_city() remains. Carries no mark. Algorithm: permutation under tweak "postal code". Null for null. Raises as privacy.pseudonym(text, text) does.';

CREATE FUNCTION privacy.pseudonym_city(value text, scope text) RETURNS text
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'pp_sql_pseudonym_city';
REVOKE ALL ON FUNCTION privacy.pseudonym_city(text, text) FROM PUBLIC;
COMMENT ON FUNCTION privacy.pseudonym_city(text, text) IS
'A Swedish town, chosen by a keyed hash of the whole value: equal for equal values. Not unique: different values may share one. Takes any text. Carries no mark. Null for null. Raises as privacy.pseudonym(text, text) does.';
