/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control process as a whole, fed through its rings: every record once in the store and once
 * in eve.json, whatever kills it meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "control/contact/kinds.h"
#include "control/rpc/rpc.h"
#include "control/store/event_row.h"
#include "control/store/store.h"
#include "tests/unit/control/feed.h"

#define START_NS 1706693400000000000ull /* 2024-01-31T09:30:00 */

static const char *control; /* the program */

static json_t *call(const char *dir, const char *request)
{
	struct text out = {0};
	json_t *reply, *result;
	char store[96];

	snprintf(store, sizeof(store), "%s/store", dir);
	rpc_call_store(store, request, -1, &out);
	reply = json_loads(text_cstr(&out), 0, NULL);
	assert_non_null(reply);
	result = json_incref(json_object_get(reply, "result"));
	if (!result)
		fprintf(stderr, "%s\n", text_cstr(&out));
	assert_non_null(result);
	json_decref(reply);
	text_free(&out);
	return result;
}

static uint64_t count_rows(const char *dir, enum store_family family)
{
	struct store *s;
	struct store_iter *it;
	char path[96];
	uint64_t n = 0;

	snprintf(path, sizeof(path), "%s/store", dir);
	assert_int_equal(store_open(&s, path, STORE_READ, NULL), 0);
	it = store_iter_new(s, family, NULL, NULL, NULL);
	for (store_iter_first(it); store_iter_valid(it); store_iter_next(it))
		n++;
	store_iter_free(it);
	store_close(s);
	return n;
}

/* Each line of a file is JSON; how many have that event_type; *distinct counts (pcap_cnt, src). */
static uint64_t count_lines(const char *dir, const char *file, const char *type, uint64_t *distinct)
{
	static uint8_t seen[1 << 22];
	char path[256], *line = NULL;
	size_t size = 0;
	uint64_t n = 0;
	FILE *f;

	memset(seen, 0, sizeof(seen));
	snprintf(path, sizeof(path), "%s/eve/%s", dir, file);
	f = fopen(path, "r");
	assert_non_null(f);
	*distinct = 0;
	while (getline(&line, &size, f) > 0) {
		json_t *row = json_loads(line, 0, NULL);
		json_t *alert = json_object_get(row, "alert");
		uint64_t id;

		assert_non_null(row);
		if (strcmp(json_string_value(json_object_get(row, "event_type")), type) == 0) {
			n++;
			/* The sid of a test's alert says which it is. */
			id = (uint64_t)json_integer_value(
				json_object_get(alert, "signature_id"));
			if (id < sizeof(seen) && !seen[id]) {
				seen[id] = 1;
				++*distinct;
			}
		}
		json_decref(row);
	}
	free(line);
	fclose(f);
	return n;
}

static void sleep_us(unsigned us)
{
	struct timespec ts = {.tv_nsec = (long)us * 1000};

	nanosleep(&ts, NULL);
}

/* A short offline run: alerts, dns, contacts; everything arrives, the process ends by itself. */
static void test_offline(void **state)
{
	struct feed *f = feed_new();
	uint64_t distinct;
	json_t *rows;
	pid_t pid;

	feed_share(f, BOOT_INSPECT, 2, 1 << 20);
	pid = feed_start(f, control);
	for (uint32_t i = 0; i < 100; i++) {
		assert_true(feed_alert(f, i % 2, START_NS + i * 1000000, i, "test \xff alert"));
		assert_true(feed_dns(f, i % 2, START_NS + i * 1000000));
		assert_true(feed_contact(f, i % 2, START_NS + i * 1000000ull, CONTACT_DOMAIN,
					 i % 10 ? "www.good.example" : "CC.Evil.example.",
					 i % 20 ? "10.0.0.7" : "2001:db8::7", 0));
	}
	f->counters->status.state = DATAPLANE_FINISHED;
	assert_int_equal(feed_wait(pid), 0);
	assert_int_equal(count_lines(f->dir, "eve.json", "alert", &distinct), 100);
	assert_int_equal(distinct, 100);
	assert_int_equal(count_lines(f->dir, "eve.json", "stats", &distinct), 1);
	assert_int_equal(count_rows(f->dir, STORE_alert), 100);
	assert_int_equal(count_rows(f->dir, STORE_event), 101);
	rows = call(f->dir, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"alerts\",\"params\":"
			    "{\"sid\":42}}");
	assert_int_equal(json_array_size(rows), 1);
	json_decref(rows);
	rows = call(f->dir, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"intel.add\",\"params\":"
			    "{\"kind\":\"domain\",\"value\":\"evil.example\",\"subdomains\":true}}");
	assert_int_equal(json_array_size(json_object_get(rows, "rows")), 2);
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(rows, "rows"), 0), "count")),
			 5);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(rows, "rows"), 0), "client")),
			    "2001:0db8:0000:0000:0000:0000:0000:0007");
	json_decref(rows);
	rows = call(f->dir, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"retro.findings\"}");
	assert_int_equal(json_array_size(rows), 2);
	json_decref(rows);
	rows = call(f->dir, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"retro.client\",\"params\":"
			    "{\"client\":\"10.0.0.7\"}}");
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "count")), 5);
	json_decref(rows);
	feed_free(f);
}

