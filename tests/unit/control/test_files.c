/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control/files/file_store.c: files by their SHA-256, whole or not at all, within a budget.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/files/certificates.h"
#include "control/files/file_store.h"

#define HELLO_SHA "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" /* "hello" */

static char dir[64];

static struct file_store *open_store(uint64_t boot, uint64_t budget)
{
	struct file_store_options o = {dir, budget, boot, NULL};
	struct file_store *s;

	assert_int_equal(file_store_open(&s, &o), 0);
	return s;
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/metsuke-files-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static long size_of(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static unsigned files_seen;

static int count_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	files_seen += type == FTW_F;
	return 0;
}

static unsigned files_there(void)
{
	files_seen = 0;
	nftw(dir, count_one, 16, FTW_PHYS);
	return files_seen;
}

static void keep(struct file_store *s, uint64_t id, const char *text)
{
	file_store_part(s, 0, id, 0, text, strlen(text));
	file_store_end(s, 0, id, &(struct file_end){true, 100, NULL, 0, NULL});
}

static void kept_and_dropped(void **state)
{
	struct file_store *s = open_store(1, 0);

	file_store_part(s, 0, 1, 0, "hel", 3);
	file_store_part(s, 1, 1, 0, "another worker's", 16);
	file_store_part(s, 0, 1, 3, "lo", 2);
	file_store_end(s, 0, 1, &(struct file_end){true, 1515441287, "{}\n", 3, NULL});
	file_store_end(s, 1, 1, &(struct file_end){false, 0, NULL, 0, NULL});
	assert_int_equal(file_store_pending(s), 1);
	assert_int_equal(size_of("2c/" HELLO_SHA), -1);
	file_store_commit(s);
	assert_int_equal(size_of("2c/" HELLO_SHA), 5);
	assert_int_equal(size_of("2c/" HELLO_SHA ".1515441287.1.json"), 3);
	assert_int_equal(files_there(), 2);
	keep(s, 2, "hello");
	file_store_commit(s);
	assert_int_equal(file_store_figures(s)->again, 1);
	assert_int_equal(file_store_figures(s)->stored, 1);
	assert_int_equal(file_store_figures(s)->dropped, 1);
	assert_int_equal(files_there(), 2);
	file_store_close(s);
}

static void goes_on_after_a_restart(void **state)
{
	struct file_store *s = open_store(7, 0);

	file_store_part(s, 0, 1, 0, "hel", 3);
	file_store_part(s, 0, 2, 0, "never ended", 11);
	file_store_close(s);
	s = open_store(7, 0);
	file_store_part(s, 0, 1, 0, "hel", 3); /* told again */
	file_store_part(s, 0, 1, 3, "lo", 2);
	file_store_end(s, 0, 1, &(struct file_end){true, 1, NULL, 0, NULL});
	file_store_commit(s);
	assert_int_equal(size_of("2c/" HELLO_SHA), 5);
	/* All of it once more, as when the process was killed before the ring's tail moved. */
	file_store_part(s, 0, 1, 0, "hel", 3);
	file_store_part(s, 0, 1, 3, "lo", 2);
	file_store_end(s, 0, 1, &(struct file_end){true, 1, NULL, 0, NULL});
	file_store_close(s);
	assert_int_equal(files_there(), 2);
	s = open_store(8, 0); /* another boot: what was under way is gone */
	assert_int_equal(files_there(), 1);
	file_store_close(s);
}

static void no_file_without_its_beginning(void **state)
{
	struct file_store *s = open_store(1, 0);

	file_store_part(s, 0, 1, 3, "lo", 2);
	file_store_end(s, 0, 1, &(struct file_end){true, 1, NULL, 0, NULL});
	file_store_end(s, 0, 9, &(struct file_end){true, 1, NULL, 0, NULL});
	file_store_commit(s);
	assert_int_equal(files_there(), 0);
	assert_int_equal(file_store_figures(s)->broken, 2);
	assert_int_equal(file_store_figures(s)->errors, 0);
	file_store_close(s);
}

static void many_under_way(void **state)
{
	struct file_store *s = open_store(1, 0);
	char text[32];

	for (unsigned half = 0; half < 2; half++)
		for (unsigned i = 0; i < 2000; i++) {
			snprintf(text, sizeof(text), "%s %u", half ? "end" : "begin", i);
			file_store_part(s, i % 3, i, half * 20, text, strlen(text));
		}
	for (unsigned i = 0; i < 2000; i++)
		file_store_end(s, i % 3, i, &(struct file_end){true, 1, NULL, 0, NULL});
	file_store_close(s);
	assert_int_equal(files_there(), 2000);
}

static void oldest_go_for_the_budget(void **state)
{
	struct file_store *s = open_store(1, 10000);
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char text[1001], path[256];

	keep(s, 1, "hello");
	file_store_commit(s);
	snprintf(path, sizeof(path), "%s/2c/%s", dir, HELLO_SHA);
	utimensat(0, path, times, 0);
	for (unsigned i = 0; i < 12; i++) {
		memset(text, 'a' + (int)i, 1000);
		text[1000] = '\0';
		keep(s, 10 + i, text);
		file_store_commit(s);
	}
	assert_int_equal(size_of("2c/" HELLO_SHA), -1);
	assert_in_range(files_there(), 8, 10);
	assert_in_range(file_store_figures(s)->removed, 3, 5);
	file_store_close(s);
}

static const char *text_of(const char *name)
{
	static char text[1024];
	char path[256];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* A chain is a PEM file as it was sent; what strangers wrote makes no lines of its own. */
static void certificates(void **state)
{
	struct record_head head = {.type = RECORD_certificates, .ts_ns = 1000000000123000ull, .seq = 5, .ip_version = 4,
				   .ip_proto = 6, .sport = 443, .dport = 40000, .worker = 1};
	struct file_store *s = open_store(1, 0);
	uint8_t *room = aligned_alloc(8, 4096), der[49];
	struct recorder r;

	memset(der, 0, sizeof(der));
	addr_parse("192.0.2.1", &head.src);
	addr_parse("10.0.0.1", &head.dst);
	rec_begin(&r, room, 4096, &head);
	rec_bytes(&r, F_certificates_subject, "CN=a\nTIME: b", 12);
	rec_open(&r, F_certificates_chain);
	rec_bytes(&r, F_certificates_certificate, der, sizeof(der));
	rec_bytes(&r, F_certificates_certificate, "abc", 3);
	rec_close(&r);
	rec_end(&r);
	certificates_keep(s, (const struct record_head *)(const void *)room);
	certificates_keep(s, (const struct record_head *)(const void *)room);
	assert_string_equal(text_of("certs/1000000.000123-1-5.pem"),
			    "-----BEGIN CERTIFICATE-----\n"
			    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAA==\n"
			    "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n");
	assert_non_null(strstr(text_of("certs/1000000.000123-1-5.meta"), "SRC IP:            192.0.2.1\n"));
	assert_non_null(strstr(text_of("certs/1000000.000123-1-5.meta"), "TLS SUBJECT:       CN=a.TIME: b\n"));
	free(room);
	file_store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kept_and_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_on_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(no_file_without_its_beginning, setup, teardown),
		cmocka_unit_test_setup_teardown(many_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(certificates, setup, teardown),
		cmocka_unit_test_setup_teardown(oldest_go_for_the_budget, setup, teardown),
	};

	return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
