/*
 * pseudonym.h: keyed pseudonyms by type and format.
 */
#ifndef PP_PSEUDONYM_H
#define PP_PSEUDONYM_H

#include "fmgr.h"

/* Registers privacy.pseudonym_malformed. */
extern void pp_pseudonym_init(void);

/* A format that labels may name in PSEUDONYMIZE AS <name>: for one type, its domains and arrays. */
typedef struct PseudonymFormat
{
	const char *name;			/* "token", "email" */
	Oid			type;			/* of its values: text stands for varchar, character and citext too */
	const char *function;		/* SQL function (value, scope [, argument | subject's key]), in
								 * schema privacy */
	PGFunction	call;			/* the same in C */
	const char *argument;		/* a text to be given as the third argument, or NULL */
	int			length;			/* characters of its longest result; 0: as long as the value, or of
								 * a fixed type */
	bool		is_marked;		/* privacy.is_pseudonym() recognises it */
	bool		needs_subject;	/* the third argument is the subject's key */
	bool		keeps_domain;	/* of an address */
	bool		is_unique;		/* different values get different pseudonyms */
	bool		grows;			/* with the value, beyond its length */
} PseudonymFormat;

/*
 * The format of that name for values of a base type; NULL when there is none. A NULL name means the
 * type's default format.
 */
extern const PseudonymFormat *pp_pseudonym_format(const char *name, Oid type);

/* The names valid for a type, or the unique ones, for hints: "token, email"; palloc'd, "none" where there are none. */
extern const char *pp_pseudonym_format_names(Oid type, bool unique);

#endif							/* PP_PSEUDONYM_H */
