/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/intel.c, image.c and the swap: contacts against a table of known bad indicators,
 * through the whole pipeline.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataplane/engine/command_serve.h"
#include "dataplane/engine/image.h"
#include "dataplane/engine/ruleload.h"
#include "dataplane/event/command.h"
#include "dataplane/packet/packet.h"
#include "tests/support/indicators.h"
#include "tests/unit/engine/wire.h"

#define NAMES (SLOT_EXACT | SLOT_BELOW)

static const char *const inline_mode[] = {"mode=inline", NULL};
static const char *const tap_mode[] = {"mode=tap", NULL};

static struct wire *open_with(const char *const *settings, const struct indicator_entry *entries)
{
	int fd = indicators_make(7, entries);
	struct wire *w = wire_open(settings, fd);

	close(fd);
	return w;
}

#define assert_alert(w, action, sid, entry)                                                        \
	do {                                                                                       \
		const struct record_head *alert_ = wire_next(w, RECORD_alert);                      \
		assert_non_null(alert_);                                                           \
		assert_string_equal(wire_text(alert_, F_alert_action), action);                     \
		assert_int_equal(wire_number(alert_, F_alert_signature_id), sid);                   \
		assert_string_equal(wire_text(alert_, F_alert_intel_indicator), entry);             \
	} while (0)

#define assert_no_alert(w) assert_null(wire_next(w, RECORD_alert))

/* A question is dropped by itself, whoever else asks by the same flow; told of once. */
static void question(void **state)
{
	static const struct indicator_entry bad[] = {
		{CONTACT_DOMAIN, "evil.example", NAMES, INTEL_DROP, "Emotet", 95}, {0}};
	struct wire *w = open_with(inline_mode, bad);
	const struct record_head *r;

	w->server_port = 53;
	assert_true(wire_ask(w, "good.example"));
	assert_true(wire_ask(w, "notevil.example"));
	assert_false(wire_ask(w, "www.EVIL.example"));
	r = wire_next(w, RECORD_alert);
	assert_non_null(r);
	assert_string_equal(wire_text(r, F_alert_action), "blocked");
	assert_int_equal(wire_number(r, F_alert_gid), 1);
	assert_int_equal(wire_number(r, F_alert_signature_id), 2900000001);
	assert_int_equal(wire_number(r, F_alert_severity), 1);
	assert_string_equal(wire_text(r, F_alert_signature),
			    "METSUKE known bad domain: Emotet (evil.example)");
	assert_string_equal(wire_text(r, F_alert_intel_kind), "domain");
	assert_string_equal(wire_text(r, F_alert_intel_contacted), "www.evil.example");
	assert_string_equal(wire_text(r, F_alert_intel_source), "test feed");
	assert_int_equal(wire_number(r, F_alert_intel_score), 95);
	assert_int_equal(wire_number(r, F_alert_intel_version), 7);
	assert_int_equal(r->dport, 53);
	assert_string_equal(wire_text(r, F_flow_src_ip), "10.0.0.5");
	r = wire_next(w, RECORD_drop);
	assert_non_null(r);
	assert_string_equal(wire_text(r, F_drop_reason), "indicator");
	assert_false(wire_ask(w, "www.evil.example"));
	assert_no_alert(w);
	assert_true(wire_ask(w, "good.example"));
	assert_int_equal(w->counters->drop[DROP_indicator], 2);
	assert_int_equal(w->counters->detect_indicator_dropped, 2);
	assert_int_equal(w->counters->detect_indicator_hits, 2);
	wire_close(w);
}

/* The request's packet does not pass, nor does anything after it. */
static void request(void **state)
{
	static const struct indicator_entry bad[] = {
		{CONTACT_DOMAIN, "evil.example", NAMES, INTEL_DROP, "Emotet", 95}, {0}};
	struct wire *w = open_with(inline_mode, bad);

	assert_true(wire_handshake(w));
	assert_false(wire_say(w, "GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n"));
	assert_alert(w, "blocked", 2900000001, "evil.example");
	assert_false(wire_tcp(w, false, TCP_ACK, NULL, 0));
	assert_false(wire_say(w, "GET /b HTTP/1.1\r\nHost: evil.example\r\n\r\n"));
	assert_no_alert(w);
	assert_int_equal(w->counters->drop[DROP_indicator], 3);
	/* another flow of the same client goes on */
	w->client_port++;
	assert_true(wire_handshake(w));
	assert_true(wire_say(w, "GET / HTTP/1.1\r\nHost: good.example\r\n\r\n"));
	wire_close(w);
}

