/* SPDX-License-Identifier: BSD-3-Clause
 *
 * make_rules SEED CHANGES FILE...: one rule of the files, changed so many times along the grammar, on
 * standard output. The same arguments give the same rule.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rule_grammar.h"

#define ROOM 65536

/* Learns the rules of a file; of all rules seen, keeps each as likely as any other. */
static void read_file(struct grammar *g, const char *path, char *chosen, unsigned *seen,
		      unsigned short random[3])
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!f) {
		perror(path);
		exit(2);
	}
	while ((len = getline(&line, &room, f)) > 0) {
		if (*line == '#' || !strchr(line, '(') || len >= ROOM)
			continue;
		grammar_learn(g, line, (size_t)len);
		if ((unsigned long)nrand48(random) % ++*seen == 0)
			memcpy(chosen, line, (size_t)len + 1);
	}
	free(line);
	fclose(f);
}

int main(int argc, char **argv)
{
	static char text[ROOM + 1];
	struct grammar *g = grammar_new();
	unsigned short random[3];
	unsigned seed, seen = 0;
	size_t len;

	if (argc < 4 || !g) {
		fputs("usage: make_rules SEED CHANGES FILE...\n", stderr);
		return 2;
	}
	seed = (unsigned)atoi(argv[1]);
	memcpy(random, (unsigned short[3]){(unsigned short)seed, (unsigned short)(seed >> 16), 1}, sizeof(random));
	for (int i = 3; i < argc; i++)
		read_file(g, argv[i], text, &seen, random);
	len = strlen(text);
	for (int i = 0; i < atoi(argv[2]); i++)
		len = grammar_mutate(g, text, len, ROOM, ((uint64_t)seed << 32) + (unsigned)i);
	fwrite(text, 1, len, stdout);
	grammar_free(g);
	return 0;
}
