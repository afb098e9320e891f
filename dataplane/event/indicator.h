/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of known bad indicators as workers read it: an immutable image in a memfd, made by
 * control (indicator_build.h), mapped by the dataplane, swapped by RCU. Ten million entries;
 * a look-up touches one cache line for each value tried, and allocates nothing.
 *
 * Format (native byte order, this machine only):
 *   struct indicator_image | buckets (64-byte aligned) | class rows | texts
 * A bucket is one cache line of four slots. A value's 64-bit hash is XXH3 over its canonical form
 * with a seed made of the image's and the kind (indicator_hash); its high bits choose the bucket,
 * all of it is the tag; a full bucket spills into the next, over INDICATOR_SPILL_MAX at most.
 * Tag 0 is an empty slot, behind which a bucket has no more. An indicator may have several slots:
 * what denies and what allows it, itself (SLOT_EXACT) and what is below it (SLOT_BELOW), apart.
 *
 * Canonical values: names, mail addresses in lower case without final dot; URLs as base/url.h has
 * them; hashes and fingerprints as bytes; addresses as 4 or
 * 16 bytes; JA4 and user agents as text. A network: kind INDICATOR_NET, masked address of 4 or 16
 * bytes, prefix length (1 byte). ip:port: kind INDICATOR_ENDPOINT, address, port (big endian).
 *
 * What a value matches: itself; a name also every entry above it that has SLOT_BELOW; an address
 * also every network around it and itself with the port. An entry with SLOT_ALLOW among what it
 * matches makes it not known: allow beats deny. A server name is looked for among the names, too.
 * Of several that match, the hit is the one with the highest score.
 *
 * Threads: immutable; any.
 */
#ifndef EVENT_INDICATOR_H
#define EVENT_INDICATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/event/contact.h"

#define INDICATOR_NET 64      /* kinds beyond enum contact_kind; as control/contact/kinds.h */
#define INDICATOR_ENDPOINT 65

#define INDICATOR_MAGIC 0x31636964696e534dull
#define INDICATOR_LABELS_MAX 32 /* of entries with SLOT_BELOW: longer ones are not looked for */
#define INDICATOR_SPILL_MAX 64  /* buckets that a look-up reads at most */

enum indicator_slot_flags { SLOT_BELOW = 1 << 0, SLOT_ALLOW = 1 << 1, SLOT_EXACT = 1 << 2 };

/* What entries have in common: feed, threat, …; an alert prints it. Texts are offsets into the
 * image's texts, terminated; 0: the empty text. */
struct indicator_class {
	uint32_t source, threat, family, category;
	uint8_t score;    /* 0 to 100 */
	uint8_t severity; /* 1 (high) to 4, as alerts have it */
	uint8_t action;   /* enum config_intel, resolved from feed and configuration */
	uint8_t reserved;
};

struct indicator_slot {
	uint64_t tag;
	uint32_t class_index;
	uint32_t flags;
};

struct indicator_image {
	uint64_t magic, bytes; /* of the whole image */
	uint64_t version;      /* of the intelligence */
	uint64_t seed, entries;
	uint64_t bucket_count; /* a power of two, at least 1 */
	uint64_t classes_at, class_count, texts_at, texts_bytes, buckets_at; /* offsets */
	uint64_t kinds;        /* bit k: entries of kind k are there: others cost nothing;
				* networks are bit 62, endpoints bit 63 */
	uint8_t net_bits[2][129]; /* distinct prefix lengths, IPv4 and IPv6, longest first */
	uint8_t net_count[2];
};

/* What was found: the entry (part of the value that was given) and its class. */
struct indicator_hit {
	const struct indicator_class *cls;
	int kind;             /* of the entry */
	const uint8_t *value; /* the entry, canonical: borrowed from the value given … */
	size_t len;
	uint8_t net[18];      /* … or, for a network or endpoint, this */
};

/* Whether the bytes mapped are an image whose offsets and counts stay inside it. */
bool indicator_image_valid(const void *image, size_t bytes);
/* Looks a contact's value up. value: canonical; kind: enum contact_kind; port: of the server, 0
 * unknown. True: known bad, *hit filled. */
bool indicator_find(const struct indicator_image *image, unsigned kind, const void *value,
		    size_t len, uint16_t port, struct indicator_hit *hit);
/* The text at an offset. Never NULL. */
const char *indicator_text(const struct indicator_image *image, uint32_t at);
uint64_t indicator_hash(uint64_t seed, unsigned kind, const void *value, size_t len);
/* The bucket where the search for a tag begins. */
uint64_t indicator_bucket(uint64_t bucket_count, uint64_t tag);

#endif
