/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Session descriptions (RFC 8866, 5): lines "x=value"; those from an m= on are about that medium.
 */
#include "dataplane/app/sip.h"

#define SDP_MEDIA_MAX 64 /* written */
#define SDP_LINES_MAX 256 /* of one letter and section, written */

/* Line by line through the body; false at its end. */
static bool line_next(struct bytes body, uint32_t *at, char *letter, struct bytes *value)
{
	while (*at < body.len) {
		const uint8_t *line = body.data + *at, *lf = memchr(line, '\n', body.len - *at);
		uint32_t len = lf ? (uint32_t)(lf - line) : body.len - *at;

		*at += len + (lf != NULL);
		if (len && line[len - 1] == '\r')
			len--;
		if (len < 2 || line[1] != '=')
			continue;
		*letter = (char)line[0];
		*value = (struct bytes){line + 2, len - 2};
		return true;
	}
	return false;
}

bool sdp_line(struct bytes body, unsigned section, char letter, unsigned n, struct bytes *out)
{
	unsigned now = 0;
	uint32_t at = 0;
	char c;

	while (line_next(body, &at, &c, out) && now <= section) {
		now += c == 'm';
		if (now == section && c == letter && n-- == 0)
			return true;
	}
	return false;
}

bool sdp_media_line(struct bytes body, char letter, unsigned n, struct bytes *out)
{
	bool media = false;
	uint32_t at = 0;
	char c;

	while (line_next(body, &at, &c, out)) {
		media |= c == 'm';
		if (media && c == letter && n-- == 0)
			return true;
	}
	return false;
}

static void write_one(struct recorder *r, enum field_id field, struct bytes body, unsigned section,
		      char letter)
{
	struct bytes b;

	if (sdp_line(body, section, letter, 0, &b))
		rec_bytes(r, field, b.data, b.len);
}

/* All lines of a letter in a section, from the place where it begins. */
static void write_list(struct recorder *r, enum field_id array, enum field_id one, struct bytes body,
		       unsigned section, char letter)
{
	unsigned now = 0, count = 0;
	uint32_t at = 0;
	struct bytes b;
	char c;

	while (line_next(body, &at, &c, &b) && now <= section && count < SDP_LINES_MAX) {
		now += c == 'm';
		if (now != section || c != letter)
			continue;
		if (!count++)
			rec_open(r, array);
		rec_bytes(r, one, b.data, b.len);
	}
	if (count)
		rec_close(r);
}

static void write_times(struct recorder *r, struct bytes body)
{
	bool open = false, repeated = false;
	unsigned count = 0;
	uint32_t at = 0;
	struct bytes b;
	char c;

	while (line_next(body, &at, &c, &b) && c != 'm' && count < SDP_LINES_MAX) {
		if (c == 't') {
			if (!count++)
				rec_open(r, F_sip_time_descriptions);
			if (open)
				rec_close(r);
			rec_open(r, F_sip_time_description);
			rec_bytes(r, F_sip_time, b.data, b.len);
			open = true;
			repeated = false;
		} else if (c == 'r' && open && !repeated) {
			rec_bytes(r, F_sip_repeat_time, b.data, b.len);
			repeated = true;
		}
	}
	if (open) {
		rec_close(r);
		rec_close(r);
	}
}

static void write_media(struct recorder *r, struct bytes body)
{
	struct bytes b;
	unsigned count = 0;

	while (count < SDP_MEDIA_MAX && sdp_media_line(body, 'm', count, &b)) {
		if (!count++)
			rec_open(r, F_sip_media_descriptions);
		rec_open(r, F_sip_media_description);
		rec_bytes(r, F_sip_media, b.data, b.len);
		write_one(r, F_sip_media_info, body, count, 'i');
		write_list(r, F_sip_bandwidths, F_sip_bandwidth, body, count, 'b');
		write_one(r, F_sip_connection_data, body, count, 'c');
		write_one(r, F_sip_encryption_key, body, count, 'k');
		write_list(r, F_sip_attributes, F_sip_attribute, body, count, 'a');
		rec_close(r);
	}
	if (count)
		rec_close(r);
}

void sdp_record(struct recorder *r, struct bytes body)
{
	rec_open(r, F_sip_sdp);
	write_one(r, F_sip_origin, body, 0, 'o');
	write_one(r, F_sip_session_name, body, 0, 's');
	write_one(r, F_sip_session_info, body, 0, 'i');
	write_one(r, F_sip_sdp_uri, body, 0, 'u');
	write_one(r, F_sip_email, body, 0, 'e');
	write_one(r, F_sip_phone_number, body, 0, 'p');
	write_one(r, F_sip_connection_data, body, 0, 'c');
	write_list(r, F_sip_bandwidths, F_sip_bandwidth, body, 0, 'b');
	write_times(r, body);
	write_one(r, F_sip_timezone, body, 0, 'z');
	write_one(r, F_sip_encryption_key, body, 0, 'k');
	write_list(r, F_sip_attributes, F_sip_attribute, body, 0, 'a');
	write_media(r, body);
	rec_close(r);
}
