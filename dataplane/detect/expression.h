/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The expressions of a program: rules write the same ones again and again, so each is compiled and
 * translated to machine code once and shared by all chains. Filled by the thread that binds the rules;
 * the codes are read by the workers.
 */
#ifndef DETECT_EXPRESSION_H
#define DETECT_EXPRESSION_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stddef.h>

#include "rules/rule.h"

struct expressions;

/* NULL when out of memory. */
struct expressions *expressions_new(void);
/* And all codes. */
void expressions_free(struct expressions *e);
/* Borrowed until expressions_free; NULL and a sentence in error. m need not live on. */
const pcre2_code *expression_get(struct expressions *e, const struct match_pcre *m, char *error,
				 size_t error_size);

#endif
