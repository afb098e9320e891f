/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scripts, told by name, by what their container calls them, or by their first words. Which words
 * say something stands in words.def; here is what needs counting: text put together from codes of
 * characters, pages that carry a file in them (HTML smuggling).
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "control/analysis/words.h"
#include "dataplane/base/digit.h"

#define CODES_MANY 60u       /* Chr(…) and the like in a script */
#define BASE64_LONG 8000u    /* characters of a run in a page that is a file */
#define CARRIED_LEAST 120u   /* of one that is looked at */
#define IMAGE_LEAST 43700u   /* of one that may be a disk image, whose mark stands far within */
#define DOWNLOADS_MAX 50u    /* looked at for a name */
#define HEAD_BYTES 1024u

enum language { NO_SCRIPT, WINDOWS_HOST, VBA, POWERSHELL, BATCH, HTA, PAGE, PDF_SCRIPT, SHELL };

static const struct {
	const char *end;
	enum language language;
} endings[] = {
	{".js", WINDOWS_HOST}, {".jse", WINDOWS_HOST}, {".vbs", WINDOWS_HOST}, {".vbe", WINDOWS_HOST},
	{".wsf", WINDOWS_HOST}, {".wsh", WINDOWS_HOST}, {".sct", WINDOWS_HOST}, {".ps1", POWERSHELL},
	{".psm1", POWERSHELL}, {".bat", BATCH}, {".cmd", BATCH}, {".hta", HTA}, {".htm", PAGE}, {".html", PAGE},
	{".svg", PAGE}, {".xhtml", PAGE}, {".sh", SHELL},
};

/* Only text: binary files have other analysers. */
static bool is_text(struct bytes b)
{
	uint32_t look = b.len < HEAD_BYTES ? b.len : HEAD_BYTES, odd = 0;

	for (uint32_t i = 0; i < look; i++)
		odd += b.data[i] < 9 || (b.data[i] > 13 && b.data[i] < 32 && b.data[i] != 27);
	return look && odd * 2 <= look + 2; /* UTF-16 has a zero at every second place */
}

static bool begins_with(struct bytes b, const char *word)
{
	size_t n = strlen(word);
	uint32_t at = 0;

	if (b.len >= 3 && memcmp(b.data, "\xef\xbb\xbf", 3) == 0)
		at = 3;
	while (at < b.len && isspace(b.data[at]))
		at++;
	return b.len - at >= n && strncasecmp((const char *)b.data + at, word, n) == 0;
}

static enum language language_of(const struct part *p)
{
	if (strcmp(p->declared, "text/x-vba") == 0)
		return VBA;
	if (!is_text(p->data))
		return NO_SCRIPT;
	if (strcmp(p->declared, "application/javascript") == 0)
		return PDF_SCRIPT;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (name_ends(p->name, endings[i].end))
			return endings[i].language;
	if (begins_with(p->data, "#!"))
		return SHELL;
	if (begins_with(p->data, "<!doctype html") || begins_with(p->data, "<html") || begins_with(p->data, "<script") ||
	    strcmp(p->declared, "text/html") == 0)
		return PAGE;
	if (begins_with(p->data, "@echo off"))
		return BATCH;
	return NO_SCRIPT;
}

bool script_is(const struct part *p)
{
	return language_of(p) != NO_SCRIPT;
}

static unsigned count(struct bytes folded, const char *word, unsigned most)
{
	size_t n = strlen(word), from = 0;
	const uint8_t *at;
	unsigned c = 0;

	while (c < most && (at = bytes_find(folded, from, word, n))) {
		c++;
		from = (size_t)(at - folded.data) + n;
	}
	return c;
}

/* ---- Windows script host, HTA ---- */

