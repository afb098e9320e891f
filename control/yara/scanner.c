/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/yara/scanner.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "control/yara/compile.h"

struct yara_set {
	char *folder;
	uint64_t state; /* of names, sizes, times when it was loaded */
	YR_RULES *rules; /* NULL: none */
	uint32_t rule_count, file_count;
};

struct yara_scanner {
	YR_SCANNER *scanner;
	void (*call)(void *arg, const struct yara_match *m);
	void *arg;
	unsigned told;
};

/* ---- the folder ---- */

static bool is_rule_file(const FTSENT *e)
{
	const char *end = strrchr(e->fts_name, '.');

	return e->fts_info == FTS_F && end && (strcmp(end, ".yar") == 0 || strcmp(end, ".yara") == 0);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Each rule file in the order of names. */
static void each_file(const char *folder, void (*call)(void *arg, const FTSENT *e), void *arg)
{
	char *path[2] = {(char *)(uintptr_t)folder, NULL};
	FTS *walk = fts_open(path, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	uint32_t n = 0;
	FTSENT *e;

	while (walk && (e = fts_read(walk)) && n < YARA_FILES_MAX)
		if (is_rule_file(e) || e->fts_errno) {
			n++;
			call(arg, e);
		}
	if (walk)
		fts_close(walk);
}

static void add_state(void *arg, const FTSENT *e)
{
	uint64_t *state = arg, seen[3] = {(uint64_t)e->fts_statp->st_size, (uint64_t)e->fts_statp->st_mtim.tv_sec,
					  (uint64_t)e->fts_statp->st_mtim.tv_nsec};

	*state = XXH3_64bits_withSeed(e->fts_path, strlen(e->fts_path), *state);
	*state = XXH3_64bits_withSeed(seen, sizeof(seen), *state);
}

static uint64_t state_of(const char *folder)
{
	uint64_t state = 1;

	each_file(folder, add_state, &state);
	return state;
}

/* ---- loading ---- */

struct loading {
	struct yara_set *set;
	YR_COMPILER *all;
	const char *file;
	void (*call)(void *arg, const struct yara_complaint *c);
	void *arg;
};

static void complain(struct loading *l, uint32_t line, const char *rule, const char *reason, const char *advice)
{
	struct yara_complaint c = {l->file, line, rule, reason, advice};

	if (l->call)
		l->call(l->arg, &c);
}

static void on_error(void *arg, const struct yara_error *e)
{
	complain(arg, e->line, e->rule, e->reason, e->advice);
}

static char *read_text(struct loading *l, const FTSENT *e)
{
	size_t len = (size_t)e->fts_statp->st_size;
	FILE *f;
	char *text;

	if (e->fts_errno) { /* a folder that cannot be read */
		complain(l, 1, "", strerror(e->fts_errno), "let the user of the service read it");
		return NULL;
	}
	if (len > YARA_TEXT_MAX) {
		complain(l, 1, "", "the file has more than 8 MiB", "cut it into several");
		return NULL;
	}
	f = fopen(e->fts_accpath, "re");
	text = malloc(len + 1);
	if (f && text)
		len = fread(text, 1, len, f);
	if (!f || !text)
		complain(l, 1, "", strerror(errno), "let the user of the service read it");
	else
		text[len] = '\0';
	if (f && text && strlen(text) != len) {
		complain(l, 1, "", "the file is no text", "take it out of the folder");
		fclose(f);
		f = NULL;
	}
	if (f)
		fclose(f);
	if (!f) {
		free(text);
		return NULL;
	}
	return text;
}

/* Alone first: an error would spoil the compiler of all. */
static void load_file(void *arg, const FTSENT *e)
{
	struct loading *l = arg;
	YR_RULES *alone = NULL;
	char *text;

	l->file = e->fts_path;
	text = read_text(l, e);
	if (!text)
		return;
	if (yara_compile(text, on_error, l, &alone) == 0 && alone &&
	    yr_compiler_add_string(l->all, text, e->fts_path) == 0)
		l->set->file_count++;
	if (alone)
		yr_rules_destroy(alone);
	free(text);
}

struct yara_set *yara_set_load(const char *folder, void (*call)(void *arg, const struct yara_complaint *c), void *arg)
{
	struct yara_set *s = calloc(1, sizeof(*s));
	struct loading l = {s, yara_compiler_new(), folder, call, arg};
	YR_RULE *rule;

	if (!s || !l.all || !(s->folder = strdup(folder))) {
		if (l.all)
			yr_compiler_destroy(l.all);
		free(s);
		return NULL;
	}
	s->state = state_of(folder);
	each_file(folder, load_file, &l);
	if (s->file_count && yr_compiler_get_rules(l.all, &s->rules) == ERROR_SUCCESS)
		yr_rules_foreach(s->rules, rule) s->rule_count++;
	yr_compiler_destroy(l.all);
	return s;
}

void yara_set_free(struct yara_set *s)
{
	if (!s)
		return;
	if (s->rules)
		yr_rules_destroy(s->rules);
	free(s->folder);
	free(s);
}

uint32_t yara_set_rules(const struct yara_set *s)
{
	return s->rule_count;
}

uint32_t yara_set_files(const struct yara_set *s)
{
	return s->file_count;
}

bool yara_set_changed(const struct yara_set *s)
{
	return state_of(s->folder) != s->state;
}

/* ---- scanning ---- */

struct yara_scanner *yara_scanner_new(const struct yara_set *set)
{
	struct yara_scanner *s = set->rules ? calloc(1, sizeof(*s)) : NULL;

	if (s && yr_scanner_create(set->rules, &s->scanner) != ERROR_SUCCESS) {
		free(s);
		return NULL;
	}
	return s;
}

void yara_scanner_free(struct yara_scanner *s)
{
	if (!s)
		return;
	yr_scanner_destroy(s->scanner);
	free(s);
}

static void read_metas(const YR_RULE *rule, struct yara_match *m)
{
	const YR_META *meta;

	yr_rule_metas_foreach(rule, meta)
	{
		if (meta->type == META_TYPE_STRING && strcmp(meta->identifier, "description") == 0)
			m->description = meta->string;
		else if (meta->type == META_TYPE_INTEGER && strcmp(meta->identifier, "weight") == 0 && meta->integer >= 0 && meta->integer <= 10)
			m->weight = (int)meta->integer;
		else if (meta->type == META_TYPE_INTEGER && strcmp(meta->identifier, "score") == 0 && meta->integer >= 0 && meta->integer <= 100)
			m->weight = (int)meta->integer / 10;
	}
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *arg)
{
	struct yara_scanner *s = arg;
	struct yara_match m = {"", "", "", -1};
	const YR_RULE *rule = data;

	if (message != CALLBACK_MSG_RULE_MATCHING || s->told++ >= YARA_MATCHES_MAX)
		return CALLBACK_CONTINUE;
	m.rule = rule->identifier;
	m.file = rule->ns->name;
	read_metas(rule, &m);
	s->call(s->arg, &m);
	return CALLBACK_CONTINUE;
}

int yara_scan(struct yara_scanner *s, const char *name, const void *data, size_t len, unsigned seconds,
	      void (*call)(void *arg, const struct yara_match *m), void *arg)
{
	const char *folder = strrchr(name, '/'), *base = folder ? folder + 1 : name, *dot = strrchr(base, '.');
	int rc;

	yr_scanner_define_string_variable(s->scanner, "filename", base);
	yr_scanner_define_string_variable(s->scanner, "extension", dot ? dot : "");
	s->call = call;
	s->arg = arg;
	s->told = 0;
	yr_scanner_set_callback(s->scanner, on_message, s);
	yr_scanner_set_flags(s->scanner, SCAN_FLAGS_REPORT_RULES_MATCHING | SCAN_FLAGS_NO_TRYCATCH);
	yr_scanner_set_timeout(s->scanner, (int)seconds);
	rc = yr_scanner_scan_mem(s->scanner, data, len);
	return rc == ERROR_SUCCESS ? 0 : rc == ERROR_SCAN_TIMEOUT ? -ETIME : -EIO;
}
