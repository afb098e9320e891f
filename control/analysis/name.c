/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a part's name promises, and where it stands: a program is not bad, a program that calls
 * itself a document is.
 */
#include <string.h>
#include <strings.h>

#include "control/analysis/analyser.h"

/* Endings that people take for something to read. */
static const char *const harmless[] = {".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".txt", ".rtf",
				       ".jpg", ".jpeg", ".png", ".gif", ".csv", ".htm", ".html", ".mp3", ".mp4",
				       ".odt", ".ods", ".eml", ".xml", ".tif", ".bmp", NULL};
/* Endings that Windows runs. */
static const char *const running[] = {".exe", ".scr", ".com", ".pif", ".bat", ".cmd", ".js", ".jse", ".vbs", ".vbe",
				      ".wsf", ".wsh", ".hta", ".ps1", ".lnk", ".cpl", ".msi", ".jar", ".chm", ".url", ".xll",
				     ".wsc", ".sct", ".reg", ".msp", ".msix", ".appx", ".appinstaller", ".application", ".jnlp",
				     ".settingcontent-ms", ".library-ms", ".search-ms", NULL};
/* U+202E, U+202D, U+2066 … U+2068 turn the direction of what follows (Unicode 3.9, UAX 9). */
static const char *const turning[] = {"\xe2\x80\xae", "\xe2\x80\xad", "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", NULL};

#define PADDING "          " /* ten blanks */

static const char *ends_with_one(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (name_ends(name, *list))
			return *list;
	return NULL;
}

static bool has_two(const char *name)
{
	const char *last = ends_with_one(name, running);
	char before[32];
	size_t n, m;

	if (!last)
		return false;
	n = strlen(name) - strlen(last);
	while (n && (name[n - 1] == ' ' || name[n - 1] == '\t'))
		n--;
	m = n < sizeof(before) - 1 ? n : sizeof(before) - 1;
	memcpy(before, name + n - m, m);
	before[m] = '\0';
	return ends_with_one(before, harmless) != NULL;
}

void name_judge(struct analysis *a, struct part *p)
{
	const char *end = ends_with_one(p->name, harmless);

	for (unsigned i = 0; turning[i]; i++)
		if (strstr(p->name, turning[i])) {
			part_reason(a, p, REASON_name_reversed, "%.200s", p->name);
			break;
		}
	if (has_two(p->name))
		part_reason(a, p, REASON_name_double, "%.200s", p->name);
	if (strstr(p->name, PADDING) && ends_with_one(p->name, running))
		part_reason(a, p, REASON_name_padded, "%.200s", p->name);
	if (end && p->traits & PART_NATIVE)
		part_reason(a, p, REASON_name_disguised, "%s, and is %.100s", end, p->type);
}

/* Whether the nearest of document and mail around it is a document. */
static bool in_document(const struct part *p)
{
	for (p = p->parent; p && !(p->traits & PART_MAIL); p = p->parent)
		if (p->traits & PART_DOCUMENT)
			return true;
	return false;
}

void place_judge(struct analysis *a, struct part *p)
{
	if (p->traits & PART_DISK_IMAGE && part_in(p, PART_MAIL))
		part_reason(a, p, REASON_image_in_mail, "%.200s", p->name);
	if (!(p->traits & PART_EXECUTABLE))
		return;
	if (in_document(p))
		part_reason(a, p, REASON_program_in_document, "%.200s", p->name);
	if (part_in(p, PART_MAIL))
		part_reason(a, p, REASON_program_in_mail, "%.200s", p->name);
	if (part_in(p, PART_MAIL) && part_in(p, PART_DISK_IMAGE))
		part_reason(a, p, REASON_program_in_image, "%.200s", p->name);
	if (p->parent && p->parent->traits & PART_ARCHIVE && !part_in(p, PART_DISK_IMAGE))
		part_reason(a, p, REASON_program_in_archive, "%.200s", p->name);
}
