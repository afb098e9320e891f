/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke: the CLI. Finds the command in the table and runs it.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/metsuke/cli.h"

const struct cli_command cli_commands[] = {
#define COMMAND(function, words, arguments, summary, options)                                      \
	{words, arguments, summary, options, command_##function},
#include "tools/metsuke/commands.def"
#undef COMMAND
	{NULL, NULL, NULL, NULL, NULL},
};

static void print_commands(FILE *f)
{
	fputs("usage: metsuke COMMAND [ARGUMENTS]\n\n", f);
	for (const struct cli_command *c = cli_commands; c->words; c++)
		fprintf(f, "  %-16s %s\n", c->words, c->summary);
	fputs("\nmetsuke COMMAND --help says more. Every command takes --json; those that ask a\n"
	      "running engine take --socket PATH, or --store DIR for a store no daemon has open.\n",
	      f);
}

/* How many words of argv the command's name takes; 0: it is another command. */
static int words_matched(const struct cli_command *c, int argc, char **argv)
{
	const char *at = c->words;
	int n = 0;

	while (*at) {
		size_t len = strcspn(at, " ");

		if (n >= argc || strlen(argv[n]) != len || strncmp(argv[n], at, len) != 0)
			return 0;
		n++;
		at += len;
		at += strspn(at, " ");
	}
	return n;
}

static int unknown(int argc, char **argv)
{
	size_t len = strlen(argv[0]);
	bool family = false;

	/* "metsuke retro" alone: show the commands that begin so. */
	for (const struct cli_command *c = cli_commands; c->words; c++) {
		if (strncmp(c->words, argv[0], len) == 0 && c->words[len] == ' ') {
			if (!family)
				fprintf(stderr, "metsuke: %s needs one more word:\n", argv[0]);
			family = true;
			fprintf(stderr, "  %-16s %s\n", c->words, c->summary);
		}
	}
	if (!family)
		fprintf(stderr, "metsuke: there is no command \"%s%s%s\"; `metsuke help` lists them\n",
			argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0) {
		print_commands(stdout);
		return EXIT_GOOD;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("metsuke " METSUKE_VERSION);
		return EXIT_GOOD;
	}
	for (const struct cli_command *c = cli_commands; c->words; c++) {
		int n = words_matched(c, argc - 1, argv + 1);

		if (n)
			return c->run(c, argc - 1 - n, argv + 1 + n);
	}
	return unknown(argc - 1, argv + 1);
}
