/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IEEE 802.11 as captured in monitor mode, with a radiotap header (radiotap.org), in PPI (CACE
 * Technologies, Per-Packet Information Header Specification), or bare: data frames in clear text,
 * with what they carry in LLC and SNAP; of aggregated ones (A-MSDU) each part is a packet.
 * Management, control, encrypted frames and fragments are not looked into. Worker thread.
 */
#include "dataplane/packet/layer.h"
#include "dataplane/packet/link.h"

#define RADIOTAP_BYTES 8
#define SUBFRAME_BYTES 14

enum radiotap_flags { RADIO_FCS = 0x10, RADIO_PAD = 0x20, RADIO_BAD_FCS = 0x40 };

/* First and second byte of the frame control field, IEEE 802.11-2020, 9.2.4.1. */
enum {
	KIND_MASK = 0x0f, /* version and type */
	KIND_DATA = 0x08,
	DATA_EMPTY = 0x40,
	DATA_QOS = 0x80,
};
enum { TO_DS = 0x01, FROM_DS = 0x02, MORE_FRAGMENTS = 0x04, PROTECTED = 0x40, HT_CONTROL = 0x80 };

#define QOS_AMSDU 0x80

/* The part of a radiotap header that holds the flags; 0: it has none. */
static uint8_t radiotap_flags(struct cursor c)
{
	const uint8_t *start = c.p;
	uint32_t present, more;

	cursor_skip(&c, 4);
	present = more = cursor_le32(&c);
	while (more >> 31 && !c.bad)
		more = cursor_le32(&c);
	if (present & 1) { /* the time, aligned to its size */
		cursor_skip(&c, -(size_t)(c.p - start) & 7);
		cursor_skip(&c, 8);
	}
	return present & 2 ? cursor_u8(&c) : 0;
}

static enum layer carried(struct decoder *d, struct cursor *c)
{
	if (decode_llc_follows(c))
		return LAYER_llc;
	d->w->counters->decoder_unknown_ethertype++;
	return LAYER_END;
}

/* Each subframe: addresses and length, then what it carries, filled up to words but the last. */
static enum layer aggregated(struct decoder *d, struct packet *p, struct cursor *c)
{
	while (cursor_left(c) >= SUBFRAME_BYTES && decode_room(d)) {
		const uint8_t *h = cursor_take(c, SUBFRAME_BYTES);
		uint32_t len = get_be16(h + 12), fill = -(SUBFRAME_BYTES + len) & 3;
		struct cursor body = cursor_sub(c, len);
		struct packet *inner;

		if (body.bad)
			return decode_invalid(d, p, ANOMALY_ieee80211_wrong_length);
		if (carried(d, &body) == LAYER_llc) {
			inner = decode_inner(d, p, body, LAYER_llc);
			if (inner) /* beside the others, not inside of anything */
				inner->tunnel_depth = p->tunnel_depth;
		}
		cursor_skip(c, fill < cursor_left(c) ? fill : cursor_left(c));
	}
	return LAYER_END;
}

static enum layer frame(struct decoder *d, struct packet *p, struct cursor *c, uint8_t radio)
{
	const uint8_t *h;
	uint32_t len = 24;
	bool aggregate = false;

	if (radio & RADIO_BAD_FCS) /* nobody takes it */
		return LAYER_END;
	if (radio & RADIO_FCS)
		*c = cursor_sub(c, cursor_left(c) < 4 ? 0 : cursor_left(c) - 4);
	h = cursor_peek(c, 2);
	if (!h)
		return decode_invalid(d, p, ANOMALY_ieee80211_pkt_too_small);
	if ((h[0] & KIND_MASK) != KIND_DATA || h[0] & DATA_EMPTY)
		return LAYER_END;
	if ((h[1] & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS))
		len += 6;
	if (h[0] & DATA_QOS)
		len += h[1] & HT_CONTROL ? 6 : 2;
	h = cursor_take(c, len);
	if (!h)
		return decode_invalid(d, p, ANOMALY_ieee80211_pkt_too_small);
	if (h[1] & (PROTECTED | MORE_FRAGMENTS) || h[22] & 0x0f) {
		d->w->counters->decoder_ieee80211_closed++;
		return LAYER_END;
	}
	if (h[0] & DATA_QOS)
		aggregate = h[len - (h[1] & HT_CONTROL ? 6 : 2)] & QOS_AMSDU;
	if (radio & RADIO_PAD)
		cursor_skip(c, -len & 3);
	return aggregate ? aggregated(d, p, c) : carried(d, c);
}

enum layer decode_ieee80211(struct decoder *d, struct packet *p, struct cursor *c)
{
	return frame(d, p, c, 0);
}

enum layer decode_radiotap(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, RADIOTAP_BYTES);
	uint32_t len = h ? (uint32_t)h[2] | (uint32_t)h[3] << 8 : 0;
	struct cursor head = cursor_sub(c, len);

	if (!h || h[0] != 0 || len < RADIOTAP_BYTES || head.bad)
		return decode_invalid(d, p, ANOMALY_ieee80211_pkt_too_small);
	return frame(d, p, c, radiotap_flags(head));
}

/* Fields about the packet, of which one may say that a checksum is at its end, then its own link. */
enum layer decode_ppi(struct decoder *d, struct packet *p, struct cursor *c)
{
	enum { HEADER_BYTES = 8, FIELD_80211_COMMON = 2, HAS_FCS = 1, BAD_FCS = 4 };
	const uint8_t *h = cursor_peek(c, HEADER_BYTES);
	uint32_t len = h ? (uint32_t)h[2] | (uint32_t)h[3] << 8 : 0, link = 0;
	struct cursor head = cursor_sub(c, len);
	uint8_t radio = 0;

	if (cursor_take(&head, 4))
		link = cursor_le32(&head);
	if (len < HEADER_BYTES || head.bad)
		return decode_invalid(d, p, ANOMALY_ieee80211_pkt_too_small);
	while (cursor_left(&head) >= 4) {
		uint16_t type = cursor_le16(&head), size = cursor_le16(&head);
		struct cursor field = cursor_sub(&head, size);

		if (type == FIELD_80211_COMMON && cursor_take(&field, 8)) {
			uint16_t flags = cursor_le16(&field);

			radio = (uint8_t)((flags & HAS_FCS ? RADIO_FCS : 0) | (flags & BAD_FCS ? RADIO_BAD_FCS : 0));
		}
	}
	if (link == LINKTYPE_ETHERNET)
		return LAYER_ethernet;
	if (link != LINKTYPE_IEEE802_11)
		return LAYER_END;
	d->w->counters->decoder_ieee80211++;
	return frame(d, p, c, radio);
}
