/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/event/indicator.c: on an image made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/event/indicator.h"

#define BUCKETS 4
#define BUCKETS_AT 576
#define CLASSES_AT (BUCKETS_AT + BUCKETS * 64)
#define CLASSES 2
#define TEXTS_AT (CLASSES_AT + CLASSES * sizeof(struct indicator_class))
#define TEXTS "\0list\0Bot"
#define BYTES (TEXTS_AT + sizeof(TEXTS))

static _Alignas(64) uint8_t room[BYTES];
static struct indicator_image *const image = (void *)room;

static void put(unsigned kind, const void *value, size_t len, uint32_t class_index, uint32_t flags)
{
	uint64_t tag = indicator_hash(image->seed, kind, value, len);
	struct indicator_slot *slots = (void *)(room + BUCKETS_AT);
	uint64_t at = indicator_bucket(BUCKETS, tag) * 4;

	while (slots[at].tag)
		at = (at + 1) % (BUCKETS * 4);
	slots[at] = (struct indicator_slot){tag, class_index, flags};
	image->kinds |= 1ull << (kind == INDICATOR_NET        ? 62
				 : kind == INDICATOR_ENDPOINT ? 63
							      : kind);
	image->entries++;
}

static int setup(void **state)
{
	struct indicator_class *classes = (void *)(room + CLASSES_AT);

	(void)state;
	assert_true(sizeof(*image) <= BUCKETS_AT);
	memset(room, 0, sizeof(room));
	*image = (struct indicator_image){
		.magic = INDICATOR_MAGIC,
		.bytes = BYTES,
		.version = 7,
		.seed = 99,
		.bucket_count = BUCKETS,
		.buckets_at = BUCKETS_AT,
		.classes_at = CLASSES_AT,
		.class_count = CLASSES,
		.texts_at = TEXTS_AT,
		.texts_bytes = sizeof(TEXTS),
	};
	memcpy(room + TEXTS_AT, TEXTS, sizeof(TEXTS));
	classes[0] = (struct indicator_class){.source = 1, .family = 6, .score = 50, .severity = 2};
	classes[1] = (struct indicator_class){.source = 1, .score = 90, .severity = 1};
	return 0;
}

static bool find(unsigned kind, const char *value, struct indicator_hit *hit)
{
	return indicator_find(image, kind, value, strlen(value), 0, hit);
}

static void names(void **state)
{
	struct indicator_hit hit;

	put(CONTACT_DOMAIN, "evil.example", 12, 0, SLOT_EXACT | SLOT_BELOW);
	put(CONTACT_DOMAIN, "only.test", 9, 0, SLOT_EXACT);
	put(CONTACT_DOMAIN, "good.evil.example", 17, 0, SLOT_EXACT | SLOT_BELOW | SLOT_ALLOW);
	assert_true(indicator_image_valid(room, BYTES));
	assert_true(find(CONTACT_DOMAIN, "evil.example", &hit));
	assert_true(find(CONTACT_DOMAIN, "a.b.evil.example", &hit));
	assert_int_equal(hit.len, 12);
	assert_memory_equal(hit.value, "evil.example", 12);
	assert_string_equal(indicator_text(image, hit.cls->source), "list");
	assert_string_equal(indicator_text(image, hit.cls->family), "Bot");
	assert_string_equal(indicator_text(image, 1u << 30), "");
	assert_true(find(CONTACT_SNI, "www.evil.example", &hit));
	assert_int_equal(hit.kind, CONTACT_DOMAIN);
	assert_false(find(CONTACT_DOMAIN, "notevil.example", &hit));
	assert_false(find(CONTACT_DOMAIN, "example", &hit));
	assert_true(find(CONTACT_DOMAIN, "only.test", &hit));
	assert_false(find(CONTACT_DOMAIN, "www.only.test", &hit));
	/* Allow beats deny, for what is below too. */
	assert_false(find(CONTACT_DOMAIN, "good.evil.example", &hit));
	assert_false(find(CONTACT_DOMAIN, "x.good.evil.example", &hit));
	assert_false(find(CONTACT_URL, "evil.example", &hit));
	assert_false(find(CONTACT_DOMAIN, "", &hit));
}

/* However many labels stand before it. */
static void many_labels(void **state)
{
	struct indicator_hit hit;
	char name[256];
	size_t n = 0;

	put(CONTACT_DOMAIN, "evil.example", 12, 0, SLOT_EXACT | SLOT_BELOW);
	for (int i = 0; i < 110; i++)
		n += (size_t)snprintf(name + n, sizeof(name) - n, "a.");
	snprintf(name + n, sizeof(name) - n, "evil.example");
	assert_true(find(CONTACT_DOMAIN, name, &hit));
}

