/*
 * label_reading.h: errors find their place in the label at hand; part of label.h.
 */
#ifndef PP_LABEL_READING_H
#define PP_LABEL_READING_H

/*
 * A label being read: errors raised between open and close show the label as their query, the place
 * in it as their cursor, and the object as their context. close is not needed after an error.
 */
typedef struct LabelReading
{
	ErrorContextCallback callback;
	const char *source;
	const char *object;			/* "table \"learner\"", or NULL */
	int			base;			/* byte where the expression at hand starts in source, else 0; -1:
								 * it is of our making */
	int			location;		/* byte to point at for errors that bring no position, else -1 */
} LabelReading;

extern void pp_label_open(LabelReading *reading, const char *source, const char *object);
extern void pp_label_close(LabelReading *reading);

/* The innermost label being read, or NULL. */
extern LabelReading *pp_label_current(void);

/* For use inside ereport: points the cursor at a byte of the label being read. */
extern int	pp_label_position(int location);

#endif							/* PP_LABEL_READING_H */
