/*
 * discovery.h: what the labels do not say yet, or say wrongly. SQL functions only: privacy.lint().
 */
#ifndef PP_DISCOVERY_H
#define PP_DISCOVERY_H

#endif							/* PP_DISCOVERY_H */
