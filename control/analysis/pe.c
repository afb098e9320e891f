/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Programs of Windows (PE format, Microsoft): what their headers say.
 */
#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/analysis/analyser.h"

#define SECTIONS_MAX 96u
#define DLLS_MAX 256u
#define IMPORTS_MAX 4096u
#define IMPORT_NAME_MAX 512u
#define DLL_NAME_MAX 64u
#define DENSE_BITS 7.3
#define DENSE_FROM_BYTES 4096u
#define DIRECTORY_IMPORT 1u
#define DIRECTORY_SECURITY 4u
#define DIRECTORY_CLR 14u

struct section {
	char name[9];
	uint32_t virtual_at, virtual_len, raw_at, raw_len, flags;
};

struct image {
	struct analysis *a;
	struct part *p;
	bool wide; /* PE32+ */
	struct section section[SECTIONS_MAX];
	unsigned sections;
	uint32_t directory[16][2];
	unsigned imports;
	uint32_t seen; /* bits of imports of note */
	EVP_MD_CTX *hash; /* of the imports' names (Mandiant, 2014: "imphash") */
	bool hashed;      /* there is one at least */
	bool inexact;     /* a number that others know the name of, or too much */
};

enum import_flag {
	IMPORT_WRITE = 1 << 0,
	IMPORT_START = 1 << 1,
	IMPORT_ALLOC = 1 << 2,
	IMPORT_LOAD = 1 << 3,
};

static const struct {
	const char *name;
	uint32_t flag;
} imports_of_note[] = {
	{"WriteProcessMemory", IMPORT_WRITE},   {"NtWriteVirtualMemory", IMPORT_WRITE},
	{"CreateRemoteThread", IMPORT_START},   {"CreateRemoteThreadEx", IMPORT_START},
	{"NtCreateThreadEx", IMPORT_START},     {"RtlCreateUserThread", IMPORT_START},
	{"QueueUserAPC", IMPORT_START},         {"SetThreadContext", IMPORT_START},
	{"NtUnmapViewOfSection", IMPORT_ALLOC}, {"VirtualAllocEx", IMPORT_ALLOC},
	{"LoadLibraryA", IMPORT_LOAD},          {"LoadLibraryW", IMPORT_LOAD},
	{"GetProcAddress", IMPORT_LOAD},
};

static const char *const packers[] = {"UPX0", "UPX1", "UPX2", ".aspack", ".adata", ".MPRESS1", ".MPRESS2", ".themida",
				      ".vmp0", ".vmp1", ".enigma1", "PEC2", "pec1", ".petite", ".nsp0", ".nsp1", "FSG!",
				      ".packed", "BitArts", "kkrunchy", ".yP", ".perplex", ".shrink1", ".taz", NULL};

static uint32_t le32_at(struct bytes b, uint64_t at)
{
	return at + 4 <= b.len ? (uint32_t)b.data[at + 3] << 24 | (uint32_t)b.data[at + 2] << 16 | (uint32_t)b.data[at + 1] << 8 | b.data[at] : 0;
}

bool pe_is(const struct part *p)
{
	uint32_t at = le32_at(p->data, 60);

	return p->data.len >= 64 && p->data.data[0] == 'M' && p->data.data[1] == 'Z' && (uint64_t)at + 24 <= p->data.len &&
	       memcmp(p->data.data + at, "PE\0", 4) == 0;
}

static bool place_of(const struct image *m, uint32_t rva, uint32_t *at)
{
	for (unsigned i = 0; i < m->sections; i++) {
		const struct section *s = &m->section[i];

		if (rva >= s->virtual_at && rva - s->virtual_at < s->raw_len) {
			uint64_t place = (uint64_t)s->raw_at + (rva - s->virtual_at);

			*at = (uint32_t)place;
			return place < m->p->data.len;
		}
	}
	*at = rva; /* in the headers */
	return rva < m->p->data.len && (!m->sections || rva < m->section[0].virtual_at);
}

/* ---- sections ---- */

static struct bytes raw_of(const struct image *m, const struct section *s)
{
	uint32_t len = m->p->data.len;

	if (s->raw_at >= len)
		return (struct bytes){m->p->data.data, 0};
	return (struct bytes){m->p->data.data + s->raw_at, s->raw_len < len - s->raw_at ? s->raw_len : len - s->raw_at};
}

static void judge_section(struct image *m, const struct section *s, uint64_t *measured)
{
	struct bytes raw = raw_of(m, s);
	double bits = 0;

	if (*measured + raw.len <= m->p->data.len) { /* sections that share bytes are not measured again */
		bits = bytes_entropy(raw);
		*measured += raw.len;
	}
	part_fact(m->a, m->p, "section", "%s %u bytes, entropy %.1f%s%s", *s->name ? s->name : "(no name)", raw.len, bits,
		  s->flags & 0x20000000 ? ", runs" : "", s->flags & 0x80000000 ? ", written" : "");
	if (bits > DENSE_BITS && raw.len >= DENSE_FROM_BYTES && s->flags & 0x20000000)
		part_reason(m->a, m->p, REASON_dense, "%s: %.1f bits a byte", s->name, bits);
	for (unsigned i = 0; packers[i]; i++)
		if (strcmp(s->name, packers[i]) == 0)
			part_reason(m->a, m->p, REASON_packed, "section %s", s->name);
}

