/*
 * audit_verify.c: is the evidence whole?
 *
 * Two streams, each in the order of an index and with bounded memory: the links with their entries
 * in chain order, then the entries that are in no link. Both read with the caller's snapshot, so
 * that a sealer at work cannot make a whole chain look broken.
 *
 * A fault should be reported once, where it is, and not again at every link behind it. The MAC of a
 * link covers the MAC of the one before; so after a faulty link the next one is tried with what
 * that MAC should have been as well as with what is stored, and after a gap, where nobody knows,
 * the first link is taken as it is. In the same way a link is tried with its entry's MAC as stored
 * and as it should be.
 *
 * What this cannot find is the removal of the newest links together with their entries, or of
 * entries not yet sealed: nothing inside the database knows of them. A head that was exported
 * before does.
 */
#include "postgres.h"

#include <sodium.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "audit/audit_internal.h"
#include "core/core.h"

/* A head as somebody exported it: "<chain number>:<64 hexadecimal digits>". */
typedef struct ExpectedHead
{
	bool		given;
	bool		found;
	int64		chain_number;
	unsigned char mac[PP_AUDIT_MAC_BYTES];
} ExpectedHead;

typedef struct Verification
{
	ReturnSetInfo *result;
	ExpectedHead expected;
	int64		chain_number;	/* of the link before */
	int64		settled_id;		/* which says that entries up to here are sealed or never were */
	bool		previous_known; /* false behind a gap or a missing entry's link */
	unsigned char stored_mac[PP_AUDIT_MAC_BYTES];	/* of the link before, as stored */
	unsigned char computed_mac[PP_AUDIT_MAC_BYTES]; /* and as it should be */
} Verification;

/* Columns of the statements below. */
enum
{
	column_entry_id = 1, column_at, column_actor, column_action, column_object, column_rule, column_cut_off,
	column_row_count, column_detail, column_subject_hash, column_entry_mac,
	column_chain_number, column_sealed_entry, column_sealed_at, column_settled_id, column_seal_mac
};

#define ENTRY_COLUMNS "e.id, e.at, e.actor, e.action, e.object, e.rule, e.cut_off, " \
	"e.row_count, e.detail::pg_catalog.text, e.subject_hash, e.mac"

static void parse_expected_head(const char *text, ExpectedHead *head);
static void visit_link(HeapTuple row, TupleDesc columns, void *state);
static void check_number(Verification *v, const StoredSeal *seal);
static void check_seal(Verification *v, const StoredSeal *seal, const unsigned char *stored,
					   const unsigned char *entry_macs[2]);
static void visit_unsealed(HeapTuple row, TupleDesc columns, void *state);
static bool entry_is_intact(HeapTuple row, TupleDesc columns,
							unsigned char stored[PP_AUDIT_MAC_BYTES], unsigned char computed[PP_AUDIT_MAC_BYTES]);
static void read_entry(HeapTuple row, TupleDesc columns, StoredEntry *entry);
static const int64 *copy_number(HeapTuple row, TupleDesc columns, int column);
static void report_fault(Verification *v, const int64 *entry_id, const int64 *chain_number, const char *fault);

PG_FUNCTION_INFO_V1(pp_sql_verify_audit);

/* verify_audit(expected_head text) */
Datum
pp_sql_verify_audit(PG_FUNCTION_ARGS)
{
	Verification v = {.result = (ReturnSetInfo *) fcinfo->resultinfo, .previous_known = true};
	CoreStay	stay;

	if (!PG_ARGISNULL(0))
		parse_expected_head(text_to_cstring(PG_GETARG_TEXT_PP(0)), &v.expected);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	pp_core_execute("SELECT FROM privacy.audit_entry UNION ALL SELECT FROM privacy.audit_seal LIMIT 1",
					true, 0, NULL, NULL, NULL);
	if (SPI_processed > 0)
	{
		pp_audit_require_key();
		pp_core_enter(&stay, pp_core_owner(), false);
		pp_audit_stream("SELECT " ENTRY_COLUMNS ", s.chain_number, s.entry_id, s.sealed_at, s.settled_id, s.mac "
						"FROM privacy.audit_seal AS s LEFT JOIN privacy.audit_entry AS e ON e.id = s.entry_id "
						"ORDER BY s.chain_number", 0, NULL, NULL, true, visit_link, &v);
		pp_audit_stream("SELECT " ENTRY_COLUMNS " FROM privacy.audit_entry AS e "
						"WHERE NOT EXISTS (SELECT FROM privacy.audit_seal AS s WHERE s.entry_id = e.id) "
						"ORDER BY e.id", 0, NULL, NULL, true, visit_unsealed, &v);
		pp_core_leave(&stay);
	}
	if (v.expected.given && !v.expected.found)
		report_fault(&v, NULL, &v.expected.chain_number, "expected head not found");
	SPI_finish();
	return (Datum) 0;
}

