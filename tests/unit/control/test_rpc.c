/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON-RPC: the errors by the book, the parameters, the socket with clients that misbehave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "control/contact/contacts.h"
#include "control/hosts/hosts.h"
#include "control/intel/intel.h"
#include "control/jobs/desk.h"
#include "control/rpc/rpc.h"
#include "control/rpc/server.h"
#include "control/store/event_row.h"
#include "control/store/store.h"
#include "tests/unit/control/feed.h"

#define START_NS 1706693400000000000ull

struct fixture {
	struct feed *f;
	struct rpc_context ctx;
	struct desk desk;
	struct rpc_server *server;
	char socket[96];
};

static void put_alert(struct store *s, uint32_t n)
{
	struct event_row row = {.ip_version = 4, .sid = 100 + n, .sport = 1000, .dport = 80};
	uint8_t key[EVENT_KEY_BYTES];
	struct text json = {0}, value = {0};

	row.src = (struct addr){{10, 0, 0, (uint8_t)n}};
	row.dst = (struct addr){{192, 0, 2, 1}};
	row.type = (struct slice){"alert", 5};
	text_format(&json, "{\"n\":%u,\"msg\":\"Trojan %u\"}", n, n);
	row.json = (struct slice){json.data, json.len};
	event_value(&value, &row);
	event_key(key, START_NS + n * 1000000000ull, 0, 1, n);
	store_put(s, STORE_alert, key, sizeof(key), value.data, value.len);
	text_free(&json);
	text_free(&value);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	char path[96];

	x->f = feed_new();
	snprintf(path, sizeof(path), "%s/store", x->f->dir);
	assert_int_equal(store_open(&x->ctx.store, path, STORE_WRITE, NULL), 0);
	assert_int_equal(contacts_new(&x->ctx.contacts, x->ctx.store, x->f->config), 0);
	assert_int_equal(intel_open(&x->ctx.intel, x->ctx.store, x->f->config), 0);
	assert_int_equal(hosts_new(&x->ctx.hosts, x->ctx.store, x->f->config), 0);
	x->ctx.config = x->f->config;
	desk_init(&x->desk);
	x->desk.config = x->f->config;
	x->desk.store = x->ctx.store;
	x->desk.contacts = x->ctx.contacts;
	x->desk.intel = x->ctx.intel;
	x->desk.hosts = x->ctx.hosts;
	x->ctx.desk = &x->desk;
	x->ctx.fd = -1;
	for (uint32_t i = 0; i < 10; i++)
		put_alert(x->ctx.store, i);
	snprintf(x->socket, sizeof(x->socket), "%s/run/control.sock", x->f->dir);
	assert_int_equal(rpc_server_new(&x->server, x->socket, "no-such-group"), 0);
	assert_int_equal(rpc_server_start(x->server, &x->ctx), 0);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	rpc_server_free(x->server);
	desk_fini(&x->desk);
	hosts_free(x->ctx.hosts);
	intel_close(x->ctx.intel);
	contacts_free(x->ctx.contacts);
	store_close(x->ctx.store);
	feed_free(x->f);
	free(x);
	return 0;
}

static json_t *ask(struct fixture *x, const char *line)
{
	struct text out = {0};
	json_t *reply;

	rpc_line(&x->ctx, 1, line, strlen(line), &out);
	if (!out.len)
		return NULL;
	reply = json_loads(text_cstr(&out), 0, NULL);
	assert_non_null(reply);
	text_free(&out);
	return reply;
}

static void error_is(struct fixture *x, const char *line, int code, const char *word)
{
	json_t *reply = ask(x, line);
	json_t *error = json_object_get(reply, "error");

	assert_int_equal(json_integer_value(json_object_get(error, "code")), code);
	assert_non_null(strstr(json_string_value(json_object_get(error, "message")), word));
	json_decref(reply);
}

#define CALL(method, params)                                                                       \
	"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" method "\",\"params\":" params "}"

static void test_errors(void **state)
{
	struct fixture *x = *state;

	error_is(x, "{", -32700, "not JSON");
	error_is(x, "\xff\xfe", -32700, "not JSON");
	error_is(x, "[]", -32600, "batch");
	error_is(x, "{}", -32600, "JSON-RPC");
	error_is(x, "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"help\"}", -32600, "JSON-RPC");
	error_is(x, CALL("nothing", "{}"), -32601, "help");
	error_is(x, CALL("alerts", "[1]"), -32602, "object");
	error_is(x, CALL("alerts", "{\"sidd\":1}"), -32602, "sidd");
	error_is(x, CALL("alerts", "{\"sid\":\"x\"}"), -32602, "number");
	error_is(x, CALL("alerts", "{\"ip\":\"x\"}"), -32602, "IP address");
	error_is(x, CALL("alerts", "{\"since\":\"yesterday\"}"), -32602, "time");
	error_is(x, CALL("intel.add", "{\"kind\":\"domain\"}"), -32602, "missing");
	error_is(x, CALL("intel.add", "{\"kind\":\"colour\",\"value\":\"red\"}"), -32602, "one of");
	error_is(x, CALL("intel.add", "{\"kind\":\"ip\",\"value\":\"red\"}"), -32602, "not a value");
	error_is(x, CALL("retro.indicator", "{\"value\":\"what is it\"}"), -32602, "guessed");
	error_is(x, CALL("top", "{}"), -32000, "running engine");
	/* A notification has no reply, not even an error. */
	assert_null(ask(x, "{\"jsonrpc\":\"2.0\",\"method\":\"help\"}"));
	assert_null(ask(x, "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}"));
}

