/* SPDX-License-Identifier: BSD-3-Clause
 *
 * asn1: objects in BER (X.690) that known decoders overran. Objects are walked one after the other from
 * the place that the rule says, into constructed ones with a stack of ends; what is found counts only
 * when the outermost object is whole, as otherwise it is no BER but other bytes.
 * Runs in the workers. Work is bounded by ASN1_OBJECTS_MAX.
 */
#include "dataplane/base/cursor.h"
#include "dataplane/detect/chain.h"

#define ASN1_OBJECTS_MAX 256 /* the reference's */
#define ASN1_DEPTH_MAX 32

#define CLASS_MASK 0xc0
#define CONSTRUCTED 0x20
#define TAG_MASK 0x1f
#define TAG_BIT_STRING 3
#define TAG_REAL 9
#define DOUBLE_MAX 256 /* bytes that the decoders had room for */

struct object {
	uint8_t first;          /* class, constructed or not, tag */
	uint32_t content, len;  /* len of an indefinite one: to the end of what is around it */
	bool indefinite;
};

/* The object at *at, which moves to its content. False: there is none within end. */
static bool object_read(const uint8_t *data, uint32_t *at, uint32_t end, struct object *o)
{
	uint32_t p = *at, count;
	uint64_t len = 0;

	if (end - p < 2)
		return false;
	o->first = data[p++];
	if ((o->first & TAG_MASK) == TAG_MASK) { /* a long tag: its value is of no matter */
		while (p < end && (data[p] & 0x80))
			p++;
		p++;
	}
	if (p >= end)
		return false;
	count = data[p++];
	o->indefinite = count == 0x80 && (o->first & CONSTRUCTED);
	if (count < 0x80) {
		len = count;
	} else if (o->indefinite) {
		len = end - p;
	} else {
		count &= 0x7f;
		if (count == 0 || count > 8 || count > end - p)
			return false;
		for (; count; count--)
			len = len << 8 | data[p++];
	}
	if (len > end - p)
		return false;
	o->content = p;
	o->len = (uint32_t)len;
	*at = p;
	return true;
}

static bool object_bad(const struct match_asn1 *m, const uint8_t *data, const struct object *o)
{
	bool primitive = !(o->first & (CLASS_MASK | CONSTRUCTED));
	unsigned tag = o->first & TAG_MASK;
	uint8_t head = o->len ? data[o->content] : 0;

	if (m->oversize && !o->indefinite && o->len > m->oversize_length)
		return true;
	if (m->bitstring_overflow && primitive && tag == TAG_BIT_STRING && o->len && head > o->len * 8ull)
		return true;
	/* Real numbers written in decimal digits. */
	return m->double_overflow && primitive && tag == TAG_REAL && o->len > DOUBLE_MAX && !(head & 0xc0);
}

/* One outermost object with all in it. False: it is not whole; *at is behind it. */
static bool object_walk(const struct match_asn1 *m, const uint8_t *data, uint32_t *at, uint32_t len,
			unsigned *left, bool *found)
{
	uint32_t ends[ASN1_DEPTH_MAX];
	unsigned depth = 0;

	do {
		uint32_t end = depth ? ends[depth - 1] : len;
		struct object o;

		if (!(*left)-- || !object_read(data, at, end, &o))
			return false;
		*found |= object_bad(m, data, &o);
		if (o.first == 0 && o.len == 0 && depth) { /* ends an indefinite one */
			ends[depth - 1] = *at;
		} else if (o.first & CONSTRUCTED) {
			if (depth == ASN1_DEPTH_MAX)
				return false;
			ends[depth++] = *at + o.len;
		} else {
			*at += o.len;
		}
		while (depth && *at >= ends[depth - 1])
			depth--;
	} while (depth);
	return true;
}

bool asn1_run(const struct match_asn1 *m, const uint8_t *data, uint32_t len, uint32_t pointer)
{
	int64_t start = m->relative ? (int64_t)pointer + m->offset : m->offset;
	unsigned left = ASN1_OBJECTS_MAX;
	uint32_t at;

	if (start < 0 || start >= len)
		return false;
	at = (uint32_t)start;
	while (at < len && left) {
		bool found = false;

		if (!object_walk(m, data, &at, len, &left, &found))
			return false;
		if (found)
			return true;
	}
	return false;
}
