/*
 * mask.h: unkeyed masks. They are SQL functions; the layers above only need their names.
 */
#ifndef PP_MASK_H
#define PP_MASK_H

/* Whether a function of schema privacy is a mask, which a label may name in MASK WITH. */
extern bool pp_mask_exists(const char *name);

/* The valid names, for hints: "mask_date, mask_email, ...". */
extern const char *pp_mask_names(void);

#endif							/* PP_MASK_H */