static size_t rows(struct fixture *x, const char *line)
{
	json_t *reply = ask(x, line), *result = json_object_get(reply, "result");
	size_t n = json_array_size(result);

	assert_true(json_is_array(result));
	assert_int_equal(json_integer_value(json_object_get(reply, "id")), 7);
	json_decref(reply);
	return n;
}

static void test_alerts(void **state)
{
	struct fixture *x = *state;
	json_t *reply;

	assert_int_equal(rows(x, CALL("alerts", "{}")), 10);
	assert_int_equal(rows(x, CALL("alerts", "{\"limit\":3}")), 3);
	assert_int_equal(rows(x, CALL("alerts", "{\"sid\":\"104\"}")), 1);
	assert_int_equal(rows(x, CALL("alerts", "{\"src\":\"10.0.0.3\"}")), 1);
	assert_int_equal(rows(x, CALL("alerts", "{\"dst\":\"10.0.0.3\"}")), 0);
	assert_int_equal(rows(x, CALL("alerts", "{\"ip\":\"192.0.2.1\"}")), 10);
	assert_int_equal(rows(x, CALL("alerts", "{\"port\":80}")), 10);
	assert_int_equal(rows(x, CALL("alerts", "{\"port\":81}")), 0);
	assert_int_equal(rows(x, CALL("alerts", "{\"text\":\"trojan 7\"}")), 1);
	assert_int_equal(rows(x, CALL("alerts", "{\"since\":\"2024-01-31T09:30:05\"}")), 5);
	assert_int_equal(rows(x, CALL("alerts", "{\"since\":1706693402,"
						"\"until\":\"2024-01-31T09:30:04.000000+0000\"}")),
			 3);
	reply = ask(x, CALL("alerts", "{\"limit\":1}"));
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(reply, "result"), 0), "n")),
			 9);
	json_decref(reply);
	reply = ask(x, CALL("alerts", "{\"limit\":1,\"oldest\":true}"));
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(reply, "result"), 0), "n")),
			 0);
	json_decref(reply);
}

static void test_intel(void **state)
{
	struct fixture *x = *state;
	json_t *reply = ask(x, CALL("intel.add", "{\"kind\":\"domain\",\"value\":\"Evil.Example.\","
						 "\"note\":\"why \\\"so\\\"\"}"));
	json_t *result = json_object_get(reply, "result");

	assert_true(json_is_true(json_object_get(result, "added")));
	assert_int_equal(json_integer_value(json_object_get(result, "version")), 1);
	json_decref(reply);
	reply = ask(x, CALL("intel.list", "{}"));
	result = json_array_get(json_object_get(reply, "result"), 0);
	assert_string_equal(json_string_value(json_object_get(result, "value")), "evil.example");
	assert_string_equal(json_string_value(json_object_get(result, "note")), "why \"so\"");
	json_decref(reply);
	assert_int_equal(rows(x, CALL("intel.list", "{\"kind\":\"ip\"}")), 0);
	reply = ask(x, CALL("intel.del", "{\"kind\":\"domain\",\"value\":\"evil.example\"}"));
	assert_true(json_is_true(json_object_get(json_object_get(reply, "result"), "deleted")));
	json_decref(reply);
	assert_int_equal(rows(x, CALL("intel.list", "{}")), 0);
	json_decref(ask(x, CALL("status", "{}")));
}

/* ---- the socket ---- */

static int dial(struct fixture *x)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", x->socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Reads until a line feed, the end, or ms are over; -1: over. */
static ssize_t read_line(int fd, char *line, size_t size, int ms)
{
	size_t n = 0;

	while (n + 1 < size) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&p, 1, ms) <= 0)
			return -1;
		got = recv(fd, line + n, 1, 0);
		if (got <= 0)
			break;
		if (line[n++] == '\n')
			break;
	}
	line[n] = '\0';
	return (ssize_t)n;
}

