/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/detect: rules, as users write them, against packets, streams and transactions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataplane/app/frame.h"
#include "dataplane/detect/detect.h"
#include "dataplane/event/rule_stat.h"
#include "dataplane/event/trace.h"
#include "dataplane/detect/program.h"
#include "tests/unit/detect/bench.h"

/* depth: on the packet, and again on the stream; without it on the stream alone. */
static void packets_and_streams(void **state)
{
	struct bench *b = bench_new("alert tcp any any -> any 80 (content:\"evil\"; depth:4; sid:1;)\n"
				    "alert tcp any any -> any 80 (content:\"evil\"; sid:2;)\n"
				    "alert tcp any any -> any 80 (content:\"evil\"; dsize:4; sid:3;)\n"
				    "alert tcp any any -> any 81 (content:\"evil\"; sid:4;)\n");

	(void)state;
	packet(b, TO_SERVER, 1, "evil");
	ALERTS(1, 3);
	fake.stream = "evil";
	fake.stream_due = 4;
	packet(b, TO_SERVER, 1, "");
	ALERTS(1, 2);
	packet(b, TO_SERVER, 1, "live");
	NO_ALERT();
	bench_free(b);
}

/* What is shown of a stream: bytes [from, to), of which those before fresh were shown before. */
static void window(struct bench *b, const char *stream, uint32_t from, uint32_t fresh, uint32_t to)
{
	fake.stream = stream + from;
	fake.stream_due = to - from;
	fake.stream_fresh = fresh - from;
	fake.stream_offset = from;
	packet(b, TO_SERVER, 1, "");
}

static void stream_in_two_windows(void **state)
{
	static const char stream[] = "xx evil..then..good xx", far[] = "0123456789evil";
	struct bench *b = bench_new(
		"alert tcp any any -> any any (content:\"evil\"; sid:1;)\n"
		"alert tcp any any -> any any (content:\"evil\"; content:\"good\"; distance:0; sid:2;)\n"
		"alert tcp any any -> any any (content:\"evil\"; offset:3; depth:4; sid:3;)\n"
		"alert tcp any any -> any any (content:\"evil\"; pcre:\"/then.*good/R\"; sid:4;)\n");
	uint32_t len = (uint32_t)strlen(stream);

	(void)state;
	/* at every point, once */
	for (uint32_t at = 1; at < len; at++) {
		unsigned seen[5] = {0};

		window(b, stream, 0, 0, at);
		window(b, stream, 0, at, len);
		for (unsigned i = 0; i < fake.alert_count; i++)
			seen[fake.alerts[i]]++;
		for (unsigned sid = 1; sid < 5; sid++)
			if (seen[sid] != 1)
				fail_msg("split at %u: rule %u alerted %u times", at, sid, seen[sid]);
		fake.alert_count = 0;
		detect_flow_free(&b->w, &b->flow);
	}
	/* the bytes before are old: nothing new */
	window(b, far, 0, 0, 14);
	ALERTS(1);
	window(b, "0123456789evilmore", 0, 14, 18);
	NO_ALERT();
	/* a place in the stream is none in a window further on */
	window(b, "................................evil", 20, 34, 36);
	ALERTS(1);
	bench_free(b);
}

static void windows_between_holes(void **state)
{
	struct bench *b = bench_new("alert tcp any any -> any any (content:\"evil\"; sid:1;)\n"
				    "alert tcp any any -> any any (content:\"good\"; sid:2;)\n"
				    "pass tcp any any -> any any (content:\"pass\"; sid:3;)\n");

	(void)state;
	fake.stream_next = "good";
	window(b, "evil", 0, 0, 4);
	ALERTS(1, 2);
	assert_int_equal(fake.raw_off, 0);
	window(b, "pass", 0, 0, 4);
	packet(b, TO_SERVER, 1, "");
	assert_int_equal(fake.raw_off, 1);
	b->flow.flags = 0;
	detect_worker_use(&b->w, NULL);
	packet(b, TO_SERVER, 1, "");
	assert_int_equal(fake.raw_off, 2);
	bench_free(b);
}