static void judge_host(struct analysis *a, struct part *p)
{
	struct bytes folded = text_fold(p->data);
	bool hosted = text_has(folded, "activexobject") || text_has(folded, "createobject") || text_has(folded, "wscript.") ||
		      text_has(folded, "getobject(");

	/* A script of a web page has none of these, and says nothing by its other words. */
	if (hosted) {
		words_judge(a, p, WORDS_HOST | WORDS_SHELL, p->data);
		if (count(folded, "chr(", CODES_MANY) == CODES_MANY || count(folded, "chrw(", CODES_MANY) == CODES_MANY ||
		    text_has(folded, "fromcharcode"))
			part_reason(a, p, REASON_script_hidden, "text from codes of characters");
	}
	if (bytes_find(p->data, 0, "#@~^", 4))
		part_reason(a, p, REASON_script_hidden, "encoded script");
	free((void *)(uintptr_t)folded.data);
	if (hosted || name_ends(p->name, ".vbs") || name_ends(p->name, ".wsf") || name_ends(p->name, ".vbe") ||
	    name_ends(p->name, ".jse") || part_in(p, PART_MAIL | PART_ARCHIVE))
		p->traits |= PART_SCRIPT | PART_EXECUTABLE;
}

/* ---- pages ---- */

static bool is_base64(uint8_t c)
{
	return isalnum(c) || c == '+' || c == '/';
}

/* The next run of base64 digits from *at on; behind it then. Empty: there is none. */
static struct bytes next_run(struct bytes b, uint32_t *at)
{
	uint32_t from;

	while (*at < b.len && !is_base64(b.data[*at]))
		++*at;
	from = *at;
	while (*at < b.len && is_base64(b.data[*at]))
		++*at;
	return (struct bytes){b.data + from, *at - from};
}

