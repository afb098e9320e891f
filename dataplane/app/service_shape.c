/* SPDX-License-Identifier: BSD-3-Clause
 *
 * First bytes of services that are no fixed bytes: lengths that agree, fields with few values.
 */
#include "dataplane/app/netbios.h"
#include "dataplane/app/service.h"
#include "dataplane/app/syslog.h"
#include "dataplane/base/cursor.h"
#include "dataplane/base/digit.h"

#define TEXT_LOOKED_AT 512

static uint32_t get_le32(const uint8_t *b)
{
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static bool says(const struct service_look *l, const char *text)
{
	return memmem(l->data, l->len < TEXT_LOOKED_AT ? l->len : TEXT_LOOKED_AT, text, strlen(text));
}

/* ---- TCP ---- */

/* Length, number 0, version 10, the server's version as text. */
bool service_is_mysql(const struct service_look *l)
{
	const uint8_t *b = l->data;
	uint32_t whole = l->len < 8 ? 0 : get_le32(b) & 0xffffff;

	return whole >= 20 && whole <= 1024 && b[3] == 0 && b[4] == 10 && is_digit(b[5]) &&
	       (b[6] == '.' || b[7] == '.') && memchr(b + 5, 0, l->len - 5 < 64 ? l->len - 5 : 64);
}

bool service_is_mysql_refusal(const struct service_look *l)
{
	const uint8_t *b = l->data;

	return l->len >= 7 && (get_le32(b) & 0xffffff) + 4 == l->len && b[3] == 0 && b[4] == 0xff;
}

/* "*2\r\n$" */
bool service_is_redis(const struct service_look *l)
{
	uint32_t i = 1;

	if (l->len < 6 || l->data[0] != '*' || !is_digit(l->data[1]))
		return false;
	while (i < l->len && i < 8 && is_digit(l->data[i]))
		i++;
	return l->len - i >= 3 && memcmp(l->data + i, "\r\n$", 3) == 0;
}

bool service_is_irc(const struct service_look *l)
{
	return l->data[0] == ':' && (says(l, " NOTICE ") || says(l, " 001 "));
}

bool service_is_stratum(const struct service_look *l)
{
	if (l->data[0] != '{')
		return false;
	return says(l, "\"mining.subscribe\"") || says(l, "\"mining.authorize\"") || says(l, "\"eth_submitLogin\"") ||
	       says(l, "\"eth_getWork\"") ||
	       ((says(l, "\"method\":\"login\"") || says(l, "\"method\": \"login\"")) && says(l, "\"agent\""));
}

bool service_is_xmpp(const struct service_look *l)
{
	return l->data[0] == '<' && (says(l, "<stream:stream") || says(l, "urn:ietf:params:xml:ns:xmpp-framing"));
}

/* TPKT (RFC 1006) around a message of COTP. */
bool service_is_cotp(const struct service_look *l)
{
	const uint8_t *b = l->data;

	if (l->len < 7 || b[0] != 3 || b[1] != 0 || get_be16(b + 2) > l->len || get_be16(b + 2) < 7)
		return false;
	return b[4] + 5u <= l->len && (b[5] == 0xe0 || b[5] == 0xd0 || b[5] == 0xf0);
}

bool service_is_s7comm(const struct service_look *l)
{
	return service_is_cotp(l) && l->len >= 9 && l->data[5] == 0xf0 && l->data[7] == 0x32 && l->data[8] >= 1 &&
	       (l->data[8] <= 3 || l->data[8] == 7);
}

bool service_is_iec104(const struct service_look *l)
{
	return l->len >= 6 && l->data[0] == 0x68 && l->data[1] >= 4 && l->data[1] + 2u <= l->len;
}

/* Length, request, the request answered, operation. */
bool service_is_mongodb(const struct service_look *l)
{
	uint32_t whole = l->len < 16 ? 0 : get_le32(l->data), operation = whole ? get_le32(l->data + 12) : 0;

	if (whole < 26 || whole > 48u << 20 || whole < l->len)
		return false;
	if (l->d == TO_SERVER && get_le32(l->data + 8) != 0)
		return false;
	return operation == 2013 || operation == 2004 || operation == 2012;
}

/* Version, command, port, address, the user's name and a NUL (and a host's name and a NUL). */
bool service_is_socks4(const struct service_look *l)
{
	const uint8_t *b = l->data;

	return l->len >= 9 && b[0] == 4 && (b[1] == 1 || b[1] == 2) && get_be16(b + 2) && b[l->len - 1] == 0;
}

/* Nothing, or the request of a client that does not wait for the answer. */
static bool nothing_or_socks5_request(const uint8_t *b, uint32_t len)
{
	return !len || (len >= 4 && b[0] == 5 && b[1] >= 1 && b[1] <= 3 && !b[2] &&
			(b[3] == 1 || b[3] == 3 || b[3] == 4));
}

/* Version, count and methods (RFC 1928). */
bool service_is_socks5(const struct service_look *l)
{
	const uint8_t *b = l->data;

	if (l->len < 3 || b[0] != 5 || b[1] < 1 || b[1] > 10 || l->len < b[1] + 2u)
		return false;
	if (!nothing_or_socks5_request(b + b[1] + 2, l->len - b[1] - 2u))
		return false;
	for (uint32_t i = 2; i < b[1] + 2u; i++)
		if (b[i] > 9 && b[i] < 0x80)
			return false;
	return true;
}

/* ---- databases ---- */

/* A packet of TDS (MS-TDS, 2.2.3.1) with what a client begins with: PRELOGIN, whose first option is the version (2.2.6.5), or
 * LOGIN7, whose length agrees (2.2.6.4). */
bool service_is_tds(const struct service_look *l)
{
	const uint8_t *b = l->data;
	uint32_t whole = l->len < 16 ? 0 : get_be16(b + 2);

	if (whole < 16 || b[1] > 1 || b[7] != 0)
		return false;
	if (b[0] == 0x12)
		return b[8] == 0 && get_be16(b + 11) == 6 && get_be16(b + 9) >= 6 && get_be16(b + 9) + 14u <= whole;
	return b[0] == 0x10 && get_le32(b + 8) == whole - 8 && b[15] >= 0x70 && b[15] <= 0x74;
}

/* The CONNECT packet of Oracle's Net: length, two checksums of 0, versions, and where its text stands. */
bool service_is_tns(const struct service_look *l)
{
	const uint8_t *b = l->data;

	return l->len >= 34 && b[0] < 0x20 && get_be16(b + 2) == 0 && b[4] == 1 && get_be16(b + 8) >= 300 && get_be16(b + 8) < 400 &&
	       get_be16(b + 10) >= 200 && get_be16(b + 10) <= get_be16(b + 8) && get_be16(b + 26) >= 34 &&
	       get_be16(b + 26) <= 128;
}

/* A DSS (DRDA, volume 3) around EXCSAT, with which a client of DB2 or Derby begins. */
bool service_is_drda(const struct service_look *l)
{
	const uint8_t *b = l->data;

	return l->len >= 10 && b[0] < 0x20 && b[2] == 0xd0 && get_be16(b) >= 10 && get_be16(b + 6) + 6u == get_be16(b) &&
	       get_be16(b + 8) == 0x1041;
}

/* The frame of CQL from version 3 on: OPTIONS or STARTUP, and the length of what follows. */
bool service_is_cassandra(const struct service_look *l)
{
	const uint8_t *b = l->data;

	return l->len >= 9 && b[0] >= 3 && b[0] <= 6 && b[1] < 0x20 && (b[4] == 5 || b[4] == 1) && get_be32(b + 5) <= 0xffff;
}

/* ---- messages and storage ---- */

/* Length, API, its version, a number, the client's name. */
bool service_is_kafka(const struct service_look *l)
{
	const uint8_t *b = l->data;
	uint32_t name = l->len < 14 ? 0 : get_be16(b + 12);

	return l->len >= 14 && b[0] == 0 && get_be32(b) >= 10 && get_be32(b) + 4 >= l->len && get_be16(b + 4) < 100 && get_be16(b + 6) < 30 &&
	       (name == 0xffff || name + 10 <= get_be32(b));
}

/* The greeting of ZMTP: 0xff, eight bytes, 0x7f. */
bool service_is_zmtp(const struct service_look *l)
{
	static const uint8_t zeros[7];

	return l->len >= 10 && l->data[0] == 0xff && memcmp(l->data + 1, zeros, sizeof(zeros)) == 0 && l->data[9] == 0x7f;
}

/* A login request of iSCSI (RFC 7143, 11.12). */
bool service_is_iscsi(const struct service_look *l)
{
	return l->len > 48 && l->data[0] == 0x43 && says(l, "InitiatorName=");
}

/* ---- networks and telephony ---- */

/* A marker of ones, length, type (RFC 4271, 4.1). */
bool service_is_bgp(const struct service_look *l)
{
	const uint8_t *b = l->data;
	unsigned ones = 0;

	while (ones < 16 && ones < l->len && b[ones] == 0xff)
		ones++;
	return ones == 16 && l->len >= 19 && get_be16(b + 16) >= 19 && get_be16(b + 16) <= 4096 && b[18] >= 1 && b[18] <= 5;
}

/* Version 1, length, and what peers begin with: capabilities or a watchdog (RFC 6733, 3). */
bool service_is_diameter(const struct service_look *l)
{
	const uint8_t *b = l->data;
	uint32_t whole = l->len < 20 ? 0 : get_be32(b) & 0xffffff, command = whole ? get_be32(b + 4) & 0xffffff : 0;

	return whole >= 20 && b[0] == 1 && whole % 4 == 0 && whole <= 0xffff && !(b[4] & 0x0f) && (command == 257 || command == 280) &&
	       get_be32(b + 8) == 0;
}

/* Length, a bind or its answer, status, number (SMPP 3.4, 3.2). */
bool service_is_smpp(const struct service_look *l)
{
	const uint8_t *b = l->data;
	uint32_t command = l->len < 16 ? 0 : get_be32(b + 4) & 0x7fffffff;

	return (command == 1 || command == 2 || command == 9) && get_be32(b) >= 16 && get_be32(b) <= 512 &&
	       (l->d == TO_CLIENT) == (b[4] >> 7) && (l->d == TO_CLIENT || get_be32(b + 8) == 0) && get_be32(b + 12) != 0 &&
	       get_be32(b + 12) <= 0x7fffffff;
}

/* HELLO, and its length. */
bool service_is_openflow(const struct service_look *l)
{
	return l->len >= 8 && l->data[0] >= 1 && l->data[0] <= 6 && l->data[1] == 0 && get_be16(l->data + 2) >= 8 && get_be16(l->data + 2) <= l->len;
}

/* Two reserved bytes and the length of what follows. */
bool service_is_ads(const struct service_look *l)
{
	return l->len >= 38 && get_be16(l->data) == 0 && get_le32(l->data + 2) >= 32 && get_le32(l->data + 2) + 6 <= l->len;
}

/* Version 1, type, id; the whole length behind. */
bool service_is_hart_ip(const struct service_look *l)
{
	const uint8_t *b = l->data;

	return l->len >= 8 && b[0] == 1 && b[1] <= 15 && b[2] <= 4 && get_be16(b + 6) >= 8 && get_be16(b + 6) <= l->len;
}

/* Version 5: as many records as it says. Version 9 (RFC 3954): a first set of templates or of data. */
bool service_is_netflow(const struct service_look *l)
{
	const uint8_t *b = l->data;
	unsigned count, set;

	if (l->len < 24)
		return false;
	count = get_be16(b + 2);
	if (get_be16(b) == 5)
		return count >= 1 && count <= 30 && l->len == 24 + 48 * count;
	set = get_be16(b + 20);
	return get_be16(b) == 9 && count >= 1 && (set <= 1 || set >= 256) && get_be16(b + 22) >= 4 && get_be16(b + 22) <= l->len - 20;
}

/* Version 10, the datagram's length, a first set (RFC 7011, 3). */
bool service_is_ipfix(const struct service_look *l)
{
	const uint8_t *b = l->data;
	unsigned set;

	if (l->len < 20 || get_be16(b) != 10 || get_be16(b + 2) != l->len)
		return false;
	set = get_be16(b + 16);
	return (set == 2 || set == 3 || set >= 256) && get_be16(b + 18) >= 4 && get_be16(b + 18) <= l->len - 16;
}

/* Version 5, the kind of the agent's address. */
bool service_is_sflow(const struct service_look *l)
{
	return l->len >= 28 && get_be32(l->data) == 5 && (get_be32(l->data + 4) == 1 || get_be32(l->data + 4) == 2);
}

/* Command, version, zeros, entries of 20 bytes (RFC 2453, 4). */
bool service_is_rip(const struct service_look *l)
{
	return l->len >= 24 && (l->data[0] == 1 || l->data[0] == 2) && (l->data[1] == 1 || l->data[1] == 2) && get_be16(l->data + 2) == 0 && (l->len - 4) % 20 == 0;
}

/* Version 1, and its length (RFC 5880, 4.1). */
bool service_is_bfd(const struct service_look *l)
{
	return l->len >= 24 && l->data[0] >> 5 == 1 && l->data[3] == l->len && l->data[2] != 0;
}

bool service_is_ws_discovery(const struct service_look *l)
{
	return l->data[0] == '<' && says(l, "Envelope") && says(l, "/discovery");
}

/* ---- UDP ---- */

/* A network layer's beginning: version 1, no reserved bit (ASHRAE 135, 6.2). */
static bool is_npdu(const struct service_look *l, uint32_t at)
{
	return l->len >= at + 2 && l->data[at] == 1 && !(l->data[at + 1] & 0x50);
}

/* Annex J: how long each function is, and which of them carry messages; a table has entries of ten bytes. */
static bool is_bvlc(const struct service_look *l)
{
	switch (l->data[1]) {
	case 0x00: /* result */
	case 0x05: /* register as a foreign device */
		return l->len == 6;
	case 0x02: /* read tables */
	case 0x06:
		return l->len == 4;
	case 0x01:
	case 0x03:
	case 0x07:
	case 0x08:
		return (l->len - 4) % 10 == 0;
	case 0x04: /* forwarded */
		return is_npdu(l, 10);
	case 0x09: /* distribute, unicast, broadcast */
	case 0x0a:
	case 0x0b:
		return is_npdu(l, 4);
	default:
		return l->data[1] == 0x0c && l->len > 20; /* secured */
	}
}

/* Annex U: over IPv6, with addresses of three bytes. */
static bool is_bvlc6(const struct service_look *l)
{
	static const uint8_t lengths[] = {9, 0, 0, 10, 28, 10, 7, 10, 0, 9, 25};

	switch (l->data[1]) {
	case 0x01:
		return is_npdu(l, 10);
	case 0x02:
	case 0x0c:
		return is_npdu(l, 7);
	case 0x08:
		return is_npdu(l, 25);
	default:
		return l->data[1] < sizeof(lengths) && l->len == lengths[l->data[1]];
	}
}

bool service_is_bacnet(const struct service_look *l)
{
	if (l->len < 4 || get_be16(l->data + 2) != l->len)
		return false;
	return l->data[0] == 0x81 ? is_bvlc(l) : is_bvlc6(l);
}

bool service_is_coap(const struct service_look *l)
{
	return l->len >= 4 && l->data[0] >> 6 == 1 && (l->data[0] & 15) <= 8;
}

bool service_is_dtls(const struct service_look *l)
{
	const uint8_t *b = l->data;

	return l->len >= 13 && b[0] >= 20 && b[0] <= 23 && b[1] == 0xfe && (b[2] == 0xff || b[2] == 0xfd) &&
	       get_be16(b + 11) + 13u <= l->len;
}

/* ESP in UDP (RFC 3948): no marker of IKE. */
bool service_is_esp(const struct service_look *l)
{
	return l->len >= 20 && get_be32(l->data) != 0;
}

bool service_is_gtp_1(const struct service_look *l)
{
	return l->len >= 8 && (l->data[0] & 0xf0) == 0x30 && get_be16(l->data + 2) + 8u == l->len;
}

bool service_is_gtp_2(const struct service_look *l)
{
	return l->len >= 8 && l->data[0] >> 5 == 2 && get_be16(l->data + 2) + 4u == l->len;
}

bool service_is_knx(const struct service_look *l)
{
	return l->len >= 6 && l->data[0] == 6 && l->data[1] == 0x10 && get_be16(l->data + 4) == l->len;
}

bool service_is_l2tp(const struct service_look *l)
{
	return l->len >= 12 && l->data[0] == 0xc8 && (l->data[1] & 15) == 2 && get_be16(l->data + 2) == l->len;
}

bool service_is_radius(const struct service_look *l)
{
	return l->len >= 20 && l->data[0] >= 1 && l->data[0] <= 45 && get_be16(l->data + 2) == l->len;
}

/* A header with few records, as names in the link have it. */
bool service_is_dns(const struct service_look *l)
{
	const uint8_t *b = l->data;

	return l->len >= 17 && (b[2] >> 3 & 15) == 0 && get_be16(b + 4) == 1 && get_be16(b + 6) < 64 &&
	       get_be16(b + 8) < 64 && get_be16(b + 10) < 64 && b[12] < 64;
}

/* The first name is 32 letters, A to P (RFC 1002, 4.1). */
bool service_is_nbns(const struct service_look *l)
{
	uint8_t name[NETBIOS_NAME_BYTES];

	return l->len >= 46 && l->data[12] == NETBIOS_ENCODED_BYTES &&
	       netbios_decode((struct bytes){l->data + 13, NETBIOS_ENCODED_BYTES}, name);
}

/* A reset that begins a session: its number, with tls-auth a code and the packet's number 1. */
static bool openvpn_reset(const uint8_t *b, uint32_t len)
{
	static const uint8_t codes[] = {16, 20, 28, 32, 48, 64};

	if (len < 14 || (b[0] != 0x38 && b[0] != 0x40 && b[0] != 0x50))
		return false;
	if (len == 14)
		return get_be32(b + 9) == 0 && b[13] == 0;
	if (len == 26 && b[0] == 0x40 && b[9] == 1) /* with what it confirms */
		return get_be32(b + 10) == 0;
	if (len >= 54 && get_be32(b + 9) == 1) /* tls-crypt */
		return true;
	for (size_t i = 0; i < sizeof(codes); i++)
		if (len >= 9u + codes[i] + 8 + 5 && get_be32(b + 9 + codes[i]) == 1)
			return true;
	return false;
}

bool service_is_openvpn(const struct service_look *l)
{
	return openvpn_reset(l->data, l->len);
}

bool service_is_openvpn_tcp(const struct service_look *l)
{
	uint32_t n = l->len < 2 ? 0 : get_be16(l->data);

	return n && n + 2 == l->len && openvpn_reset(l->data + 2, n);
}

/* RFC 3550, 6.4: a report, its length in words. */
bool service_is_rtcp(const struct service_look *l)
{
	return l->len >= 8 && l->data[0] >> 6 == 2 && (l->data[1] == 200 || l->data[1] == 201) &&
	       (get_be16(l->data + 2) + 1u) * 4 <= l->len;
}

/* RFC 3550, 5.1: two datagrams of one source in a row. */
bool service_is_rtp(const struct service_look *l)
{
	const uint8_t *b = l->data;
	struct service_talk *t;
	uint32_t source;
	uint16_t number;
	bool follows;

	if (l->len < 13 || b[0] >> 6 != 2 || (b[1] & 0x7f) > 127 || ((b[1] & 0x7f) >= 35 && (b[1] & 0x7f) < 96))
		return false;
	t = service_talk_of(l->w, l->f);
	if (!t)
		return false;
	number = get_be16(b + 2);
	source = get_be32(b + 8);
	follows = t->rtp[l->d].seen && t->rtp[l->d].source == source &&
		  (uint16_t)(number - t->rtp[l->d].number) == 1;
	t->rtp[l->d].seen = true;
	t->rtp[l->d].source = source;
	t->rtp[l->d].number = number;
	return follows;
}

bool service_is_stun(const struct service_look *l)
{
	return l->len >= 20 && l->data[0] < 4 && get_be32(l->data + 4) == 0x2112a442 &&
	       get_be16(l->data + 2) + 20u <= l->len;
}

/* The bytes of a priority, or 0. */
static uint32_t priority(struct bytes b)
{
	unsigned number = 0;
	uint32_t len = syslog_priority(b, &number);

	return number <= SYSLOG_PRIORITY_MAX ? len : 0;
}

bool service_is_syslog(const struct service_look *l)
{
	return priority((struct bytes){l->data, l->len});
}

/* With a version or a date after it; over TCP the length may stand before it (RFC 6587). */
bool service_is_syslog_dated(const struct service_look *l)
{
	struct bytes b = {l->data, l->len};
	uint32_t n = 0;

	while (n < 6 && n < b.len && is_digit(b.data[n]))
		n++;
	if (n && n < b.len && b.data[n] == ' ' && l->f->ip_proto == 6)
		b = (struct bytes){b.data + n + 1, b.len - n - 1};
	n = priority(b);
	return n && syslog_dated((struct bytes){b.data + n, b.len - n});
}

bool service_is_teamviewer(const struct service_look *l)
{
	return l->len >= 13 && l->data[0] == 0 && l->data[11] == 0x17 && l->data[12] == 0x24;
}

/* Initiation, response, cookie. */
bool service_is_wireguard(const struct service_look *l)
{
	const uint8_t *b = l->data;

	if (l->len < 64 || b[1] || b[2] || b[3])
		return false;
	return (b[0] == 1 && l->len == 148) || (b[0] == 2 && l->len == 92) || (b[0] == 3 && l->len == 64);
}