/* A rule goes on where it stopped, and alerts once a transaction. */
static void transactions(void **state)
{
	struct bench *b = bench_new(
		"alert http any any -> any any (http.uri; content:\"/evil\"; http.host; "
		"content:\"bad.example\"; sid:1;)\n"
		"alert http any any -> any any (http.uri; content:\"/evil\"; http.host; content:!\"good\"; "
		"sid:2;)\n"
		"alert http any any -> any any (http.host; dotprefix; content:\".example\"; endswith; "
		"sid:3;)\n"
		"alert http any any -> any any (http.request_header; content:\"a: 1\"; "
		"http.request_header; content:\"b: 2\"; sid:4;)\n"
		"alert http any any -> any any (http.referer; content:\"x\"; sid:5;)\n");
	struct fake_tx tx = {.uri = "/evil.php"};
	const struct detect_refusal *refused;

	(void)state;
	assert_int_equal(detect_program_refusals(b->program, &refused), 1);
	assert_non_null(strstr(refused[0].reason, "http.referer"));
	transaction(b, &tx, 1);
	packet(b, TO_SERVER, 1, "");
	NO_ALERT();
	tx.host = "bad.example";
	tx.headers[0] = "b: 2";
	tx.headers[1] = "a: 1";
	transaction(b, &tx, 3);
	packet(b, TO_SERVER, 1, "");
	ALERTS(1, 2, 3, 4);
	transaction(b, &tx, 3);
	packet(b, TO_SERVER, 1, "");
	NO_ALERT();
	bench_free(b);
}

/* Who sets comes before who reads, on one packet; noalert acts all the same. */
static void flow_bits(void **state)
{
	struct bench *b = bench_new(
		"alert tcp any any -> any any (dsize:4; content:\"two\"; flowbits:isset,seen; sid:1;)\n"
		"alert tcp any any -> any any (dsize:4; content:\"two\"; flowbits:set,seen; noalert; "
		"sid:2;)\n"
		"alert tcp any any -> any any (dsize:5; content:\"three\"; flowbits:isnotset,seen; "
		"sid:3;)\n");

	(void)state;
	packet(b, TO_SERVER, 1, "three");
	ALERTS(3);
	packet(b, TO_SERVER, 1, "two2");
	ALERTS(1);
	packet(b, TO_SERVER, 1, "three");
	NO_ALERT();
	bench_free(b);
}

/* A hook waits for its state; a hook of the flow's start for the first packet of a direction. */
static void hooks(void **state)
{
	struct bench *b = bench_new("alert http1:request_headers any any -> any any (sid:1;)\n"
				    "alert http1:request_line any any -> any any (http.host; content:\"bad\"; sid:2;)\n"
				    "alert http1:response_line any any -> any any (http.host; content:\"a\"; sid:3;)\n"
				    "alert http1:response_started any any -> any any (sid:4;)\n"
				    "alert tcp:flow_start any any -> any any (dsize:1; sid:5;)\n");
	struct fake_tx tx = {.uri = "/", .host = "bad.example"};
	const struct detect_refusal *refused;

	(void)state;
	assert_int_equal(detect_program_refusals(b->program, &refused), 1);
	assert_non_null(strstr(refused[0].reason, "no hook response_line"));
	transaction(b, &tx, 1);
	packet(b, TO_SERVER, 1, "");
	NO_ALERT();
	transaction(b, &tx, 3);
	packet(b, TO_SERVER, 1, "x");
	ALERTS(1, 2);
	b->packet.flags |= PACKET_FIRST_IN_DIRECTION;
	detect_packet(&b->w, &b->packet);
	ALERTS(5);
	bench_free(b);
}

