/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parts of OOXML and OpenDocument, as the archive analyser unpacks them: relationships that lead
 * outside (ISO/IEC 29500-2, 9.3), DDE fields, sheets of Excel 4 macros, what runs at opening.
 */
#include <stdlib.h>
#include <string.h>

#include "control/analysis/analyser.h"

#define TARGETS_MAX 50u /* kept as facts */
#define ELEMENT_MAX 8192u

bool ooxml_is(const struct part *p)
{
	const struct part *box = p->parent;

	return box && box->traits & PART_DOCUMENT && strcmp(box->kind, "archive") == 0 &&
	       (name_ends(p->name, ".rels") || name_ends(p->name, ".xml") || name_ends(p->name, ".bin"));
}

/* ---- relationships ---- */

/* The value of an attribute of an element. */
static struct bytes attribute(struct bytes element, const char *name)
{
	const uint8_t *at = NULL, *end;
	size_t from = 0, n = strlen(name);
	uint8_t quote;

	while ((at = bytes_find(element, from, name, n))) {
		size_t i = (size_t)(at - element.data) + n;

		from = i;
		if (i + 1 >= element.len || element.data[i] != '=')
			continue;
		quote = element.data[i + 1];
		if (quote != '"' && quote != '\'')
			continue;
		end = memchr(element.data + i + 2, quote, element.len - i - 2);
		if (end)
			return (struct bytes){element.data + i + 2, (uint32_t)(end - element.data - i - 2)};
	}
	return (struct bytes){element.data, 0};
}

static bool holds(struct bytes b, const char *word)
{
	return bytes_find(b, 0, word, strlen(word)) != NULL;
}

static bool is_remote(struct bytes target)
{
	return holds(target, "http") || holds(target, "ftp:") || holds(target, "\\\\") || holds(target, "file://") ||
	       holds(target, "mhtml:") || holds(target, "ms-msdt:");
}

static void judge_target(struct analysis *a, struct part *p, struct bytes type, struct bytes target)
{
	const char *text = analysis_text(a, target.data, target.len < FACT_VALUE_MAX ? target.len : FACT_VALUE_MAX);

	if (holds(type, "attachedTemplate")) {
		if (is_remote(target))
			part_reason(a, p, REASON_external_template, "%s", text);
	} else if (holds(type, "oleObject") || holds(type, "/frame") || holds(type, "subDocument") || holds(type, "aFChunk")) {
		if (is_remote(target)) /* one that is fetched at opening, without a question */
			part_reason_weighed(a, p, REASON_external_object, 6, "%s", text);
	} else if (!holds(type, "hyperlink") && !holds(type, "image") && is_remote(target)) {
		part_reason_weighed(a, p, REASON_external_object, 1, "%s", text);
	}
}

static void judge_relations(struct analysis *a, struct part *p)
{
	static const char begin[] = "<Relationship ";
	const uint8_t *at, *end;
	size_t from = 0;
	unsigned kept = 0;

	while ((at = bytes_find(p->data, from, begin, sizeof(begin) - 1)) && !analysis_over(a)) {
		size_t left = p->data.len - (size_t)(at - p->data.data);
		struct bytes element = {at, (uint32_t)(left < ELEMENT_MAX ? left : ELEMENT_MAX)}, target;

		end = memchr(at, '>', element.len);
		if (end)
			element.len = (uint32_t)(end - at);
		end = memchr(at + 1, '<', element.len - 1); /* one that is not closed ends where the next begins */
		if (end)
			element.len = (uint32_t)(end - at);
		from = (size_t)(at - p->data.data) + sizeof(begin) - 1;
		if (!holds(element, "External"))
			continue;
		target = attribute(element, "Target");
		if (kept++ < TARGETS_MAX)
			part_fact_bytes(a, p, "external", target.data, target.len);
		judge_target(a, p, attribute(element, "Type"), target);
	}
}

/* ---- content ---- */

/* The instructions of fields, cut into as many pieces as their writer liked, put together again:
 * what stands in <w:instrText …>…</w:instrText>, one after the other. */
static void judge_fields(struct analysis *a, struct part *p)
{
	static const char begin[] = "<w:instrText";
	char *all = malloc(p->data.len + 1), *text;
	size_t from = 0, n = 0;
	const uint8_t *at, *open, *close;

	while (all && (at = bytes_find(p->data, from, begin, sizeof(begin) - 1))) {
		size_t left = p->data.len - (size_t)(at - p->data.data);

		open = memchr(at, '>', left);
		if (!open)
			break;
		left -= (size_t)(open + 1 - at);
		close = memchr(open + 1, '<', left);
		if (!close)
			break;
		memcpy(all + n, open + 1, (size_t)(close - open - 1));
		n += (size_t)(close - open - 1);
		from = (size_t)(close - p->data.data);
	}
	if (all) {
		all[n] = '\0';
		text = strcasestr(all, "DDEAUTO");
		if (!text && (text = strcasestr(all, "DDE ")) && text != all && text[-1] != ' ' && text[-1] != '"')
			text = NULL;
		if (text)
			part_reason(a, p, REASON_dde, "%.200s", text);
	}
	free(all);
	if (holds(p->data, "w:instr=\"DDE") || holds(p->data, "w:instr=\" DDE") || holds(p->data, "<ddeLink "))
		part_reason_alone(a, p, REASON_dde);
}

void ooxml_run(struct analysis *a, struct part *p)
{
	if (name_ends(p->name, ".rels")) {
		judge_relations(a, p);
		return;
	}
	if (strstr(p->name, "macrosheets/")) /* .xml, in xlsb .bin */
		part_reason(a, p, REASON_macro_sheet, "%.200s", p->name);
	if (strstr(p->name, "activeX/activeX") && name_ends(p->name, ".xml"))
		part_reason(a, p, REASON_embedded_object, "ActiveX");
	if (!name_ends(p->name, ".xml"))
		return;
	if (holds(p->data, "instrText") || holds(p->data, "DDE") || holds(p->data, "ddeLink"))
		judge_fields(a, p);
	if (strstr(p->name, "customUI/") && holds(p->data, "onLoad="))
		part_reason(a, p, REASON_macro_autorun, "customUI onLoad");
	if (name_ends(p->name, "xl/workbook.xml") && holds(p->data, "_xlnm.Auto_Open"))
		part_reason(a, p, REASON_macro_autorun, "Auto_Open");
	if (strncmp(p->name, "Basic/", 6) == 0 && holds(p->data, "<script:module"))
		part_reason(a, p, REASON_macro, "%.200s", p->name);
	if (strcmp(p->name, "content.xml") == 0 && holds(p->data, "\"dom:load\"") && holds(p->data, "vnd.sun.star.script"))
		part_reason(a, p, REASON_macro_autorun, "at loading");
}
