/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP: whom a request contacts, and for whom. A request to a proxy names the server in its target
 * (absolute form, CONNECT; RFC 9112, 3.2); a request from a proxy may name the client in
 * X-Forwarded-For or Forwarded (RFC 7239). Runs in a worker.
 */
#include "dataplane/app/http.h"
#include "dataplane/app/http2.h"
#include "dataplane/base/url.h"
#include "dataplane/engine/contact.h"
#include "dataplane/engine/home.h"

#define HTTP_URL_CONTACT_MAX 2048 /* longer URLs are cut there: an indicator never is so long */
#define FORWARDED_MAX 32          /* nodes of a list that are looked at */
#define PORT_HTTP 80
#define PORT_HTTPS 443

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* ---- the client ---- */

/* The bytes before the first of the two separators, which is moved past; trimmed. */
static struct cursor part(struct cursor *c, uint8_t separator, uint8_t other)
{
	struct cursor all = *c, out;
	size_t n = 0;
	const uint8_t *p;

	while ((p = cursor_peek(c, 1)) && *p != separator && *p != other) {
		cursor_skip(c, 1);
		n++;
	}
	out = cursor_sub(&all, n);
	while ((p = cursor_peek(&out, 1)) && (*p == ' ' || *p == '\t' || *p == '"'))
		cursor_skip(&out, 1);
	while (out.end > out.p && (out.end[-1] == ' ' || out.end[-1] == '\t' || out.end[-1] == '"'))
		out.end--;
	return out;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80" → 4 or 6; 0: no address. */
static unsigned node_addr(struct cursor node, struct addr *out)
{
	char text[ADDR_TEXT_MAX];
	size_t n = 0, colons = 0;
	bool bracket = cursor_left(&node) && *cursor_peek(&node, 1) == '[';

	if (bracket)
		cursor_skip(&node, 1);
	for (const uint8_t *p; n < sizeof(text) - 1 && (p = cursor_peek(&node, 1)); n++) {
		if (bracket && *p == ']')
			break;
		if (!*p)
			return 0;
		colons += *p == ':';
		text[n] = (char)cursor_u8(&node);
	}
	text[n] = '\0';
	if (!bracket && cursor_left(&node))
		return 0; /* longer than any address */
	if (!bracket && colons == 1)
		*strchr(text, ':') = '\0';
	return (unsigned)addr_parse(text, out);
}

/* Leftmost address of X-Forwarded-For: "client, proxy, proxy". */
static unsigned forwarded_for(struct bytes value, struct addr *out)
{
	struct cursor c = cursor_of(value.data, value.len);
	unsigned version = 0;

	for (unsigned i = 0; i < FORWARDED_MAX && cursor_left(&c) && !version; i++) {
		version = node_addr(part(&c, ',', ','), out);
		cursor_skip(&c, 1);
	}
	return version;
}

/* Leftmost address of Forwarded: "for=192.0.2.60;proto=http, for=…". */
static unsigned forwarded(struct bytes value, struct addr *out)
{
	struct cursor c = cursor_of(value.data, value.len);
	unsigned version = 0;

	for (unsigned i = 0; i < FORWARDED_MAX && cursor_left(&c) && !version; i++) {
		struct cursor pair = part(&c, ',', ';');
		const uint8_t *name = cursor_peek(&pair, 4);

		cursor_skip(&c, 1);
		if (!name || lower(name[0]) != 'f' || lower(name[1]) != 'o' ||
		    lower(name[2]) != 'r' || name[3] != '=')
			continue;
		cursor_skip(&pair, 4);
		version = node_addr(part(&pair, ',', ';'), out);
	}
	return version;
}

/* The inside host that a proxy sends this request for. 0: it is its own, or it does not say. */
static unsigned client_of(const struct http_state *s, struct http_tx *tx, struct addr *out)
{
	struct bytes list = http_field(tx, TO_SERVER, "x-forwarded-for");
	const struct home *home = s->w->home;
	unsigned version = list.data ? forwarded_for(list, out) : 0;

	list = http_field(tx, TO_SERVER, "forwarded");
	if (!version && list.data)
		version = forwarded(list, out);
	if (!version || !home_proxy(home, &s->f->client, s->f->ip_version) ||
	    !home_inside(home, out, (int)version))
		return 0;
	return version;
}

/* ---- what is contacted ---- */

static uint32_t add(uint8_t *to, uint32_t at, uint32_t room, struct bytes from)
{
	uint32_t n = from.len < room - at ? from.len : room - at;

	if (n)
		memcpy(to + at, from.data, n);
	return at + n;
}

static uint32_t copy_host(uint8_t *to, struct bytes host)
{
	uint32_t n = host.len < 255 ? host.len : 255;

	for (uint32_t i = 0; i < n; i++)
		to[i] = lower(host.data[i]);
	while (n && to[n - 1] == '.')
		n--;
	return n;
}

/* Path and query behind the host; of a proxy's request, which has the whole URL, the same. */
static uint32_t url_add(uint8_t *url, uint32_t n, const htp_tx_t *htp)
{
	const uint32_t room = HTTP_URL_CONTACT_MAX;
	const htp_uri_t *uri = htp->parsed_uri_raw;
	uint8_t rest[HTTP_URL_CONTACT_MAX];
	uint32_t len;

	if (!uri || !uri->scheme) {
		len = add(rest, 0, room, http_bytes(htp->request_uri));
	} else {
		len = add(rest, 0, room, http_bytes(uri->path));
		if (uri->query && len < room) {
			rest[len++] = '?';
			len = add(rest, len, room, http_bytes(uri->query));
		}
	}
	return n + (uint32_t)url_rest(url + n, room - n, rest, len);
}

uint16_t http_port_behind(const htp_tx_t *htp)
{
	bool connect = htp->request_method_number == HTP_M_CONNECT;

	if (!connect && (!htp->parsed_uri_raw || !htp->parsed_uri_raw->scheme))
		return 0;
	if (htp->request_port_number > 0 && htp->request_port_number <= UINT16_MAX)
		return (uint16_t)htp->request_port_number;
	return connect ? PORT_HTTPS : PORT_HTTP;
}

/* A name, or behind a proxy an address that no flow of ours goes to. */
static void host_contact(struct worker *w, struct flow *f, struct contact c, const uint8_t *host,
			 uint32_t len)
{
	struct addr a;
	unsigned version = c.port ? node_addr(cursor_of(host, len), &a) : 0;

	c.kind = version ? CONTACT_IP : CONTACT_DOMAIN;
	c.value = version ? a.b : host;
	c.len = version == 4 ? 4 : version == 6 ? 16 : len;
	contact_add(w, f, &c);
}

static void add_contacts(struct http_state *s, struct http_tx *tx, bool goes_on)
{
	const htp_tx_t *htp = tx->htp;
	struct bytes agent = http_field(tx, TO_SERVER, "user-agent");
	uint8_t url[HTTP_URL_CONTACT_MAX];
	struct addr client;
	struct contact c = {.client_version = (uint8_t)client_of(s, tx, &client), .goes_on = goes_on};
	uint32_t n;

	if (c.client_version)
		c.client = &client;
	c.port = http_port_behind(htp);
	n = copy_host(url, http_bytes(htp->request_hostname));
	if (n)
		host_contact(s->w, s->f, c, url, n);
	if (n && htp->request_method_number != HTP_M_CONNECT) {
		c.kind = CONTACT_URL;
		c.value = url;
		c.len = url_add(url, n, htp);
		contact_add(s->w, s->f, &c);
	}
	if (agent.data && agent.len) {
		c.kind = CONTACT_USER_AGENT;
		c.value = agent.data;
		c.len = agent.len < HTTP_URL_CONTACT_MAX ? agent.len : HTTP_URL_CONTACT_MAX;
		contact_add(s->w, s->f, &c);
	}
}

void http_contacts(struct http_state *s, struct http_tx *tx)
{
	tx->contacts_ns = s->w->now_ns;
	add_contacts(s, tx, false);
}

/* What ends with the flow had its last byte before. */
void http_contacts_end(struct http_state *s, struct http_tx *tx)
{
	if (tx->contacts_ns && s->w->now_ns > tx->contacts_ns && !(s->f->flags & FLOW_ENDING))
		add_contacts(s, tx, true);
}

/* "user@Host:80" → the host alone. */
static struct bytes host_alone(struct bytes b)
{
	const uint8_t *at = b.data ? memrchr(b.data, '@', b.len) : NULL;
	uint32_t n;

	if (at)
		b = (struct bytes){at + 1, (uint32_t)(b.data + b.len - at - 1)};
	for (n = b.len; n && b.data[n - 1] >= '0' && b.data[n - 1] <= '9'; n--)
		;
	if (n && b.data[n - 1] == ':')
		b.len = n - 1;
	return b;
}

void http_contact_request(struct worker *w, struct flow *f, struct bytes host, struct bytes target,
			  struct bytes agent)
{
	uint8_t url[HTTP_URL_CONTACT_MAX];
	struct contact c = {0};
	uint32_t n = copy_host(url, host_alone(host));

	if (n)
		host_contact(w, f, c, url, n);
	if (n && target.len) {
		c.kind = CONTACT_URL;
		c.value = url;
		c.len = n + (uint32_t)url_rest(url + n, HTTP_URL_CONTACT_MAX - n, target.data, target.len);
		contact_add(w, f, &c);
	}
	if (agent.len)
		emit_contact(w, f, CONTACT_USER_AGENT, agent.data,
			     agent.len < HTTP_URL_CONTACT_MAX ? agent.len : HTTP_URL_CONTACT_MAX);
}