static void
parse_expected_head(const char *text, ExpectedHead *head)
{
	char	   *colon;
	size_t		length;

	errno = 0;
	head->chain_number = strtoll(text, &colon, 10);
	if (errno == 0 && text[0] >= '1' && text[0] <= '9' && colon[0] == ':' && strlen(colon + 1) == 2 * PP_AUDIT_MAC_BYTES &&
		sodium_hex2bin(head->mac, PP_AUDIT_MAC_BYTES, colon + 1, 2 * PP_AUDIT_MAC_BYTES, NULL, &length, NULL) == 0 &&
		length == PP_AUDIT_MAC_BYTES)
	{
		head->given = true;
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not the head of a chain", text),
			 errdetail("A head is a chain number, a colon and 64 hexadecimal digits."),
			 errhint("Give what privacy.audit_head() returned earlier.")));
}

static void
visit_link(HeapTuple row, TupleDesc columns, void *state)
{
	Verification *v = state;
	StoredSeal	seal;
	bool		isnull;
	unsigned char stored[PP_AUDIT_MAC_BYTES] = {0};
	unsigned char entry_stored[PP_AUDIT_MAC_BYTES] = {0};
	unsigned char entry_computed[PP_AUDIT_MAC_BYTES];
	const unsigned char *entry_macs[2] = {entry_stored, entry_computed};

	seal.chain_number = pp_audit_get_number(row, columns, column_chain_number, &isnull);
	seal.entry_id = pp_audit_get_number(row, columns, column_sealed_entry, &isnull);
	seal.sealed_at = pp_audit_get_number(row, columns, column_sealed_at, &isnull);
	seal.settled_id = pp_audit_get_number(row, columns, column_settled_id, &isnull);
	(void) pp_audit_get_mac(stored, row, columns, column_seal_mac);

	check_number(v, &seal);
	(void) pp_audit_get_number(row, columns, column_entry_id, &isnull);
	if (isnull)
	{
		/* Without its entry the link cannot be computed; the next one still covers what is stored. */
		report_fault(v, &seal.entry_id, &seal.chain_number, "entry missing");
		memcpy(v->computed_mac, stored, PP_AUDIT_MAC_BYTES);
	}
	else
	{
		if (!entry_is_intact(row, columns, entry_stored, entry_computed))
			report_fault(v, &seal.entry_id, &seal.chain_number, "entry altered");
		check_seal(v, &seal, stored, entry_macs);
	}
	memcpy(v->stored_mac, stored, PP_AUDIT_MAC_BYTES);
	v->chain_number = seal.chain_number;
	v->settled_id = seal.settled_id;
	v->previous_known = true;
	if (v->expected.given && v->expected.chain_number == seal.chain_number &&
		sodium_memcmp(v->expected.mac, stored, PP_AUDIT_MAC_BYTES) == 0)
		v->expected.found = true;
}

static void
check_number(Verification *v, const StoredSeal *seal)
{
	int64		missing = v->chain_number + 1;

	if (seal->chain_number == missing)
		return;
	v->previous_known = false;
	if (seal->chain_number < missing)
		report_fault(v, &seal->entry_id, &seal->chain_number, "chain number below 1");
	else if (seal->chain_number == missing + 1)
		report_fault(v, NULL, &missing, "gap in chain numbers");
	else
		report_fault(v, NULL, &missing,
					 psprintf("gap in chain numbers up to " INT64_FORMAT, seal->chain_number - 1));
}