static void url_and_agent(void **state)
{
	static const struct indicator_entry bad[] = {
		{CONTACT_URL, "site.example/Drop?id=1", 0, INTEL_ALERT, "", 50},
		{CONTACT_USER_AGENT, "Bot/1.0", 0, INTEL_ALERT, "", 50}, {0}};
	struct wire *w = open_with(tap_mode, bad);

	wire_handshake(w);
	wire_say(w, "GET /Drop?id=1 HTTP/1.1\r\nHost: SITE.example\r\nUser-Agent: Bot/1.0\r\n\r\n");
	assert_alert(w, "allowed", 2900000003, "site.example/Drop?id=1");
	assert_alert(w, "allowed", 2900000013, "Bot/1.0");
	assert_no_alert(w);
	wire_close(w);
}

/* A server name is a name; the hello's packet does not pass. */
static void hello(void **state)
{
	static const struct indicator_entry bad[] = {
		{CONTACT_DOMAIN, "evil.example", NAMES, INTEL_REJECT, "Emotet", 95}, {0}};
	struct wire *w = open_with(inline_mode, bad);

	w->server_port = 443;
	assert_true(wire_handshake(w));
	assert_false(wire_hello(w, "cdn.evil.example"));
	assert_alert(w, "blocked", 2900000001, "evil.example");
	assert_int_equal(w->counters->detect_indicator_rejected, 1);
	assert_int_equal(w->counters->ips_rejected, 1);
	assert_false(wire_tcp(w, false, TCP_ACK, "x", 1));
	assert_int_equal(w->counters->ips_rejected, 1);
	wire_close(w);
}

/* A hello in two segments: the one that completes it does not pass, nor do copies of either. */
static void hello_in_two(void **state)
{
	static const struct indicator_entry bad[] = {
		{CONTACT_SNI, "evil.example", SLOT_EXACT, INTEL_DROP, "", 95}, {0}};
	struct wire *w = open_with(inline_mode, bad);
	uint8_t bytes[512];
	size_t len = wire_hello_make("evil.example", bytes);
	uint32_t seq;

	w->server_port = 443;
	assert_true(wire_handshake(w));
	seq = w->seq[0];
	assert_true(wire_tcp(w, true, TCP_ACK, bytes, 40));
	assert_false(wire_tcp(w, true, TCP_ACK | TCP_PSH, bytes + 40, len - 40));
	assert_alert(w, "blocked", 2900000004, "evil.example");
	w->seq[0] = seq;
	assert_false(wire_tcp(w, true, TCP_ACK, bytes, 40));
	assert_false(wire_tcp(w, true, TCP_ACK | TCP_PSH, bytes + 40, len - 40));
	assert_no_alert(w);
	/* the second segment first: it cannot be judged alone, but completes nothing */
	w->client_port++;
	assert_true(wire_handshake(w));
	w->seq[0] += 40;
	wire_tcp(w, true, TCP_ACK | TCP_PSH, bytes + 40, len - 40);
	w->seq[0] = 1001;
	assert_false(wire_tcp(w, true, TCP_ACK, bytes, 40));
	assert_alert(w, "blocked", 2900000004, "evil.example");
	wire_close(w);
}

