/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A folder of YARA rules, and scanning with them. A set is loaded by one thread and then read only;
 * a scanner is of one thread.
 */
#ifndef CONTROL_YARA_SCANNER_H
#define CONTROL_YARA_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YARA_FILES_MAX 20000u
#define YARA_MATCHES_MAX 100u /* told of one part */

struct yara_set;
struct yara_scanner;

struct yara_match {
	const char *rule, *file, *description; /* "" none */
	int weight;                            /* 0 to 10 by its meta; -1: it does not say */
};

/* Something wrong in a file: as signature errors are told. */
struct yara_complaint {
	const char *file;
	uint32_t line;
	const char *rule, *reason, *advice;
};

/* Loads what compiles in the folder; complaints are told to call (NULL: not). Returns new, with no rules
 * if there are none; NULL: out of memory. */
struct yara_set *yara_set_load(const char *folder, void (*call)(void *arg, const struct yara_complaint *c), void *arg);
void yara_set_free(struct yara_set *s);
uint32_t yara_set_rules(const struct yara_set *s);
uint32_t yara_set_files(const struct yara_set *s);
/* Whether the folder has changed since it was loaded. */
bool yara_set_changed(const struct yara_set *s);

/* NULL: out of memory, or the set has no rules. The set is borrowed. */
struct yara_scanner *yara_scanner_new(const struct yara_set *s);
void yara_scanner_free(struct yara_scanner *s);
/* name: what the rules see as filename and extension, "" none. 0; -ETIME after that many seconds; -EIO: not to the end. */
int yara_scan(struct yara_scanner *s, const char *name, const void *data, size_t len, unsigned seconds,
	      void (*call)(void *arg, const struct yara_match *m), void *arg);

#endif