/* All combinations of what is stored and what should be; the link is whole when one of them gives its MAC. */
static void
check_seal(Verification *v, const StoredSeal *seal, const unsigned char *stored,
		   const unsigned char *entry_macs[2])
{
	const unsigned char *previous_macs[2] = {v->stored_mac, v->computed_mac};

	if (!v->previous_known)
	{
		memcpy(v->computed_mac, stored, PP_AUDIT_MAC_BYTES);
		return;
	}
	for (int i = 0; i < 4; i++)
	{
		unsigned char computed[PP_AUDIT_MAC_BYTES];

		pp_audit_mac_seal(computed, seal, entry_macs[i & 1], previous_macs[i >> 1]);
		if (sodium_memcmp(computed, stored, PP_AUDIT_MAC_BYTES) == 0)
		{
			memcpy(v->computed_mac, computed, PP_AUDIT_MAC_BYTES);
			return;
		}
	}
	report_fault(v, &seal->entry_id, &seal->chain_number, "seal altered or out of order");
	pp_audit_mac_seal(v->computed_mac, seal, entry_macs[1], v->computed_mac);
}

static void
visit_unsealed(HeapTuple row, TupleDesc columns, void *state)
{
	Verification *v = state;
	unsigned char stored[PP_AUDIT_MAC_BYTES];
	unsigned char computed[PP_AUDIT_MAC_BYTES];
	bool		isnull;
	int64		id = pp_audit_get_number(row, columns, column_entry_id, &isnull);

	if (!entry_is_intact(row, columns, stored, computed))
		report_fault(v, &id, NULL, "unsealed entry altered");
	else if (id <= v->settled_id)
		report_fault(v, &id, NULL, "entry unsealed, although the chain is past it");
}

static bool
entry_is_intact(HeapTuple row, TupleDesc columns,
				unsigned char stored[PP_AUDIT_MAC_BYTES], unsigned char computed[PP_AUDIT_MAC_BYTES])
{
	StoredEntry entry;

	read_entry(row, columns, &entry);
	pp_audit_mac_entry(computed, &entry);
	return pp_audit_get_mac(stored, row, columns, column_entry_mac) &&
		sodium_memcmp(stored, computed, PP_AUDIT_MAC_BYTES) == 0;
}

static void
read_entry(HeapTuple row, TupleDesc columns, StoredEntry *entry)
{
	bool		isnull;
	Datum		hash = SPI_getbinval(row, columns, column_subject_hash, &isnull);

	entry->subject_hash = isnull ? NULL : DatumGetByteaPP(hash);
	entry->id = pp_audit_get_number(row, columns, column_entry_id, &isnull);
	entry->at = pp_audit_get_number(row, columns, column_at, &isnull);
	entry->actor = SPI_getvalue(row, columns, column_actor);
	entry->action = SPI_getvalue(row, columns, column_action);
	entry->object = SPI_getvalue(row, columns, column_object);
	entry->rule = SPI_getvalue(row, columns, column_rule);
	entry->cut_off = copy_number(row, columns, column_cut_off);
	entry->row_count = copy_number(row, columns, column_row_count);
	entry->detail = SPI_getvalue(row, columns, column_detail);
}

static const int64 *
copy_number(HeapTuple row, TupleDesc columns, int column)
{
	bool		isnull;
	int64		number = pp_audit_get_number(row, columns, column, &isnull);
	int64	   *copy;

	if (isnull)
		return NULL;
	copy = palloc(sizeof(int64));
	*copy = number;
	return copy;
}

static void
report_fault(Verification *v, const int64 *entry_id, const int64 *chain_number, const char *fault)
{
	Datum		values[3];
	bool		nulls[3] = {entry_id == NULL, chain_number == NULL, false};

	values[0] = Int64GetDatum(entry_id != NULL ? *entry_id : 0);
	values[1] = Int64GetDatum(chain_number != NULL ? *chain_number : 0);
	values[2] = CStringGetTextDatum(fault);
	tuplestore_putvalues(v->result->setResult, v->result->setDesc, values, nulls);
}