/* What nobody needs to see a page: programs, archives, disk images, documents with macros. */
static bool is_carried(struct bytes b)
{
	static const struct {
		uint32_t at;
		const char *bytes;
		uint8_t len;
	} marks[] = {{0, "MZ", 2}, {0, "PK\3\4", 4}, {0, "Rar!\x1a\x07", 6}, {0, "7z\xbc\xaf\x27\x1c", 6}, {0, "MSCF\0\0\0\0", 8},
		     {0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8}, {0, "L\0\0\0\1\x14\2\0", 8}, {0, "\x7f" "ELF", 4},
		     {0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", 8}, {0, "ITSF", 4}, {0, "{\\rtf", 5}, {32769, "CD001", 5}};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (b.len >= marks[i].at + marks[i].len && memcmp(b.data + marks[i].at, marks[i].bytes, marks[i].len) == 0)
			return true;
	return false;
}

/* download="name", a.download='name'; the name is borrowed from the page. */
static struct bytes download_name(struct bytes page, struct bytes folded)
{
	static const char word[] = "download";
	const uint8_t *found = folded.len == page.len ? bytes_find(folded, 0, word, sizeof(word) - 1) : NULL;
	struct bytes name = {(const uint8_t *)"", 0};

	for (unsigned i = 0; found && i < DOWNLOADS_MAX; i++, found = bytes_find(folded, (size_t)(found - folded.data) + 1, word, sizeof(word) - 1)) {
		uint32_t at = (uint32_t)(found - folded.data) + sizeof(word) - 1;
		const uint8_t *end;

		while (at < page.len && (page.data[at] == ' ' || page.data[at] == '='))
			at++;
		if (at + 1 >= page.len || (page.data[at] != '"' && page.data[at] != '\''))
			continue;
		end = memchr(page.data + at + 1, page.data[at], page.len - at - 1);
		if (end && end > page.data + at + 1 && end - page.data - at < 200)
			return (struct bytes){page.data + at + 1, (uint32_t)(end - page.data) - at - 1};
	}
	return name;
}

/* Files that a page carries as base64, in a script or a data: address; returns the longest run. */
static uint32_t take_carried(struct analysis *a, struct part *p, struct bytes folded, bool *carries)
{
	struct bytes name = download_name(p->data, folded), run;
	uint32_t at = 0, best = 0;

	while ((run = next_run(p->data, &at)).len && !analysis_over(a)) {
		enum reason_code code;
		uint8_t head[48], *out;
		struct bytes file = {head, 0};

		best = run.len > best ? run.len : best;
		if (run.len < CARRIED_LEAST)
			continue;
		file.len = (uint32_t)base64_bytes(run.data, run.len, head, sizeof(head));
		if (!is_carried(file) && run.len < IMAGE_LEAST)
			continue;
		out = malloc(run.len);
		file = (struct bytes){out, 0};
		if (out)
			file.len = (uint32_t)base64_bytes(run.data, run.len, out, analysis_room(a, run.len, &code));
		if (is_carried(file)) {
			*carries = true;
			p->traits |= PART_DOCUMENT;
			part_add(a, p, name, "", file);
		}
		free(out);
	}
	return best;
}

static void judge_page(struct analysis *a, struct part *p)
{
	struct bytes folded = text_fold(p->data);
	bool hands_out = text_has(folded, "mssaveoropenblob") || (text_has(folded, "createobjecturl") && text_has(folded, "download"));
	bool makes = text_has(folded, "atob(") || text_has(folded, "uint8array") || text_has(folded, "charcodeat");
	bool carries = false;
	uint32_t run = take_carried(a, p, folded, &carries);

	hands_out = hands_out && makes && text_has(folded, "blob(");
	if ((hands_out && (run >= BASE64_LONG || carries)) || (carries && text_has(folded, "download")))
		part_reason(a, p, REASON_html_smuggling, "%u characters of base64", run);
	if (text_has(folded, "<hta:application") || name_ends(p->name, ".hta")) {
		p->traits |= PART_SCRIPT | PART_EXECUTABLE;
		part_reason_alone(a, p, REASON_script_host);
		judge_host(a, p);
		words_judge(a, p, WORDS_SHELL, p->data);
	} else if (text_has(folded, "ms-msdt:")) {
		part_reason(a, p, REASON_script_run, "ms-msdt:");
	}
	free((void *)(uintptr_t)folded.data);
}

/* ---- macros ---- */

/* More than the lines that every module has. */
static bool has_code(struct bytes source)
{
	const uint8_t *at = source.data, *end = at + source.len, *line;

	while (at < end) {
		line = memchr(at, '\n', (size_t)(end - at));
		line = line ? line : end;
		while (at < line && isspace(*at))
			at++;
		if (line - at > 1 && strncasecmp((const char *)at, "Attribute ", line - at < 10 ? (size_t)(line - at) : 10) != 0 &&
		    strncasecmp((const char *)at, "Option ", line - at < 7 ? (size_t)(line - at) : 7) != 0)
			return true;
		at = line + 1;
	}
	return false;
}

static void judge_macro(struct analysis *a, struct part *p)
{
	struct bytes folded;

	if (!has_code(p->data))
		return;
	part_reason(a, p, REASON_macro, "%.100s", p->name);
	words_judge(a, p, WORDS_MACRO | WORDS_SHELL, p->data);
	folded = text_fold(p->data);
	if (count(folded, "chr(", CODES_MANY) + count(folded, "chrw(", CODES_MANY) + count(folded, "chr$(", CODES_MANY) >= CODES_MANY)
		part_reason(a, p, REASON_macro_hidden, "text from codes of characters");
	free((void *)(uintptr_t)folded.data);
}

void script_run(struct analysis *a, struct part *p)
{
	enum language language = language_of(p);

	switch (language) {
	case VBA:
		judge_macro(a, p);
		break;
	case WINDOWS_HOST:
		judge_host(a, p);
		break;
	case HTA:
	case PAGE:
		judge_page(a, p);
		break;
	case PDF_SCRIPT:
		words_judge(a, p, WORDS_PDF, p->data);
		break;
	case SHELL:
		p->traits |= PART_SCRIPT;
		words_judge(a, p, WORDS_UNIX, p->data);
		break;
	default:
		p->traits |= PART_SCRIPT | PART_EXECUTABLE;
		words_judge(a, p, WORDS_SHELL, p->data);
	}
}