/* In the wire the rule's bytes go out in place of those that matched, also where the first try went astray. */
static void replaced(void **state)
{
	struct bench *b = bench_new("alert tcp any any -> any any (content:\"GET\"; replace:\"PUT\"; content:\"ab\"; distance:0; "
				    "replace:\"xy\"; content:\"c\"; within:1; sid:1;)\n");
	char wire[] = "GET ab abc", tap[] = "GET abc", other[] = "GET ab";

	(void)state;
	packet(b, TO_SERVER, 1, tap);
	ALERTS(1);
	assert_string_equal(tap, "GET abc");
	b->w.in_the_wire = true;
	packet(b, TO_SERVER, 1, "");
	b->packet.frame = b;
	b->packet.payload = (const uint8_t *)wire;
	b->packet.payload_len = sizeof(wire) - 1;
	detect_packet(&b->w, &b->packet);
	ALERTS(1);
	assert_string_equal(wire, "PUT ab xyc");
	assert_int_equal(fake.checksums, 1);
	b->packet.payload = (const uint8_t *)other;
	b->packet.payload_len = sizeof(other) - 1;
	detect_packet(&b->w, &b->packet);
	NO_ALERT();
	assert_string_equal(other, "GET ab");
	bench_free(b);
}

/* What an expression captures is kept by the flow, or for the packet; the last place it was found counts. */
static void captures(void **state)
{
	struct bench *b = bench_new(
		"alert tcp any any -> any any (dsize:>5; pcre:\"/u=(\\w+)&p=(\\w+)/, flow:user, pkt:pass\"; sid:1;)\n"
		"alert tcp any any -> any any (dsize:>5; pcre:\"/x=(?P<flow_x>\\d)/\"; content:\"!\"; within:1; sid:2;)\n"
		"alert tcp any any -> any any (dsize:>5; pcre:\"/u=(?P<flow_none>\\w)/\"; content:\"nowhere\"; sid:3;)\n");
	const struct detect_flow *d;
	struct bench *reading = NULL;

	(void)state;
	packet(b, TO_SERVER, 1, "u=joe&p=secret");
	ALERTS(1);
	d = flow_cold(&b->flow)->detect;
	assert_int_equal(d->var_count, 1);
	assert_string_equal(d->vars[0].name, "user");
	assert_memory_equal(d->vars[0].value, "joe", d->vars[0].len);
	assert_int_equal(b->w.detect->packet_var_count, 1);
	assert_memory_equal(b->w.detect->packet_vars[0].data, "secret", 6);
	packet(b, TO_SERVER, 1, "u=jane&p=s x=1 x=2!");
	ALERTS(1, 2);
	assert_int_equal(d->var_count, 2);
	assert_memory_equal(d->vars[0].value, "jane", 4);
	assert_memory_equal(d->vars[1].value, "2", 1);
	packet(b, TO_SERVER, 1, "nothing");
	NO_ALERT();
	assert_int_equal(b->w.detect->packet_var_count, 0);
	bench_free(b);

	reading = bench_new(
		"alert tcp any any -> any any (dsize:>5; pcre:\"/u=(\\w+)&p=(\\w+)/, flow:user, pkt:pass\"; sid:1;)\n"
		"alert tcp any any -> any any (dsize:>5; flowvar:user,\"jo\"; sid:2;)\n"
		"alert tcp any any -> any any (dsize:>5; flowvar:user,jane; sid:3;)\n"
		"alert tcp any any -> any any (dsize:>5; pktvar:pass,|73|ecret; sid:4;)\n");
	packet(reading, TO_SERVER, 1, "u=joe&p=secret");
	ALERTS(1, 2, 4);
	packet(reading, TO_SERVER, 1, "nothing");
	ALERTS(2);
	bench_free(reading);
}

static void json_texts(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(json_text(out, sizeof(out), "a\"\n", 3, true), 11);
	assert_memory_equal(out, "\"a\\\"\\u000a\"", 11);
	assert_int_equal(json_text(out, sizeof(out), "\xff", 1, false), 8);
	assert_memory_equal(out, "\"\\u00ff\"", 8);
	/* cut off, never too long */
	assert_true(json_text(out, sizeof(out), "0123456789012345678", 19, true) <= sizeof(out));
}

