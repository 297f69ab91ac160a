/*
 * label_scan.h: what the grammar needs of its surroundings; private to the label module.
 */
#ifndef PP_LABEL_SCAN_H
#define PP_LABEL_SCAN_H

#include "core/core.h"
#include "label/label_grammar.h"

extern int	pp_label_yylex(PP_LABEL_YYSTYPE *value, int *location, core_yyscan_t scanner);
extern void pp_label_yyerror(int *location, core_yyscan_t scanner, LabelParse *parse,
							 const char *message) pg_attribute_noreturn();

#endif							/* PP_LABEL_SCAN_H */
