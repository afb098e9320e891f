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

/* Open addressing, linear. */
struct placed_slot {
	uint64_t key;
	uint32_t first, count;     /* of what the key leads to; count 0: empty */
};

/* Of masks: what a processor can look up. */
enum sieve_kind {
	SIEVE_BYTES,  /* 64 bytes in tables of 128, each without its upper bit: AVX-512 VBMI */
	SIEVE_HALVES, /* 32 bytes in two tables of 16, by their halves: AVX2 */
	SIEVE_KINDS
};

#define SIEVE_SETS_MAX 4
#define SIEVE_PLACES_MAX 6
#define SIEVE_TABLE_BYTES 128 /* SIEVE_BYTES, of one place in one set */
#define SIEVE_HALF_BYTES 16   /* SIEVE_HALVES: of the lower halves, then of the upper ones */

struct sieve_masks {
	uint8_t sets;              /* of eight buckets of anchors */
	uint8_t places;            /* bytes looked at from an anchor on: 4 or 6; SIEVE_HALVES: 4 */
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

struct sieve {
	const uint64_t *bits;      /* which anchors there may be */
	const struct placed_slot *slots; /* key with its width in bits 32 and up → anchors */
	const struct sieve_anchor *anchors;
	uint32_t slot_mask, anchor_count;
	uint8_t shift;             /* of a hash, to a number of a bit */
	uint8_t widths;            /* or of the widths of all anchors: 1, 2, 4 */
	const struct sieve_masks *masks[SIEVE_KINDS]; /* NULL: Hyperscan is faster */
};

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