/* Records that a rule does not want; it writes no alert. */
static void configured(void **state)
{
	struct bench *b = bench_new(
		"config http any any -> any any (http.host; content:\"quiet\"; "
		"config:logging disable, type tx, scope tx; sid:1;)\n"
		"config tcp any any -> any any (dsize:4; config:logging disable, type flow, scope flow; sid:2;)\n"
		"config tcp any any -> any any (dsize:5; config:logging disable, type tx, scope flow; sid:3;)\n");
	struct fake_tx tx = {.uri = "/", .host = "quiet.example"}, loud = {.uri = "/", .host = "a"};
	const struct detect_refusal *refused;

	(void)state;
	assert_int_equal(detect_program_refusals(b->program, &refused), 0);
	transaction(b, &loud, 3);
	packet(b, TO_SERVER, 1, "");
	assert_false(loud.tx.log_off);
	detect_tx_free(&b->w, &loud.tx);
	transaction(b, &tx, 3);
	packet(b, TO_SERVER, 1, "");
	assert_true(tx.tx.log_off);
	packet(b, TO_SERVER, 1, "flow");
	assert_true(b->flow.flags & FLOW_LOG_OFF);
	assert_false(b->flow.flags & FLOW_TX_LOG_OFF);
	packet(b, TO_SERVER, 1, "flow5");
	assert_true(b->flow.flags & FLOW_TX_LOG_OFF);
	NO_ALERT();
	bench_free(b);
}

/* Bits of an IPv4 address are none of an IPv6 address that begins alike. */
static void host_bits(void **state)
{
	struct bench *b = bench_new(
		"alert ipv4 any any -> any any (dsize:3; xbits:set,seen,track ip_src; sid:1;)\n"
		"alert ip any any -> any any (dsize:4; xbits:isset,seen,track ip_src; sid:2;)\n");

	(void)state;
	packet(b, TO_SERVER, 1, "set");
	ALERTS(1);
	packet(b, TO_SERVER, 1, "ask4");
	ALERTS(2);
	b->packet.ip_version = 6;
	detect_packet(&b->w, &b->packet);
	NO_ALERT();
	bench_free(b);
}

/* What must not follow may follow the first place and not the second. */
static void negated_at_distance(void **state)
{
	struct bench *b = bench_new(
		"alert tcp any any -> any any (dsize:>9; content:\"fix\"; content:\"this\"; within:6; "
		"content:!\"and\"; distance:0; sid:1;)\n");

	(void)state;
	packet(b, TO_SERVER, 1, "fix_this_and_yes_fix_this_now");
	ALERTS(1);
	packet(b, TO_SERVER, 1, "fix_this_and_yes_this_now");
	NO_ALERT();
	bench_free(b);
}

/* A list is changed when all else holds, once for each value. */
static void datasets(void **state)
{
	struct bench *b = bench_new(
		"alert tcp any any -> any any (dsize:3; content:\"new\"; ip.src; "
		"dataset:set,clients,type ip; sid:1;)\n"
		"alert tcp any any -> any any (dsize:3; ip.src; dataset:isset,clients; sid:2;)\n"
		"alert tcp any any -> any any (dsize:3; ip.src; dataset:isnotset,clients; sid:3;)\n"
		"alert tcp any any -> any any (dsize:4; ip.src; dataset:unset,clients; sid:4;)\n"
		"alert http any any -> any any (http.uri; content:\"/e\"; http.host; "
		"dataset:set,hosts,type string; sid:5;)\n");
	struct fake_tx tx = {.uri = "/evil", .host = "bad.example"}, again = tx, other = {.uri = "/x", .host = "a"};

	(void)state;
	packet(b, TO_SERVER, 1, "old");
	ALERTS(3);
	packet(b, TO_SERVER, 1, "new");
	ALERTS(1, 2);
	packet(b, TO_SERVER, 1, "new");
	ALERTS(2);
	packet(b, TO_SERVER, 1, "gone");
	ALERTS(4);
	packet(b, TO_SERVER, 1, "gone");
	NO_ALERT();
	transaction(b, &tx, 3);
	packet(b, TO_SERVER, 1, "");
	ALERTS(5);
	detect_tx_free(&b->w, &tx.tx);
	transaction(b, &again, 3);
	packet(b, TO_SERVER, 1, "");
	NO_ALERT();
	detect_tx_free(&b->w, &again.tx);
	transaction(b, &other, 3);
	packet(b, TO_SERVER, 1, "");
	NO_ALERT();
	bench_free(b);
}

