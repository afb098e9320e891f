/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One text of YARA rules, compiled by libyara. Any thread.
 */
#ifndef CONTROL_YARA_COMPILE_H
#define CONTROL_YARA_COMPILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yara.h>

#define YARA_TEXT_MAX (8u << 20)

/* What is wrong: in which rule ("" none), why, and what to do ("" nothing special). Borrowed. */
struct yara_error {
	uint32_t line;
	const char *rule, *reason, *advice;
};

/* Starts libyara, once. False: it cannot. */
bool yara_start(void);
/* Names that scanners give to rules from outside; ends with NULL. */
extern const char *const yara_outside[];
/* 0 and *rules, NULL if the text has errors, which were told to call; -ENOMEM. */
int yara_compile(const char *text, void (*call)(void *arg, const struct yara_error *e), void *arg, YR_RULES **rules);
/* A compiler as this one is set up: no includes, names from outside defined. NULL: out of memory. */
YR_COMPILER *yara_compiler_new(void);

#endif
