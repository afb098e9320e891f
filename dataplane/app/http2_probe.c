/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Is it HTTP/2? A client's preface says so. A server that speaks first sends SETTINGS (RFC 9113, 3.4), which
 * are few bytes that others could send too: on port 80, or where HTTP/2 was agreed upon, they are enough; elsewhere
 * only with a frame that answers the client. Before, the preface decides. Runs in the worker that owns the flow.
 */
#include "dataplane/app/http2.h"

static enum probe_result probe_preface(const struct probe_input *in)
{
	uint32_t n = in->len < HTTP2_PREFACE_BYTES ? in->len : HTTP2_PREFACE_BYTES;

	if (memcmp(in->data, HTTP2_PREFACE, n) != 0)
		return PROBE_NO;
	return n < HTTP2_PREFACE_BYTES ? PROBE_MORE : PROBE_YES;
}

static enum probe_result probe_settings(const struct probe_input *in)
{
	static const uint8_t fixed[HTTP2_FRAME_HEADER] = {0, 0, 0, HTTP2_SETTINGS, 0, 0, 0, 0, 0};
	uint32_t n = in->len < HTTP2_FRAME_HEADER ? in->len : HTTP2_FRAME_HEADER;

	for (uint32_t i = 0; i < n; i++)
		if (i != 2 && in->data[i] != fixed[i])
			return PROBE_NO;
	if (n > 2 && in->data[2] % HTTP2_SETTING_BYTES)
		return PROBE_NO;
	return n < HTTP2_FRAME_HEADER ? PROBE_MORE : PROBE_YES;
}

/* Frames that a server sends before it has heard anything: they answer nothing. */
static bool unasked(uint8_t type, uint8_t flags)
{
	return (type == HTTP2_SETTINGS && !(flags & HTTP2_END_STREAM)) || type == HTTP2_WINDOW_UPDATE ||
	       (type == HTTP2_PING && !(flags & HTTP2_END_STREAM));
}

static enum probe_result probe_answer(const struct probe_input *in)
{
	struct cursor c = cursor_of(in->data, in->len);

	while (cursor_left(&c) >= HTTP2_FRAME_HEADER) {
		uint32_t length = cursor_be24(&c);
		uint8_t type = cursor_u8(&c), flags = cursor_u8(&c);
		uint32_t stream = cursor_be32(&c);

		if (type >= HTTP2_FRAME_TYPES || length > HTTP2_FRAME_MAX || stream >> 31)
			return PROBE_NO;
		if (!unasked(type, flags))
			return PROBE_YES;
		if (!cursor_skip(&c, length))
			break;
	}
	return PROBE_MORE;
}

enum probe_result http2_probe(const struct probe_input *in)
{
	enum probe_result r = probe_preface(in);

	if (in->direction == TO_SERVER)
		return r;
	if (r != PROBE_NO)
		return r == PROBE_YES ? PROBE_YES_REVERSED : r;
	r = probe_settings(in);
	if (r == PROBE_YES && !in->known && in->expected != APP_http2 && in->server_port != 80)
		r = probe_answer(in);
	return r;
}
