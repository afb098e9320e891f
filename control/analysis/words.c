/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/analysis/words.h"

#include <stdlib.h>
#include <string.h>

#define AROUND_BYTES 60u

static const struct {
	uint32_t sets;
	enum reason_code code;
	const char *text;
} words[] = {
#define WORD(sets, reason, text) {sets, REASON_##reason, text},
#include "control/analysis/words.def"
#undef WORD
};

/* The word with what stands around it on its line. */
static const char *around(struct analysis *a, struct bytes text, const uint8_t *at, size_t len)
{
	const uint8_t *from = at, *end = at + len, *last = text.data + text.len;

	while (from > text.data && at - from < AROUND_BYTES && from[-1] >= ' ')
		from--;
	while (end < last && (size_t)(end - at) < len + AROUND_BYTES && *end >= ' ')
		end++;
	return analysis_text(a, from, (size_t)(end - from));
}

void words_judge(struct analysis *a, struct part *p, uint32_t sets, struct bytes text)
{
	struct bytes folded = text_fold(text);

	for (size_t i = 0; folded.data && i < sizeof(words) / sizeof(words[0]) && !analysis_over(a); i++) {
		const uint8_t *at;

		if (!(words[i].sets & sets))
			continue;
		at = bytes_find(folded, 0, words[i].text, strlen(words[i].text));
		if (at)
			part_reason(a, p, words[i].code, "%s", around(a, folded, at, strlen(words[i].text)));
	}
	free((void *)(uintptr_t)folded.data);
}
