/*
 * static_masking_check.c: tables that must not be masked this way, refused by name before any work.
 *
 * A rewrite reaches this server's files of one heap. Rows that lie elsewhere would keep their raw
 * values: those of a foreign table, and those of a subscriber, to whom a rewrite is not replicated
 * (the new heap is invisible to logical decoding). Another table access method may keep old values
 * wherever it likes. And a new value in a partition key would belong into another partition.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"

#include "core/core.h"
#include "static_masking/static_masking_internal.h"

static void refuse(const MaskedTable *table, int sqlstate, const char *reason, const char *hint) pg_attribute_noreturn();
static void check_kind(const MaskedTable *table, Relation relation);
static void check_published(const MaskedTable *table, Relation relation);
static List *publications_of(Oid relid);
static const char *list_names(const List *publications);
static void check_partition_key(const MaskedTable *table, Oid ancestor);

void
check_table(const MaskedTable *table, Relation relation)
{
	ListCell   *cell;

	check_kind(table, relation);
	check_published(table, relation);
	foreach(cell, table->ancestors)
	{
		check_partition_key(table, lfirst_oid(cell));
	}
	CheckTableNotInUse(relation, "mask");
}

static void
refuse(const MaskedTable *table, int sqlstate, const char *reason, const char *hint)
{
	ereport(ERROR,
			errcode(sqlstate),
			errmsg("table %s cannot be masked", table->name),
			errdetail("%s", reason),
			errhint("%s", hint));
}

static void
check_kind(const MaskedTable *table, Relation relation)
{
	Form_pg_class class = relation->rd_rel;

	if (class->relkind != RELKIND_RELATION)
		refuse(table, ERRCODE_WRONG_OBJECT_TYPE, "Its rows are not in this database's files.",
			   "Mask it where its rows are, and detach it meanwhile.");
	if (class->relpersistence == RELPERSISTENCE_TEMP)
		refuse(table, ERRCODE_FEATURE_NOT_SUPPORTED, "It is temporary.",
			   "It goes with its session; UPDATE it there.");
	if (class->relam != HEAP_TABLE_AM_OID)
		refuse(table, ERRCODE_FEATURE_NOT_SUPPORTED,
			   psprintf("It is stored by access method \"%s\".", get_am_name(class->relam)),
			   "ALTER TABLE ... SET ACCESS METHOD heap.");
}

static void
check_published(const MaskedTable *table, Relation relation)
{
	List	   *publications;
	ListCell   *cell;

	if (!is_publishable_relation(relation))
		return;
	publications = list_concat(publications_of(table->relid), GetAllTablesPublications());
	foreach(cell, relation->rd_rel->relispartition ? get_partition_ancestors(table->relid) : NIL)
		publications = list_concat_unique_oid(publications, publications_of(lfirst_oid(cell)));
	if (publications != NIL)
		refuse(table, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   psprintf("It is published by %s, and a rewrite is not replicated: subscribers would keep the raw values.",
						list_names(publications)),
			   "Take the table out of the publication, mask it here and there, and publish it again with copy_data = false.");
}

static List *
publications_of(Oid relid)
{
	return list_concat(GetRelationPublications(relid), GetSchemaPublications(get_rel_namespace(relid)));
}

static const char *
list_names(const List *publications)
{
	StringInfoData names;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, publications)
		appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "",
						 get_publication_name(lfirst_oid(cell), false));
	return names.data;
}

static void
check_partition_key(const MaskedTable *table, Oid ancestor)
{
	Relation	relation = table_open(ancestor, AccessShareLock);
	ListCell   *cell;

	foreach(cell, table->columns)
	{
		const char *name = get_attname(table->relid, ((MaskedColumn *) lfirst(cell))->attnum, false);
		AttrNumber	attnum = get_attnum(ancestor, name);

		if (attnum > 0 && has_partition_attrs(relation, bms_make_singleton(MASKED_BIT(attnum)), NULL))
			refuse(table, ERRCODE_INVALID_OBJECT_DEFINITION,
				   psprintf("Column \"%s\" is part of the partition key of table %s: a new value could belong into another partition.",
							name, pp_core_quote_relation(ancestor)),
				   "Give the column no treatment, or partition by another one.");
	}
	table_close(relation, NoLock);
}
