/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Archives, compressed files and disk images, all read by libarchive; members become parts. Only
 * formats and filters that libarchive has in itself: none that would start a program.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/analysis/analyser.h"

#define ENTRIES_MAX 100000u      /* folders, links and empty ones counted too */
#define READ_FIRST_BYTES 65536u
#define BOMB_IN_MAIL_WEIGHT 6
#define ISO_SECTOR 2048u
#define ISO_FIRST_VOLUME 16u
#define ISO_LEAST_BYTES 65536u /* libarchive knows no smaller image; Windows does */

struct signature {
	uint32_t at;
	const char *bytes;
	uint8_t len;
	bool image;
};

/* Where formats have their mark; libarchive has the last word. */
static const struct signature signatures[] = {
	{0, "PK\3\4", 4, false},          {0, "PK\5\6", 4, false},
	{0, "PK00PK\3\4", 8, false},      {0, "7z\xbc\xaf\x27\x1c", 6, false},
	{0, "Rar!\x1a\x07", 6, false},    {0, "MSCF\0\0\0\0", 8, false},
	{0, "\x1f\x8b\x08", 3, false},    {0, "BZh", 3, false},
	{0, "\xfd" "7zXZ\0", 6, false},   {0, "\x28\xb5\x2f\xfd", 4, false},
	{0, "\x04\x22\x4d\x18", 4, false}, {0, "LZIP", 4, false},
	{0, "\x1f\x9d", 2, false},        {257, "ustar", 5, false},
	{0, "070701", 6, false},          {0, "070702", 6, false},
	{0, "070707", 6, false},          {0, "!<arch>\n", 8, false},
	{0, "xar!\0\x1c", 6, false},      {2, "-lh", 3, false},
	{0, "\xed\xab\xee\xdb", 4, false}, {0, "\x5d\0\0", 3, false},
	{ISO_SECTOR * ISO_FIRST_VOLUME + 1, "CD001", 5, true},
	{ISO_SECTOR * (ISO_FIRST_VOLUME + 1) + 1, "CD001", 5, true},
	{ISO_SECTOR * (ISO_FIRST_VOLUME + 1) + 1, "BEA01", 5, true},
};

static const struct signature *signature_of(struct bytes b)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		const struct signature *s = &signatures[i];

		if (b.len >= s->at + s->len && memcmp(b.data + s->at, s->bytes, s->len) == 0)
			return s;
	}
	return NULL;
}

bool archive_is(const struct part *p)
{
	return signature_of(p->data) != NULL;
}

/* ---- opening ---- */

struct unpacking {
	struct analysis *a;
	struct part *p;
	struct archive *in;
	struct bytes data; /* the part's, or a longer copy */
	uint64_t unpacked;
	uint32_t entries;
	bool said_locked, unlocked;
};

static void support_filters(struct archive *in)
{
	archive_read_support_filter_gzip(in);
	archive_read_support_filter_bzip2(in);
	archive_read_support_filter_xz(in);
	archive_read_support_filter_lzma(in);
	archive_read_support_filter_lzip(in);
	archive_read_support_filter_compress(in);
	archive_read_support_filter_zstd(in);
	archive_read_support_filter_lz4(in);
	archive_read_support_filter_rpm(in);
}

/* raw: only what is compressed, whatever it is. */
static void support(struct archive *in, bool raw)
{
	support_filters(in);
	archive_read_support_format_raw(in);
	if (raw)
		return;
	archive_read_support_format_zip(in);
	archive_read_support_format_7zip(in);
	archive_read_support_format_rar(in);
	archive_read_support_format_rar5(in);
	archive_read_support_format_cab(in);
	archive_read_support_format_iso9660(in);
	archive_read_support_format_tar(in);
	archive_read_support_format_cpio(in);
	archive_read_support_format_ar(in);
	archive_read_support_format_lha(in);
	archive_read_support_format_xar(in);
}

static struct archive *open_archive(const struct unpacking *u, bool raw)
{
	struct archive *in = archive_read_new();