static void read_sections(struct image *m, struct cursor c, unsigned count)
{
	uint64_t measured = 0;

	for (unsigned i = 0; i < count && i < SECTIONS_MAX && cursor_left(&c) >= 40; i++) {
		struct section *s = &m->section[m->sections];

		memcpy(s->name, cursor_take(&c, 8), 8);
		s->virtual_len = cursor_le32(&c);
		s->virtual_at = cursor_le32(&c);
		s->raw_len = cursor_le32(&c);
		s->raw_at = cursor_le32(&c);
		cursor_skip(&c, 12);
		s->flags = cursor_le32(&c);
		m->sections++;
		judge_section(m, s, &measured);
	}
}

/* ---- imports ---- */

static void hash_text(struct image *m, const char *text)
{
	for (; *text; text++) {
		const uint8_t c = (uint8_t)tolower((unsigned char)*text);

		EVP_DigestUpdate(m->hash, &c, 1);
	}
}

/* "kernel32.exitprocess", joined by commas; library: its name without the ending. */
static void hash_import(struct image *m, const char *library, const char *name)
{
	if (!m->hash || !*name)
		return;
	hash_text(m, m->hashed ? "," : "");
	hash_text(m, library);
	hash_text(m, ".");
	hash_text(m, name);
	m->hashed = true;
}

static void take_import(struct image *m, const char *library, uint32_t rva)
{
	char name[IMPORT_NAME_MAX];
	uint32_t at, n = 0;

	if (!place_of(m, rva + 2, &at)) /* behind the hint */
		return;
	while (n < IMPORT_NAME_MAX - 1 && at + n < m->p->data.len && m->p->data.data[at + n]) {
		name[n] = (char)m->p->data.data[at + n];
		n++;
	}
	name[n] = '\0';
	m->inexact |= n == IMPORT_NAME_MAX - 1;
	hash_import(m, library, name);
	for (size_t i = 0; i < sizeof(imports_of_note) / sizeof(imports_of_note[0]); i++)
		if (strcmp(name, imports_of_note[i].name) == 0) {
			m->seen |= imports_of_note[i].flag;
			part_fact(m->a, m->p, "import", "%s", name);
		}
}

/* By number: of three libraries the hash takes names that stand in lists of old. */
static void take_number(struct image *m, const char *library, uint16_t number)
{
	char name[16];

	m->inexact |= strcmp(library, "ws2_32") == 0 || strcmp(library, "wsock32") == 0 || strcmp(library, "oleaut32") == 0;
	snprintf(name, sizeof(name), "ord%u", number);
	hash_import(m, library, name);
}

static void read_thunks(struct image *m, const char *library, uint32_t rva)
{
	unsigned step = m->wide ? 8 : 4;
	uint32_t at;

	if (!place_of(m, rva, &at))
		return;
	for (; m->imports < IMPORTS_MAX && (uint64_t)at + step <= m->p->data.len; at += step) {
		uint32_t low = le32_at(m->p->data, at), high = m->wide ? le32_at(m->p->data, at + 4) : low;

		if (!low && !high)
			break;
		m->imports++;
		if (!(high & 0x80000000))
			take_import(m, library, low);
		else
			take_number(m, library, (uint16_t)low);
	}
	m->inexact |= m->imports == IMPORTS_MAX;
}

/* In lower case, without .dll, .ocx, .sys. */
static void library_name(const struct image *m, uint32_t at, char out[DLL_NAME_MAX])
{
	static const char *const endings[] = {".dll", ".ocx", ".sys"};
	uint32_t n = 0;

	while (n < DLL_NAME_MAX - 1 && at + n < m->p->data.len && m->p->data.data[at + n]) {
		out[n] = (char)tolower(m->p->data.data[at + n]);
		n++;
	}
	out[n] = '\0';
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (name_ends(out, endings[i])) {
			out[n - 4] = '\0';
			return;
		}
}

static void read_imports(struct image *m)
{
	char library[DLL_NAME_MAX];
	uint32_t at, name_at;
	unsigned dlls;

	if (!m->directory[DIRECTORY_IMPORT][0] || !place_of(m, m->directory[DIRECTORY_IMPORT][0], &at))
		return;
	for (dlls = 0; dlls < DLLS_MAX && (uint64_t)at + 20 <= m->p->data.len; dlls++, at += 20) {
		uint32_t lookup = le32_at(m->p->data, at), name = le32_at(m->p->data, at + 12);
		uint32_t table = le32_at(m->p->data, at + 16);

		if (!name && !table)
			break;
		library[0] = '\0';
		if (place_of(m, name, &name_at)) {
			part_fact_bytes(m->a, m->p, "library", m->p->data.data + name_at,
					strnlen((const char *)m->p->data.data + name_at,
						m->p->data.len - name_at < 64 ? m->p->data.len - name_at : 64));
			library_name(m, name_at, library);
		}
		read_thunks(m, library, lookup ? lookup : table);
	}
	part_fact(m->a, m->p, "imports", "%u of %u libraries", m->imports, dlls);
}

