/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/rules/rule_tests.h"

static const struct rule *with_head(const char *head)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s (sid:1;)", head);
	return loads(text);
}

static void head_refused(const char *head, const char *part)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s (sid:1;)", head);
	refused(text, part);
}

static void actions(void **state)
{
	assert_int_equal(with_head("ALERT tcp any any -> any any")->action, ACTION_ALERT);
	assert_int_equal(with_head("rejectsrc tcp any any -> any any")->action, ACTION_REJECT);
	assert_int_equal(with_head("rejectboth ip any any -> any any")->action, ACTION_REJECT_BOTH);
	assert_int_equal(with_head("drop:packet ip any any -> any any")->scope, SCOPE_PACKET);
	assert_int_equal(with_head("pass:flow ip any any -> any any")->scope, SCOPE_FLOW);
	head_refused("alert:^flow ip any any -> any any", "no scope");
	head_refused("drop:^host ip any any -> any any", "no scope of an action");
	head_refused("^shout ip any any -> any any", "no action");
}

static void protocols(void **state)
{
	const struct rule *r = with_head("alert dns any any -> any any");

	assert_int_equal(r->ip_protos, RULE_TCP | RULE_UDP);
	assert_string_equal(r->app, "dns");
	assert_int_equal(with_head("alert ip6 any any -> any any")->ip_versions, 2);
	assert_int_equal(with_head("alert icmp any any -> any any")->ip_protos,
			 RULE_ICMP4 | RULE_ICMP6);
	assert_true(with_head("alert tcp-pkt any any -> any any")->flags & RULE_PACKET_ONLY);
	assert_string_equal(with_head("alert http1:request_headers any any -> any any")->hook,
			    "request_headers");
	head_refused("alert ^17 any any -> any any", "no protocol");
	assert_true(with_head("alert http1:request_headers any any -> any any")->flags & RULE_HAS_APP);
	assert_true(with_head("alert ip:flow_start any any -> any any")->flags & RULE_FLOW_START);
	with_head("alert udp:all any any -> any any");
	assert_true(with_head("drop tcp:pre_flow any any -> any any")->flags & RULE_PRE_FLOW);
	head_refused("alert tcp:^pre_lunch any any -> any any", "no hook of packets");
	head_refused("alert http1:^request_head any any -> any any", "http1 has no hook \"request_head\"");
	head_refused("alert dns:^client_hello_done any any -> any any", "dns has no hook");
	with_head("alert dns:response_complete any any -> any any");
	with_head("alert ssl:client_hello_done any any -> any any");
	with_head("alert http:response_body any any -> any any");
	refused("alert tls any any -> any any (app-layer-state:>^server_helo; sid:1;)", "tls has no state");
	loads("alert tls any any -> any any (app-layer-state:>server_cert; sid:1;)");
	head_refused("alert http1:^<request_headers any any -> any any", "belongs to firewall rules");
}

static const struct rule *firewall(const char *head)
{
	const struct rule *r;

	reader->language.firewall = true;
	r = with_head(head);
	reader->language.firewall = false;
	return r;
}

static void firewall_refused(const char *head, const char *part)
{
	reader->language.firewall = true;
	head_refused(head, part);
	reader->language.firewall = false;
}

static void firewall_rules(void **state)
{
	const struct rule *r = firewall("accept:flow,pass:flow,alert tls:<client_hello_done any any -> any any");

	assert_int_equal(r->action, ACTION_ACCEPT);
	assert_int_equal(r->scope, SCOPE_FLOW);
	assert_int_equal(r->pass_scope, SCOPE_FLOW);
	assert_true(r->flags & RULE_ALERT);
	assert_true(r->flags & RULE_HOOKS_BEFORE);
	assert_string_equal(r->hook, "client_hello_done");
	assert_int_equal(firewall("accept:hook udp:all any any -> any any")->scope, SCOPE_HOOK);
	assert_int_equal(firewall("accept:tx dns:request_complete any any -> any any")->scope, SCOPE_TX);
	assert_true(firewall("drop:packet ip:all any any -> any any")->flags & RULE_FIREWALL);
	assert_false(firewall("drop:packet ip:all any any -> any any")->flags & RULE_IP_ONLY);
	firewall_refused("^alert tcp:all any any -> any any", "no action of firewall rules");
	firewall_refused("^accept tcp:all any any -> any any", "has no scope");
	firewall_refused("drop:^hook tcp:all any any -> any any", "no such scope");
	firewall_refused("drop:flow,^pass:flow tcp:all any any -> any any", "beside the first action");
	firewall_refused("accept:flow ^tcp any any -> any any", "names its hook");
	firewall_refused("accept:flow ^http1 any any -> any any", "names its hook");
	firewall_refused("accept:tx ^tcp:all any any -> any any", "packets have no transaction");
	firewall_refused("drop:flow ^ip:pre_flow any any -> any any", "no flow yet");
	firewall_refused("drop:flow tls:^<client_hello_done any any -> any any", "rules that accept");
	head_refused("^accept:flow tcp:all any any -> any any", "belongs to firewall rules");
	reader->language.firewall = true;
	refused("accept:hook tcp:all any any -> any any (http.uri; content:\"a\"; sid:1;)", "not there at a hook of packets");
	refused("drop:packet tcp:pre_flow any any -> any any (flow:established; sid:1;)", "has no flow yet");
	reader->language.firewall = false;
	refused("config tcp any any -> any any (config:tracking disable, type flow, scope packet; sid:1;)",
		"before the packet has a flow");
}