/* Each capture has its own files, and its own statistics at the end. */
static void test_each(void **state)
{
	static const char *const paths[] = {"caps/a.pcap", "/abs/b.pcap", "../c.pcap", "caps/a2.pcap"};
	static const char *const files[] = {"caps/a.pcap/eve.json", "abs/b.pcap/eve.json",
					    "c.pcap/eve.json", "caps/a2.pcap/eve.json"};
	struct feed *f = feed_new();
	uint64_t distinct;
	pid_t pid;

	feed_share(f, BOOT_INSPECT_EACH, 2, 1 << 20);
	pid = feed_start(f, control);
	for (uint32_t i = 0; i < 4; i++) {
		unsigned w = i % 2;

		assert_true(feed_capture(f, w, true, i, paths[i]));
		for (uint32_t k = 0; k < 10 + i; k++)
			assert_true(feed_alert(f, w, START_NS, k, "x"));
		assert_true(feed_capture(f, w, false, i, NULL));
	}
	f->counters->status.state = DATAPLANE_FINISHED;
	assert_int_equal(feed_wait(pid), 0);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(count_lines(f->dir, files[i], "alert", &distinct), 10 + i);
		assert_int_equal(count_lines(f->dir, files[i], "stats", &distinct), 1);
	}
	assert_int_equal(count_rows(f->dir, STORE_alert), 46);
	feed_free(f);
}

/* kill -9 again and again while records keep coming: nothing lost, nothing doubled. */
static void run_kills(enum boot_purpose purpose, unsigned kills, unsigned pause_us)
{
	struct feed *f = feed_new();
	const char *file = purpose == BOOT_INSPECT_EACH ? "one.pcap/eve.json" : "eve.json";
	unsigned seed = (unsigned)time(NULL), killed = 0;
	uint64_t distinct, contacts = 0;
	uint32_t sent = 0, hosts = 0;
	json_t *rows;
	pid_t pid;

	feed_share(f, purpose, 1, 1 << 20);
	pid = feed_start(f, control);
	if (purpose == BOOT_INSPECT_EACH)
		assert_true(feed_capture(f, 0, true, 0, "one.pcap"));
	while (killed < kills) {
		unsigned burst = 20 + (unsigned)rand_r(&seed) % 200;

		for (unsigned i = 0; i < burst; i++) {
			if (feed_alert(f, 0, START_NS + sent * 1000ull, sent, "kill"))
				sent++;
			contacts += feed_contact(f, 0, START_NS + sent * 1000ull, CONTACT_SNI,
						 "cc.evil.example", "10.1.2.3", 443);
			if (i % 8 == 0)
				hosts += feed_host(f, 0, START_NS + hosts * 1000ull, hosts);
		}
		sleep_us(500 + (unsigned)rand_r(&seed) % pause_us);
		if (rand_r(&seed) % 4 == 0) {
			kill(pid, SIGKILL);
			assert_int_equal(feed_wait(pid), -SIGKILL);
			pid = feed_start(f, control);
			killed++;
		}
	}
	if (purpose == BOOT_INSPECT_EACH)
		while (!feed_capture(f, 0, false, 0, NULL))
			sleep_us(1000);
	f->counters->status.state = DATAPLANE_FINISHED;
	assert_int_equal(feed_wait(pid), 0);
	assert_int_equal(count_lines(f->dir, file, "alert", &distinct), sent);
	assert_int_equal(distinct, sent);
	assert_int_equal(count_rows(f->dir, STORE_alert), sent);
	rows = call(f->dir, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"retro.indicator\","
			    "\"params\":{\"value\":\"evil.example\",\"subdomains\":true}}");
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "count")),
			 contacts);
	json_decref(rows);
	/* Each fact of an address names another machine: an interval each. */
	rows = call(f->dir, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hosts\","
			    "\"params\":{\"limit\":10000}}");
	assert_int_equal(json_array_size(rows), hosts);
	json_decref(rows);
	print_message("%u kills, %u alerts, %lu contacts, %u hosts: each there once\n", killed, sent,
		      (unsigned long)contacts, hosts);
	feed_free(f);
}