/* From outside: the address that comes in is looked up; what our own server is called is not. */
static void from_outside(void **state)
{
	static const struct indicator_entry bad[] = {
		{INDICATOR_NET, "203.0.113.0/24", 0, INTEL_ALERT, "", 95},
		{INDICATOR_ENDPOINT, "203.0.113.66:80", 0, INTEL_ALERT, "", 99},
		{CONTACT_DOMAIN, "our.example", NAMES, INTEL_ALERT, "", 95}, {0}};
	struct wire *w = open_with(tap_mode, bad);

	w->client = "203.0.113.66";
	w->server = "10.0.0.80";
	wire_handshake(w);
	wire_say(w, "GET / HTTP/1.1\r\nHost: our.example\r\n\r\n");
	assert_alert(w, "allowed", 2900000064, "203.0.113.0/24");
	assert_no_alert(w);
	wire_close(w);
}

/* Not even the handshake's first packet. */
static void address(void **state)
{
	static const struct indicator_entry bad[] = {
		{CONTACT_IP, "198.51.100.7", 0, INTEL_DROP, "", 95},
		{INDICATOR_NET, "203.0.113.0/24", 0, INTEL_DROP, "", 95},
		{INDICATOR_ENDPOINT, "192.0.2.1:8080", 0, INTEL_DROP, "", 95}, {0}};
	struct wire *w = open_with(inline_mode, bad);

	assert_false(wire_handshake(w));
	assert_int_equal(w->counters->drop[DROP_indicator], 3);
	assert_alert(w, "blocked", 2900000002, "198.51.100.7");
	w->server = "203.0.113.9";
	assert_false(wire_udp(w, true, "x", 1));
	assert_alert(w, "blocked", 2900000064, "203.0.113.0/24");
	w->server = "203.0.114.9";
	assert_true(wire_udp(w, true, "x", 1));
	w->server = "192.0.2.1";
	assert_true(wire_handshake(w));
	w->server_port = 8080;
	assert_false(wire_handshake(w));
	assert_alert(w, "blocked", 2900000065, "192.0.2.1:8080");
	assert_no_alert(w);
	wire_close(w);
}

static void allow_beats_deny(void **state)
{
	static const struct indicator_entry bad[] = {
		{CONTACT_DOMAIN, "evil.example", NAMES, INTEL_DROP, "", 95},
		{CONTACT_DOMAIN, "fine.evil.example", NAMES | SLOT_ALLOW, INTEL_ALERT, "", 1},
		{INDICATOR_NET, "198.51.100.0/24", 0, INTEL_DROP, "", 95},
		{CONTACT_IP, "198.51.100.7", SLOT_ALLOW | SLOT_EXACT, INTEL_ALERT, "", 1}, {0}};
	struct wire *w = open_with(inline_mode, bad);

	w->server_port = 53;
	assert_true(wire_ask(w, "fine.evil.example"));
	assert_false(wire_ask(w, "other.evil.example"));
	assert_alert(w, "blocked", 2900000001, "evil.example");
	assert_no_alert(w);
	wire_close(w);
}

/* On a tap nothing is dropped, and one contact is one alert, however many packets it has; also when
 * contacts are not remembered. */
static void tap(void **state)
{
	static const char *const settings[] = {"mode=tap", "contacts.enabled=no", NULL};
	static const struct indicator_entry bad[] = {
		{CONTACT_IP, "198.51.100.7", 0, INTEL_DROP, "", 95}, {0}};
	struct wire *w = open_with(settings, bad);

	for (unsigned i = 0; i < 100; i++)
		wire_udp(w, i % 3 != 0, "hello", 5);
	assert_alert(w, "allowed", 2900000002, "198.51.100.7");
	assert_no_alert(w);
	assert_int_equal(w->counters->drop[DROP_tap], 100);
	assert_int_equal(w->counters->drop[DROP_indicator], 0);
	wire_close(w);
}

