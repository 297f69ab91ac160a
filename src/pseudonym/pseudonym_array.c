/*
 * pseudonym_array.c: arrays, element by element.
 *
 * An array keeps its dimensions, its bounds and its nulls. Each element is given to the function of
 * the format, as a call of its own with the same memory between elements, so that the key is looked
 * up once.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/core.h"
#include "pseudonym/pseudonym_internal.h"

/* What a call site remembers, in a context of its own: the elements' type, and what the format's function remembers. */
typedef struct ArraySite
{
	MemoryContext context;
	Oid			element;
	Oid			base;			/* of a domain over it */
	int32		typmod;
	int16		length;
	bool		by_value;
	char		align;
	char		format_name[NAMEDATALEN];
	const PseudonymFormat *format;
	Datum		argument;		/* the format's third argument */
	FmgrInfo	function;
	void	   *domain;			/* domain_check's */
} ArraySite;

static Datum treat_array(FunctionCallInfo fcinfo, const char *format_name);
static ArraySite *find_array_site(FunctionCallInfo fcinfo, Oid element, const char *format_name);
static void find_format(ArraySite *site);
static void check_domain(ArraySite *site, Datum element);
static Datum treat_element(ArraySite *site, Datum element, Datum scope);

PG_FUNCTION_INFO_V1(pp_sql_pseudonym_array);
PG_FUNCTION_INFO_V1(pp_sql_pseudonym_array_as);

/* pseudonym(value anyarray, scope text) */
Datum
pp_sql_pseudonym_array(PG_FUNCTION_ARGS)
{
	return treat_array(fcinfo, "");
}

/* pseudonym_array(value anyarray, scope text, format text) */
Datum
pp_sql_pseudonym_array_as(PG_FUNCTION_ARGS)
{
	return treat_array(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(2)));
}

static Datum
treat_array(FunctionCallInfo fcinfo, const char *format_name)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	ArraySite  *site = find_array_site(fcinfo, ARR_ELEMTYPE(array), format_name);
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, site->element, site->length, site->by_value, site->align,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!nulls[i])
			elements[i] = treat_element(site, elements[i], PG_GETARG_DATUM(1));
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(elements, nulls, ARR_NDIM(array), ARR_DIMS(array), ARR_LBOUND(array),
											 site->element, site->length, site->by_value, site->align));
}

static ArraySite *
find_array_site(FunctionCallInfo fcinfo, Oid element, const char *format_name)
{
	ArraySite  *site = fcinfo->flinfo->fn_extra;
	MemoryContext context;

	if (site != NULL && site->element == element && strcmp(site->format_name, format_name) == 0)
		return site;
	fcinfo->flinfo->fn_extra = NULL;
	if (site != NULL)
		MemoryContextDelete(site->context);
	context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "pseudonyms of an array", ALLOCSET_SMALL_SIZES);
	site = MemoryContextAllocZero(context, sizeof(ArraySite));
	site->context = context;
	site->element = element;
	site->typmod = -1;
	site->base = getBaseTypeAndTypmod(element, &site->typmod);
	get_typlenbyvalalign(element, &site->length, &site->by_value, &site->align);
	strlcpy(site->format_name, format_name, sizeof(site->format_name));
	find_format(site);
	fcinfo->flinfo->fn_extra = site;
	return site;
}

static void
find_format(ArraySite *site)
{
	const char *name = site->format_name[0] != '\0' ? site->format_name : NULL;
	MemoryContext old_context;

	site->format = pp_pseudonym_format(name, site->base);
	if (site->format == NULL || site->format->needs_subject)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 name != NULL ? errmsg("there is no format \"%s\" for elements of type %s", name, format_type_be(site->element)) :
				 errmsg("there is no default format for elements of type %s", format_type_be(site->element)),
				 errhint("Valid formats: %s.", pp_pseudonym_format_names(site->base, false))));
	old_context = MemoryContextSwitchTo(site->context);
	site->argument = CStringGetTextDatum(site->format->argument != NULL ? site->format->argument : "");
	MemoryContextSwitchTo(old_context);
	site->function.fn_mcxt = site->context;
	site->function.fn_addr = site->format->call;
}

/* Of type character, the blanks at the end are no part of the value. */
static Datum
treat_element(ArraySite *site, Datum element, Datum scope)
{
	LOCAL_FCINFO(call, 3);
	Datum		result;

	InitFunctionCallInfoData(*call, &site->function, 3, DEFAULT_COLLATION_OID, NULL, NULL);
	if (site->base == BPCHAROID)
		element = DirectFunctionCall1(rtrim1, element);
	call->args[0].value = element;
	call->args[1].value = scope;
	call->args[2].value = site->argument;
	call->args[0].isnull = call->args[1].isnull = call->args[2].isnull = false;
	result = site->format->call(call);
	Assert(!call->isnull);
	if (site->element != site->base)
		check_domain(site, result);
	return result;
}

/* The array says that its elements are of the domain, so they have to be. */
static void
check_domain(ArraySite *site, Datum element)
{
	if (site->typmod >= (int32) VARHDRSZ && (site->base == VARCHAROID || site->base == BPCHAROID) &&
		DatumGetInt32(DirectFunctionCall1(textlen, element)) > site->typmod - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("a pseudonym does not fit into elements of type %s", format_type_be(site->element)),
				 errdetail("It would be cut off."),
				 errhint("Cast the array to %s[] first.", format_type_be(site->base))));
	domain_check(element, false, site->element, &site->domain, site->context);
}
