/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/2 after an upgrade from HTTP/1 (RFC 7540, 3.2): the request that asked for it is stream 1,
 * and its header HTTP2-Settings (base64url) stands for the client's first SETTINGS. HTTP/1 hands
 * over method, target, host and settings, each with two bytes of length before it. Runs in the
 * worker that owns the flow.
 */
#include "dataplane/app/http2.h"
#include "dataplane/base/digit.h"

#define SETTINGS_BYTES_MAX 384
#define SETTING_BYTES 6

static struct bytes part(struct cursor *c)
{
	uint32_t n = cursor_be16(c);
	const uint8_t *at = cursor_take(c, n);

	return (struct bytes){at, at ? n : 0};
}

static void add(const struct http2_input *in, struct http2_tx *t, const char *name, struct bytes value)
{
	const struct hpack_field f = {
		.kind = HPACK_FIELD,
		.name = {(const uint8_t *)name, (uint32_t)strlen(name)},
		.value = value,
	};

	if (value.data)
		http2_field_add(in->w, t, TO_SERVER, &f);
}

/* RFC 4648, 5: without padding. Returns how many bytes; 0: it is none. */
static uint32_t base64url(struct bytes text, uint8_t *out, uint32_t room)
{
	uint32_t bits = 0, n = 0;
	unsigned have = 0;

	for (uint32_t i = 0; i < text.len && text.data[i] != '='; i++) {
		uint8_t c = text.data[i] == '-' ? '+' : text.data[i] == '_' ? '/' : text.data[i];
		int digit = base64_digit(c);

		if (digit < 0 || n == room)
			return 0;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	return n;
}

void http2_upgraded(const struct http2_input *in, struct bytes carried)
{
	struct http2_input input = *in;
	struct cursor c = cursor_of(carried.data, carried.len);
	struct bytes method = part(&c), path = part(&c), host = part(&c), text = part(&c);
	uint8_t settings[SETTINGS_BYTES_MAX];
	uint32_t n = base64url(text, settings, sizeof(settings));
	struct http2_tx *t;

	input.d = TO_SERVER;
	t = http2_stream(&input, 1, true);
	if (t) {
		t->direction = TO_SERVER;
		add(&input, t, ":method", method);
		add(&input, t, ":path", path);
		add(&input, t, ":authority", host);
		t->side[TO_SERVER].fields.any = true;
		http2_complete(t, TO_SERVER);
		in->f->app->changed[TO_SERVER] = 1;
	}
	http2_settings_take(&input, settings, n, n % SETTING_BYTES != 0 || (text.len && !n));
}
