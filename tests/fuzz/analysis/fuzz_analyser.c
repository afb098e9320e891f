/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a file of the kind that one analyser (-DFUZZ_ANALYSER) is for: the analysis ends within its limits, and its
 * report is JSON.
 * Input: a byte that chooses the name, then the file.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/analysis/analyser.h"

#define TEXT_OF(x) #x
#define NAME_OF(x) TEXT_OF(x)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Names that analysers go by; the first of a kind's own, the rest by the first byte. */
static const char *const names[] = {"file", "mail.eml", "word/document.xml", "word/_rels/document.xml.rels", "customUI/customUI.xml",
				    "xl/macrosheets/sheet1.xml", "Basic/Standard/Module1.xml", "content.xml", "a.js", "a.vbs", "a.ps1",
				    "a.bat", "a.hta", "a.html", "a.sh", "invoice.pdf.exe", "a.tar.gz"};

static void must(bool what)
{
	if (!what)
		abort();
}

static void run_part(struct analysis *a, const char *name, const void *data, size_t len)
{
	static const struct analyser *only;
	struct bytes b = {data, (uint32_t)len};
	const char *declared = "";

	for (only = analysers; only->name && strcmp(only->name, NAME_OF(FUZZ_ANALYSER)) != 0; only++)
		;
	must(only->name != NULL);
	if (strcmp(only->name, "script") == 0)
		declared = len % 3 == 0 ? "text/x-vba" : len % 3 == 1 ? "application/javascript" : "";
	/* In a document in a mail, where most can be said of it. */
	analysis_mailed(a);
	analysis_run(a, "outer", "", "", 0);
	((struct part *)(uintptr_t)analysis_root(a))->traits |= PART_DOCUMENT;
	((struct part *)(uintptr_t)analysis_root(a))->kind = "archive";
	part_add(a, (struct part *)(uintptr_t)analysis_root(a), (struct bytes){(const uint8_t *)name, (uint32_t)strlen(name)}, declared, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct analysis_limits limits = {4, 200, 4u << 20, 16u << 20, 250, 1u << 30, 5};
	struct analysis_tools tools = {.clamd = -1};
	struct analysis *a = analysis_new(&limits, &tools);
	struct text report = {0};
	json_t *json;

	if (a && size > 1) {
		run_part(a, names[data[0] % (sizeof(names) / sizeof(names[0]))], data + 1, size - 1);
		must(analysis_verdict(a) <= 10);
		analysis_report(a, &report);
		json = json_loadb((const char *)report.data, report.len, 0, NULL);
		must(json != NULL);
		json_decref(json);
		text_free(&report);
	}
	analysis_free(a);
	return 0;
}
