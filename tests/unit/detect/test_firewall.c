/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/detect/firewall*.c: what is let through, by which table, and what other rules see of it.
 */
#include "tests/unit/detect/bench.h"

#include <stdio.h>
#include <string.h>

#include "dataplane/detect/firewall.h"

#define ACCEPT_TCP "accept:hook tcp:all any any <> any 80 (sid:100;)\n"

#define DROPPED(reason) (assert_int_equal(b->packet.verdict, VERDICT_DROP), assert_int_equal(b->packet.drop, reason))
#define PASSED() assert_int_equal(b->packet.verdict, VERDICT_ACCEPT)

/* The first rule that matches decides; where none does the packet is dropped, and no other rule sees it. */
static void packets(void **state)
{
	struct bench *b = bench_with_firewall("accept:hook,alert tcp:all any any -> any 80 (dsize:<4; sid:1;)\n"
					      "drop:packet tcp-pkt:all any any -> any 80 (content:\"evil\"; sid:2; alert;)\n"
					      "accept:packet tcp:all any any -> any 80 (dsize:4; sid:3;)\n",
					      "alert tcp any any -> any any (dsize:<9; sid:10;)\n", NULL, NULL);

	(void)state;
	packet(b, TO_SERVER, 1, "abc");
	PASSED();
	ALERTS(1, 10);
	packet(b, TO_SERVER, 1, "evil");
	DROPPED(DROP_firewall_rule);
	ALERTS(2);
	packet(b, TO_SERVER, 1, "good");
	PASSED();
	ALERTS(10);
	packet(b, TO_SERVER, 1, "nobody");
	DROPPED(DROP_firewall_packet);
	NO_ALERT();
	assert_false(b->flow.flags & (FLOW_DROP | FLOW_ACCEPTED));
	bench_free(b);
}

/* The rest of an accepted flow is asked no more, but other rules judge it; of a dropped one all is dropped. */
static void flows(void **state)
{
	struct bench *b = bench_with_firewall("accept:flow tcp-pkt:all any any -> any 80 (content:\"hello\"; sid:1;)\n"
					      "drop:flow tcp-pkt:all any any -> any 80 (content:\"bye\"; sid:2;)\n",
					      "drop:packet tcp-pkt any any -> any any (content:\"bad\"; sid:10;)\n"
					      "alert tcp-pkt any any -> any any (content:\"bad\"; sid:11;)\n",
					      NULL, NULL);

	(void)state;
	packet(b, TO_SERVER, 1, "hello");
	PASSED();
	assert_true(b->flow.flags & FLOW_ACCEPTED);
	packet(b, TO_SERVER, 1, "bad");
	DROPPED(DROP_rule);
	ALERTS(10);
	packet(b, TO_SERVER, 1, "bye");
	PASSED();
	b->flow.flags = 0;
	packet(b, TO_SERVER, 1, "bye");
	DROPPED(DROP_firewall_rule);
	assert_true(b->flow.flags & FLOW_DROP);
	assert_int_equal(b->flow.drop_reason, DROP_firewall_flow);
	bench_free(b);
}

/* Every state is a table of its own, asked when the transaction comes to it and when it leaves it. */
static void transactions(void **state)
{
	struct bench *b = bench_with_firewall(ACCEPT_TCP
					      "accept:hook http1:request_started any any -> any any (alert; sid:1;)\n"
					      "drop:flow http1:request_line any any -> any any (http.uri; content:\"bad\"; alert; sid:2;)\n"
					      "accept:hook http1:request_line any any -> any any (http.uri; content:\"/\"; startswith; alert; sid:3;)\n",
					      "alert http any any -> any any (http.uri; content:\"/\"; sid:10;)\n", NULL, NULL);
	struct fake_tx tx = {.uri = "/ok"}, bad = {.uri = "/bad"};

	(void)state;
	transaction(b, &tx, 0);
	packet(b, TO_SERVER, 1, "a");
	PASSED();
	ALERTS(1);
	transaction(b, &tx, 0);
	packet(b, TO_SERVER, 1, "a");
	NO_ALERT();
	transaction(b, &tx, 1);
	packet(b, TO_SERVER, 1, "b");
	PASSED();
	ALERTS(1, 3, 10);
	transaction(b, &tx, 2);
	packet(b, TO_SERVER, 1, "c");
	DROPPED(DROP_firewall_app);
	assert_true(b->flow.flags & FLOW_DROP);
	NO_ALERT();
	detect_tx_free(&b->w, &tx.tx);
	b->flow.flags = 0;
	transaction(b, &bad, 1);
	packet(b, TO_SERVER, 1, "d");
	DROPPED(DROP_firewall_rule);
	ALERTS(1, 2);
	bench_free(b);
}