/* Windows begin with the first hit after the last one ended. */
static void limits(void **state)
{
	struct bench *b = bench_new(
		"alert tcp any any -> any any (dsize:1; threshold:type limit, track by_src, count 1, "
		"seconds 30; sid:1;)\n"
		"alert tcp any any -> any any (dsize:1; threshold:type threshold, track by_src, count 2, "
		"seconds 30; sid:2;)\n"
		"alert tcp any any -> any any (dsize:1; threshold:type both, track by_src, count 2, "
		"seconds 30; sid:3;)\n"
		"alert tcp any any -> any any (dsize:1; detection_filter:track by_src, count 2, "
		"seconds 30; sid:4;)\n");

	(void)state;
	packet(b, TO_SERVER, 100, "x");
	ALERTS(1);
	packet(b, TO_SERVER, 110, "x");
	ALERTS(2, 3);
	packet(b, TO_SERVER, 120, "x");
	ALERTS(4);
	packet(b, TO_SERVER, 130, "x");
	ALERTS(2, 4);
	packet(b, TO_SERVER, 131, "x");
	ALERTS(1);
	bench_free(b);
}

/* pass ends the rules behind it; drop acts in the wire only. */
static void actions(void **state)
{
	struct bench *b = bench_new("pass tcp any any -> any any (dsize:2; sid:1;)\n"
				    "alert tcp any any -> any any (dsize:2; sid:2;)\n"
				    "drop tcp any any -> any any (dsize:3; sid:3;)\n");

	(void)state;
	packet(b, TO_SERVER, 1, "xx");
	NO_ALERT();
	packet(b, TO_SERVER, 1, "xxx");
	ALERTS(3);
	assert_int_equal(b->packet.verdict, VERDICT_ACCEPT);
	b->w.in_the_wire = true;
	packet(b, TO_SERVER, 1, "xxx");
	ALERTS(3);
	assert_int_equal(b->packet.verdict, VERDICT_DROP);
	assert_int_equal(b->packet.drop, DROP_rule);
	bench_free(b);
}

static void traced_packets(void **state)
{
	struct bench *b = bench_new(
		"alert tcp any any -> any 80 (dsize:<20; content:\"evil\"; offset:2; depth:8; flowbits:isset,x; "
		"byte_test:1,>,65,0,relative; sid:1;)\n"
		"alert tcp any any -> any 80 (dsize:3; content:\"set\"; flowbits:set,x; noalert; sid:2;)\n");
	struct trace_shared *t = trace_on(b, 1);

	(void)state;
	packet(b, TO_SERVER, 1, "..evil.");
	assert_string_equal(step_last(t)->condition, "flowbits:isset,x");
	assert_int_equal(step_last(t)->held, 2);
	assert_int_equal(step_last(t)->total, 5);
	packet(b, TO_SERVER, 1, "set");
	packet(b, TO_SERVER, 1, "..evil0");
	assert_string_equal(step_last(t)->condition, "byte_test:1, >, 65, 0, relative");
	assert_string_equal(step_last(t)->why, "the number there is 48");
	assert_int_equal(step_last(t)->excerpt_at, 6);
	assert_int_equal(step_last(t)->kind, TRACE_FAILED);
	packet(b, TO_CLIENT, 1, "..evil0");
	assert_int_equal(t->head[TRACE_HEAD_ports], 1);
	NO_ALERT();
	packet(b, TO_SERVER, 1, "..evilZ");
	ALERTS(1);
	assert_int_equal(step_last(t)->kind, TRACE_ALERTED);
	assert_int_equal(t->matched, 1);
	assert_int_equal(t->alerted, 1);
	assert_int_equal(t->best.held, 5);
	packet(b, TO_SERVER, 1, "nothing");
	assert_int_equal(step_last(t)->kind, TRACE_UNHIT);
	assert_memory_equal(step_last(t)->excerpt, "nothing", 7);
	trace_detach(t);
	bench_free(b);
}

