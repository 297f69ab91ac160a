/*
 * pseudonym_internal.h: between the parts of the pseudonym module.
 *
 * pseudonym.c             the register of formats
 * pseudonym_token.c       the token and its spellings
 * pseudonym_spelling.c    bytes to characters and back
 * pseudonym_mark.c        recognising pseudonyms, and carrying them over to a new version
 * pseudonym_call.c        which key a call uses, remembered from row to row; what malformed input gets
 * pseudonym_permutation.c keyed bijections of numbers below any bound
 * pseudonym_number.c      integers and codes of digits
 * pseudonym_network.c     addresses that keep their prefixes together
 * pseudonym_date.c        days and moments: permuted, or shifted by subject
 * pseudonym_array.c       arrays of any of these
 * pseudonym_national.c    personal numbers, organisation numbers
 * pseudonym_phone.c       phone numbers
 * pseudonym_card.c        card numbers
 * pseudonym_decimal.c     what those share
 * pseudonym_name.c        names and addresses chosen from lists
 * pseudonym_reversal.c    reversible pseudonyms
 */
#ifndef PP_PSEUDONYM_INTERNAL_H
#define PP_PSEUDONYM_INTERNAL_H

#include "fmgr.h"
#include "utils/uuid.h"

#include "keyring/keyring.h"
#include "pseudonym/pseudonym.h"

#define PP_MARK_BYTES	4
#define PP_TOKEN_BYTES	(PP_MAC_BYTES + PP_MARK_BYTES)
#define PP_TOKEN_DIGITS (2 * PP_TOKEN_BYTES)
#define PP_EMAIL_DOMAIN "@pseudonym.invalid"
#define PP_DOMAIN_DIGITS 20		/* of a pseudonym of a domain, before PP_DOMAIN_END */
#define PP_DOMAIN_END	".invalid"

/*
 * The key for this call: of the scope named by the argument, for the current user; its newest
 * version, or a given one. Remembered at the call site between rows. Raise as pp_keyring_scope_key
 * does. Detoast the value first: fetching it may bring news of another key.
 */
extern const ScopeKey *find_key(FunctionCallInfo fcinfo, int scope_argument);
extern const ScopeKey *find_key_at(FunctionCallInfo fcinfo, int scope_argument, int version);
extern const ScopeChecks *find_checks(FunctionCallInfo fcinfo, int scope_argument);
extern const ScopeChecks *find_checks_and_key(FunctionCallInfo fcinfo, int scope_argument, const ScopeKey **key);

/*
 * What a format gives for a value that is not of its form, as privacy.pseudonym_malformed says: the
 * token of the whole value, or an error (invalid_text_representation) that names the format and
 * never the value. why completes "The value ...", such as "has no @". refuse_malformed raises the
 * error or returns.
 */
extern text *treat_malformed(const text *value, const ScopeKey *key, const char *format, const char *why);
extern void refuse_malformed(const char *format, const char *why);

/* Whether a text argument is this word. */
extern bool equals_word(const text *argument, const char *word);

/* A part of what is hashed. */
typedef struct MessagePart
{
	const char *bytes;
	int			length;
} MessagePart;

/* A text as it is hashed: in UTF-8, whatever the database's encoding. */
extern MessagePart text_part(const text *value);

/* The token of a message: the MAC of its framed parts, and the mark behind it. */
extern void compute_token(unsigned char token[PP_TOKEN_BYTES], const MessagePart *parts, int count,
						  const ScopeKey *key);

/* The same as 40 hexadecimal digits with a suffix behind them, palloc'd. */
extern text *make_hex_token(const MessagePart *parts, int count, const ScopeKey *key,
							const char *suffix, int suffix_length);

/* How a token may be written; an address has its "@" and domain behind the hexadecimal digits. */
typedef enum Spelling
{
	SPELLED_HEX,
	SPELLED_BASE32,
	SPELLED_BASE64URL,
	SPELLED_EMAIL
} Spelling;

/* Reads a text that is spelled like a token; false when it is not. The mark is not looked at. */
extern bool read_token(const text *value, unsigned char token[PP_TOKEN_BYTES], Spelling *spelling);

/* The token in a spelling; suffix is the address's domain with its "@". */
extern text *spell_token(const unsigned char token[PP_TOKEN_BYTES], Spelling spelling,
						 const char *suffix, int suffix_length);

/* What becomes of an address's domain; raises invalid_parameter_value for any other word. */
typedef enum DomainTreatment
{
	DOMAIN_REPLACE,
	DOMAIN_KEEP,
	DOMAIN_PSEUDONYMIZE
} DomainTreatment;

extern DomainTreatment read_domain_treatment(const text *word);

/* Whether these bytes may stand behind the @ of an address. */
extern bool is_domain(const char *bytes, int length);

/* A UUID of version 8 (RFC 9562) with a token of the message in it: 90 bits of MAC and the mark. */
extern pg_uuid_t *make_uuid(const MessagePart *parts, int count, const ScopeKey *key);

/* The mark of the bytes before it. */
extern void compute_mark(unsigned char mark[PP_MARK_BYTES], const unsigned char *bytes, int length,
						 const unsigned char check_key[PP_CHECK_KEY_BYTES]);

/* Lower-case hexadecimal digits of bytes; no NUL behind them. */
extern void put_hex(char *hex, const unsigned char *bytes, int length);

/*
 * A bijection of 0 .. size - 1 under the scope's key; size is not 0. Permutations of different tweaks
 * are unrelated; a tweak is a name of at most 15 bytes: "digits", "phone 46".
 */
extern uint64 permute(uint64 number, uint64 size, const char *tweak, const ScopeKey *key);

/* A number from eight bytes, least significant first. */
extern uint64 get_number(const unsigned char *bytes);

/* A choice out of size equals, always the same for the same part, use (PP_USE_CHOICE, PP_USE_SHIFT) and tweak. */
extern uint64 choose(MessagePart part, uint64 size, ScopeUse use, const char *tweak, const ScopeKey *key);

#endif							/* PP_PSEUDONYM_INTERNAL_H */