static const char ping[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"intel.list\"}\n";

static void say_to(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void test_socket(void **state)
{
	struct fixture *x = *state;
	int fd = dial(x);
	struct stat st;
	char line[200000];

	assert_int_equal(stat(x->socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	/* Two requests in one write, then one in pieces. */
	say_to(fd, "\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"help\"}\r\n"
		   "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"help\"}\n");
	assert_true(read_line(fd, line, sizeof(line), 2000) > 0);
	assert_non_null(strstr(line, "\"id\":1"));
	assert_true(read_line(fd, line, sizeof(line), 2000) > 0);
	assert_non_null(strstr(line, "\"id\":2"));
	send(fd, ping, 10, 0);
	if (read_line(fd, line, sizeof(line), 100) != -1)
		fail_msg("%s", line);
	send(fd, ping + 10, sizeof(ping) - 11, 0);
	assert_true(read_line(fd, line, sizeof(line), 2000) > 0);
	assert_non_null(strstr(line, "\"result\":[]"));
	close(fd);
}

/* The process that fetches and sends, and any other of the user that we became. */
static void test_no_courier(void **state)
{
	struct fixture *x = *state;
	struct boot b = {.courier_pid = getpid()};
	char line[300];
	int fd;

	x->ctx.boot = &b;
	fd = dial(x);
	send(fd, ping, sizeof(ping) - 1, MSG_NOSIGNAL);
	assert_true(read_line(fd, line, sizeof(line), 2000) == 0);
	close(fd);
	__atomic_store_n(&b.courier_pid, 0, __ATOMIC_RELEASE);
	fd = dial(x);
	say_to(fd, ping);
	assert_true(read_line(fd, line, sizeof(line), 2000) > 0);
	close(fd);
	if (geteuid() == 0) {
		assert_int_equal(chmod(x->socket, 0666), 0);
		assert_int_equal(seteuid(65534), 0);
		fd = dial(x);
		send(fd, ping, sizeof(ping) - 1, MSG_NOSIGNAL);
		assert_true(read_line(fd, line, sizeof(line), 2000) == 0);
		close(fd);
		assert_int_equal(seteuid(0), 0);
	}
	x->ctx.boot = NULL;
}

static void test_long_line(void **state)
{
	struct fixture *x = *state;
	char *junk = malloc(70000), line[300];
	int fd = dial(x);

	memset(junk, ' ', 70000);
	send(fd, junk, 70000, MSG_NOSIGNAL);
	assert_true(read_line(fd, line, sizeof(line), 2000) > 0);
	assert_non_null(strstr(line, "longer than 65536"));
	assert_int_equal(read_line(fd, line, sizeof(line), 2000), 0);
	close(fd);
	free(junk);
}

static void test_half_line(void **state)
{
	struct fixture *x = *state;
	char line[300];
	int fd = dial(x);

	send(fd, "{\"json", 6, 0);
	assert_true(read_line(fd, line, sizeof(line), 8000) > 0);
	assert_non_null(strstr(line, "5 seconds"));
	assert_int_equal(read_line(fd, line, sizeof(line), 2000), 0);
	close(fd);
}

/* A thousand clients that say nothing: the next one is served at once. */
static void test_crowd(void **state)
{
	struct fixture *x = *state;
	int crowd[1000], fd;
	struct timespec a, b;
	char line[300];

	for (int i = 0; i < 1000; i++) {
		crowd[i] = dial(x);
		if (i % 2)
			send(crowd[i], "{", 1, MSG_NOSIGNAL);
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	fd = dial(x);
	send(fd, ping, sizeof(ping) - 1, 0);
	assert_true(read_line(fd, line, sizeof(line), 2000) > 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	print_message("beside 1000 silent clients: answered after %.1f ms\n",
		      (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	for (int i = 0; i < 1000; i++)
		close(crowd[i]);
	close(fd);
}

/* A store of another format or another program: refused in one sentence. */
static void test_version(void **state)
{
	struct fixture *x = *state;
	char path[96];
	struct store *s;

	snprintf(path, sizeof(path), "%s/other", x->f->dir);
	assert_int_equal(store_open(&s, path, STORE_WRITE, NULL), 0);
	assert_int_equal(store_put(s, STORE_meta, "format", 6, "99", 2), 0);
	store_close(s);
	assert_int_equal(store_open(&s, path, STORE_READ, NULL), -EPROTO);
	assert_non_null(strstr(store_error(), "format 99"));
	assert_int_equal(store_open(&s, path, STORE_WRITE, NULL), -EPROTO);
	snprintf(path, sizeof(path), "%s/none", x->f->dir);
	assert_int_equal(store_open(&s, path, STORE_READ, NULL), -ENOENT);
	assert_non_null(strstr(store_error(), "does not exist"));
	/* Only one may write. */
	snprintf(path, sizeof(path), "%s/store", x->f->dir);
	assert_int_equal(store_open(&s, path, STORE_WRITE, NULL), -EBUSY);
	assert_non_null(strstr(store_error(), "in use"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_errors),    TEST(test_alerts),    TEST(test_intel), TEST(test_socket),
		TEST(test_long_line), TEST(test_half_line), TEST(test_crowd), TEST(test_version),
		TEST(test_no_courier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