static void traced_transactions(void **state)
{
	struct bench *b = bench_new("alert http any any -> any any (http.uri; content:\"/evil-place\"; http.host; "
				    "content:\"ood\"; endswith; sid:1;)\n");
	struct trace_shared *t = trace_on(b, 1);
	struct fake_tx tx = {.uri = "/evil-place"};

	(void)state;
	transaction(b, &tx, 1);
	packet(b, TO_SERVER, 1, "");
	assert_int_equal(step_last(t)->kind, TRACE_OPEN);
	assert_string_equal(step_last(t)->condition, "http.host");
	tx.host = "good.example";
	transaction(b, &tx, 3);
	packet(b, TO_SERVER, 1, "");
	NO_ALERT();
	assert_int_equal(step_last(t)->kind, TRACE_FAILED);
	assert_int_equal(step_last(t)->held, 2);
	assert_non_null(strstr(step_last(t)->why, "it stands at 1, elsewhere than asked for"));
	assert_int_equal(t->hits, 1);
	trace_detach(t);
	bench_free(b);
}

static void traced_matches_without_alert(void **state)
{
	struct bench *b = bench_new(
		"alert tcp any any -> any any (dsize:1; threshold:type limit, track by_src, count 1, "
		"seconds 30; sid:1;)\n"
		"alert http any any -> any any (http.referer; content:\"x\"; sid:2;)\n");
	struct trace_shared *t = trace_on(b, 1);

	(void)state;
	packet(b, TO_SERVER, 100, "x");
	packet(b, TO_SERVER, 101, "x");
	ALERTS(1);
	assert_int_equal(step_last(t)->kind, TRACE_HIDDEN);
	assert_non_null(strstr(step_last(t)->why, "type limit"));
	assert_int_equal(t->matched, 2);
	trace_detach(t);
	t = trace_on(b, 2);
	assert_false(t->found);
	assert_non_null(strstr(t->refusal, "http.referer"));
	packet(b, TO_SERVER, 200, "x");
	trace_detach(t);
	t = trace_on(b, 3);
	assert_false(t->found);
	packet(b, TO_SERVER, 201, "x");
	assert_int_equal(t->packets, 0);
	trace_detach(t);
	bench_free(b);
}

/* A condition on how far a transaction has come. */
static void states(void **state)
{
	struct bench *b = bench_new(
		"alert http1 any any -> any 80 (flow:to_server; app-layer-state:<request_headers; sid:1;)\n"
		"alert http1 any any -> any 80 (flow:to_server; app-layer-state:>request_line; sid:2;)\n"
		"alert http1 any any -> any 80 (flow:to_server; app-layer-state:>response_line; sid:3;)\n");
	const struct detect_refusal *refusals;
	struct fake_tx tx = {.uri = "/a"};

	(void)state;
	assert_int_equal(detect_program_refusals(b->program, &refusals), 1);
	assert_string_equal(refusals[0].reason, "http has no state response_line");
	transaction(b, &tx, 1);
	packet(b, TO_SERVER, 1, "x");
	ALERTS(1);
	transaction(b, &tx, 2);
	packet(b, TO_SERVER, 1, "x");
	ALERTS(2);
	bench_free(b);
}

static void calls(void **state)
{
	static const char call[24] = "\0\0\0\1\0\0\0\0\0\0\0\2\0\1\x86\xa0\0\0\0\2\0\0\0\3";
	struct bench *b = bench_new("alert udp any any -> any any (rpc:100000,*,3; sid:1;)\n"
				    "alert udp any any -> any any (rpc:100000,2,4; sid:2;)\n");

	(void)state;
	b->flow.ip_proto = 17;
	b->flow.tcp = NULL;
	for (uint32_t len = 0; len <= sizeof(call); len++) {
		b->packet = (struct packet){.flags = PACKET_IP | PACKET_L4, .ip_version = 4, .ip_proto = 17,
					    .flow = &b->flow, .src = b->flow.client, .dst = b->flow.server,
					    .sport = 1, .dport = 111, .payload = (const uint8_t *)call,
					    .payload_len = len};
		detect_packet(&b->w, &b->packet);
		if (len < sizeof(call))
			NO_ALERT();
	}
	ALERTS(1);
	bench_free(b);
}

