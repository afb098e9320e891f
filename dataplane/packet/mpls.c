/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MPLS label stacks (RFC 3032). What follows the stack is not named by it: it is guessed from its
 * first nibble (RFC 4385, 2 and 3). Worker thread.
 */
#include "dataplane/packet/layer.h"

#define CONTROL_WORD_BYTES 4

enum mpls_label {
	LABEL_IPV4 = 0,
	LABEL_ROUTER_ALERT = 1,
	LABEL_IPV6 = 2,
	LABEL_IMPLICIT_NULL = 3,
	LABEL_RESERVED_MAX = 14,
};

static enum layer guess(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, CONTROL_WORD_BYTES);

	if (!h)
		return decode_invalid(d, p, ANOMALY_mpls_pkt_too_small);
	switch (h[0] >> 4) {
	case 4:
		return LAYER_ipv4;
	case 6:
		return LAYER_ipv6;
	case 0:
		cursor_skip(c, CONTROL_WORD_BYTES);
		return LAYER_ethernet;
	default:
		return decode_invalid(d, p, ANOMALY_mpls_unknown_payload_type);
	}
}

enum layer decode_mpls(struct decoder *d, struct packet *p, struct cursor *c)
{
	uint32_t entry, label;

	do {
		entry = cursor_be32(c);
		if (c->bad)
			return decode_invalid(d, p, ANOMALY_mpls_header_too_small);
	} while (!(entry & 0x100)); /* bottom of the stack */
	label = entry >> 12;
	if (label == LABEL_IPV4)
		return LAYER_ipv4;
	if (label == LABEL_IPV6)
		return LAYER_ipv6;
	if (label > LABEL_RESERVED_MAX)
		return guess(d, p, c);
	if (label == LABEL_ROUTER_ALERT)
		decode_event(d, p, ANOMALY_mpls_bad_label_router_alert);
	else if (label == LABEL_IMPLICIT_NULL)
		decode_event(d, p, ANOMALY_mpls_bad_label_implicit_null);
	else
		decode_event(d, p, ANOMALY_mpls_bad_label_reserved);
	return LAYER_END;
}
