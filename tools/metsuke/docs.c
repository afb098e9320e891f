/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tables say about themselves: man page, completion, configuration reference.
 */
#include <string.h>

#include "tools/metsuke/cli.h"

static void roff_text(const char *s)
{
	for (bool start = true; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
		start = *s == '\n';
	}
}

/* metsuked(8): the daemon and every configuration key. */
static void man_daemon(void)
{
	printf(".TH METSUKED 8 \"\" \"metsuke %s\"\n.SH NAME\nmetsuked \\- network inspection, as a "
	       "service\n.SH SYNOPSIS\n.B metsuked\n\\-c FILE [\\-\\-set KEY=VALUE]... "
	       "[\\-\\-check]\n.SH DESCRIPTION\nReads the configuration, makes the shared memory, and "
	       "starts and supervises the dataplane and the control process. SIGTERM drains and ends "
	       "both, SIGHUP makes the event files be opened anew.\n"
	       ".SH CONFIGURATION\nYAML; a dot in a key is one level. Sizes take k, m, g; times s, m, h, "
	       "d.\n",
	       METSUKE_VERSION);
	for (const struct config_row *r = config_rows; r->path; r++) {
		fputs(".TP\n.B ", stdout);
		roff_text(r->path);
		putchar('\n');
		roff_text(r->doc);
		if (*r->value) {
			fputs(" Default: ", stdout);
			roff_text(r->value);
		}
		putchar('\n');
	}
	puts(".SH SEE ALSO\nmetsuke(1)");
}

int command_man(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option o[] = {{"--daemon", 0, false, NULL, NULL, 0, 0},
				 {NULL, 0, false, NULL, NULL, 0, 0}};

	if (cli_parse(self, o, argc, argv) != 0)
		return EXIT_USAGE;
	if (o[0].value) {
		man_daemon();
		return EXIT_GOOD;
	}
	printf(".TH METSUKE 1 \"\" \"metsuke %s\"\n.SH NAME\nmetsuke \\- network inspection: captures, "
	       "alerts, who contacted what\n.SH SYNOPSIS\n.B metsuke\n.I COMMAND\n[ARGUMENTS]\n"
	       ".SH COMMANDS\n",
	       METSUKE_VERSION);
	for (const struct cli_command *c = cli_commands; c->words; c++) {
		printf(".TP\n.B metsuke %s\n", c->words);
		if (*c->arguments) {
			fputs(".I ", stdout);
			roff_text(c->arguments);
			puts("\n.br");
		}
		roff_text(c->summary);
		if (*c->options) {
			puts("\n.nf");
			roff_text(c->options);
			fputs(".fi", stdout);
		}
		putchar('\n');
	}
	puts(".SH COMMON OPTIONS\n.TP\n.B \\-\\-json\nprints JSON instead of a table\n.TP\n"
	     ".BI \\-\\-socket \" PATH\"\ncontrol socket of the engine (/run/metsuke/control.sock)\n.TP\n"
	     ".BI \\-\\-store \" DIR\"\nreads a store that no daemon has open\n"
	     ".SH EXIT STATUS\n0 good, 1 failed, 2 wrong usage.\n.SH SEE ALSO\nmetsuked(8)");
	return EXIT_GOOD;
}

int command_completion(const struct cli_command *self, int argc, char **argv)
{
	struct cli_option none[] = {{NULL, 0, false, NULL, NULL, 0, 0}};

	if (cli_parse(self, none, argc, argv) != 0)
		return EXIT_USAGE;
	puts("_metsuke()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]}\n"
	     "\tCOMPREPLY=()\n\tif [ \"$COMP_CWORD\" -eq 1 ]; then");
	fputs("\t\tCOMPREPLY=($(compgen -W \"", stdout);
	for (const struct cli_command *c = cli_commands; c->words; c++) {
		size_t n = strcspn(c->words, " ");

		if (c == cli_commands || strncmp(c[-1].words, c->words, n + 1) != 0)
			printf("%.*s ", (int)n, c->words);
	}
	puts("help\" -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase \"$first\" in");
	for (const struct cli_command *c = cli_commands; c->words; c++) {
		size_t n = strcspn(c->words, " ");

		if (!c->words[n] || (c != cli_commands && strncmp(c[-1].words, c->words, n + 1) == 0))
			continue;
		printf("\t%.*s) [ \"$COMP_CWORD\" -eq 2 ] && COMPREPLY=($(compgen -W \"", (int)n,
		       c->words);
		for (const struct cli_command *d = c; d->words; d++)
			if (strncmp(d->words, c->words, n + 1) == 0)
				printf("%s ", d->words + n + 1);
		puts("\" -- \"$cur\")) && return ;;");
	}
	puts("\tesac\n\tcase \"$cur\" in\n\t-*) COMPREPLY=($(compgen -W \"--json --help --socket "
	     "--store --limit --config --rules --output --set --workers --each\" -- \"$cur\")) ;;\n"
	     "\t*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n\tesac\n}\ncomplete -o filenames -F "
	     "_metsuke metsuke");
	return EXIT_GOOD;
}

static const char *kind_text(const char *kind)
{
	static const struct {
		const char *kind, *text;
	} names[] = {{"BOOL", "yes or no"},	{"UINT", "number"},  {"SIZE", "size"},
		     {"SECONDS", "time"},	{"TEXT", "text"},    {"LIST", "list"},
		     {"MAP", "keys below it"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].kind, kind) == 0)
			return names[i].text;
	return "choice";
}

int command_config(const struct cli_command *self, int argc, char **argv)
{
	static const struct cli_column columns[] = {{"KEY", "key", false, 0},
						    {"KIND", "kind", false, 0},
						    {"DEFAULT", "default", false, 40},
						    {"MEANING", "meaning", false, 0},
						    {NULL, NULL, false, 0}};
	struct cli_option o[] = {{"--markdown", 0, false, NULL, NULL, 0, 0},
				 {NULL, 0, false, NULL, NULL, 0, 0}};
	json_t *rows = json_array();

	if (cli_parse(self, o, argc, argv) != 0)
		return EXIT_USAGE;
	for (const struct config_row *r = config_rows; r->path; r++)
		json_array_append_new(rows, json_pack("{s:s s:s s:s s:s}", "key", r->path, "kind",
						      kind_text(r->kind), "default", r->value,
						      "meaning", r->doc));
	if (o[0].value && !cli_json) {
		puts("| key | kind | default | meaning |\n|---|---|---|---|");
		for (const struct config_row *r = config_rows; r->path; r++)
			printf("| %s | %s | %s | %s |\n", r->path, kind_text(r->kind), r->value,
			       r->doc);
	} else {
		cli_table(rows, columns);
	}
	json_decref(rows);
	return EXIT_GOOD;
}
