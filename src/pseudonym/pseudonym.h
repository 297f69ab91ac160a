/*
 * pseudonym.h: keyed one-way pseudonyms by format.
 */
#ifndef PP_PSEUDONYM_H
#define PP_PSEUDONYM_H

/* A format that labels may name in PSEUDONYMIZE AS <name>. */
typedef struct PseudonymFormat
{
	const char *name;			/* "token", "email" */
	const char *function;		/* SQL function (text, scope text), in schema privacy */
	int			length;			/* characters of its longest result */
} PseudonymFormat;

/* Looks a format up; NULL when there is none. A NULL name means the default format. */
extern const PseudonymFormat *pp_pseudonym_format(const char *name);

/* The valid names, for hints: "token, email". */
extern const char *pp_pseudonym_format_names(void);

#endif							/* PP_PSEUDONYM_H */