static unsigned kills(void)
{
	const char *v = getenv("METSUKE_TEST_KILLS");

	return v ? (unsigned)atoi(v) : 12;
}

static void test_kill(void **state)
{
	run_kills(BOOT_INSPECT, kills(), 30000);
}

static void test_kill_each(void **state)
{
	run_kills(BOOT_INSPECT_EACH, kills() / 2 + 1, 30000);
}

/* What is not a record is skipped and counted; what comes after arrives. */
static void test_malformed(void **state)
{
	struct feed *f = feed_new();
	_Alignas(8) uint8_t junk[64];
	uint64_t distinct;
	pid_t pid;

	memset(junk, 0xee, sizeof(junk));
	feed_share(f, BOOT_INSPECT, 1, 1 << 16);
	assert_true(feed_alert(f, 0, START_NS, 1, "before"));
	f->seq[0]++;
	assert_true(feed_put(f, 0, junk, sizeof(junk)));
	pid = feed_start(f, control);
	while (ring_tail(&f->ring[0]) != ring_head(&f->ring[0]))
		sleep_us(1000);
	assert_true(feed_alert(f, 0, START_NS, 2, "after"));
	f->boot->stop = 1;
	assert_int_equal(feed_wait(pid), 0);
	assert_int_equal(count_lines(f->dir, "eve.json", "alert", &distinct), 2);
	feed_free(f);
}

static void put_ballast(const char *dir, off_t keep_free)
{
	static char zeros[65536];
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/ballast", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	while (fwrite(zeros, 1, sizeof(zeros), file) == sizeof(zeros))
		;
	fflush(file);
	assert_int_equal(ftruncate(fileno(file), ftello(file) - keep_free), 0);
	fclose(file);
}

/* The disk fills up and gets room again: nothing lost, nothing doubled, no help needed. */
static void test_disk_full(void **state)
{
	struct feed *f = feed_new();
	char ballast[128];
	uint64_t distinct;
	uint32_t sent = 0;
	unsigned waits = 0;
	pid_t pid;

	if (mount("tmpfs", f->dir, "tmpfs", 0, "size=32m") != 0) {
		feed_free(f);
		print_message("no mount here\n");
		skip();
	}
	snprintf(ballast, sizeof(ballast), "%s/ballast", f->dir);
	feed_share(f, BOOT_INSPECT, 1, 1 << 20);
	pid = feed_start(f, control);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 200; i++)
			sent += feed_alert(f, 0, START_NS + sent, sent, "room");
		while (ring_tail(&f->ring[0]) != ring_head(&f->ring[0]))
			sleep_us(1000);
		put_ballast(f->dir, 20000);
		for (uint32_t i = 0; i < 1000; i++)
			sent += feed_alert(f, 0, START_NS + sent, sent, "no room");
		for (unsigned i = 0; i < 1500; i++)
			sleep_us(1000);
		waits += ring_tail(&f->ring[0]) != ring_head(&f->ring[0]);
		assert_int_equal(unlink(ballast), 0);
		for (unsigned i = 0; i < 15000 && ring_tail(&f->ring[0]) != ring_head(&f->ring[0]); i++)
			sleep_us(1000);
		assert_int_equal(ring_tail(&f->ring[0]), ring_head(&f->ring[0]));
	}
	f->counters->status.state = DATAPLANE_FINISHED;
	assert_int_equal(feed_wait(pid), 0);
	assert_int_equal(waits, 3);
	assert_int_equal(count_lines(f->dir, "eve.json", "alert", &distinct), sent);
	assert_int_equal(distinct, sent);
	assert_int_equal(count_rows(f->dir, STORE_alert), sent);
	umount2(f->dir, MNT_DETACH);
	feed_free(f);
}

static json_t *ask_socket(const char *path, const char *request)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	json_t *reply, *result;
	FILE *f;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	for (int i = 0; i < 3000 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0; i++)
		sleep_us(1000);
	f = fdopen(fd, "r+");
	fprintf(f, "%s\n", request);
	fflush(f);
	reply = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
	fclose(f);
	assert_non_null(reply);
	result = json_incref(json_object_get(reply, "result"));
	assert_non_null(result);
	json_decref(reply);
	return result;
}

/* The line of /proc/PID/status that begins so; "" if there is none. */
static const char *proc_line(pid_t pid, const char *key)
{
	static char line[256];
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			break;
	fclose(f);
	return strncmp(line, key, strlen(key)) == 0 ? line : "";
}