/* One frame "request" of the client's, as far as `text` goes; of len bytes in all. */
static void frame(struct bench *b, const char *text, uint64_t len)
{
	struct app_frame_side *side = &b->app.frames->side[TO_SERVER];

	side->datagram = (const uint8_t *)text;
	side->run_count = 1;
	side->runs[0].len = (uint32_t)strlen(text);
	side->list->len = len;
	packet(b, TO_SERVER, 1, "x");
}

static void frames(void **state)
{
	struct bench *b = bench_new(
		"alert http any any -> any 80 (frame:http1.request; content:\"GET\"; startswith; sid:1;)\n"
		"alert http any any -> any 80 (frame:http1.request; content:\"end\"; endswith; sid:2;)\n"
		"alert http any any -> any 80 (frame:request; content:!\"POST\"; sid:3;)\n"
		"alert http any any -> any 80 (frame:http1.response; content:\"GET\"; sid:4;)\n"
		"alert http any any -> any 81 (frame:http1.request; content:\"GET\"; sid:5;)\n"
		"alert http any any -> any 80 (frame:http1.request; to_lowercase; content:\"get\"; sid:6;)\n"
		"alert tcp any any -> any 80 (frame:tls.pdu; content:\"GET\"; sid:7;)\n"
		"alert http any any -> any 80 (frame:http1.request; content:\"GET\"; http.uri; content:\"a\"; sid:8;)\n"
		"alert http any any -> any 80 (frame:http1.request; content:\"G\"; frame:http1.response; content:\"H\"; sid:9;)\n");
	struct app_frame one = {.id = 2, .type = 1, .tx_id = RECORD_NO_TX};
	struct app_frames all = {.side[TO_SERVER] = {.list = &one, .count = 1}};
	const struct detect_refusal *refusals;

	(void)state;
	assert_int_equal(detect_program_refusals(b->program, &refusals), 3);
	assert_string_equal(refusals[0].reason, "no protocol that this engine parses has such a frame");
	assert_non_null(strstr(refusals[1].reason, "http.uri and a frame"));
	assert_non_null(strstr(refusals[2].reason, "two kinds of frames"));
	b->app.proto = app_protos[APP_http];
	b->flow.app_proto = APP_http;
	b->app.frames = &all;
	frame(b, "GET the", 20); /* too little of it to be looked at */
	NO_ALERT();
	frame(b, "GET the very long end", 21);
	ALERTS(1, 2, 3, 6);
	frame(b, "GET the very long end", 21); /* it has been */
	NO_ALERT();
	one = (struct app_frame){.id = 3, .type = 1, .tx_id = RECORD_NO_TX};
	b->config->stream_inline = AUTO_YES; /* in the wire with every byte */
	frame(b, "GE", APP_FRAME_OPEN);
	ALERTS(3);
	frame(b, "GET", APP_FRAME_OPEN);
	ALERTS(1, 3, 6);
	frame(b, "GET end", APP_FRAME_OPEN); /* that more may come is no matter to endswith */
	ALERTS(1, 2, 3, 6);
	one.len = 7;
	b->app.ended[TO_SERVER] = 1;
	frame(b, "GET end", 7);
	ALERTS(1, 2, 3, 6);
	b->app.frames = NULL;
	bench_free(b);
}

/* Each worker counts for itself; the sum is asked for while they run. */
static void profiled(void **state)
{
	struct bench *b = bench_new("alert tcp any any -> any 80 (dsize:4; content:\"evil\"; sid:1;)\n"
				    "alert tcp any any -> any 80 (dsize:4; noalert; sid:2;)\n"
				    "alert tcp any any -> any 80 (dsize:9; content:\"never\"; sid:3;)\n");
	struct rule_stat stat;

	(void)state;
	assert_int_equal(detect_program_rules(b->program), 0);
	assert_int_equal(detect_program_profile(b->program, 2), 0);
	assert_int_equal(detect_program_rules(b->program), 3);
	for (unsigned worker = 0; worker < 2; worker++) {
		b->w.id = worker;
		detect_worker_use(&b->w, b->program);
		packet(b, TO_SERVER, 1, "evil");
		packet(b, TO_SERVER, 1, "evils");
	}
	for (uint32_t i = 0; i < 3; i++) {
		bool there = detect_program_stat(b->program, i, &stat);

		assert_int_equal(there, stat.sid != 3);
		assert_int_equal(stat.candidates, stat.sid != 3 ? 4 : 0);
		assert_int_equal(stat.verified, stat.candidates);
		assert_int_equal(stat.matches, stat.sid != 3 ? 2 : 0);
		assert_int_equal(stat.alerts, stat.sid == 1 ? 2 : 0);
		assert_int_equal(stat.cycles > 0, stat.sid != 3);
	}
	bench_free(b);
}