/* What becomes known while a contact lasts is told of at its next checkpoint. */
static void later(void **state)
{
	static const struct indicator_entry bad[] = {
		{CONTACT_IP, "198.51.100.7", 0, INTEL_ALERT, "", 95}, {0}};
	const struct indicator_image *image;
	struct wire *w = wire_open(tap_mode, -1);
	int fd = indicators_make(8, bad);
	char error[200];

	for (unsigned i = 0; i < 10; i++, w->ns += 20000000000ull)
		wire_udp(w, i & 1, "x", 1);
	image = image_open(fd, error, sizeof(error));
	assert_non_null(image);
	atomic_store(&w->engine.indicators, image);
	lane_quiescent(w->lane);
	wire_udp(w, true, "x", 1);
	assert_no_alert(w);
	for (unsigned i = 0; i < 40; i++, w->ns += 20000000000ull)
		wire_udp(w, i & 1, "x", 1);
	assert_alert(w, "allowed", 2900000002, "198.51.100.7");
	assert_no_alert(w);
	close(fd);
	wire_close(w);
}

static struct command ask_swap(struct wire *w, struct serve *s, int fd)
{
	const struct command c = {.magic = COMMAND_MAGIC, .type = COMMAND_swap_indicators, .id = 3};
	struct command reply = {0};
	int none = -1;

	assert_int_equal(command_send(w->channel, &c, fd), 0);
	serve_step(s, 0);
	(void)command_receive(w->channel, &reply, &none, 0);
	return reply;
}

/* The old table is used until the worker has taken the new one; only then is the answer given. */
static void swap(void **state)
{
	static const struct indicator_entry one[] = {
		{CONTACT_DOMAIN, "one.example", NAMES, INTEL_DROP, "", 95}, {0}};
	static const struct indicator_entry two[] = {
		{CONTACT_DOMAIN, "two.example", NAMES, INTEL_DROP, "", 95}, {0}};
	int fd = indicators_make(8, two), none = -1;
	struct wire *w = open_with(inline_mode, one);
	struct ruleload *rules = ruleload_new(&w->engine);
	struct serve *s = serve_new(&w->engine, rules);
	struct command reply = ask_swap(w, s, fd);

	assert_int_equal(reply.reply, 0);
	assert_int_equal(w->lane->w.indicators->version, 7);
	lane_quiescent(w->lane);
	serve_step(s, 0);
	assert_int_equal(command_receive(w->channel, &reply, &none, 0), 1);
	assert_int_equal(reply.status, 0);
	assert_int_equal(reply.value, 8);
	assert_int_equal(w->engine.shared->status.indicator_version, 8);
	w->server_port = 53;
	assert_true(wire_ask(w, "one.example"));
	assert_false(wire_ask(w, "two.example"));
	/* nothing, and what is no table, changes nothing */
	reply = ask_swap(w, s, -1);
	assert_int_equal(reply.status, -EINVAL);
	close(fd);
	fd = memfd_create("none", 0);
	assert_int_equal(ftruncate(fd, 100000), 0);
	reply = ask_swap(w, s, fd);
	assert_int_equal(reply.status, -EINVAL);
	assert_true(strlen(reply.text) > 20);
	assert_int_equal(w->lane->w.indicators->version, 8);
	serve_free(s);
	ruleload_free(rules);
	close(fd);
	wire_close(w);
}

/* What its maker could still write is copied. */
static void open_image(void **state)
{
	static const struct indicator_entry entries[] = {
		{CONTACT_DOMAIN, "one.example", NAMES, INTEL_DROP, "", 95}, {0}};
	int fd = indicators_make(1, entries);
	const struct indicator_image *image;
	char error[200];
	uint64_t *shared = mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(shared != MAP_FAILED);
	image = image_open(fd, error, sizeof(error));
	assert_non_null(image);
	shared[2] = 99;
	assert_int_equal(image->version, 1);
	image_close(image);
	munmap(shared, 64);
	image = image_open(fd, error, sizeof(error));
	assert_non_null(image);
	assert_int_equal(image->version, 99);
	/* sealed: it stays as it is */
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	image_close(image);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(question),	    cmocka_unit_test(request),
		cmocka_unit_test(url_and_agent),    cmocka_unit_test(hello),
		cmocka_unit_test(hello_in_two),	    cmocka_unit_test(from_outside),
		cmocka_unit_test(address),	    cmocka_unit_test(allow_beats_deny),
		cmocka_unit_test(tap),		    cmocka_unit_test(later),
		cmocka_unit_test(swap),		    cmocka_unit_test(open_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
