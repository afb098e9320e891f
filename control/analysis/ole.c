/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Office documents before OOXML and what else is a compound file: macros, embedded objects (OLE
 * packages, MS-OLEDS 2.3.6), DDE fields, sheets of Excel 4 macros (MS-XLS 2.4), encryption (MS-OFFCRYPTO),
 * the old equation editor, installers, and mails of Outlook (MS-OXMSG).
 */
#include <stdlib.h>
#include <string.h>

#include "control/analysis/cfb.h"
#include "control/analysis/offcrypto.h"
#include "control/analysis/vba.h"

#define BIFF_FILEPASS 0x2fu
#define BIFF_BOUNDSHEET 0x85u
#define BIFF_NAME 0x18u
#define BIFF_RECORDS_MAX 4000000u
#define PPT_OBJECT 0x1011u /* RT_ExternalOleObjectStg */
#define PPT_RECORDS_MAX 100000u
#define BUILTIN_AUTO_OPEN 1u
#define SHEET_HIDDEN_WEIGHT 6

static const uint8_t class_msi[16] = {0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};
static const uint8_t class_equation[16] = {0x02, 0xce, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};

bool ole_is(const struct part *p)
{
	return cfb_begins(p->data);
}

struct look {
	struct analysis *a;
	struct part *p;
	struct cfb c;
};

static struct bytes read_entry(struct look *l, uint32_t i)
{
	enum reason_code code;
	struct bytes b = cfb_read(&l->c, i, analysis_room(l->a, l->p->data.len, &code));

	l->a->bytes += b.len; /* entries may share sectors: each reading counts */
	return b;
}

static void drop(struct bytes b)
{
	free((void *)(uintptr_t)b.data);
}

/* ---- packages ---- */

static struct bytes take_text(struct cursor *c)
{
	const uint8_t *at = c->p, *end = cursor_left(c) ? memchr(at, 0, cursor_left(c)) : NULL;

	if (!end) {
		c->bad = true;
		return (struct bytes){at, 0};
	}
	c->p = end + 1;
	return (struct bytes){at, (uint32_t)(end - at)};
}

/* What a stream Ole10Native holds: a file with its name, or what some program made. */
static void take_native(struct look *l, struct bytes b)
{
	struct cursor c = cursor_of(b.data, b.len), inner;
	struct bytes label, path, data;
	uint32_t size;

	cursor_le32(&c);
	inner = c;
	cursor_le16(&inner);
	label = take_text(&inner);
	path = take_text(&inner);
	cursor_le32(&inner);
	size = cursor_le32(&inner);
	cursor_skip(&inner, size);
	size = cursor_le32(&inner);
	if (inner.bad || !size) { /* no package: the bytes themselves */
		part_add(l->a, l->p, (struct bytes){(const uint8_t *)"Ole10Native", 11}, "", (struct bytes){c.p, (uint32_t)cursor_left(&c)});
		return;
	}
	if (size > cursor_left(&inner))
		size = (uint32_t)cursor_left(&inner);
	data = (struct bytes){inner.p, size};
	part_fact_bytes(l->a, l->p, "embedded", path.data, path.len);
	part_add(l->a, l->p, label.len ? label : path, "", data);
}

/* ---- workbooks ---- */

static void judge_sheet(struct look *l, struct cursor body)
{
	uint8_t hidden, type;

	cursor_le32(&body);
	hidden = cursor_u8(&body);
	type = cursor_u8(&body);
	if (body.bad || type != 1)
		return;
	if (hidden & 3)
		part_reason_weighed(l->a, l->p, REASON_macro_sheet, SHEET_HIDDEN_WEIGHT, "%s", (hidden & 3) == 2 ? "very hidden" : "hidden");
	else
		part_reason_alone(l->a, l->p, REASON_macro_sheet);
}

static void judge_name(struct look *l, struct cursor body)
{
	uint16_t flags = cursor_le16(&body);
	uint8_t length, first;

	cursor_u8(&body);
	length = cursor_u8(&body);
	cursor_skip(&body, 10); /* sizes, sheet, four lengths of texts */
	cursor_u8(&body);       /* flags of the text */
	first = cursor_u8(&body);
	if (!body.bad && flags & 0x20 && length == 1 && first == BUILTIN_AUTO_OPEN)
		part_reason(l->a, l->p, REASON_macro_autorun, "Auto_Open");
}

static void judge_workbook(struct look *l, struct bytes b)
{
	struct cursor c = cursor_of(b.data, b.len);

	for (uint32_t n = 0; cursor_left(&c) >= 4 && n < BIFF_RECORDS_MAX; n++) {
		uint16_t id = cursor_le16(&c), size = cursor_le16(&c);
		struct cursor body = cursor_sub(&c, size);

		if (id == BIFF_BOUNDSHEET)
			judge_sheet(l, body);
		else if (id == BIFF_NAME)
			judge_name(l, body);
		else if (id == BIFF_FILEPASS)
			part_reason(l->a, l->p, REASON_locked, "workbook");
	}
}