static json_t *path_of(json_t *o, const char *a, const char *b)
{
	return json_object_get(json_object_get(o, a), b);
}

/* Live, as another user, in the sandbox: contact files are written, the socket answers. */
static void test_live(void **state)
{
	struct feed *f = feed_new();
	char path[96], error[200];
	json_t *status, *rows;
	uint64_t distinct;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/run/control.sock", f->dir);
	assert_int_equal(config_set(f->config, "control.socket", path, error, sizeof(error)), 0);
	config_set(f->config, "control.user", "nobody", error, sizeof(error));
	config_set(f->config, "stats.interval", "1", error, sizeof(error));
	config_set(f->config, "store.retention_days", "100000", error, sizeof(error));
	feed_share(f, BOOT_LIVE, 1, 1 << 20);
	pid = feed_start(f, control);
	json_decref(ask_socket(path, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"help\"}"));
	for (uint32_t i = 0; i < 300; i++) {
		assert_true(feed_alert(f, 0, START_NS + i, i, "live"));
		assert_true(feed_contact(f, 0, START_NS + i * 400000000000ull, CONTACT_IP,
					 "198.51.100.9", "10.0.0.9", (uint16_t)(8000 + i % 2)));
	}
	for (int i = 0; i < 8000; i++) {
		sleep_us(1000);
		status = ask_socket(path, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}");
		if (json_integer_value(path_of(status, "contacts", "files_written")) > 0)
			break;
		json_decref(status);
	}
	assert_int_equal(json_integer_value(path_of(status, "ingest", "alerts")), 300);
	assert_int_equal(json_integer_value(path_of(status, "contacts", "file_errors")), 0);
	json_decref(status);
	rows = ask_socket(path, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"retro.indicator\","
				"\"params\":{\"value\":\"198.51.100.0/24\"}}");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "count")), 300);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "days")), 2);
	assert_int_equal(json_array_size(json_object_get(json_array_get(rows, 0), "ports")), 2);
	json_decref(rows);
	json_decref(ask_socket(path, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"top\"}"));
	json_decref(ask_socket(path, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eve.rotate\"}"));
	if (geteuid() == 0) {
		assert_non_null(strstr(proc_line(pid, "Uid:"), "65534\t65534"));
		assert_non_null(strstr(proc_line(pid, "CapEff:"), "0000000000000000"));
		assert_non_null(strstr(proc_line(pid, "Groups:"), "Groups:\t"));
	}
#if !METSUKE_SANITIZED
	assert_non_null(strstr(proc_line(pid, "NoNewPrivs:"), "1"));
	assert_non_null(strstr(proc_line(pid, "Seccomp:"), "2"));
#endif
	f->boot->stop = 1;
	assert_int_equal(feed_wait(pid), 0);
	assert_int_equal(count_lines(f->dir, "eve.json", "alert", &distinct), 300);
	assert_true(count_lines(f->dir, "eve.json", "stats", &distinct) >= 1);
	feed_free(f);
}

/* As fast as it goes. */
static void test_rate(void **state)
{
	struct feed *f = feed_new();
	uint32_t total = 200000, sent = 0;
	struct timespec a, b;
	struct rusage use;
	double seconds;
	pid_t pid;

	if (getenv("METSUKE_TEST_RECORDS"))
		total = (uint32_t)atoi(getenv("METSUKE_TEST_RECORDS"));
	feed_share(f, BOOT_INSPECT, 1, 64 << 20);
	clock_gettime(CLOCK_MONOTONIC, &a);
	pid = feed_start(f, control);
	while (sent < total) {
		bool put = sent % 4 == 0
				   ? feed_alert(f, 0, START_NS + sent * 1000ull, sent, "rate")
				   : feed_contact(f, 0, START_NS + sent * 1000ull, CONTACT_SNI,
						  sent % 3 ? "www.a.example" : "cdn.b.example",
						  "10.1.2.3", 443);
		if (put)
			sent++;
		else
			sleep_us(100);
	}
	f->counters->status.state = DATAPLANE_FINISHED;
	assert_int_equal(feed_wait(pid), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	getrusage(RUSAGE_CHILDREN, &use);
	seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	print_message("%u records (a quarter alerts, the rest contacts) in %.2f s: %.0f records/s\n",
		      total, seconds, total / seconds);
	feed_free(f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offline), cmocka_unit_test(test_each),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_kill),
		cmocka_unit_test(test_kill_each), cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_rate),
	};

	if (argc < 2) {
		fprintf(stderr, "usage: test_ingest METSUKE-CONTROL [TEST]\n");
		return 2;
	}
	control = argv[1];
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