/* What was dropped comes again, as bytes that no parser is given: it is dropped again. */
static void sent_again(void **state)
{
	struct bench *b = bench_with_firewall(ACCEPT_TCP
					      "accept:hook http1:request_started any any -> any any (sid:1;)\n"
					      "drop:packet http1:request_line any any -> any any (http.uri; content:\"bad\"; alert; sid:2;)\n"
					      "accept:tx http1:request_line any any -> any any (sid:3;)\n",
					      "alert http any any -> any any (http.uri; content:\"a\"; sid:10;)\n", NULL, NULL);
	struct fake_tx tx = {.uri = "/bad"};

	(void)state;
	transaction(b, &tx, 3);
	packet(b, TO_SERVER, 1, "GET /bad");
	DROPPED(DROP_firewall_rule);
	ALERTS(2);
	packet(b, TO_SERVER, 1, "GET /bad");
	DROPPED(DROP_firewall_rule);
	packet(b, TO_SERVER, 1, ""); /* an acknowledgement has nothing of it */
	PASSED();
	assert_false(tx.tx.inspected_done[TO_SERVER]);
	fake.alert_count = 0;
	tx.uri = "/a";
	detect_tx_free(&b->w, &tx.tx);
	packet(b, TO_SERVER, 1, "GET /a");
	PASSED();
	assert_false(tx.tx.held);
	assert_true(tx.tx.inspected_done[TO_SERVER]);
	ALERTS(10);
	bench_free(b);
}

/* <: the hooks before it are passed too, without an alert. accept:tx: so are those behind. */
static void hooks_before(void **state)
{
	struct bench *b = bench_with_firewall(ACCEPT_TCP
					      "accept:tx,alert http1:<request_line any any -> any any (http.uri; content:\"/\"; sid:1;)\n",
					      "", NULL, NULL);
	struct fake_tx tx = {.uri = "/ok"}, other = {.uri = "no"};

	(void)state;
	transaction(b, &tx, 0);
	packet(b, TO_SERVER, 1, "a");
	PASSED();
	NO_ALERT();
	transaction(b, &tx, 1);
	packet(b, TO_SERVER, 1, "b");
	PASSED();
	ALERTS(1);
	transaction(b, &tx, 3);
	packet(b, TO_SERVER, 1, "c");
	PASSED();
	detect_tx_free(&b->w, &tx.tx);
	transaction(b, &other, 1);
	packet(b, TO_SERVER, 1, "d");
	DROPPED(DROP_firewall_app);
	bench_free(b);
}

/* A drop rule of the packets goes before the alerts of transactions; pass leaves the firewall its rules. */
static void other_rules(void **state)
{
	struct bench *b = bench_with_firewall(ACCEPT_TCP
					      "accept:hook http1:request_started any any -> any any (alert; sid:1;)\n"
					      "accept:flow,pass:flow http1:request_line any any -> any any (alert; sid:2;)\n",
					      "drop:packet tcp-pkt any any -> any any (content:\"evil\"; sid:10;)\n"
					      "pass:flow tcp-pkt any any -> any any (content:\"mild\"; sid:11;)\n"
					      "alert tcp-pkt any any -> any any (dsize:>0; sid:12;)\n", NULL, NULL);
	struct fake_tx tx = {.uri = "/"};

	(void)state;
	transaction(b, &tx, 0);
	packet(b, TO_SERVER, 1, "evil");
	DROPPED(DROP_rule);
	ALERTS(10);
	packet(b, TO_SERVER, 1, "mild");
	PASSED();
	NO_ALERT();
	assert_true(b->flow.flags & FLOW_RULES_PASS);
	assert_false(b->flow.flags & FLOW_PASS);
	transaction(b, &tx, 1);
	packet(b, TO_SERVER, 1, "x");
	PASSED();
	ALERTS(1, 2);
	bench_free(b);
}

/* Bits of a transaction are its own. */
static void transaction_bits(void **state)
{
	struct bench *b = bench_new("alert http1:request_line any any -> any any (http.uri; content:\"/a\"; xbits:set,seen,track tx; noalert; sid:1;)\n"
				    "alert http1:request_headers any any -> any any (xbits:isset,seen,track tx; sid:2;)\n");
	struct fake_tx a = {.uri = "/a"}, c = {.uri = "/c", .tx = {.id = 1}};

	(void)state;
	transaction(b, &a, 3);
	a.tx.next = &c.tx;
	c.tx.progress[TO_SERVER] = 3;
	packet(b, TO_SERVER, 1, "x");
	ALERTS(2);
	bench_free(b);
}

static void early(void **state)
{
	struct bench *b = bench_with_firewall("drop:packet tcp:pre_flow any any -> any any (content:\"evil\"; alert; sid:1;)\n"
					      "accept:packet tcp:pre_stream any any -> any any (content:\"good\"; sid:2;)\n"
					      "config:packet tcp:pre_flow any any -> any any (dsize:1; config:tracking disable, type flow, scope packet; sid:3;)\n",
					      "", NULL, NULL);

	(void)state;
	assert_true(b->w.early_rules[DETECT_PRE_FLOW] && b->w.early_rules[DETECT_PRE_STREAM]);
	packet(b, TO_SERVER, 1, "evil");
	b->packet.verdict = b->packet.drop = 0;
	assert_false(detect_early(&b->w, &b->packet, DETECT_PRE_FLOW));
	DROPPED(DROP_firewall_pre_flow);
	ALERTS(1);
	packet(b, TO_SERVER, 1, "good");
	DROPPED(DROP_firewall_packet);
	b->packet.verdict = b->packet.drop = 0;
	assert_true(detect_early(&b->w, &b->packet, DETECT_PRE_STREAM));
	detect_packet(&b->w, &b->packet);
	PASSED();
	packet(b, TO_SERVER, 1, "x");
	b->packet.verdict = b->packet.drop = 0;
	assert_true(detect_early(&b->w, &b->packet, DETECT_PRE_FLOW));
	assert_true(b->packet.flags & PACKET_NO_FLOW);
	bench_free(b);
}

