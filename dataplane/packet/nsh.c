/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The network service header (RFC 8300). Worker thread.
 */
#include "dataplane/packet/layer.h"

enum { METADATA_FIXED = 1, METADATA_VARIABLE = 2, METADATA_EXPERIMENT = 15, FIXED_BYTES = 24 };
enum { NEXT_IPV4 = 1, NEXT_IPV6 = 2, NEXT_ETHERNET = 3, NEXT_MPLS = 5 };

enum layer decode_nsh(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, 8);
	unsigned len, metadata;

	if (!h)
		return decode_invalid(d, p, ANOMALY_nsh_header_too_small);
	if (h[0] >> 6 != 0) {
		decode_event(d, p, ANOMALY_nsh_unsupported_version);
		return LAYER_END;
	}
	len = (h[1] & 0x3f) * 4u;
	metadata = h[2] & 0xf;
	if (len >= cursor_left(c))
		return decode_invalid(d, p, ANOMALY_nsh_bad_header_length);
	if (metadata == 0 || metadata == METADATA_EXPERIMENT) {
		decode_event(d, p, ANOMALY_nsh_reserved_type);
		return LAYER_END;
	}
	if (metadata != METADATA_FIXED && metadata != METADATA_VARIABLE) {
		decode_event(d, p, ANOMALY_nsh_unsupported_type);
		return LAYER_END;
	}
	if ((metadata == METADATA_FIXED && len != FIXED_BYTES) || len < 8)
		return decode_invalid(d, p, ANOMALY_nsh_bad_header_length);
	cursor_skip(c, len);
	switch (h[3]) {
	case NEXT_IPV4:
		return LAYER_ipv4;
	case NEXT_IPV6:
		return LAYER_ipv6;
	case NEXT_ETHERNET:
		return LAYER_ethernet;
	case NEXT_MPLS:
		return LAYER_mpls;
	default:
		decode_event(d, p, ANOMALY_nsh_unknown_payload);
		return LAYER_END;
	}
}
