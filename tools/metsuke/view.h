/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the commands that ask the engine share.
 */
#ifndef METSUKE_VIEW_H
#define METSUKE_VIEW_H

#include "tools/metsuke/cli.h"

/* Every command that asks takes these two first. */
#define ENGINE_OPTIONS                                                                             \
	{"--socket", 0, true, NULL, NULL, 0, 0}, {"--store", 0, true, NULL, NULL, 0, 0}
#define NO_MORE_OPTIONS {NULL, 0, false, NULL, NULL, 0, 0}
#define NO_MORE_COLUMNS {NULL, NULL, false, 0}

/* Asks by --socket or --store. Takes params. New; NULL after a sentence. */
json_t *view_ask(const struct cli_option *o, const char *method, json_t *params);
/* Likewise, with a file that goes along (borrowed; -1: none), showing the progress of the work. */
json_t *view_work(const struct cli_option *o, const char *method, json_t *params, int fd);
/* The rows of a result: the result itself, or its member "rows". Borrowed. */
const json_t *view_rows(const json_t *result);
/* Shows rows as a table (or --json, --csv); nothing: the sentence for none. Takes result. */
int view_show(json_t *result, const struct cli_column *columns, const char *nothing);
/* An object as "name  value" lines, nested ones by path, those whose path begins so. Takes it. */
int view_show_object(json_t *result, bool zeros, const char *begin);
/* Sets params[key] if the option was given. */
void view_set_text(json_t *params, const char *key, const struct cli_option *o);
/* The rows of a retro answer, with their history as a bar. Takes result. */
int retro_show(json_t *result, const char *nothing);
/* A list of indicators: a file, or "-". A descriptor; -1 after a sentence. */
int view_open_list(const char *path);
/* A span such as 30m, 2h, 1d; 0: it is none. */
json_int_t view_seconds(const char *text);
void view_set_limit(json_t *params, const char *text, int otherwise);

#endif