/* A field's instruction in the text of a document of Word stands between 0x13 and 0x14. */
static void judge_word(struct look *l, struct bytes b)
{
	static const char *const words[] = {"\x13" "dde", "\x13 dde"};
	struct bytes text = text_fold(b), wide;

	for (unsigned i = 0; i < 2; i++)
		if (text_has(text, words[i])) {
			part_reason(l->a, l->p, REASON_dde, "field of the text");
			break;
		}
	drop(text);
	wide = (struct bytes){b.data, b.len};
	if (bytes_find(wide, 0, "\x13\0 \0D\0D\0E\0", 10) || bytes_find(wide, 0, "\x13\0D\0D\0E\0", 8))
		part_reason(l->a, l->p, REASON_dde, "field of the text");
}

/* Embedded objects and macros of PowerPoint stand in records, each a compound file, mostly deflated (MS-PPT 2.10.34). */
static void take_slides(struct look *l, struct bytes b)
{
	struct cursor c = cursor_of(b.data, b.len);

	for (uint32_t n = 0; cursor_left(&c) >= 8 && n < PPT_RECORDS_MAX && !analysis_over(l->a); n++) {
		uint16_t version = cursor_le16(&c), type = cursor_le16(&c);
		uint32_t size = cursor_le32(&c);
		struct cursor body = cursor_sub(&c, size < cursor_left(&c) ? size : cursor_left(&c));
		struct bytes packed, object;
		enum reason_code code;
		bool whole;

		if (type != PPT_OBJECT)
			continue;
		if (!(version >> 4)) { /* not deflated */
			part_add(l->a, l->p, (struct bytes){(const uint8_t *)"object", 6}, "", (struct bytes){body.p, (uint32_t)cursor_left(&body)});
			continue;
		}
		cursor_le32(&body);
		packed = (struct bytes){body.p, (uint32_t)cursor_left(&body)};
		if (!bytes_inflate(packed, true, analysis_room(l->a, packed.len, &code), &object, &whole))
			continue;
		part_add(l->a, l->p, (struct bytes){(const uint8_t *)"object", 6}, "", object);
		drop(object);
	}
}

/* ---- mails of Outlook ---- */

static struct bytes property(struct look *l, uint32_t storage, const char *ansi, const char *wide)
{
	uint32_t i = cfb_find(&l->c, storage, wide);
	struct bytes raw, folded;

	if (i == CFB_NONE)
		i = cfb_find(&l->c, storage, ansi);
	if (i == CFB_NONE)
		return (struct bytes){NULL, 0};
	raw = cfb_read(&l->c, i, TEXT_FOLD_MAX);
	if (name_ends(l->c.entry[i].name, "001f")) { /* UTF-16: the low bytes will do */
		uint8_t *low = raw.len ? malloc(raw.len / 2 + 1) : NULL;

		for (uint32_t k = 0; low && 2 * k + 1 < raw.len; k++)
			low[k] = raw.data[2 * k];
		folded = (struct bytes){low, low ? raw.len / 2 : 0};
		drop(raw);
		return folded;
	}
	return raw;
}

void mail_words(struct analysis *a, struct bytes text);

static void take_outlook(struct look *l)
{
	struct bytes subject = property(l, 0, "__substg1.0_0037001E", "__substg1.0_0037001F");
	struct bytes from = property(l, 0, "__substg1.0_0C1F001E", "__substg1.0_0C1F001F");
	struct bytes body = property(l, 0, "__substg1.0_1000001E", "__substg1.0_1000001F");

	l->p->traits |= PART_MAIL;
	if (subject.len)
		part_fact_bytes(l->a, l->p, "subject", subject.data, subject.len);
	if (from.len)
		part_fact_bytes(l->a, l->p, "from", from.data, from.len);
	mail_words(l->a, body);
	drop(subject);
	drop(from);
	drop(body);
	for (uint32_t i = 1; i < l->c.entries && !analysis_over(l->a); i++) {
		const struct cfb_entry *e = &l->c.entry[i];
		struct bytes name, data;
		uint32_t at;

		if (e->type != CFB_STORAGE || strncmp(e->name, "__attach_version1.0_", 20) != 0)
			continue;
		at = cfb_find(&l->c, i, "__substg1.0_37010102");
		if (at == CFB_NONE)
			continue;
		name = property(l, i, "__substg1.0_3707001E", "__substg1.0_3707001F");
		if (!name.len)
			name = property(l, i, "__substg1.0_3704001E", "__substg1.0_3704001F");
		data = read_entry(l, at);
		part_add(l->a, l->p, name, "", data);
		drop(name);
		drop(data);
	}
}

