/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as YARA source: the reading of conditions, then judging of what was read. More that
 * is known of a file never turns a decided verdict round.
 */
#include <stdlib.h>

#include "control/retro/yara_rules.h"

#define MD5 "0123456789abcdef0123456789abcdef"

static void must(bool what)
{
	if (!what)
		abort();
}

/* The short way, for files of which no hash is named, gives what the long one gives. */
static void judge_twice(struct yara_rules *r)
{
	struct yara_file files[] = {{{0}}, {{MD5}, true, 1000}, {{"x", NULL, "y"}, true, 5}};
	enum yara_verdict before[3][20];

	for (uint32_t k = 0; k < 3; k++)
		for (uint32_t i = 0; i < yara_rules_count(r) && i < 20; i++)
			before[k][i] = yara_rules_judge(r, i, &files[k]);
	for (uint32_t k = 0; k < 3; k++) {
		yara_rules_look(r, &files[k]);
		for (uint32_t i = 0; i < yara_rules_count(r) && i < 20; i++)
			must(before[k][i] == yara_rules_judge(r, i, &files[k]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct yara_file nothing = {0}, sized = {.size_known = true, .size = 1000};
	const struct yara_file all = {{MD5, MD5 "01234567", MD5 MD5}, true, 1000};
	struct yara_rules *r = yara_rules_new();

	must(r != NULL);
	must(yara_rules_scan(r, "a.yar", (const char *)data, size) == 0);
	for (uint32_t i = 0; i < yara_rules_count(r) && i < 100; i++) {
		enum yara_verdict none = yara_rules_judge(r, i, &nothing);
		enum yara_verdict some = yara_rules_judge(r, i, &sized);
		enum yara_verdict most = yara_rules_judge(r, i, &all);

		must(yara_rules_at(r, i)->name && yara_rules_at(r, i)->line >= 1);
		must(none == YARA_UNKNOWN || none == some);
		must(some == YARA_UNKNOWN || some == most);
	}
	judge_twice(r);
	yara_rules_free(r);
	return 0;
}
