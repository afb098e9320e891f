/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The CLI's own: arguments, output, the engine at the other end. One process, one thread.
 * Exit status of every command: 0 good, 1 failed, 2 wrong usage. Errors go to stderr.
 */
#ifndef METSUKE_CLI_H
#define METSUKE_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "dataplane/event/config.h"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct cli_command {
	const char *words, *arguments, *summary, *options;
	int (*run)(const struct cli_command *self, int argc, char **argv);
};

extern const struct cli_command cli_commands[]; /* ends with words == NULL */
#define COMMAND(function, words, arguments, summary, options)                                      \
	int command_##function(const struct cli_command *self, int argc, char **argv);
#include "tools/metsuke/commands.def"
#undef COMMAND

/* ---- arguments: options may stand anywhere; argv holds the words after the command ---- */

struct cli_option {
	const char *name;   /* "--limit" */
	char letter;        /* 'l', or 0 */
	bool takes_value;
	const char *value;  /* last one given; "" for a switch that was given; NULL: not given */
	const char **values; /* all given, if values_max > 0 */
	int values_max, count;
};

/* Sorts argv: fills options, moves the plain words to the front and returns their number; -1 after
 * printing what is wrong. --json, --csv and --help are known to every command. */
int cli_parse(const struct cli_command *self, struct cli_option *options, int argc, char **argv);
/* "usage: …" on stderr; returns EXIT_USAGE. */
int cli_usage(const struct cli_command *self);
extern bool cli_json; /* --json was given */
extern bool cli_csv;  /* --csv was given: tables as RFC 4180 */

/* ---- the engine ---- */

/* Connects to --socket / --store among the options (either may be NULL) and calls. Takes params.
 * Returns new; NULL after printing one sentence on stderr. */
json_t *cli_call(const char *socket, const char *store, const char *method, json_t *params);

/* Likewise for what takes long: fd (borrowed; -1: none) goes along, progress is shown on a
 * terminal, and Ctrl-C stops the work, not only the waiting. */
json_t *cli_work(const char *socket, const char *store, const char *method, json_t *params, int fd);

/* ---- output ---- */

struct cli_column {
	const char *title, *key; /* key may be a path: "alert.signature" */
	bool right;              /* numbers */
	int width_max;           /* 0: none */
};

/* Rows of a JSON array as a table as wide as the terminal; with --json as JSON. */
void cli_table(const json_t *rows, const struct cli_column *columns);
/* One value of a row by path, as text; "" if absent. Lives until the next 16 calls. */
const char *cli_text(const json_t *row, const char *path);
/* Pretty JSON, and a line feed. */
void cli_print_json(const json_t *value);

/* ---- shared by commands that read a configuration ---- */

/* -c FILE, then each --set. 0, or an exit status after printing. */
int cli_config(struct config *c, const char *file, const char *const *sets, int set_count);

#endif
