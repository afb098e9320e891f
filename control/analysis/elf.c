/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Programs of Linux (ELF, System V gABI): what their headers say.
 */
#include <elf.h>
#include <string.h>

#include "control/analysis/analyser.h"

#define SEGMENTS_MAX 128u
#define DENSE_BITS 7.3
#define DENSE_FROM_BYTES 4096u

bool elf_is(const struct part *p)
{
	return bytes_begin(p->data, ELFMAG, SELFMAG) && p->data.len >= sizeof(Elf32_Ehdr);
}

struct segment {
	uint32_t type, flags;
	uint64_t at, len;
};

static uint64_t word(struct cursor *c, bool wide, bool big)
{
	if (wide)
		return big ? cursor_be64(c) : cursor_le64(c);
	return big ? cursor_be32(c) : cursor_le32(c);
}

static uint32_t half(struct cursor *c, bool big)
{
	return big ? cursor_be16(c) : cursor_le16(c);
}

static struct segment read_segment(struct cursor *c, bool wide, bool big)
{
	struct segment s = {0};

	s.type = (uint32_t)word(c, false, big);
	if (wide)
		s.flags = (uint32_t)word(c, false, big);
	s.at = word(c, wide, big);
	word(c, wide, big);
	word(c, wide, big);
	s.len = word(c, wide, big);
	word(c, wide, big);
	if (!wide)
		s.flags = (uint32_t)word(c, false, big);
	word(c, wide, big);
	return s;
}

static void judge_segment(struct analysis *a, struct part *p, const struct segment *s, uint64_t *measured)
{
	struct bytes raw;
	double bits;

	if (s->at >= p->data.len)
		return;
	raw = (struct bytes){p->data.data + s->at, (uint32_t)(s->len < p->data.len - s->at ? s->len : p->data.len - s->at)};
	if (s->type == PT_INTERP)
		part_fact_bytes(a, p, "interpreter", raw.data, strnlen((const char *)raw.data, raw.len));
	if (s->type != PT_LOAD || *measured + raw.len > p->data.len)
		return;
	*measured += raw.len;
	bits = bytes_entropy(raw);
	part_fact(a, p, "segment", "%u bytes, entropy %.1f%s%s", raw.len, bits, s->flags & PF_X ? ", runs" : "",
		  s->flags & PF_W ? ", written" : "");
	if (bits > DENSE_BITS && raw.len >= DENSE_FROM_BYTES && s->flags & PF_X)
		part_reason(a, p, REASON_dense, "%.1f bits a byte", bits);
}

void elf_run(struct analysis *a, struct part *p)
{
	bool wide = p->data.data[EI_CLASS] == ELFCLASS64, big = p->data.data[EI_DATA] == ELFDATA2MSB;
	struct cursor c = cursor_of(p->data.data, p->data.len);
	uint64_t segments_at, sections_at, measured = 0;
	uint32_t type, size, count, sections;

	cursor_skip(&c, EI_NIDENT);
	type = half(&c, big);
	p->traits |= PART_NATIVE | (type == ET_EXEC || type == ET_DYN ? PART_EXECUTABLE : 0);
	part_fact(a, p, "machine", "%u, %s", half(&c, big), wide ? "64 bits" : "32 bits");
	cursor_skip(&c, 4);
	word(&c, wide, big);
	segments_at = word(&c, wide, big);
	sections_at = word(&c, wide, big);
	cursor_skip(&c, 6);
	size = half(&c, big);
	count = half(&c, big);
	half(&c, big);
	sections = half(&c, big);
	part_fact(a, p, "kind", "%s", type == ET_EXEC ? "program" : type == ET_DYN ? "library or program" : type == ET_REL ? "object" : "other");
	if ((!sections || !sections_at) && type == ET_EXEC)
		part_fact(a, p, "sections", "none");
	for (uint32_t i = 0; i < count && i < SEGMENTS_MAX; i++) {
		uint64_t at = segments_at + (uint64_t)i * size;
		struct segment s;

		if (at >= p->data.len)
			break;
		c = cursor_of(p->data.data + at, p->data.len - at);
		s = read_segment(&c, wide, big);
		if (!c.bad)
			judge_segment(a, p, &s, &measured);
	}
	if (bytes_find((struct bytes){p->data.data, p->data.len < 4096 ? p->data.len : 4096}, 0, "UPX!", 4))
		part_reason(a, p, REASON_packed, "UPX");
}
