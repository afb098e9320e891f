/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sieve of a pattern group: what finds its literals in a run of bytes without Hyperscan. A few
 * telling bytes of a literal are its anchor. A bitmap, small enough to stay in the cache, says whether
 * the bytes at a place may be an anchor, a table which literals then are to be compared. Masks say of
 * many places at a time which are worth asking about; without them the sieve serves short runs, for
 * which a call of Hyperscan costs more than the bytes.
 *
 * Immutable once built, of the rule set's arena. A pointer that is added to any of these structures
 * must be added to rules/image/shape.c.
 */
#ifndef COMPILE_SIEVE_H
#define COMPILE_SIEVE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Of masks: what a processor can look up. */
enum sieve_kind {
	SIEVE_BYTES,  /* 64 bytes in tables of 64, by their classes: AVX-512 VBMI and GFNI */
	SIEVE_HALVES, /* 32 bytes in two tables of 16, by their halves: AVX2 */
	SIEVE_KINDS
};

#define SIEVE_SHORT_BYTES 512
#define SIEVE_SETS_MAX 8
#define SIEVE_PLACES_MAX 6
#define SIEVE_TABLE_BYTES 64 /* SIEVE_BYTES, of one place in one set, by sieve_class */
#define SIEVE_HALF_BYTES 16   /* SIEVE_HALVES: of the lower halves, then of the upper ones */

struct sieve_masks {
	uint8_t sets;              /* of eight buckets of anchors */
	uint8_t places;            /* bytes looked at from an anchor on: 4 or 6; SIEVE_HALVES: 4 */
	bool short_only;           /* of runs longer than SIEVE_SHORT_BYTES Hyperscan is faster */
	uint8_t of_width[SIEVE_SETS_MAX][3]; /* buckets with anchors of 1, 2, 4 bytes */
	/* [set * places + place]: by byte or half the buckets of the set that know it there */
	_Alignas(64) uint8_t tables[];
};

static inline uint32_t sieve_table_bytes(enum sieve_kind kind)
{
	return kind == SIEVE_BYTES ? SIEVE_TABLE_BYTES : 2 * SIEVE_HALF_BYTES;
}

struct sieve_anchor {
	uint32_t literal;
	uint16_t offset;           /* of the anchor in the literal */
	uint16_t len;              /* of the literal, and … */
	const uint8_t *text;       /* … its bytes, in small letters */
};

/* Of one key. Open addressing, linear. */
struct sieve_slot {
	uint64_t key;
	uint32_t first, count;     /* its anchors; count 0: empty */
	uint64_t check;            /* has_check: sieve_check of more bytes of the only literal, … */
	int32_t check_at;          /* … from there on, counted from the anchor */
	bool has_check;
};

#define SIEVE_CHECK_BYTES 8

struct sieve {
	const uint64_t *bits;      /* which anchors there may be */
	const struct sieve_slot *slots; /* key with its width in bits 32 and up → anchors */
	const struct sieve_anchor *anchors;
	uint32_t slot_mask, anchor_count;
	uint8_t shift;             /* of a hash, to a number of a bit */
	uint8_t widths;            /* or of the widths of all anchors: 1, 2, 4 */
	const struct sieve_masks *masks[SIEVE_KINDS]; /* NULL: Hyperscan is faster */
};

/* What this processor can do; SIEVE_KINDS: neither. */
enum sieve_kind sieve_kind_possible(void);

/* Of SIEVE_BYTES: without the bit in which letters of both cases differ, and without the upper one. */
static inline uint8_t sieve_class(uint8_t c)
{
	return (uint8_t)((c & 0x1f) | (c & 0x40) >> 1);
}

/* Letters of both cases, and some others, are the same. */
static inline uint32_t sieve_load(const uint8_t *data, unsigned width)
{
	uint32_t v = 0;

	if (width == 4)
		memcpy(&v, data, 4);
	else if (width == 2)
		v = data[0] | (uint32_t)data[1] << 8;
	else
		v = data[0];
	return v | (width == 4 ? 0x20202020u : width == 2 ? 0x2020u : 0x20u);
}

/* SIEVE_CHECK_BYTES of a literal, or of what may be it: alike as above. */
static inline uint64_t sieve_check(const uint8_t *data)
{
	uint64_t v;

	memcpy(&v, data, SIEVE_CHECK_BYTES);
	return v | 0x2020202020202020u;
}

static inline uint64_t sieve_key(uint32_t v, unsigned width)
{
	return v | (uint64_t)width << 32;
}

static inline uint32_t sieve_slot_hash(uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 40);
}

static inline uint32_t sieve_bit(const struct sieve *s, uint32_t v, unsigned width)
{
	return (v * (width == 4 ? 0x9e3779b1u : width == 2 ? 0x85ebca77u : 0xc2b2ae3du)) >> s->shift;
}

#endif
