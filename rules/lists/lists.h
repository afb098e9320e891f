/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists by name: where their files may be, loading and saving them, and which of them outlive a
 * reload. Main thread, or the thread that loads rules; never both at once.
 *
 * A list whose rules only load it is made anew with each rule set. One that is saved, has a state, or
 * has no file at all is kept: rules add to it, and a reload must not forget that.
 *
 * Files: a rule names them relative to a folder (that of its rule file or datasets.dir to load,
 * datasets.state_dir for what is written), or absolutely inside one of datasets.folders. The kernel
 * opens them beneath that folder (openat2), so neither ".." nor a symbolic link leads out of it.
 */
#ifndef RULES_LISTS_H
#define RULES_LISTS_H

#include "rules/lists/list.h"

struct lists;

struct lists_options {
	const char *dir;       /* files to load; NULL or "": none */
	const char *state_dir; /* files of save and state; NULL or "": none */
	const char *const *folders; /* in which absolute names are allowed */
	size_t folder_count;
	bool no_write; /* rules may not save */
	uint64_t memcap; /* 0: LIST_MEMCAP_DEFAULT */
	uint32_t hashsize;
	/* Sets that are defined outside the rules: "NAME.type", "NAME.load" … */
	const char *const *set_keys, *const *set_values;
	size_t set_count;
	struct lists *kept; /* borrowed; NULL: nothing outlives this rule set */
};

enum list_format { FORMAT_CSV, FORMAT_JSON, FORMAT_NDJSON };

/* What a rule says of a list. Texts are borrowed. */
struct list_request {
	const char *name;
	int type; /* enum list_type; -1: not said */
	enum list_kind kind;
	const char *load, *save, *state; /* NULL: none */
	uint64_t memcap;
	uint32_t hashsize;
	enum list_format format;
	const char *value_key, *array_key;
	bool remove_key;
	const char *rule_file; /* NULL: none */
};

struct lists *lists_new(void);
void lists_free(struct lists *l);

/* The list, new or known, a reference for the caller; NULL and a sentence in error. in: the lists of
 * the rule set that is being read. */
struct list *lists_open(struct lists *in, const struct lists_options *o, const struct list_request *r,
			char *error, size_t error_size);
/* Borrowed; NULL: there is none of that name. Any thread once the rules are read. */
struct list *lists_named(struct lists *l, const char *name);
/* Writes those that have changed to their files. 0, or -errno of the first that failed and a sentence. */
int lists_save(struct lists *kept, char *error, size_t error_size);

/* ---- list_file.c, list_json.c: reading; a sentence that names the line ---- */

struct list_source {
	int fd; /* borrowed */
	const char *path;
	enum list_kind kind;
	enum list_format format;
	const char *value_key, *array_key;
	bool remove_key;
};

bool list_read(struct list *l, const struct list_source *s, char *error, size_t error_size);
bool list_read_json(struct list *l, const struct list_source *s, char *error, size_t error_size);
/* One value from its text in a file. False: it is none of this type. */
bool list_value_parse(enum list_type type, const char *text, size_t len, uint8_t *out, uint32_t *out_len);
/* The whole list as text into the file. 0 or -errno. */
int list_write(const struct list *l, int fd);

#endif
