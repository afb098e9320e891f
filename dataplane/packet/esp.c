/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ESP (RFC 4303): what follows its index and sequence number is encrypted. Worker thread.
 */
#include "dataplane/packet/layer.h"

#define ESP_HEADER_BYTES 8

enum layer decode_esp(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, ESP_HEADER_BYTES);

	if (!h)
		return decode_invalid(d, p, ANOMALY_esp_pkt_too_small);
	p->l4 = h;
	p->flags |= PACKET_L4;
	p->payload = c->p;
	p->payload_len = (uint32_t)cursor_left(c);
	return LAYER_END;
}
