/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TCP headers (RFC 9293) and the options a receiver acts on (RFC 7323, 2018, 7413, 2385, 5925).
 * Worker thread.
 */
#include <netinet/in.h>

#include "dataplane/packet/layer.h"

#define TCP_HEADER_BYTES 20
#define TCP_WINDOW_SCALE_MAX 14
#define TCP_OPTIONS_MAX 20

enum tcp_option {
	TCP_END = 0,
	TCP_NOP = 1,
	TCP_MSS = 2,
	TCP_WINDOW_SCALE = 3,
	TCP_SACK_PERMITTED = 4,
	TCP_SACK = 5,
	TCP_TIMESTAMP = 8,
	TCP_MD5 = 19,
	TCP_AO = 29,
	TCP_FAST_OPEN = 34,
	TCP_EXPERIMENT1 = 253,
	TCP_EXPERIMENT2 = 254,
};

#define TCP_EXPERIMENT_FAST_OPEN 0xf989

static bool length_ok(uint8_t type, unsigned len)
{
	switch (type) {
	case TCP_MSS:
		return len == 4;
	case TCP_WINDOW_SCALE:
		return len == 3;
	case TCP_SACK_PERMITTED:
		return len == 2;
	case TCP_SACK:
		return len <= 34 && (len - 2) % 8 == 0; /* some hosts send it empty */
	case TCP_TIMESTAMP:
		return len == 10;
	case TCP_MD5:
		return len == 18;
	case TCP_AO:
		return len >= 4;
	case TCP_FAST_OPEN:
		return len == 2 || (len >= 6 && len <= 18 && len % 2 == 0);
	default:
		return true;
	}
}

/* Takes over one option of a right length. False: it stood there before. */
static bool option_take(struct tcp_fields *t, uint8_t type, struct cursor body)
{
	switch (type) {
	case TCP_MSS:
		if (t->has_mss)
			return false;
		t->has_mss = 1;
		t->mss = cursor_be16(&body);
		return true;
	case TCP_WINDOW_SCALE:
		if (t->has_window_scale)
			return false;
		t->has_window_scale = 1;
		t->window_scale = cursor_u8(&body);
		if (t->window_scale > TCP_WINDOW_SCALE_MAX)
			t->window_scale = 0;
		return true;
	case TCP_SACK_PERMITTED:
		if (t->has_sack_permitted)
			return false;
		t->has_sack_permitted = 1;
		return true;
	case TCP_SACK:
		if (t->sack_count)
			return false;
		t->sack_count = (uint8_t)(cursor_left(&body) / 8);
		return true;
	case TCP_TIMESTAMP:
		if (t->has_timestamp)
			return false;
		t->has_timestamp = 1;
		t->ts_value = cursor_be32(&body);
		t->ts_echo = cursor_be32(&body);
		return true;
	case TCP_MD5:
	case TCP_AO:
		if (t->has_md5)
			return false;
		t->has_md5 = 1;
		return true;
	case TCP_EXPERIMENT1:
	case TCP_EXPERIMENT2:
		if (cursor_be16(&body) != TCP_EXPERIMENT_FAST_OPEN || body.bad)
			return true;
		/* fallthrough */
	case TCP_FAST_OPEN:
		if (t->has_tfo)
			return false;
		t->has_tfo = 1;
		return true;
	default:
		return true;
	}
}

static void options(struct decoder *d, struct packet *p, struct cursor c)
{
	for (unsigned n = 0; cursor_left(&c) && n < TCP_OPTIONS_MAX;) {
		uint8_t type = cursor_u8(&c), len;
		struct cursor body;

		if (type == TCP_END)
			return;
		if (type == TCP_NOP)
			continue;
		if (!cursor_left(&c))
			return;
		len = cursor_u8(&c);
		if (len < 2 || len - 2u > cursor_left(&c)) {
			decode_suspect(d, p, ANOMALY_tcp_opt_invalid_len);
			return;
		}
		body = cursor_sub(&c, len - 2u);
		n++;
		if (!length_ok(type, len))
			decode_suspect(d, p, ANOMALY_tcp_opt_invalid_len);
		else if (!option_take(&p->tcp, type, body))
			decode_event(d, p, ANOMALY_tcp_opt_duplicate);
	}
}

enum layer decode_tcp(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, TCP_HEADER_BYTES);
	struct tcp_fields *t = &p->tcp;
	struct cursor head;
	unsigned header_len;

	if (!h)
		return decode_invalid(d, p, ANOMALY_tcp_pkt_too_small);
	header_len = (h[12] >> 4) * 4u;
	if (header_len > cursor_left(c))
		return decode_invalid(d, p, ANOMALY_tcp_hlen_too_small);
	if (header_len < TCP_HEADER_BYTES)
		return decode_invalid(d, p, ANOMALY_tcp_invalid_optlen);
	head = cursor_sub(c, header_len);
	p->ip_proto = IPPROTO_TCP;
	p->sport = cursor_be16(&head);
	p->dport = cursor_be16(&head);
	t->seq = cursor_be32(&head);
	t->ack = cursor_be32(&head);
	t->reserved_bits = cursor_u8(&head) & 0x0f;
	t->flags = cursor_u8(&head);
	t->window = cursor_be16(&head);
	cursor_skip(&head, 2);
	t->urgent = cursor_be16(&head);
	t->header_len = (uint8_t)header_len;
	options(d, p, head);
	p->l4 = h;
	p->flags |= PACKET_L4;
	p->payload = c->p;
	p->payload_len = (uint32_t)cursor_left(c);
	return LAYER_END;
}