static void policies(void **state)
{
	static const char *const good[] = {"packet.filter", "[accept:hook]", "app.default_policy", "drop:packet",
					   "app.http1.request_started", "accept:hook", NULL};
	static const char *const tx[] = {"default-policy", "accept:tx", NULL};
	static const char *const word[] = {"packet.filter", "drop", NULL};
	static const char *const hook[] = {"app.http1.request_soon", "accept:hook", NULL};
	struct bench *b = bench_with_firewall("", "", good, NULL);
	struct fake_tx t = {.uri = "/"};
	char error[512];

	(void)state;
	transaction(b, &t, 0);
	packet(b, TO_SERVER, 1, "x");
	PASSED();
	transaction(b, &t, 1);
	packet(b, TO_SERVER, 1, "x");
	DROPPED(DROP_firewall_app);
	assert_false(b->flow.flags & FLOW_DROP);
	bench_free(b);
	bench_free(bench_with_firewall("", "", tx, error));
	assert_non_null(strstr(error, "\"accept:tx\" cannot be the policy"));
	bench_free(bench_with_firewall("", "", word, error));
	assert_non_null(strstr(error, "packet.filter"));
	bench_free(bench_with_firewall("", "", hook, error));
	assert_non_null(strstr(error, "no such hook"));
}

/* A firewall rule that cannot be judged is an error: what it was to drop would pass. */
static void refusals(void **state)
{
	char error[512];

	(void)state;
	bench_free(bench_with_firewall("accept:hook http1:response_line any any -> any any (http.host; content:\"a\"; sid:1;)\n",
				       "", NULL, error));
	assert_non_null(strstr(error, "no hook response_line"));
	bench_free(bench_with_firewall("accept:hook http1:request_line any any -> any any (http.host; content:\"a\"; sid:1;)\n", "",
				       NULL, error));
	assert_non_null(strstr(error, "from hook request_headers on"));
}

/* Why a firewall rule had no turn, and how far a transaction has come. */
/* Where a parser is through with a session, rules on packets see one without payload in each direction. */
static void inspection_ends(void **state)
{
	struct bench *b = bench_with_firewall("accept:hook tcp:all any any <> any 80 (alert; sid:1;)\n",
					      "alert tcp any any -> any 80 (flow:to_server; sid:10;)\n"
					      "alert tcp-pkt any any -> any any (content:\"x\"; sid:11;)\n", NULL, NULL);

	(void)state;
	b->flow.ip_version = 4;
	b->flow.client_port = 40000;
	b->flow.server_port = 80;
	packet(b, TO_SERVER, 1, "x");
	ALERTS(1, 10, 11);
	detect_stop(&b->w, &b->packet);
	ALERTS(1, 1, 10); /* in the wire the other direction comes first */
	PASSED();
	bench_free(b);
}

static void traced(void **state)
{
	struct bench *b = bench_with_firewall(ACCEPT_TCP
					      "accept:hook http1:request_started any any -> any any (sid:1;)\n"
					      "accept:hook http1:request_started any any -> any any (sid:2;)\n"
					      "accept:hook http1:request_headers any any -> any any (sid:3;)\n",
					      "alert http1:request_headers any any -> any any (sid:4;)\n", NULL, NULL);
	struct trace_shared *t = trace_on(b, 2);
	struct fake_tx tx = {.uri = "/"};

	(void)state;
	transaction(b, &tx, 0);
	packet(b, TO_SERVER, 1, "x");
	assert_string_equal(step_last(t)->why, "rule 1:1 before it decided: accept:hook");
	trace_detach(t);
	t = trace_on(b, 4);
	transaction(b, &tx, 0);
	packet(b, TO_SERVER, 1, "x");
	assert_int_equal(step_last(t)->kind, TRACE_OPEN);
	assert_string_equal(step_last(t)->condition, "hook request_headers");
	assert_string_equal(step_last(t)->why, "the transaction has come to request_started so far");
	trace_detach(t);
	t = trace_on(b, 3);
	transaction(b, &tx, 1);
	packet(b, TO_SERVER, 1, "x");
	assert_non_null(strstr(step_last(t)->why, "no rule accepted at hook request_line"));
	trace_detach(t);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets),	    cmocka_unit_test(flows),	cmocka_unit_test(transactions),
		cmocka_unit_test(hooks_before),	    cmocka_unit_test(other_rules), cmocka_unit_test(transaction_bits),
		cmocka_unit_test(early),	    cmocka_unit_test(policies), cmocka_unit_test(sent_again),
		cmocka_unit_test(inspection_ends), cmocka_unit_test(traced), cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
