/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys and values of entries.
 */
#include "control/intel/row.h"

#include <stdlib.h>

#include "control/store/bytes.h"
#include "dataplane/base/addr.h"

static const char version_key[] = "intel/version";

/* "192.0.2.1:443", "[2001:db8::1]:443" */
static size_t endpoint_key(const char *value, size_t len, uint8_t *key)
{
	const char *colon = memrchr(value, ':', len);
	size_t host = colon ? (size_t)(colon - value) : 0, n;
	bool brackets = host > 2 && value[0] == '[' && value[host - 1] == ']';
	unsigned port = 0;

	if (!host || host + 1 == len || len - host > 6)
		return 0;
	for (size_t i = host + 1; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(value[i] - '0');
	}
	if (!port || port > 65535)
		return 0;
	/* Without brackets the last group of an IPv6 address would be taken for the port. */
	if (!brackets && memchr(value, ':', host))
		return 0;
	n = value_key(CONTACT_IP, brackets ? value + 1 : value, brackets ? host - 2 : host, key);
	if (n)
		put_be16(key + n, (uint16_t)port);
	return n ? n + 2 : 0;
}

static size_t network_key(const char *value, size_t len, uint8_t *key)
{
	char text[ADDR_TEXT_MAX + 4];
	struct addr_prefix p;
	size_t n;

	if (len >= sizeof(text))
		return 0;
	memcpy(text, value, len);
	text[len] = '\0';
	if (addr_prefix_parse(text, &p) != 0)
		return 0;
	n = value_key_addr(p.addr.b, p.ip_version == 4 ? 4 : 16, key);
	key[n] = p.bits;
	return n + 1;
}

size_t intel_key(int kind, const char *value, size_t len, uint8_t *key)
{
	size_t n;

	key[0] = (uint8_t)kind;
	if (!len || memchr(value, 0, len))
		return 0;
	if (kind == INDICATOR_CIDR)
		n = network_key(value, len, key + 1);
	else if (kind == INDICATOR_IP_PORT)
		n = endpoint_key(value, len, key + 1);
	else
		n = value_key(kind, value, len, key + 1);
	return n ? n + 1 : 0;
}

size_t intel_key_length(const uint8_t *key, size_t avail)
{
	size_t n;

	if (avail < 2)
		return 0;
	if (key[0] == INDICATOR_CIDR || key[0] == INDICATOR_IP_PORT) {
		n = key[1] == 4 ? 5 : key[1] == 6 ? 17 : 0;
		n = n ? n + (key[0] == INDICATOR_CIDR ? 1 : 2) : 0;
	} else {
		n = value_key_length(key[0], key + 1, avail - 1);
	}
	return n && n + 1 <= avail ? n + 1 : 0;
}

void intel_print(struct text *out, struct slice key)
{
	const uint8_t *k = key.data;
	size_t len = intel_key_length(k, key.len);

	if (!len)
		return;
	switch (k[0]) {
	case INDICATOR_CIDR:
		value_print(out, CONTACT_IP, k + 1, len - 2);
		text_char(out, '/');
		text_uint(out, k[len - 1]);
		break;
	case INDICATOR_IP_PORT:
		if (k[1] == 6)
			text_char(out, '[');
		value_print(out, CONTACT_IP, k + 1, len - 3);
		if (k[1] == 6)
			text_char(out, ']');
		text_char(out, ':');
		text_uint(out, read_be16(k + len - 2));
		break;
	default:
		value_print(out, k[0], k + 1, len - 1);
	}
}

uint8_t entry_score(uint8_t confidence, uint8_t severity)
{
	static const uint8_t weight[] = {80, 100, 80, 50, 20};

	return (uint8_t)(confidence * weight[severity <= 4 ? severity : 0] / 100);
}

static void put_number(struct text *out, uint64_t v)
{
	uint8_t room[VARINT_MAX];

	text_bytes(out, room, (size_t)(put_varint(room, v) - room));
}

/* Cut at a character's border. */
static void put_cut(struct text *out, struct slice s)
{
	const uint8_t *b = s.data;
	size_t len = s.len;

	if (len > INTEL_TEXT_MAX) {
		len = INTEL_TEXT_MAX;
		while (len && (b[len] & 0xc0) == 0x80)
			len--;
	}
	put_number(out, len);
	text_bytes(out, s.data, len);
}

void row_put_body(struct text *out, const struct intel_entry *e)
{
	text_char(out, (char)((e->below ? ROW_BELOW : 0) | (e->allow ? ROW_ALLOW : 0)));
	text_char(out, (char)(e->confidence > 100 ? 100 : e->confidence));
	text_char(out, (char)(e->severity < 1 || e->severity > 4 ? 2 : e->severity));
	text_char(out, (char)(e->tlp > TLP_RED ? TLP_RED : e->tlp));
	put_number(out, e->first_seen_ns / 1000000);
	put_number(out, e->valid_until_ns / 1000000);
	put_cut(out, e->threat);
	put_cut(out, e->family);
	put_cut(out, e->category);
	put_cut(out, e->note);
}

struct slice row_body(struct slice value)
{
	const uint8_t *p = value.data, *end = p + value.len;
	uint64_t skip;

	if (!value.len || !get_varint(&p, end, &skip) || !get_varint(&p, end, &skip))
		return (struct slice){NULL, 0};
	return (struct slice){p, (size_t)(end - p)};
}

static bool get_text(const uint8_t **p, const uint8_t *end, struct slice *out)
{
	uint64_t len;

	if (!get_varint(p, end, &len) || len > (uint64_t)(end - *p))
		return false;
	*out = (struct slice){*p, (size_t)len};
	*p += len;
	return true;
}

bool row_read(struct slice value, struct row *out)
{
	const uint8_t *p = value.data, *end = p + value.len;

	if (!value.len || !get_varint(&p, end, &out->version) ||
	    !get_varint(&p, end, &out->added_s) || end - p < 4)
		return false;
	out->flags = p[0];
	out->confidence = p[1];
	out->severity = p[2];
	out->tlp = p[3];
	p += 4;
	return get_varint(&p, end, &out->first_ms) && get_varint(&p, end, &out->until_ms) &&
	       get_text(&p, end, &out->threat) && get_text(&p, end, &out->family) &&
	       get_text(&p, end, &out->category) && get_text(&p, end, &out->note);
}

bool state_read(struct store *s, const struct store_snapshot *snapshot, struct intel_state *out,
		int *err)
{
	struct text value = {0};
	int found =
		store_get(s, STORE_meta, version_key, sizeof(version_key) - 1, snapshot, &value);

	*out = (struct intel_state){.expiry_ms = UINT64_MAX};
	*err = found < 0 ? found : 0;
	if (found == 1 && value.len == STATE_BYTES) {
		out->version = read_be64(value.data);
		out->sweep = read_be64(value.data + 8);
		out->expiry_ms = read_be64(value.data + 16);
		memcpy(out->nets, value.data + 24, sizeof(out->nets));
	}
	text_free(&value);
	return found == 1;
}

void state_put(struct store *s, struct store_batch *b, const struct intel_state *state)
{
	uint8_t value[STATE_BYTES];

	put_be64(value, state->version);
	put_be64(value + 8, state->sweep);
	put_be64(value + 16, state->expiry_ms);
	memcpy(value + 24, state->nets, sizeof(state->nets));
	store_batch_put(s, b, STORE_meta, version_key, sizeof(version_key) - 1, value,
			sizeof(value));
}
