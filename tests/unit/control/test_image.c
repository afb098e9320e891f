/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The workers' table says of every value what the store says of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/intel/intel.h"
#include "control/store/store.h"
#include "dataplane/base/addr.h"
#include "dataplane/event/indicator.h"
#include "tests/unit/control/feed.h"

#define NAMES 60 /* few, so that they meet */

struct fixture {
	struct feed *f;
	struct store *store;
	struct intel *in;
	const struct indicator_image *image;
	size_t bytes;
	uint64_t random;
};

static uint32_t draw(struct fixture *x, uint32_t below)
{
	x->random = x->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(x->random >> 33) % below;
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	char path[96];

	x->random = 1;
	x->f = feed_new();
	snprintf(path, sizeof(path), "%s/store", x->f->dir);
	assert_int_equal(store_open(&x->store, path, STORE_WRITE, NULL), 0);
	assert_int_equal(intel_open(&x->in, x->store, x->f->config), 0);
	*state = x;
	return 0;
}

static void unmap(struct fixture *x)
{
	if (x->image)
		munmap((void *)(uintptr_t)x->image, x->bytes);
	x->image = NULL;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	unmap(x);
	intel_close(x->in);
	store_close(x->store);
	feed_free(x->f);
	free(x);
	return 0;
}

static void map(struct fixture *x)
{
	struct stat st;
	int fd;

	unmap(x);
	assert_int_equal(intel_image(x->in, &fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	x->bytes = (size_t)st.st_size;
	x->image = mmap(NULL, x->bytes, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(x->image != MAP_FAILED);
	close(fd);
	assert_true(indicator_image_valid(x->image, x->bytes));
	assert_int_equal(x->image->version, intel_version(x->in));
}

static void random_name(struct fixture *x, char *out, size_t room)
{
	static const char *const tops[] = {"evil.test", "bad.example", "com"};
	int labels = (int)draw(x, 4);
	size_t n = 0;

	for (int i = 0; i < labels; i++)
		n += (size_t)snprintf(out + n, room - n, "%c.", 'a' + (char)draw(x, 3));
	snprintf(out + n, room - n, "%s", tops[draw(x, 3)]);
}

static void random_entry(struct fixture *x, struct intel_entry *e, char *value, size_t room)
{
	static const char *const threats[] = {"", "Bot", "Stealer"};
	const char *threat = threats[draw(x, 3)];
	uint32_t a = draw(x, 8), b = draw(x, 8);

	memset(e, 0, sizeof(*e));
	switch (draw(x, 5)) {
	case 0:
	case 1:
		e->kind = draw(x, 4) ? CONTACT_DOMAIN : CONTACT_SNI;
		random_name(x, value, room);
		break;
	case 2:
		e->kind = CONTACT_IP;
		snprintf(value, room, draw(x, 2) ? "10.0.%u.%u" : "2001:db8::%u:%u", a, b);
		break;
	case 3:
		e->kind = INDICATOR_CIDR;
		if (draw(x, 2))
			snprintf(value, room, "10.0.%u.%u/%u", a, b, 24 + draw(x, 9));
		else
			snprintf(value, room, "2001:db8::%u:%u/%u", a, b, 110 + draw(x, 19));
		break;
	default:
		e->kind = INDICATOR_IP_PORT;
		snprintf(value, room, draw(x, 2) ? "10.0.%u.%u:%u" : "[2001:db8::%u:%u]:%u", a, b,
			 80 + draw(x, 2));
		break;
	}
	e->value = (struct slice){value, strlen(value)};
	e->threat = (struct slice){threat, strlen(threat)};
	e->below = draw(x, 2);
	e->allow = draw(x, 4) == 0;
	e->confidence = (uint8_t)draw(x, 101);
	e->severity = (uint8_t)(1 + draw(x, 4));
}

static void fill(struct fixture *x, const char *source, int count)
{
	struct intel_change *c;
	struct intel_result r;

	assert_int_equal(intel_change_begin(x->in, source, INTEL_REPLACE, &c), 0);
	for (int i = 0; i < count; i++) {
		struct intel_entry e;
		char value[256];

		random_entry(x, &e, value, sizeof(value));
		assert_int_equal(intel_change_entry(c, &e), 0);
	}
	assert_int_equal(intel_change_publish(c, &r), 0);
	assert_int_equal(r.refused, 0);
}

static int best_score(void *arg, const struct intel_verdict *v)
{
	uint8_t *best = arg;

	if (v->bad && v->score > *best)
		*best = v->score;
	return 0;
}

static bool compare(struct fixture *x, int kind, const char *value, uint16_t port)
{
	uint8_t key[VALUE_KEY_MAX], score = 0;
	size_t len = value_key(kind, value, strlen(value), key);
	struct indicator_hit hit;
	bool found;
	int bad = intel_match(x->in, kind, key, len, port, best_score, &score);

	if (kind == CONTACT_IP)
		found = indicator_find(x->image, (unsigned)kind, key + 1, len - 1, port, &hit);
	else
		found = indicator_find(x->image, (unsigned)kind, value, strlen(value), port, &hit);
	if (found != bad)
		print_error("%s port %u: store %d, image %d\n", value, port, bad, found);
	assert_int_equal(found, bad);
	if (found)
		assert_int_equal(hit.cls->score, score);
	return found;
}

static void test_random(void **state)
{
	struct fixture *x = *state;
	int found = 0;

	for (int round = 0; round < 20; round++) {
		fill(x, "one", NAMES);
		fill(x, "two", NAMES / 2);
		fill(x, "three", NAMES / 4);
		map(x);
		for (int i = 0; i < 500; i++) {
			char value[256];
			uint32_t a = draw(x, 8), b = draw(x, 8);

			random_name(x, value, sizeof(value));
			found += compare(x, draw(x, 2) ? CONTACT_DOMAIN : CONTACT_SNI, value, 0);
			snprintf(value, sizeof(value),
				 draw(x, 2) ? "10.0.%u.%u" : "2001:db8::%u:%u", a, b);
			found += compare(x, CONTACT_IP, value, (uint16_t)(79 + draw(x, 3)));
		}
	}
	assert_true(found > 1000);
}

/* Every kind in its canonical form. */
static void test_kinds(void **state)
{
	static const struct {
		int kind;
		const char *given, *canonical;
		size_t len;
	} rows[] = {
		{CONTACT_URL, "HTTP://user@Evil.Example:8080/A/b?C#d", "evil.example/A/b?C", 0},
		{CONTACT_URL, "http://bare.example?q", "bare.example/?q", 0},
		{CONTACT_URL, "bare.example", "bare.example/", 0},
		{CONTACT_EMAIL, "Bad@Evil.example", "bad@evil.example", 0},
		{CONTACT_JA3, "000102030405060708090A0B0C0D0E0F",
		 "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16},
		{CONTACT_JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1",
		 "t13d1516h2_8daaf6152771_e5627efa2ab1", 0},
		{CONTACT_USER_AGENT, "Bad Agent/1.0", "Bad Agent/1.0", 0},
		{CONTACT_DOMAIN, "Evil.TEST.", "evil.test", 0},
	};
	struct fixture *x = *state;
	struct intel_change *c;
	struct intel_result r;
	struct indicator_hit hit;

	assert_int_equal(intel_change_begin(x->in, "kinds", INTEL_ADD, &c), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct intel_entry e = {.kind = rows[i].kind,
					.value = {rows[i].given, strlen(rows[i].given)},
					.confidence = 100,
					.severity = 1};

		e.threat = (struct slice){"Threat", 6};
		assert_int_equal(intel_change_entry(c, &e), 0);
	}
	assert_int_equal(intel_change_publish(c, &r), 0);
	assert_int_equal(r.refused, 0);
	map(x);
	assert_int_equal(x->image->entries, sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *v = rows[i].canonical;

		assert_true(indicator_find(x->image, (unsigned)rows[i].kind, v,
					   rows[i].len ? rows[i].len : strlen(v), 0, &hit));
		assert_string_equal(indicator_text(x->image, hit.cls->source), "kinds");
		assert_string_equal(indicator_text(x->image, hit.cls->threat), "Threat");
		assert_int_equal(hit.cls->score, 100);
	}
}

static void test_empty(void **state)
{
	struct fixture *x = *state;
	struct indicator_hit hit;

	map(x);
	assert_false(indicator_find(x->image, CONTACT_DOMAIN, "a.test", 6, 0, &hit));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_empty), TEST(test_kinds), TEST(test_random)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
