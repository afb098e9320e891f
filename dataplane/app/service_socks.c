/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a client of a SOCKS proxy wants to go (SOCKS 4 and 4A, RFC 1928, RFC 1929): read from the
 * client's bytes alone. What it names is a contact.
 */
#include "dataplane/app/service.h"

#include <arpa/inet.h>

#include "dataplane/base/cursor.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/contact.h"

#define CLIENT_BYTES 1024 /* after so many without a request nothing is waited for */

enum outcome { MORE, NONE, THERE };

struct wanted {
	struct bytes name;    /* or */
	const uint8_t *addr;
	unsigned addr_len;
	uint16_t port;
};

static enum outcome socks4(const uint8_t *b, uint32_t len, struct wanted *to)
{
	const uint8_t *user_end = len > 8 ? memchr(b + 8, 0, len - 8) : NULL, *name_end;

	if (!user_end)
		return MORE;
	to->port = get_be16(b + 2);
	to->addr = b + 4;
	to->addr_len = 4;
	if (b[4] || b[5] || b[6] || !b[7])
		return THERE;
	to->name.data = user_end + 1;
	name_end = memchr(user_end + 1, 0, len - (uint32_t)(user_end + 1 - b));
	if (!name_end)
		return MORE;
	to->name.len = (uint32_t)(name_end - to->name.data);
	return to->name.len ? THERE : NONE;
}

static enum outcome address(struct cursor *c, uint8_t kind, struct wanted *to)
{
	if (kind == 3) {
		to->name.len = cursor_u8(c);
		to->name.data = cursor_take(c, to->name.len);
	} else if (kind == 1 || kind == 4) {
		to->addr_len = kind == 1 ? 4 : 16;
		to->addr = cursor_take(c, to->addr_len);
	} else {
		return NONE;
	}
	to->port = cursor_be16(c);
	if (c->bad)
		return MORE;
	return to->addr_len || to->name.len ? THERE : NONE;
}

static enum outcome socks5(const uint8_t *b, uint32_t len, struct wanted *to)
{
	struct cursor c = cursor_of(b, len);
	uint8_t version, command, reserved, kind;

	cursor_u8(&c);
	cursor_take(&c, cursor_u8(&c));
	version = cursor_u8(&c);
	if (version == 1) { /* name and password */
		cursor_take(&c, cursor_u8(&c));
		cursor_take(&c, cursor_u8(&c));
		version = cursor_u8(&c);
	}
	command = cursor_u8(&c);
	reserved = cursor_u8(&c);
	kind = cursor_u8(&c);
	if (c.bad)
		return MORE;
	if (version != 5 || command < 1 || command > 3 || reserved)
		return NONE;
	return address(&c, kind, to);
}

static void contacted(const struct service_look *l, const struct wanted *to)
{
	struct contact c = {.kind = CONTACT_IP, .value = to->addr, .len = to->addr_len, .port = to->port};
	char lower[256];

	if (to->name.len) {
		for (uint32_t i = 0; i < to->name.len; i++) {
			uint8_t ch = to->name.data[i];

			lower[i] = (char)(ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch);
		}
		c.kind = CONTACT_DOMAIN;
		c.value = lower;
		c.len = to->name.len;
		if (lower[c.len - 1] == '.')
			c.len--;
	}
	if (c.len)
		contact_add(l->w, l->f, &c);
}

static void note(const struct service_look *l, struct service_talk *t, const struct wanted *to)
{
	char text[300], host[INET6_ADDRSTRLEN];
	struct put p = put_to(text, sizeof(text));

	if (to->name.len) {
		for (uint32_t i = 0; i < to->name.len; i++)
			p = put_char(p, (char)to->name.data[i]);
	} else if (!inet_ntop(to->addr_len == 4 ? AF_INET : AF_INET6, to->addr, host, sizeof(host))) {
		return;
	} else {
		p = put_text(put_text(p, to->addr_len == 4 ? "" : "["), host);
		p = put_text(p, to->addr_len == 4 ? "" : "]");
	}
	p = put_uint(put_char(p, ':'), to->port);
	t->target = heap_dup(&l->w->heap, text, (size_t)(p.at - text) + 1);
	contacted(l, to);
}

/* The proxy's first byte is its version, 0 for SOCKS 4: anything else, and it is none. */
static void answered(const struct service_look *l, struct service_talk *t)
{
	struct flow_notes *n = l->f->notes;

	if (l->data[0] != (n->service == SERVICE_socks4 ? 0 : 5)) {
		n->service = SERVICE_NONE;
		t->socks = false;
	}
	if (l->len >= CLIENT_BYTES)
		t->socks = false;
}

void service_socks(const struct service_look *l)
{
	struct service_talk *t = service_talk_of(l->w, l->f);
	struct wanted to = {0};
	enum outcome o;

	if (!t || t->target)
		return;
	if (l->d == TO_CLIENT) {
		answered(l, t);
		return;
	}
	o = l->f->notes->service == SERVICE_socks4 ? socks4(l->data, l->len, &to) : socks5(l->data, l->len, &to);
	if (to.name.len > 255)
		o = NONE;
	t->socks = o == MORE && l->len < CLIENT_BYTES;
	if (o == THERE) {
		l->f->notes->service_sureness = SERVICE_SURE;
		note(l, t, &to);
	}
}
