/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The configuration as all processes see it. Generated from config.def. The supervisor reads it
 * (YAML, --set) and hands it on as flat "path: value" lines in a memfd; the others read those.
 * Immutable after start.
 */
#ifndef EVENT_CONFIG_H
#define EVENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_mode { MODE_TAP, MODE_INLINE };
enum config_hugepages { HUGEPAGES_AUTO, HUGEPAGES_YES, HUGEPAGES_NO };
enum config_checksums { CHECKSUMS_VALIDATE, CHECKSUMS_IGNORE };
enum config_auto { AUTO_AUTO, AUTO_YES, AUTO_NO };
enum config_precision { PRECISION_AUTO, PRECISION_US, PRECISION_MS, PRECISION_S };
enum config_intel { INTEL_ALERT, INTEL_DROP, INTEL_REJECT };
enum config_urgent { URGENT_OOB, URGENT_INLINE, URGENT_DROP, URGENT_GAP };
/* What happens at a limit: names and meaning as in the reference's exception policies. */
enum config_exception {
	EXCEPTION_IGNORE,
	EXCEPTION_PASS,        /* pass the flow without inspection */
	EXCEPTION_PASS_PACKET,
	EXCEPTION_BYPASS,
	EXCEPTION_DROP,        /* drop the flow */
	EXCEPTION_DROP_PACKET,
	EXCEPTION_REJECT,
};

/* What becomes of flows that begin while a worker does not keep up. */
enum config_overload {
	OVERLOAD_IGNORE, /* they are inspected */
	OVERLOAD_PASS,   /* forwarded uninspected, packet by packet; TCP as bypass */
	OVERLOAD_BYPASS, /* released for as long as they last */
	OVERLOAD_DROP,
};

struct config_list {
	char **items;
	size_t count;
};

struct config_map {
	char **keys;
	char **values;
	size_t count;
};

struct config {
#define CONFIG_BOOL bool
#define CONFIG_UINT uint64_t
#define CONFIG_SIZE uint64_t
#define CONFIG_SECONDS uint64_t
#define CONFIG_TEXT char *
#define CONFIG_LIST struct config_list
#define CONFIG_MAP struct config_map
#define CONFIG_CHOICE_mode enum config_mode
#define CONFIG_CHOICE_hugepages enum config_hugepages
#define CONFIG_CHOICE_checksums enum config_checksums
#define CONFIG_CHOICE_auto enum config_auto
#define CONFIG_CHOICE_precision enum config_precision
#define CONFIG_CHOICE_intel enum config_intel
#define CONFIG_CHOICE_urgent enum config_urgent
#define CONFIG_CHOICE_overload enum config_overload
#define CONFIG_CHOICE_exception enum config_exception
#define KEY(member, path, kind, value, doc) CONFIG_##kind member;
#include "dataplane/event/config.def"
#undef KEY
};

struct config_row {
	const char *path;
	const char *kind; /* "BOOL", "UINT", …, "CHOICE_mode" */
	const char *value; /* default */
	const char *doc;
	size_t offset;
};

/* The names that host_os_policy knows; ends with NULL. */
extern const char *const config_os_policies[];

extern const struct config_row config_rows[]; /* ends with path == NULL */

/* All defaults, rule variables included. Returns new; NULL when out of memory. */
struct config *config_new(void);
void config_free(struct config *c);
/* Sets one key from text: "stream.depth", "2m". For a LIST the value replaces the list; commas
 * separate items unless inside brackets. 0; or -ENOENT (no such key), -EINVAL (bad value), with a
 * sentence in error (at most error_size bytes) that names the key and says what would be right. */
int config_set(struct config *c, const char *path, const char *value, char *error,
	       size_t error_size);
/* Empties the list at path, then config_append adds items one by one. */
int config_list_clear(struct config *c, const char *path);
int config_append(struct config *c, const char *path, const char *item, char *error,
		  size_t error_size);
/* NULL if the map has no such key; '-' and '_' in it are the same. Borrowed. */
const char *config_map_get(const struct config_map *m, const char *key);
bool config_map_bool(const struct config_map *m, const char *key, bool otherwise);
/* Does an EVE output ask for records of this type, which is off unless asked for? */
bool config_eve_wants(const struct config *c, const char *type);
uint64_t config_map_size(const struct config_map *m, const char *key, uint64_t otherwise);

/* Flat form, one "path: value" a line (lists: one line an item, "path[]: item"). 0 or -errno. */
int config_write(const struct config *c, int fd);
/* Reads it back from fd (from its start) into a new configuration; NULL and errno. */
struct config *config_read(int fd);

#endif