static void addresses(void **state)
{
	struct indicator_hit hit;
	uint8_t net[] = {10, 1, 0, 0, 16}, half[] = {10, 1, 128, 0, 17},
		end[] = {192, 0, 2, 1, 1, 187};

	put(INDICATOR_NET, net, 5, 0, SLOT_EXACT);
	put(INDICATOR_NET, half, 5, 1, SLOT_EXACT);
	put(INDICATOR_ENDPOINT, end, 6, 0, SLOT_EXACT);
	image->net_bits[0][0] = 17;
	image->net_bits[0][1] = 16;
	image->net_count[0] = 2;
	assert_true(indicator_image_valid(room, BYTES));
	assert_true(indicator_find(image, CONTACT_IP, "\x0a\x01\x02\x03", 4, 0, &hit));
	assert_int_equal(hit.kind, INDICATOR_NET);
	assert_memory_equal(hit.value, net, 5);
	/* Two networks: the one with the higher score. */
	assert_true(indicator_find(image, CONTACT_IP, "\x0a\x01\xf2\x03", 4, 0, &hit));
	assert_memory_equal(hit.value, half, 5);
	assert_int_equal(hit.cls->score, 90);
	assert_false(indicator_find(image, CONTACT_IP, "\x0a\x02\x02\x03", 4, 0, &hit));
	assert_true(indicator_find(image, CONTACT_IP, "\xc0\x00\x02\x01", 4, 443, &hit));
	assert_int_equal(hit.kind, INDICATOR_ENDPOINT);
	assert_memory_equal(hit.value, end, 6);
	assert_false(indicator_find(image, CONTACT_IP, "\xc0\x00\x02\x01", 4, 80, &hit));
	assert_false(indicator_find(image, CONTACT_IP, "\xc0\x00\x02\x01", 4, 0, &hit));
}

/* Full buckets spill, and a table without an empty slot ends the search all the same. */
static void full(void **state)
{
	struct indicator_hit hit;

	for (uint8_t i = 0; i < BUCKETS * 4; i++)
		put(CONTACT_FILE_MD5, &i, 1, 0, SLOT_EXACT);
	for (uint8_t i = 0; i < BUCKETS * 4; i++)
		assert_true(indicator_find(image, CONTACT_FILE_MD5, &i, 1, 0, &hit));
	assert_false(indicator_find(image, CONTACT_FILE_MD5, "z", 1, 0, &hit));
}

static void malformed(void **state)
{
	struct indicator_image good = *image;
	struct indicator_hit hit;

	assert_true(indicator_image_valid(room, BYTES));
	assert_false(indicator_image_valid(room, BYTES - 1));
	assert_false(indicator_image_valid(room, 10));
#define BAD(member, v)                                                                             \
	do {                                                                                       \
		image->member = (v);                                                               \
		assert_false(indicator_image_valid(room, BYTES));                                  \
		*image = good;                                                                     \
	} while (0)
	BAD(magic, 1);
	BAD(bytes, BYTES + 1);
	BAD(bucket_count, 3);
	BAD(bucket_count, 0);
	BAD(bucket_count, 1ull << 63);
	BAD(buckets_at, BUCKETS_AT + 8);
	BAD(buckets_at, 0);
	BAD(buckets_at, UINT64_MAX - 63);
	BAD(class_count, 1000);
	BAD(classes_at, UINT64_MAX - 3);
	BAD(texts_at, BYTES);
	BAD(texts_bytes, 0);
	BAD(texts_bytes, sizeof(TEXTS) + 1);
	BAD(net_count[0], 34);
	BAD(net_count[1], 130);
	image->net_count[0] = 1;
	image->net_bits[0][0] = 33;
	assert_false(indicator_image_valid(room, BYTES));
	*image = good;
	room[BYTES - 1] = 'x';
	assert_false(indicator_image_valid(room, BYTES));
	/* A slot whose class is not there is no hit. */
	setup(NULL);
	put(CONTACT_DOMAIN, "evil.example", 12, CLASSES, SLOT_EXACT);
	assert_false(find(CONTACT_DOMAIN, "evil.example", &hit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names, setup),
		cmocka_unit_test_setup(many_labels, setup),
		cmocka_unit_test_setup(addresses, setup),
		cmocka_unit_test_setup(full, setup),
		cmocka_unit_test_setup(malformed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
