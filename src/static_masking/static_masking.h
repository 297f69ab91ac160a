/*
 * static_masking.h: tables rewritten with the treatments of their columns applied.
 */
#ifndef PP_STATIC_MASKING_H
#define PP_STATIC_MASKING_H

#include "postgres_ext.h"

/*
 * Masks a table with its partitions and children, or (InvalidOid) every table of this database that
 * has treatments, in the caller's transaction: all of it, or an error. Takes AccessExclusiveLock on
 * the tables, and keeps it. The caller must own them. Raises insufficient_privilege,
 * object_not_in_prerequisite_state and feature_not_supported before any work, afterwards whatever
 * constraint the masked rows violate; no error quotes a value.
 */
extern void pp_static_masking_run(Oid table);

#endif							/* PP_STATIC_MASKING_H */
