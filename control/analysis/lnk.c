/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Shortcuts of Windows (MS-SHLLINK 2.1 … 2.5).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/analysis/analyser.h"
#include "control/analysis/words.h"

#define HEADER_BYTES 76u
#define ARGUMENTS_LONG 260u /* what the window of properties shows */
#define BLOCKS_MAX 64u
#define BLOCK_ENVIRONMENT 0xa0000001u

enum { HAS_IDLIST = 1, HAS_LINKINFO = 2, HAS_NAME = 4, HAS_PATH = 8, HAS_FOLDER = 16, HAS_ARGUMENTS = 32, HAS_ICON = 64,
       IS_UNICODE = 128 };

static const uint8_t class_link[16] = {1, 0x14, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};

bool lnk_is(const struct part *p)
{
	return p->data.len >= HEADER_BYTES && p->data.data[0] == HEADER_BYTES && memcmp(p->data.data + 4, class_link, 16) == 0;
}

struct line {
	char text[8192]; /* all that is started, one after the other */
	size_t len;
};

static void line_add(struct line *l, const char *text)
{
	int n = snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s ", text);

	l->len += n < 0 ? 0 : (size_t)n < sizeof(l->text) - l->len ? (size_t)n : sizeof(l->text) - l->len - 1;
}

/* A string of so many units, as text for people; moves behind it. */
static const char *take_units(struct analysis *a, struct cursor *c, uint32_t units, bool wide)
{
	const uint8_t *at = cursor_take(c, (size_t)units * (wide ? 2 : 1));
	const char *text = "";
	char *low;

	if (!at)
		return "";
	if (!wide)
		return analysis_text(a, at, strnlen((const char *)at, units));
	low = malloc(units + 1);
	if (!low)
		return "";
	for (uint32_t i = 0; i < units; i++)
		low[i] = at[2 * i + 1] ? '?' : (char)at[2 * i];
	text = analysis_text(a, low, strnlen(low, units));
	free(low);
	return text;
}

static void take_link_info(struct analysis *a, struct part *p, struct cursor *c, struct line *l)
{
	struct cursor size = *c, info, path;
	uint32_t len = cursor_le32(&size), flags, path_at;
	const char *text;

	info = cursor_sub(c, len);
	path = info;
	cursor_skip(&info, 8);
	flags = cursor_le32(&info);
	cursor_le32(&info);
	path_at = cursor_le32(&info);
	if (info.bad || !(flags & 1) || !cursor_skip(&path, path_at))
		return;
	text = analysis_text(a, path.p, strnlen((const char *)path.p, cursor_left(&path)));
	part_fact(a, p, "target", "%.280s", text);
	line_add(l, text);
}

static void take_blocks(struct analysis *a, struct part *p, struct cursor *c, struct line *l)
{
	for (unsigned n = 0; n < BLOCKS_MAX && cursor_left(c) >= 8; n++) {
		struct cursor size = *c, block;
		uint32_t len = cursor_le32(&size);

		if (len < 8)
			break;
		block = cursor_sub(c, len);
		cursor_le32(&block);
		if (cursor_le32(&block) == BLOCK_ENVIRONMENT && cursor_left(&block) >= 260) {
			const char *text = analysis_text(a, block.p, strnlen((const char *)block.p, 260));

			part_fact(a, p, "target", "%.280s", text);
			line_add(l, text);
		}
	}
	cursor_le32(c);
	if (cursor_left(c) > 16) {
		part_fact(a, p, "overlay", "%zu bytes", cursor_left(c));
		part_add(a, p, (struct bytes){(const uint8_t *)"overlay", 7}, "", (struct bytes){c->p, (uint32_t)cursor_left(c)});
	}
}

static const char *take_string(struct analysis *a, struct cursor *c, uint32_t flags)
{
	uint16_t units = cursor_le16(c);

	return take_units(a, c, units, flags & IS_UNICODE);
}

static void take_strings(struct analysis *a, struct part *p, struct cursor *c, uint32_t flags, struct line *l)
{
	static const struct {
		uint32_t flag;
		const char *fact;
		bool started;
	} strings[] = {{HAS_NAME, "description", false}, {HAS_PATH, "path", true}, {HAS_FOLDER, "folder", false},
		       {HAS_ARGUMENTS, "arguments", true}, {HAS_ICON, "icon", false}};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		const char *text;

		if (!(flags & strings[i].flag))
			continue;
		text = take_string(a, c, flags);
		if (*text)
			part_fact(a, p, strings[i].fact, "%.290s", text);
		if (strings[i].started)
			line_add(l, text);
		if (strings[i].flag == HAS_ARGUMENTS && strlen(text) > ARGUMENTS_LONG)
			part_reason(a, p, REASON_lnk_arguments, "%zu characters", strlen(text));
	}
}

void lnk_run(struct analysis *a, struct part *p)
{
	struct cursor c = cursor_of(p->data.data, p->data.len);
	struct line *l = calloc(1, sizeof(*l));
	uint32_t flags;

	p->traits |= PART_EXECUTABLE;
	if (!l)
		return;
	cursor_skip(&c, 20);
	flags = cursor_le32(&c);
	cursor_skip(&c, HEADER_BYTES - 24);
	if (flags & HAS_IDLIST) {
		uint16_t len = cursor_le16(&c);

		cursor_skip(&c, len);
	}
	if (flags & HAS_LINKINFO)
		take_link_info(a, p, &c, l);
	take_strings(a, p, &c, flags, l);
	take_blocks(a, p, &c, l);
	words_judge(a, p, WORDS_LINK | WORDS_SHELL, (struct bytes){(const uint8_t *)l->text, (uint32_t)l->len});
	free(l);
}
