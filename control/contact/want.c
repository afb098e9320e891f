/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an indicator stands for: ranges of keys.
 */
#include <errno.h>
#include <string.h>

#include "control/contact/contacts_private.h"
#include "control/contact/query.h"
#include "control/store/bytes.h"
#include "dataplane/base/addr.h"

static void exact(struct value_range *out, int kind, struct slice key)
{
	out->kind = kind;
	out->exact = true;
	out->below = false;
	memcpy(out->from, key.data, key.len);
	memcpy(out->to, key.data, key.len);
	out->from_len = key.len;
	out->to[key.len] = 0;
	out->to_len = key.len + 1;
}

/* …\0 is the name itself, …\1 begins all below it. */
static void with_below(struct value_range *out, int kind, struct slice key)
{
	exact(out, kind, key);
	out->exact = false;
	out->below = true;
	out->to_len = key.len;
	out->to[out->to_len - 1] = 2;
}

/* The next key after all that begin with these bytes; the length, 0: there is none. */
static size_t after(uint8_t *to, size_t len)
{
	while (len && to[len - 1] == 0xff)
		len--;
	if (len)
		to[len - 1]++;
	return len;
}

static unsigned network(struct value_range *out, struct slice key)
{
	const uint8_t *k = key.data;
	size_t bytes = key.len - 2;
	unsigned bits;

	if (key.len != 6 && key.len != 18)
		return 0;
	bits = k[key.len - 1];
	*out = (struct value_range){.kind = CONTACT_IP};
	memcpy(out->from, k, key.len - 1);
	memcpy(out->to, k, key.len - 1);
	out->from_len = key.len - 1;
	for (size_t i = bits; i < 8 * bytes; i++)
		out->to[1 + i / 8] |= (uint8_t)(0x80 >> i % 8);
	out->to_len = after(out->to, out->from_len);
	return 1;
}

unsigned contact_want_ranges(const struct contact_want *w, struct value_range *out, uint16_t *port)
{
	*port = 0;
	if (!w->key.len || w->key.len > VALUE_KEY_MAX)
		return 0;
	switch (w->kind) {
	case CONTACT_DOMAIN:
		(w->below ? with_below : exact)(&out[0], CONTACT_DOMAIN, w->key);
		(w->below ? with_below : exact)(&out[1], CONTACT_SNI, w->key);
		return 2;
	case CONTACT_SNI:
		(w->below ? with_below : exact)(&out[0], CONTACT_SNI, w->key);
		return 1;
	case INDICATOR_CIDR:
		return network(out, w->key);
	case INDICATOR_IP_PORT:
		if (w->key.len != 7 && w->key.len != 19)
			return 0;
		*port = read_be16((const uint8_t *)w->key.data + w->key.len - 2);
		exact(out, CONTACT_IP, (struct slice){w->key.data, w->key.len - 2});
		return 1;
	default:
		exact(out, w->kind, w->key);
		return 1;
	}
}

/* "192.0.2.1:443", "[2001:db8::1]:443". */
static size_t endpoint_key(const char *value, uint8_t *key)
{
	const char *colon = strrchr(value, ':');
	char text[ADDR_TEXT_MAX];
	struct addr a;
	size_t n = colon ? (size_t)(colon - value) : 0, len;
	unsigned long port = 0;
	int version;

	if (n >= 2 && value[0] == '[' && value[n - 1] == ']') {
		value++;
		n -= 2;
	}
	for (const char *p = colon ? colon + 1 : ""; *p; p++) {
		if (*p < '0' || *p > '9' || port > 65535)
			return 0;
		port = port * 10 + (unsigned long)(*p - '0');
	}
	if (!n || n >= sizeof(text) || !port || port > 65535)
		return 0;
	memcpy(text, value, n);
	text[n] = '\0';
	version = addr_parse(text, &a);
	len = version ? value_key_addr(a.b, version == 4 ? 4 : 16, key) : 0;
	if (len)
		put_be16(key + len, (uint16_t)port);
	return len ? len + 2 : 0;
}

static size_t network_key(const char *value, uint8_t *key)
{
	struct addr_prefix p;
	size_t len;

	if (addr_prefix_parse(value, &p) != 0)
		return 0;
	len = value_key_addr(p.addr.b, p.ip_version == 4 ? 4 : 16, key);
	key[len] = p.bits;
	return len + 1;
}

int contact_want_of(int kind, const char *value, bool below, struct contact_want *w, uint8_t *key)
{
	bool name = kind == CONTACT_DOMAIN || kind == CONTACT_SNI;
	size_t len;

	if (name && (strncmp(value, "*.", 2) == 0 || value[0] == '.')) {
		value += value[0] == '*' ? 2 : 1;
		below = true;
	}
	len = kind == INDICATOR_CIDR ? network_key(value, key)
	    : kind == INDICATOR_IP_PORT ? endpoint_key(value, key)
	    : value_key(kind, value, strlen(value), key);
	*w = (struct contact_want){.kind = kind, .key = {key, len}, .below = below && name};
	return len ? 0 : -EINVAL;
}
