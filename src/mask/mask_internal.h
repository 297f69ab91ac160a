/*
 * mask_internal.h: between the parts of the mask module.
 */
#ifndef PP_MASK_INTERNAL_H
#define PP_MASK_INTERNAL_H

#include "mb/pg_wchar.h"

/*
 * What a character is to the boundaries of words. Scripts that write without spaces have no words:
 * a boundary stands around each of their characters, so that names are found inside.
 */
typedef enum LetterClass
{
	CLASS_OTHER,
	CLASS_DIGIT,
	CLASS_LETTER
} LetterClass;

/* A character of a text in the database's encoding. */
typedef struct Letter
{
	uint32		folded;			/* without its case; equal for equal characters */
	LetterClass letter_class;
	bool		space;
	bool		separator;		/* white space, or punctuation beyond ASCII */
	int			bytes;
} Letter;

/* Reads the character at "at"; at < end. Broken bytes count as characters of their own. */
extern Letter read_letter(const char *at, const char *end);

/* Bytes of the character at "at", never beyond end. */
extern int	letter_bytes(const char *at, const char *end);

typedef enum MentionKind
{
	MENTION_EMAIL,
	MENTION_PHONE,
	MENTION_PERSONAL_NUMBER,
	MENTION_NAME
} MentionKind;

/* Bytes from start up to before end. */
typedef struct Mention
{
	int			start;
	int			end;
	MentionKind kind;
} Mention;

typedef struct MentionList
{
	Mention    *mentions;
	int			count;
	int			allocated;
} MentionList;

extern void add_mention(MentionList *list, int start, int end, MentionKind kind);

/* mask_email.c: every e-mail address of a text, in the order of their at-signs. */
extern void find_emails(const char *value, int length, MentionList *list);

/* mask_number.c: every personal number and phone number of a text, in their order. */
extern void find_numbers(const char *value, int length, MentionList *list);

/*
 * mask_given.c: an automaton that finds given values. Compiled into the current memory context,
 * values may be forgotten afterwards; NULL when there is nothing to find.
 */
typedef struct GivenValues GivenValues;

extern GivenValues *compile_given(const char **values, const int *lengths, int count);
extern void find_given(const GivenValues *given, const char *value, int length, MentionList *list);

#endif							/* PP_MASK_INTERNAL_H */