	if (!in)
		return NULL;
	support(in, raw);
	for (unsigned i = 0; i < u->a->passwords; i++)
		archive_read_add_passphrase(in, u->a->password[i]);
	if (archive_read_open_memory(in, u->data.data, u->data.len) != ARCHIVE_OK) {
		archive_read_free(in);
		return NULL;
	}
	return in;
}

/* ---- members ---- */

static void say_locked(struct unpacking *u, const char *name)
{
	if (!u->said_locked)
		part_reason(u->a, u->p, REASON_locked, "%.200s", name);
	u->said_locked = true;
}

/* The whole member in a new buffer, or what there is of it. False: nothing, or locked. */
static bool read_member(struct unpacking *u, struct archive_entry *e, struct bytes *out)
{
	enum reason_code code;
	uint64_t room = analysis_room(u->a, u->p->data.len, &code), cap, n = 0;
	uint8_t *data, *more;
	la_ssize_t got = 0;

	if (code == REASON_limit_ratio)
		room = room > u->unpacked ? room - u->unpacked : 0;
	cap = archive_entry_size_is_set(e) && archive_entry_size(e) > 0 ? (uint64_t)archive_entry_size(e) + 1 : READ_FIRST_BYTES;
	if (cap > room + 1)
		cap = room + 1;
	data = malloc(cap);
	while (data && !analysis_over(u->a)) {
		if (n == cap) {
			if (n > room)
				break;
			cap = cap * 2 < room + 1 ? cap * 2 : room + 1;
			more = realloc(data, cap);
			if (!more)
				break;
			data = more;
		}
		got = archive_read_data(u->in, data + n, cap - n);
		if (got <= 0)
			break;
		n += (uint64_t)got;
	}
	if (n > room) {
		n = room;
		u->a->incomplete = true;
		part_reason_weighed(u->a, u->p, code, part_in(u->p, PART_MAIL) && code == REASON_limit_ratio ? BOMB_IN_MAIL_WEIGHT : reason_rows[code].weight,
				    "%llu bytes from %u", (unsigned long long)(u->unpacked + n), u->p->data.len);
	}
	u->unpacked += n;
	*out = (struct bytes){data, (uint32_t)n};
	if (data && (n || got == 0))
		return true;
	free(data);
	return false;
}

static const char *name_of(struct archive_entry *e)
{
	const char *name = archive_entry_pathname_utf8(e);

	if (!name)
		name = archive_entry_pathname(e);
	return name ? name : "";
}

static bool leads_out(const char *name)
{
	for (const char *at = name; at; at = strpbrk(at, "/\\")) {
		at += *at == '/' || *at == '\\';
		if (strncmp(at, "..", 2) == 0 && (at[2] == '\0' || at[2] == '/' || at[2] == '\\'))
			return true;
	}
	return false;
}

static void take_member(struct unpacking *u, struct archive_entry *e)
{
	bool locked = archive_entry_is_data_encrypted(e) == 1;
	const char *name = analysis_text(u->a, name_of(e), strnlen(name_of(e), PART_NAME_MAX));
	struct bytes data = {NULL, 0};
	bool got;

	if (leads_out(name))
		part_reason(u->a, u->p, REASON_unsafe_path, "%.200s", name);
	got = read_member(u, e, &data);
	if (locked && !got) {
		say_locked(u, name);
		part_fact(u->a, u->p, "locked", "%.200s", name);
		return;
	}
	if (!got) {
		part_reason(u->a, u->p, REASON_broken, "%.100s: %.200s", name, archive_error_string(u->in) ? archive_error_string(u->in) : "");
		return;
	}
	if (locked && !u->unlocked) {
		u->unlocked = true;
		part_reason(u->a, u->p, REASON_unlocked_by_mail, "%.200s", name);
	}
	part_add(u->a, u->p, (struct bytes){(const uint8_t *)name, (uint32_t)strlen(name)}, "", data);
	free((void *)(uintptr_t)data.data);
}