/* Of a frame the part that got farthest, or that the literal was not in it. */
static void traced_frames(void **state)
{
	struct bench *b = bench_new("alert http any any -> any 80 (frame:http1.request; content:\"GET\"; startswith; "
				    "content:\"end\"; distance:1; sid:1;)\n");
	struct trace_shared *t = trace_on(b, 1);
	struct app_frame one = {.id = 2, .type = 1, .tx_id = RECORD_NO_TX};
	struct app_frames all = {.side[TO_SERVER] = {.list = &one, .count = 1}};

	(void)state;
	b->app.proto = app_protos[APP_http];
	b->flow.app_proto = APP_http;
	b->app.frames = &all;
	frame(b, "PUT a", 5);
	NO_ALERT();
	assert_int_equal(step_last(t)->kind, TRACE_UNHIT);
	assert_int_equal(step_last(t)->where, TRACE_FRAME);
	one = (struct app_frame){.id = 3, .type = 1, .tx_id = RECORD_NO_TX};
	frame(b, "GET a", 5);
	NO_ALERT();
	assert_int_equal(step_last(t)->kind, TRACE_FAILED);
	assert_string_equal(step_last(t)->condition, "content:\"end\"; distance:1");
	assert_int_equal(step_last(t)->held, 2);
	assert_int_equal(step_last(t)->total, 3);
	one = (struct app_frame){.id = 4, .type = 1, .tx_id = RECORD_NO_TX};
	frame(b, "GET end", 7);
	ALERTS(1);
	assert_int_equal(step_last(t)->kind, TRACE_ALERTED);
	assert_int_equal(step_last(t)->where, TRACE_FRAME);
	trace_detach(t);
	bench_free(b);
}

/* What a buffer's entropy was stays with the flow, whether the rule matched or not; later values replace it. */
static void entropies(void **state)
{
	struct bench *b = bench_new("alert tcp-pkt any any -> any any (entropy:value > 7; sid:1;)\n");
	double value;

	(void)state;
	packet(b, TO_SERVER, 1, "ab");
	NO_ALERT();
	packet(b, TO_SERVER, 1, "abcd");
	NO_ALERT();
	assert_int_equal(flow_cold(&b->flow)->detect->var_count, 1);
	assert_true(flow_cold(&b->flow)->detect->vars[0].entropy);
	assert_string_equal(flow_cold(&b->flow)->detect->vars[0].name, "content");
	memcpy(&value, flow_cold(&b->flow)->detect->vars[0].value, sizeof(value));
	assert_true(value == 2);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_and_streams),
		cmocka_unit_test(stream_in_two_windows), cmocka_unit_test(windows_between_holes),
		cmocka_unit_test(transactions),
		cmocka_unit_test(flow_bits), cmocka_unit_test(datasets),
		cmocka_unit_test(hooks), cmocka_unit_test(configured), cmocka_unit_test(replaced), cmocka_unit_test(entropies), cmocka_unit_test(traced_frames), cmocka_unit_test(captures), cmocka_unit_test(json_texts), cmocka_unit_test(host_bits), cmocka_unit_test(negated_at_distance),
		cmocka_unit_test(limits), cmocka_unit_test(actions),
		cmocka_unit_test(traced_packets), cmocka_unit_test(traced_transactions),
		cmocka_unit_test(traced_matches_without_alert), cmocka_unit_test(profiled),
		cmocka_unit_test(frames), cmocka_unit_test(states), cmocka_unit_test(calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
