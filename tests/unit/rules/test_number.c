/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/rules/rule_tests.h"

static void check(const char *text, int op, uint64_t low, uint64_t high)
{
	const struct rule *r = loads(text);
	const struct number_test *t = r->packet_match_count ? &r->packet_matches[0].u.number
							    : &r->app_matches[0].u.number;

	assert_int_equal(t->op, op);
	assert_int_equal(t->low, low);
	assert_int_equal(t->high, high);
}

static void forms(void **state)
{
	check(TCP("ttl:5;"), NUMBER_EQUAL, 5, 0);
	check(TCP("flow.age:!0x14;"), NUMBER_NOT_EQUAL, 20, 0);
	check(TCP("flow.age:!=20;"), NUMBER_NOT_EQUAL, 20, 0);
	check(TCP("flow.age:>=21;"), NUMBER_GREATER_EQUAL, 21, 0);
	check(TCP("flow.age:<22;"), NUMBER_LESS, 22, 0);
	check(TCP("flow.age:19-22;"), NUMBER_BETWEEN, 19, 22);
	check(TCP("flow.age:!19-22;"), NUMBER_NOT_BETWEEN, 19, 22);
	check(TCP("flow.age:&0xc0=0x80;"), NUMBER_MASK, 0xc0, 0x80);
	check(TCP("dsize: 5 <> 10 ;"), NUMBER_BETWEEN, 5, 10);
	check(HTTP("filesize:>2kb;"), NUMBER_GREATER, 2048, 0);
	check("alert dns any any -> any any (dns.rrtype:TXT; sid:1;)", NUMBER_EQUAL, 16, 0);
	check("alert dns any any -> any any (dns.rcode:!NXDOMAIN; sid:1;)", NUMBER_NOT_EQUAL, 3, 0);
	check("alert nfs any any -> any any (nfs_procedure:2<>4; sid:1;)", NUMBER_BETWEEN, 1, 5);
	check("alert nfs any any -> any any (nfs_procedure:0<>4; sid:1;)", NUMBER_LESS, 5, 0);
	check("alert icmp any any -> any any (itype:>=200; sid:1;)", NUMBER_GREATER_EQUAL, 200, 0);
}

static void wrong(void **state)
{
	refused(TCP("ttl:^<0;"), "always or never");
	refused(TCP("ttl:^>255;"), "always or never");
	refused(TCP("ttl:^256;"), "no number up to 255");
	refused(TCP("ttl:^5<>6;"), "no number lies between");
	refused(TCP("ttl:^9<>5;"), "no number lies between");
	refused(TCP("ttl:^abc;"), "no number");
	refused(TCP("ttl:^5 6;"), "no number");
	refused(TCP("^ttl:;"), "no argument");
	refused(TCP("tcp.seq:^99999999999999999999999;"), "no number");
	refused("alert udp any any -> any any (^tcp.mss:5; sid:1;)", "no such field");
	refused("alert dns any any -> any any (dns.rrtype:^NONSENSE; sid:1;)", "no name");
}

static void fields(void **state)
{
	const struct rule *r = loads(TCP("flags:*SF,CE;"));

	assert_int_equal(r->packet_matches[0].u.tcp_flags.flags, 3);
	assert_int_equal(r->packet_matches[0].u.tcp_flags.ignore, 0xc0);
	assert_int_equal(r->packet_matches[0].u.tcp_flags.modifier, '*');
	refused(TCP("flags:^X;"), "no flag X");
	assert_int_equal(loads(TCP("ipopts:rr;"))->packet_matches[0].u.word.bits, 7);
	refused(TCP("ipopts:^none;"), "no option");
	refused(TCP("^ip_proto:6;"), "already");
	assert_int_equal(loads("alert ip any any -> any any (ip_proto:igmp; sid:1;)")
				 ->packet_matches[0]
				 .u.number.low,
			 2);
	refused(TCP("dsize:5; ^dsize:6;"), "twice");
	refused(TCP("decode-event:^ipv4.no_such;"), "no event");
}

#define TLS(options) "alert tls any any -> any any (" options " sid:1;)"