/* ---- locked documents ---- */

static void take_locked(struct look *l, uint32_t package)
{
	uint32_t at = cfb_find(&l->c, 0, "EncryptionInfo");
	struct bytes info = {NULL, 0}, data = read_entry(l, package), plain = {NULL, 0};
	const char *password = NULL;

	if (at != CFB_NONE)
		info = read_entry(l, at);
	if (info.data && data.data)
		password = offcrypto_open(l->a, info, data, &plain);
	if (!password)
		part_reason(l->a, l->p, REASON_locked, "document");
	else if (strcmp(password, OFFCRYPTO_BUILT_IN) == 0)
		part_reason_alone(l->a, l->p, REASON_locked_for_show);
	else
		part_reason(l->a, l->p, REASON_unlocked_by_mail, "document");
	if (plain.data) /* the document itself: called as what it is locked in */
		part_add(l->a, l->p, (struct bytes){(const uint8_t *)l->p->name, (uint32_t)strlen(l->p->name)}, "", plain);
	drop(info);
	drop(data);
	drop(plain);
}

/* ---- all of it ---- */

static void take_stream(struct look *l, uint32_t i)
{
	const struct cfb_entry *e = &l->c.entry[i];
	const char *name = e->name;
	struct bytes b;

	if (strcmp(name, "\1Ole10Native") == 0) {
		part_reason(l->a, l->p, REASON_embedded_object, "package");
		b = read_entry(l, i);
		take_native(l, b);
	} else if (strcmp(name, "Workbook") == 0 || strcmp(name, "Book") == 0) {
		b = read_entry(l, i);
		judge_workbook(l, b);
	} else if (strcmp(name, "WordDocument") == 0) {
		b = read_entry(l, i);
		if (b.len > 12 && b.data[11] & 1) /* fEncrypted (MS-DOC 2.5.2) */
			part_reason(l->a, l->p, REASON_locked, "document");
		judge_word(l, b);
	} else if (strcmp(name, "PowerPoint Document") == 0) {
		b = read_entry(l, i);
		take_slides(l, b);
	} else if (strcmp(name, "EncryptedPackage") == 0) {
		take_locked(l, i);
		return;
	} else if (strcmp(name, "Equation Native") == 0) {
		part_reason_alone(l->a, l->p, REASON_equation);
		return;
	} else {
		return;
	}
	drop(b);
}

static void take_storage(struct look *l, uint32_t i)
{
	const struct cfb_entry *e = &l->c.entry[i];

	if (memcmp(e->clsid, class_equation, 16) == 0)
		part_reason_alone(l->a, l->p, REASON_equation);
	if (strcmp(e->name, "VBA") == 0)
		vba_project(l->a, l->p, &l->c, i);
}

static void tell_kind(struct look *l)
{
	static const struct {
		const char *stream, *format;
	} formats[] = {{"WordDocument", "Word"}, {"Workbook", "Excel"}, {"Book", "Excel"},
		       {"PowerPoint Document", "PowerPoint"}, {"VisioDocument", "Visio"}, {"EncryptedPackage", "encrypted Office document"}};

	if (memcmp(l->c.entry[0].clsid, class_msi, 16) == 0) {
		l->p->traits |= PART_EXECUTABLE;
		part_fact(l->a, l->p, "format", "Windows installer");
		return;
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (cfb_find(&l->c, 0, formats[i].stream) != CFB_NONE) {
			l->p->traits |= PART_DOCUMENT;
			part_fact(l->a, l->p, "format", "%s", formats[i].format);
			return;
		}
}

void ole_run(struct analysis *a, struct part *p)
{
	struct look l = {.a = a, .p = p};

	if (!cfb_open(&l.c, p->data)) {
		part_reason(a, p, REASON_broken, "compound file");
		return;
	}
	tell_kind(&l);
	if (cfb_find(&l.c, 0, "__properties_version1.0") != CFB_NONE)
		take_outlook(&l);
	if (cfb_find(&l.c, 0, "Equation Native") != CFB_NONE || memcmp(l.c.entry[0].clsid, class_equation, 16) == 0)
		part_reason_alone(a, p, REASON_equation);
	for (uint32_t i = 1; i < l.c.entries && !analysis_over(a); i++) {
		if (l.c.entry[i].type == CFB_STREAM)
			take_stream(&l, i);
		else if (l.c.entry[i].type == CFB_STORAGE)
			take_storage(&l, i);
		if (a->bytes >= a->limits.total_bytes)
			break;
	}
	cfb_close(&l.c);
}