static void directions(void **state)
{
	assert_true(with_head("alert ip any any <> any any")->flags & RULE_BIDIRECTIONAL);
	head_refused("alert ip any any ^<- any any", "does not exist");
	head_refused("alert ip any any ^=< any any", "no direction");
	refused("alert ip any any -> any^", "destination port");
}

static void check_range(const struct addr_range *r, const char *low, const char *high)
{
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(&r->low, r->ip_version, text), low);
	assert_string_equal(addr_format(&r->high, r->ip_version, text), high);
}

static void addresses(void **state)
{
	const struct rule *r;

	r = with_head("alert ip [10.0.0.0/8, ![10.1.0.0/16,!10.1.2.3]] any -> any any");
	assert_int_equal(r->src.count, 2);
	check_range(&r->src.ranges[0], "10.0.0.0", "10.0.255.255");
	check_range(&r->src.ranges[1], "10.2.0.0", "10.255.255.255");
	assert_true(r->src.negated_in_text);
	assert_true(r->dst.any);

	r = with_head("alert ip !10.0.0.0/8 any -> 10.0.0.0/255.255.0.0 any");
	assert_int_equal(r->src.count, 2);
	check_range(&r->src.ranges[0], "0.0.0.0", "9.255.255.255");
	check_range(&r->src.ranges[1], "11.0.0.0", "255.255.255.255");
	check_range(&r->dst.ranges[0], "10.0.0.0", "10.0.255.255");

	r = with_head(
		"alert ip [2001:db8::/32,!10.0.0.1,1.2.3.4-1.2.3.7] any -> $EXTERNAL_NET any");
	assert_int_equal(r->src.count, 2);
	check_range(&r->src.ranges[0], "1.2.3.4", "1.2.3.7");
	assert_int_equal(r->src.ranges[1].ip_version, 6);
	assert_int_equal(r->dst.count, 2);

	r = with_head("alert ip [10.0.0.0/9,10.128.0.0/9] any -> !$HOME_NET any");
	assert_int_equal(r->src.count, 1);
	check_range(&r->src.ranges[0], "10.0.0.0", "10.255.255.255");
}

static void wrong_addresses(void **state)
{
	head_refused("alert ip ^10.0.0.0/33 any -> any any", "no network");
	head_refused("alert ip 10.0.0.0/8 any -> ^10.0.0.0/255.0.255.0 any", "no network");
	head_refused("alert ip ^1.2.3.9-1.2.3.4 any -> any any", "no range");
	head_refused("alert ip [10.0.0.1,^nobody] any -> any any", "no address");
	head_refused("alert ip !^any any -> any any", "no address");
	head_refused("alert ip ^[10.0.0.0/8,!10.0.0.0/8] any -> any any", "no address is left");
	head_refused("alert ip ^$NOBODY any -> any any", "is not set");
	head_refused("alert ip [1.2.3.4,^$LOOP] any -> any any", "made of itself");
	head_refused("alert ip ^[] any -> any any", "empty");
	head_refused("alert ip [1.2.3.4,^,5.6.7.8] any -> any any", "empty item");
}

static void nesting(void **state)
{
	char opened[201] = "", closed[201] = "", text[1024];

	memset(opened, '[', 200);
	memset(closed, ']', 200);
	snprintf(text, sizeof(text), "alert ip %s1.2.3.4%s any -> any any (sid:1;)", opened,
		 closed);
	refused(text, "nest deeper");
}

static void ports(void **state)
{
	const struct rule *r = with_head("alert tcp any [80,1000:2000,!1500] -> any !$HTTP_PORTS");

	assert_int_equal(r->sport.count, 3);
	assert_int_equal(r->sport.ranges[1].high, 1499);
	assert_int_equal(r->sport.ranges[2].low, 1501);
	assert_int_equal(r->dport.count, 3);
	assert_int_equal(r->dport.ranges[0].high, 79);
	assert_int_equal(r->dport.ranges[2].high, 65535);
	assert_int_equal(with_head("alert tcp any :1023 -> any any")->sport.ranges[0].high, 1023);
	assert_true(with_head("alert tcp any 0: -> any any")->sport.any);
	head_refused("alert tcp any ^65536 -> any any", "no port");
	head_refused("alert tcp any ^9:8 -> any any", "no range of ports");
	head_refused("alert tcp any ^[80,!80] -> any any", "no port is left");
	head_refused("alert tcp any ^http -> any any", "no port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions),         cmocka_unit_test(protocols), cmocka_unit_test(firewall_rules),
		cmocka_unit_test(directions),      cmocka_unit_test(addresses),
		cmocka_unit_test(wrong_addresses), cmocka_unit_test(nesting),
		cmocka_unit_test(ports),
	};

	return cmocka_run_group_tests(tests, reader_start, reader_stop);
}
