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
	yara_rules_free(r);
	return 0;
}
