/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/indicators.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUCKETS 64u
#define SLOTS 4u
#define CLASSES 64u
#define TEXTS 4096u

struct image {
	struct indicator_image head;
	struct indicator_class classes[CLASSES];
	char texts[TEXTS];
	_Alignas(64) struct indicator_slot slots[BUCKETS * SLOTS];
};

static uint32_t text_add(struct image *i, const char *text)
{
	uint32_t at = (uint32_t)i->head.texts_bytes;
	size_t n = strlen(text) + 1;

	if (at + n > TEXTS)
		abort();
	memcpy(i->texts + at, text, n);
	i->head.texts_bytes += n;
	return at;
}

static size_t addr_value(const char *text, uint8_t *out)
{
	struct addr a;
	int version = addr_parse(text, &a);

	if (!version)
		abort();
	memcpy(out, a.b, version == 6 ? 16 : 4);
	return version == 6 ? 16 : 4;
}

static void net_note(struct image *i, unsigned family, uint8_t bits)
{
	uint8_t *list = i->head.net_bits[family], n = i->head.net_count[family], at = 0;

	while (at < n && list[at] > bits)
		at++;
	if (at < n && list[at] == bits)
		return;
	memmove(list + at + 1, list + at, n - at);
	list[at] = bits;
	i->head.net_count[family]++;
}

/* The canonical value (indicator.h). Returns its length. */
static size_t value_make(struct image *i, const struct indicator_entry *e, uint8_t out[512])
{
	static const uint8_t hash_bytes[CONTACT_KIND_COUNT] = {
		[CONTACT_JA3] = 16,	  [CONTACT_CERT_SHA1] = 20, [CONTACT_CERT_SHA256] = 32,
		[CONTACT_FILE_MD5] = 16,  [CONTACT_FILE_SHA1] = 20, [CONTACT_FILE_SHA256] = 32,
	};
	struct addr_prefix p;
	char host[64];
	size_t n;

	if (e->kind == CONTACT_IP)
		return addr_value(e->value, out);
	if (e->kind == INDICATOR_NET) {
		if (addr_prefix_parse(e->value, &p) != 0)
			abort();
		n = p.ip_version == 6 ? 16 : 4;
		memcpy(out, p.addr.b, n);
		out[n] = p.bits;
		net_note(i, p.ip_version == 6, p.bits);
		return n + 1;
	}
	if (e->kind == INDICATOR_ENDPOINT) {
		const char *colon = strrchr(e->value, ':');
		unsigned port = (unsigned)atoi(colon + 1);

		snprintf(host, sizeof(host), "%.*s", (int)(colon - e->value), e->value);
		n = addr_value(host, out);
		out[n] = (uint8_t)(port >> 8);
		out[n + 1] = (uint8_t)port;
		return n + 2;
	}
	if (e->kind < CONTACT_KIND_COUNT && hash_bytes[e->kind]) {
		for (n = 0; n < hash_bytes[e->kind]; n++) {
			unsigned byte;

			if (sscanf(e->value + 2 * n, "%2x", &byte) != 1)
				abort();
			out[n] = (uint8_t)byte;
		}
		return n;
	}
	n = strlen(e->value);
	memcpy(out, e->value, n);
	return n;
}

static void entry_add(struct image *i, const struct indicator_entry *e)
{
	struct indicator_class *class = &i->classes[i->head.class_count];
	uint8_t value[512];
	size_t len = value_make(i, e, value);
	uint64_t tag = indicator_hash(i->head.seed, e->kind, value, len);
	uint64_t at = indicator_bucket(BUCKETS, tag) * SLOTS;

	while (i->slots[at].tag)
		at = (at + 1) % (BUCKETS * SLOTS);
	*class = (struct indicator_class){
		.source = text_add(i, "test feed"),
		.threat = text_add(i, e->threat ? e->threat : ""),
		.category = text_add(i, "A Network Trojan was detected"),
		.score = e->score ? e->score : 90,
		.severity = 1,
		.action = (uint8_t)e->action,
	};
	i->slots[at] = (struct indicator_slot){
		.tag = tag,
		.class_index = (uint32_t)i->head.class_count++,
		.flags = e->flags ? e->flags : SLOT_EXACT,
	};
	i->head.kinds |= 1ull << (e->kind == INDICATOR_NET	? 62
				  : e->kind == INDICATOR_ENDPOINT ? 63
								  : e->kind);
	i->head.entries++;
}

int indicators_make(uint64_t version, const struct indicator_entry *entries)
{
	struct image *i = aligned_alloc(64, sizeof(*i));
	int fd = memfd_create("indicators", MFD_ALLOW_SEALING);

	if (!i || fd < 0)
		abort();
	memset(i, 0, sizeof(*i));
	i->head = (struct indicator_image){
		.magic = INDICATOR_MAGIC,
		.bytes = sizeof(*i),
		.version = version,
		.seed = 12345,
		.bucket_count = BUCKETS,
		.classes_at = offsetof(struct image, classes),
		.texts_at = offsetof(struct image, texts),
		.buckets_at = offsetof(struct image, slots),
	};
	text_add(i, "");
	for (; entries->kind; entries++)
		entry_add(i, entries);
	if (write(fd, i, sizeof(*i)) != (ssize_t)sizeof(*i))
		abort();
	free(i);
	return fd;
}
