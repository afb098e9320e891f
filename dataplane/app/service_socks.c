/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a client of a SOCKS proxy wants to go (SOCKS 4 and 4A, RFC 1928, RFC 1929), and whether the
 * proxy lets it: what follows in both directions is then probed as if the flow began there (probe.c).
 * Each direction is read by itself. What the client names is a contact. And where XMPP goes on as TLS.
 */
#include "dataplane/app/service.h"

#include <arpa/inet.h>

#include "dataplane/base/cursor.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/contact.h"

#define HELLO_BYTES 1024 /* after so many that are not whole nothing is waited for */

enum outcome { MORE, NONE, THERE };

struct wanted {
	struct bytes name;    /* or */
	const uint8_t *addr;
	unsigned addr_len;
	uint16_t port;
	bool connect; /* a connection, neither one that is waited for nor datagrams */
	uint32_t end; /* bytes up to there */
};

static enum outcome socks4(const uint8_t *b, uint32_t len, struct wanted *to)
{
	const uint8_t *user_end = len > 8 ? memchr(b + 8, 0, len - 8) : NULL, *name_end;

	if (!user_end)
		return MORE;
	to->port = get_be16(b + 2);
	to->addr = b + 4;
	to->addr_len = 4;
	to->connect = b[1] == 1;
	to->end = (uint32_t)(user_end + 1 - b);
	if (b[4] || b[5] || b[6] || !b[7])
		return THERE;
	to->name.data = user_end + 1;
	name_end = memchr(user_end + 1, 0, len - (uint32_t)(user_end + 1 - b));
	if (!name_end)
		return MORE;
	to->name.len = (uint32_t)(name_end - to->name.data);
	to->end = (uint32_t)(name_end + 1 - b);
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
	return c->bad ? MORE : THERE;
}

static enum outcome socks5(const uint8_t *b, uint32_t len, struct wanted *to)
{
	struct cursor c = cursor_of(b, len);
	uint8_t version, command, reserved, kind;
	enum outcome o;

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
	o = address(&c, kind, to);
	to->connect = command == 1;
	to->end = len - (uint32_t)cursor_left(&c);
	return o == THERE && !to->addr_len && !to->name.len ? NONE : o;
}

/* ---- the proxy's answers ---- */

static enum outcome answer4(const uint8_t *b, uint32_t len, uint32_t *end)
{
	if (b[0] != 0 || (len > 1 && b[1] != 0x5a))
		return NONE;
	*end = 8;
	return len < *end ? MORE : THERE;
}

static enum outcome answer5(const uint8_t *b, uint32_t len, uint32_t *end)
{
	struct cursor c = cursor_of(b, len);
	struct wanted bound = {0};
	uint8_t method, version, status, kind;
	enum outcome o;

	cursor_u8(&c);
	method = cursor_u8(&c);
	if (method == 2) { /* name and password: right? */
		cursor_u8(&c);
		if (cursor_u8(&c))
			return NONE;
	}
	version = cursor_u8(&c);
	status = cursor_u8(&c);
	cursor_u8(&c);
	kind = cursor_u8(&c);
	if (!c.bad && (version != 5 || status))
		return NONE;
	if (method != 0 && method != 2)
		return NONE;
	o = c.bad ? MORE : address(&c, kind, &bound);
	*end = len - (uint32_t)cursor_left(&c);
	return o;
}

/* ---- what is made of them ---- */

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
	struct flow_notes *n = flow_cold(l->f)->notes;
	bool four = n->service == SERVICE_socks4;
	enum outcome o;
	uint32_t end = 0;

	if (l->data[0] != (four ? 0 : 5)) {
		if (!t->target)
			n->service = SERVICE_NONE;
		t->socks = false;
		return;
	}
	o = four ? answer4(l->data, l->len, &end) : answer5(l->data, l->len, &end);
	if (o == THERE)
		t->hello[TO_CLIENT] = end;
	if (o == NONE || (o == MORE && l->len >= HELLO_BYTES))
		t->socks = false;
}

static void asked(const struct service_look *l, struct service_talk *t)
{
	struct wanted to = {0};
	enum outcome o;

	if (t->target)
		return;
	o = flow_cold(l->f)->notes->service == SERVICE_socks4 ? socks4(l->data, l->len, &to) : socks5(l->data, l->len, &to);
	if (to.name.len > 255)
		o = NONE;
	t->socks = o == THERE ? to.connect && l->w->config->app_socks : o == MORE && l->len < HELLO_BYTES;
	if (o != THERE)
		return;
	flow_cold(l->f)->notes->service_sureness = SERVICE_SURE;
	l->f->app->behind_port = to.port;
	t->hello[TO_SERVER] = to.end;
	note(l, t, &to);
}

/* ---- XMPP (RFC 6120, 5.4.2): TLS behind <starttls/> and <proceed/> ---- */

/* How many bytes there are up to the end of the first such element; 0: it is not there. */
static uint32_t element_end(const struct service_look *l, const char *begin)
{
	const uint8_t *at = memmem(l->data, l->len, begin, strlen(begin)), *end;

	end = at ? memchr(at, '>', l->len - (size_t)(at - l->data)) : NULL;
	if (end && end[-1] != '/') { /* not empty: up to its end tag */
		at = memmem(end, l->len - (size_t)(end - l->data), "</", 2);
		end = at ? memchr(at, '>', l->len - (size_t)(at - l->data)) : NULL;
	}
	return end ? (uint32_t)(end - l->data) + 1 : 0;
}

void service_xmpp(const struct service_look *l)
{
	struct service_talk *t = service_talk_of(l->w, l->f);

	if (!t || t->led_on || t->over)
		return;
	if (!t->hello[l->d])
		t->hello[l->d] = element_end(l, l->d == TO_SERVER ? "<starttls" : "<proceed");
	t->over = !t->hello[l->d] && l->len >= APP_PROBE_BYTES;
	t->socks = !t->over;
}

void service_socks(const struct service_look *l)
{
	struct service_talk *t = service_talk_of(l->w, l->f);

	if (t && l->d == TO_CLIENT)
		answered(l, t);
	else if (t)
		asked(l, t);
}