static void dates_and_calls(void **state)
{
	const struct rule *r = loads(TLS("tls_cert_notafter:>2026-01-31; tls_cert_notbefore:2024<>2026-06-30T12:30;"));
	const struct match_rpc *rpc = &loads(TCP("rpc:100000,*,3;"))->packet_matches[0].u.rpc;

	assert_int_equal(r->app_matches[0].u.number.op, NUMBER_GREATER);
	assert_int_equal(r->app_matches[0].u.number.low, 1769817600);
	assert_int_equal(r->app_matches[1].u.number.op, NUMBER_BETWEEN);
	assert_int_equal(r->app_matches[1].u.number.low, 1704067200);
	assert_int_equal(r->app_matches[1].u.number.high, 1782822600);
	refused(TLS("tls_cert_notafter:^soon;"), "soon");
	refused(TLS("tls_cert_notafter:^>2026-13;"), "2026-13");
	refused(TLS("tls_cert_notafter:^2026<>2025;"), "2026<>2025");
	assert_int_equal(rpc->values[0], 100000);
	assert_true(!rpc->any[0] && rpc->any[1] && !rpc->any[2]);
	assert_int_equal(rpc->values[2], 3);
	refused(TCP("rpc:^*,2,3;"), "is no number");
}

static void dce(void **state)
{
	const struct rule *r = loads("alert dcerpc any any -> any any (dcerpc.iface:"
				     "367abb81-9844-35f1-ad32-98f038001003,>2,any_frag; dcerpc.opnum:3,7-9; sid:1;)");
	const struct match_dce_iface *iface = &r->app_matches[0].u.dce_iface;
	const struct match_dce_opnum *opnum = &r->app_matches[1].u.dce_opnum;

	assert_memory_equal(iface->uuid, "\x36\x7a\xbb\x81\x98\x44\x35\xf1\xad\x32\x98\xf0\x38\x00\x10\x03", 16);
	assert_false(iface->any_version);
	assert_int_equal(iface->version.op, NUMBER_GREATER);
	assert_int_equal(iface->version.low, 2);
	assert_int_equal(opnum->count, 2);
	assert_int_equal(opnum->ranges[0].high, 3);
	assert_int_equal(opnum->ranges[1].low, 7);
	assert_int_equal(opnum->ranges[1].high, 9);
}

static void modbus(void **state)
{
	const struct match_modbus *m;

#define MODBUS(argument) "alert modbus any any -> any any (modbus:" argument "; sid:1;)"
#define LOADED(argument) &loads(MODBUS(argument))->app_matches[0].u.modbus
	m = LOADED("unit >9, access read coils, address 0<>2");
	assert_true(m->unit.there && m->unit.low == 9 && m->unit.high == UINT16_MAX);
	assert_true(m->by_access && !m->writes && m->table == MODBUS_TABLE_COILS);
	assert_true(m->address.there && m->address.low == 0 && m->address.high == 2);
	assert_false(m->value.there);
	m = LOADED("access write holding, address 100, value 5<>2000");
	assert_true(m->writes && m->value.there);
	m = LOADED("function 8, subfunction 4");
	assert_true(m->function == 8 && m->has_subfunction && m->subfunction == 4);
	m = LOADED("function !assigned");
	assert_int_equal(m->categories & 15, 14);
	m = LOADED("unit 10");
	assert_true(m->unit.low == 10 && m->unit.high == 10 && !m->by_access && !m->function);
	refused(MODBUS("^read coils"), "not understood");
	refused(MODBUS("function ^0"), "not understood");
	refused(MODBUS("function ^nobody"), "not understood");
	refused(MODBUS("access write ^input"), "not understood");
	refused(MODBUS("access read coils, ^size 1"), "not understood");
	refused(MODBUS("access read coils, address 1, ^value 1"), "not understood");
	refused(MODBUS("access write coils, address 1<>3, ^value 1"), "not understood");
	refused(MODBUS("unit ^ten"), "not understood");
}

static void ethernet_ip(void **state)
{
	const struct rule *r = loads("alert enip any any -> any any (cip_service:12 , 123 , !45678; "
				     "enip.revision:4.3; sid:1;)");
	const struct match_cip_service *cip = &r->app_matches[0].u.cip_service;

	assert_true(cip->service == 12 && cip->has_class && cip->cip_class == 123 && !cip->has_attribute);
	assert_int_equal(r->app_matches[1].u.number.low, 4 << 8 | 3);
	refused("alert enip any any -> any any (cip_service:^202; sid:1;)", "not understood");
	refused("alert enip any any -> any any (cip_service:123,^toto; sid:1;)", "not understood");
	refused("alert enip any any -> any any (cip_service:1,2,^3,4; sid:1;)", "not understood");
	refused("alert enip any any -> any any (enip.revision:^4; sid:1;)", "not understood");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dce), cmocka_unit_test(modbus), cmocka_unit_test(ethernet_ip),
		cmocka_unit_test(dates_and_calls), cmocka_unit_test(forms),
		cmocka_unit_test(wrong),
		cmocka_unit_test(fields),
	};

	return cmocka_run_group_tests(tests, reader_start, reader_stop);
}
