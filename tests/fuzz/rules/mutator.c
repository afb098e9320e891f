/* SPDX-License-Identifier: BSD-3-Clause
 *
 * libFuzzer's changes to a rule file: three out of four follow the grammar. It learns from each
 * input it changes, and from the files in $RULE_SEEDS (separated by ':').
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rule_grammar.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static void learn_file(struct grammar *g, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!f) {
		perror(path);
		exit(2);
	}
	while ((len = getline(&line, &room, f)) > 0)
		grammar_learn(g, line, (size_t)len);
	free(line);
	fclose(f);
}

static struct grammar *grammar_start(void)
{
	const char *seeds = getenv("RULE_SEEDS");
	char *list = strdup(seeds ? seeds : ""), *save = NULL;
	struct grammar *g = grammar_new();

	if (!g || !list)
		abort();
	for (char *path = strtok_r(list, ":", &save); path; path = strtok_r(NULL, ":", &save))
		learn_file(g, path);
	free(list);
	return g;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static struct grammar *grammar;

	if (!grammar)
		grammar = grammar_start();
	grammar_learn(grammar, (const char *)data, size);
	return seed % 4 ? grammar_mutate(grammar, (char *)data, size, max, seed)
			: LLVMFuzzerMutate(data, size, max);
}