static void tell_hash(struct image *m)
{
	uint8_t sum[16];
	char text[33];

	if (!m->hash || !m->hashed || m->inexact || !EVP_DigestFinal_ex(m->hash, sum, NULL))
		return;
	for (unsigned i = 0; i < sizeof(sum); i++)
		snprintf(text + 2 * i, 3, "%02x", sum[i]);
	part_fact(m->a, m->p, "imphash", "%s", text);
}

static void judge_imports(struct image *m)
{
	bool managed = m->directory[DIRECTORY_CLR][0] != 0;

	if (m->seen & IMPORT_WRITE && m->seen & IMPORT_START && m->seen & IMPORT_ALLOC)
		part_reason_alone(m->a, m->p, REASON_imports_inject);
	if (!managed && m->seen & IMPORT_LOAD && m->imports <= 12)
		part_reason(m->a, m->p, REASON_imports_few, "%u", m->imports);
}

/* ---- the rest ---- */

/* What stands behind the last section (and is no signature): installers and droppers keep things there. */
static void judge_overlay(struct image *m)
{
	uint64_t end = 0, signature = m->directory[DIRECTORY_SECURITY][0];
	struct bytes rest;

	for (unsigned i = 0; i < m->sections; i++)
		if (m->section[i].raw_len && (uint64_t)m->section[i].raw_at + m->section[i].raw_len > end)
			end = (uint64_t)m->section[i].raw_at + m->section[i].raw_len;
	if (!end || end >= m->p->data.len)
		return;
	rest = (struct bytes){m->p->data.data + end, m->p->data.len - (uint32_t)end};
	if (signature >= end && signature < m->p->data.len)
		rest.len = (uint32_t)(signature - end);
	if (rest.len < 16)
		return;
	part_fact(m->a, m->p, "overlay", "%u bytes, entropy %.1f", rest.len, bytes_entropy(rest));
	part_add(m->a, m->p, (struct bytes){(const uint8_t *)"overlay", 7}, "", rest);
}

static void tell_head(struct image *m, uint16_t machine, uint32_t stamp, uint16_t flags)
{
	part_fact(m->a, m->p, "machine", "%s", machine == 0x14c ? "x86" : machine == 0x8664 ? "x86-64" : machine == 0xaa64 ? "ARM64" : "other");
	part_fact(m->a, m->p, "kind", "%s", flags & 0x2000 ? "library" : "program");
	part_fact(m->a, m->p, "linked", "%u", stamp);
	part_fact(m->a, m->p, "signature", "%s", m->directory[DIRECTORY_SECURITY][1] ? "present, not checked" : "none");
	if (m->directory[DIRECTORY_CLR][0])
		part_fact(m->a, m->p, "runtime", ".NET");
}

void pe_run(struct analysis *a, struct part *p)
{
	struct image *m = calloc(1, sizeof(*m));
	struct cursor c = cursor_of(p->data.data, p->data.len), optional;
	uint16_t machine, sections, optional_len, flags;
	uint32_t stamp, directories;

	p->traits |= PART_EXECUTABLE | PART_NATIVE;
	if (!m)
		return;
	m->a = a;
	m->p = p;
	cursor_skip(&c, le32_at(p->data, 60) + 4);
	machine = cursor_le16(&c);
	sections = cursor_le16(&c);
	stamp = cursor_le32(&c);
	cursor_skip(&c, 8);
	optional_len = cursor_le16(&c);
	flags = cursor_le16(&c);
	optional = cursor_sub(&c, optional_len);
	m->wide = cursor_le16(&optional) == 0x20b;
	cursor_skip(&optional, m->wide ? 106 : 90);
	directories = cursor_le32(&optional);
	for (unsigned i = 0; i < 16 && i < directories && cursor_left(&optional) >= 8; i++) {
		m->directory[i][0] = cursor_le32(&optional);
		m->directory[i][1] = cursor_le32(&optional);
	}
	tell_head(m, machine, stamp, flags);
	read_sections(m, c, sections);
	m->hash = EVP_MD_CTX_new();
	if (m->hash && !EVP_DigestInit_ex(m->hash, EVP_md5(), NULL)) {
		EVP_MD_CTX_free(m->hash);
		m->hash = NULL;
	}
	read_imports(m);
	tell_hash(m);
	EVP_MD_CTX_free(m->hash);
	judge_imports(m);
	judge_overlay(m);
	free(m);
}