/* What is only compressed is called as its container, without the last ending. */
static void take_raw(struct unpacking *u, struct archive_entry *e)
{
	const char *own = u->p->name, *dot = strrchr(own, '.');
	struct bytes data, name = {(const uint8_t *)own, (uint32_t)(dot ? (size_t)(dot - own) : strlen(own))};

	if (archive_filter_count(u->in) < 2) /* nothing was unpacked: it would be its own member */
		return;
	part_fact(u->a, u->p, "format", "%s", archive_filter_name(u->in, 0));
	if (!read_member(u, e, &data))
		return;
	part_add(u->a, u->p, name, "", data);
	free((void *)(uintptr_t)data.data);
}

static void judge_end(struct unpacking *u, int rc)
{
	const char *why = archive_error_string(u->in);

	if (archive_read_has_encrypted_entries(u->in) == 1 && !u->unlocked)
		say_locked(u, "names and content");
	else if (rc != ARCHIVE_EOF && why)
		part_reason(u->a, u->p, REASON_broken, "%.200s", why);
}

static bool is_enough(const struct unpacking *u)
{
	return analysis_over(u->a) || u->entries >= ENTRIES_MAX || u->a->bytes >= u->a->limits.total_bytes ||
	       part_has_reason(u->p, REASON_limit_ratio) || part_has_reason(u->p, REASON_limit_depth) ||
	       part_has_reason(u->p, REASON_limit_parts);
}

static void take_entry(struct unpacking *u, struct archive_entry *e)
{
	if (u->entries == 1)
		part_fact(u->a, u->p, "format", "%s", archive_format_name(u->in));
	if (archive_entry_filetype(e) == AE_IFREG || (archive_entry_filetype(e) == 0 && archive_entry_size(e) > 0))
		take_member(u, e);
}

static void unpack(struct unpacking *u, bool raw)
{
	struct archive_entry *e;
	int rc = ARCHIVE_OK;

	u->in = open_archive(u, raw);
	if (!u->in) {
		part_fact(u->a, u->p, "format", "unknown to libarchive");
		return;
	}
	while (!is_enough(u)) {
		rc = archive_read_next_header(u->in, &e);
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN && rc != ARCHIVE_RETRY)
			break;
		u->entries++;
		if (archive_format(u->in) == ARCHIVE_FORMAT_RAW) {
			take_raw(u, e);
			break;
		}
		if (rc != ARCHIVE_RETRY)
			take_entry(u, e);
	}
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		judge_end(u, rc);
	archive_read_free(u->in);
}

/* A zip is a document when its table of contents is one's (ISO/IEC 29500-2; OpenDocument 1.2, 3). */
static void tell_zip(struct part *p)
{
	static const char types[] = "[Content_Types].xml", odf[] = "mimetypeapplication/vnd.oasis.opendocument";
	static const char manifest[] = "META-INF/MANIFEST.MF";

	p->traits |= PART_ARCHIVE;
	if (p->data.len < 4 || p->data.data[0] != 'P')
		return;
	if (bytes_find(p->data, 0, types, sizeof(types) - 1) || bytes_find(p->data, 0, odf, sizeof(odf) - 1))
		p->traits = (p->traits & ~(uint32_t)PART_ARCHIVE) | PART_DOCUMENT;
	else if (name_ends(p->name, ".jar") && bytes_find(p->data, 0, manifest, sizeof(manifest) - 1))
		p->traits |= PART_EXECUTABLE;
}

/* An image that is too short for libarchive, with zeros behind it; the caller frees it. NULL: it is not. */
static uint8_t *longer_image(struct unpacking *u)
{
	uint8_t *copy = u->data.len < ISO_LEAST_BYTES ? calloc(1, ISO_LEAST_BYTES) : NULL;

	if (!copy)
		return NULL;
	memcpy(copy, u->data.data, u->data.len);
	u->data = (struct bytes){copy, ISO_LEAST_BYTES};
	return copy;
}

void archive_run(struct analysis *a, struct part *p)
{
	const struct signature *s = signature_of(p->data);
	struct unpacking u = {.a = a, .p = p, .data = p->data};
	uint8_t *copy = NULL;

	tell_zip(p);
	if (s && s->image) {
		p->traits |= PART_DISK_IMAGE;
		copy = longer_image(&u);
	}
	unpack(&u, false);
	if (!u.entries) /* compressed zeros are taken for an empty tar: whatever else stands behind them */
		unpack(&u, true);
	free(copy);
}
