/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DHCP (RFC 2131, options RFC 2132, name of the client RFC 4702) over UDP, on the ports 67 and 68.
 * Each message is a transaction of its own, complete at once. Options are read in their order up to
 * the end option, then those in the fields for file and server name where option 52 says so; one that is cut
 * short ends them (truncated_options). What comes in several options of one code is one (RFC 3396). An
 * acknowledged address is a host record too.
 * Eve: dhcp.extended (no): all messages and all of their fields, not only acknowledgements.
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/app.h"
#include "dataplane/app/host.h"
#include "dataplane/engine/emit.h"

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68
#define DHCP_HEADER_BYTES 240 /* with the four that say that options follow */
#define DHCP_COOKIE 0x63825363u
#define DHCP_SERVER_NAME 44
#define DHCP_SERVER_NAME_BYTES 64
#define DHCP_FILE 108
#define DHCP_FILE_BYTES 128
#define DHCP_OPTIONS_MAX 1024 /* of one message; more are not looked at */
#define DHCP_ADDRESSES_MAX 64 /* of one option */
#define DHCP_TRANSACTIONS_MAX 500

enum dhcp_event {
#define EVENT(id, name) DHCP_EVENT_##id,
#include "dataplane/event/app_event/dhcp.def"
#undef EVENT
};

static const char *const dhcp_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/dhcp.def"
#undef EVENT
	NULL,
};

enum { BOOTP_REQUEST = 1, BOOTP_REPLY = 2 };

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
	DHCP_INFORM,
	DHCP_TYPES
};

static const char *const type_names[DHCP_TYPES] = {
	"unknown", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform",
};

enum dhcp_option {
	OPTION_PAD = 0,
	OPTION_SUBNET_MASK = 1,
	OPTION_ROUTERS = 3,
	OPTION_DNS_SERVERS = 6,
	OPTION_HOST_NAME = 12,
	OPTION_REQUESTED_IP = 50,
	OPTION_LEASE_TIME = 51,
	OPTION_OVERLOAD = 52,
	OPTION_TYPE = 53,
	OPTION_PARAMETERS = 55,
	OPTION_RENEWAL_TIME = 58,
	OPTION_REBINDING_TIME = 59,
	OPTION_VENDOR_CLASS = 60,
	OPTION_CLIENT_ID = 61,
	OPTION_FQDN = 81,
	OPTION_END = 255,
};

struct dhcp_tx {
	struct tx tx;
	uint8_t direction; /* the message's: as the packet went */
	uint8_t type;      /* enum dhcp_type; 0: none said */
	bool truncated, malformed;
	/* The header, and the options, each once: code, length in two bytes, data. Owned. */
	struct bytes message;
};

struct dhcp_config {
	bool extended;
};

static struct dhcp_tx *dhcp_of(struct tx *tx)
{
	return (struct dhcp_tx *)(void *)tx;
}

/* ---- the message ---- */

static const uint8_t *field(const struct dhcp_tx *d, unsigned offset)
{
	return d->message.data + offset;
}

static uint8_t opcode_of(const struct dhcp_tx *d)
{
	return *field(d, 0);
}

static uint32_t xid_of(const struct dhcp_tx *d)
{
	return get_be32(field(d, 4));
}

static const uint8_t *client_address(const struct dhcp_tx *d)
{
	return field(d, 12);
}

static const uint8_t *your_address(const struct dhcp_tx *d)
{
	return field(d, 16);
}

static struct bytes hardware_address(const struct dhcp_tx *d)
{
	uint8_t len = *field(d, 2);

	return (struct bytes){field(d, 28), len < 16 ? len : 16};
}

struct option {
	uint8_t code;
	struct bytes data;
};

enum option_status { OPTION_GOOD, OPTION_LAST, OPTION_CUT };

/* The next option of the wire that is not padding. */
static enum option_status wire_option(struct cursor *c, struct option *o)
{
	const uint8_t *data;
	uint8_t len;

	do
		o->code = cursor_u8(c);
	while (o->code == OPTION_PAD && !c->bad);
	if (c->bad)
		return OPTION_CUT;
	if (o->code == OPTION_END)
		return OPTION_LAST;
	len = cursor_u8(c);
	data = cursor_take(c, len);
	o->data = (struct bytes){data, len};
	return c->bad ? OPTION_CUT : OPTION_GOOD;
}

/* Where options are: behind the header, and in two of its fields (RFC 2131, 4.1). */
#define PLACES 3

struct options {
	struct bytes place[PLACES];
	uint64_t seen[4], again[4]; /* bits of codes */
};

static bool bit_of(const uint64_t *bits, uint8_t code)
{
	return bits[code / 64] >> code % 64 & 1;
}

/* Goes through the options of the wire once: are they whole, which are there, and what kind of message is it? */
static void check_options(struct dhcp_tx *d, struct options *all, const uint8_t *data, uint32_t len)
{
	enum option_status status = OPTION_LAST;
	unsigned n = 0;

	all->place[0] = (struct bytes){data + DHCP_HEADER_BYTES, len - DHCP_HEADER_BYTES};
	for (unsigned i = 0; i < PLACES && !d->truncated && !d->malformed; i++) {
		struct cursor c = cursor_of(all->place[i].data, all->place[i].len);
		struct option o;

		while (all->place[i].data && (status = wire_option(&c, &o)) == OPTION_GOOD && ++n < DHCP_OPTIONS_MAX) {
			uint64_t bit = 1ull << o.code % 64;

			all->again[o.code / 64] |= all->seen[o.code / 64] & bit;
			all->seen[o.code / 64] |= bit;
			if (o.code == OPTION_TYPE && o.data.len && !d->type)
				d->type = o.data.data[0] < DHCP_TYPES ? o.data.data[0] : 0;
			if (o.code == OPTION_CLIENT_ID && o.data.len < 2 && !bit_of(all->again, o.code))
				d->malformed = true;
			if (o.code == OPTION_OVERLOAD && o.data.len == 1 && i == 0) {
				if (o.data.data[0] & 1)
					all->place[1] = (struct bytes){data + DHCP_FILE, DHCP_FILE_BYTES};
				if (o.data.data[0] & 2)
					all->place[2] = (struct bytes){data + DHCP_SERVER_NAME, DHCP_SERVER_NAME_BYTES};
			}
		}
		d->truncated |= status == OPTION_CUT && i == 0;
		d->malformed |= status == OPTION_GOOD;
	}
}

/* Appends the data of the options of that code, or of the first only, to out; its length. */
static uint32_t join_options(const struct options *all, uint8_t code, uint8_t *out)
{
	uint32_t len = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < PLACES; i++) {
		struct cursor c = cursor_of(all->place[i].data, all->place[i].len);
		struct option o;

		while (all->place[i].data && n++ < DHCP_OPTIONS_MAX && wire_option(&c, &o) == OPTION_GOOD) {
			if (o.code != code)
				continue;
			memcpy(out + len, o.data.data, o.data.len);
			len += o.data.len;
			if (!bit_of(all->again, code))
				return len;
		}
	}
	return len;
}

/* Of each code one option, in the order in which they begin; out has room for all. Returns how many bytes. */
static uint32_t write_options(const struct options *all, uint8_t *out)
{
	uint64_t written[4] = {0};
	uint32_t at = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < PLACES; i++) {
		struct cursor c = cursor_of(all->place[i].data, all->place[i].len);
		struct option o;

		while (all->place[i].data && n++ < DHCP_OPTIONS_MAX && wire_option(&c, &o) == OPTION_GOOD) {
			uint32_t len = o.data.len;

			if (bit_of(written, o.code))
				continue;
			written[o.code / 64] |= 1ull << o.code % 64;
			if (bit_of(all->again, o.code))
				len = join_options(all, o.code, out + at + 3);
			else
				memcpy(out + at + 3, o.data.data, len);
			out[at] = o.code;
			out[at + 1] = (uint8_t)(len >> 8);
			out[at + 2] = (uint8_t)len;
			at += 3 + len;
		}
	}
	return at;
}

/* The next one of those that were written so. */
static bool next_option(struct cursor *c, struct option *o)
{
	uint16_t len;

	o->code = cursor_u8(c);
	len = cursor_be16(c);
	o->data = (struct bytes){cursor_take(c, len), len};
	return !c->bad;
}

static struct cursor options_of(const struct dhcp_tx *d)
{
	struct cursor c = cursor_of(d->message.data, d->message.len);

	cursor_skip(&c, DHCP_HEADER_BYTES);
	return c;
}

static bool find_option(const struct dhcp_tx *d, uint8_t code, struct bytes *data)
{
	struct cursor c = options_of(d);
	struct option o;

	while (next_option(&c, &o)) {
		if (o.code == code) {
			*data = o.data;
			return true;
		}
	}
	return false;
}

static bool find_seconds(const struct dhcp_tx *d, uint8_t code, uint32_t *seconds)
{
	struct bytes data;

	if (!find_option(d, code, &data) || data.len != 4)
		return false;
	*seconds = get_be32(data.data);
	return true;
}

/* ---- who has an address ---- */

/* RFC 4702: flags, two bytes of no use, then the name: text, or labels (flag E). */
static struct bytes fqdn(struct bytes option, uint8_t *text, size_t size)
{
	struct cursor c = cursor_of(option.data, option.len);
	uint8_t flags = cursor_u8(&c);
	uint32_t len = 0;

	cursor_skip(&c, 2);
	if (!(flags & 4))
		return (struct bytes){c.p, (uint32_t)cursor_left(&c)};
	for (;;) {
		uint32_t n = cursor_u8(&c);
		const uint8_t *label = cursor_take(&c, n);

		if (!n || !label || n > 63 || len + n + 1 > size)
			break;
		memcpy(text + len, label, n);
		text[len + n] = '.';
		len += n + 1;
	}
	return (struct bytes){text, len};
}

static struct bytes host_name(const struct dhcp_tx *d, uint8_t *text, size_t size)
{
	struct bytes option;

	if (find_option(d, OPTION_FQDN, &option)) {
		struct bytes name = fqdn(option, text, size);

		if (name.len)
			return name;
	}
	return find_option(d, OPTION_HOST_NAME, &option) ? option : (struct bytes){0};
}

static void note_host(struct worker *w, const struct dhcp_tx *d)
{
	static const uint8_t none[4];
	struct host_fact fact = {.source = HOST_DHCP, .has_mac = true};
	struct bytes hardware = hardware_address(d);
	uint8_t text[256];

	if (*field(d, 1) != 1 || hardware.len != 6)
		return; /* not Ethernet */
	memcpy(fact.mac, hardware.data, 6);
	fact.name = host_name(d, text, sizeof(text));
	if (opcode_of(d) == BOOTP_REQUEST && (d->type == DHCP_REQUEST || d->type == DHCP_INFORM)) {
		/* The answer need not repeat the name, and may reach another worker. */
		if (fact.name.len)
			host_note(w, fact);
		return;
	}
	if (opcode_of(d) != BOOTP_REPLY || d->type != DHCP_ACK)
		return;
	/* To an INFORM the server gives no address: the client has one. */
	fact.ip_version = 4;
	memcpy(fact.ip.b, memcmp(your_address(d), none, 4) ? your_address(d) : client_address(d),
	       4);
	find_seconds(d, OPTION_LEASE_TIME, &fact.lease_s);
	host_note(w, fact);
}

/* ---- protocol ---- */

static enum probe_result dhcp_probe(const struct probe_input *in)
{
	bool port = in->client_port == DHCP_SERVER_PORT || in->client_port == DHCP_CLIENT_PORT ||
		    in->server_port == DHCP_SERVER_PORT || in->server_port == DHCP_CLIENT_PORT;

	if (!port || in->len < DHCP_HEADER_BYTES)
		return PROBE_NO;
	return PROBE_YES;
}

static void dhcp_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	heap_free(&w->heap, (void *)(uintptr_t)dhcp_of(tx)->message.data);
}

static struct parse_result dhcp_parse(struct worker *w, struct flow *f, void *state,
				      enum direction d, const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct options all = {0};
	struct dhcp_tx *tx;
	uint8_t *copy;

	if (in->len < DHCP_HEADER_BYTES) {
		res.status = PARSE_BAD;
		return res;
	}
	if (get_be32(in->data + 236) != DHCP_COOKIE)
		return res; /* BOOTP alone (RFC 2131, 3) */
	/* An option has a byte more there than on the wire, where none is shorter than two. */
	copy = heap_alloc(&w->heap, DHCP_HEADER_BYTES + (in->len + DHCP_FILE_BYTES + DHCP_SERVER_NAME_BYTES) * 3 / 2);
	tx = copy ? dhcp_of(tx_new(w, f, sizeof(*tx))) : NULL;
	if (!tx) {
		heap_free(&w->heap, copy);
		return res;
	}
	memcpy(copy, in->data, DHCP_HEADER_BYTES);
	check_options(tx, &all, in->data, in->len);
	tx->message = (struct bytes){copy, DHCP_HEADER_BYTES + write_options(&all, copy + DHCP_HEADER_BYTES)};
	tx->direction = (uint8_t)d;
	tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = 1;
	tx->tx.inspected_done[direction_other(d)] = 1;
	if (tx->truncated)
		tx_event(w, f, &tx->tx, d, DHCP_EVENT_TRUNCATED_OPTIONS);
	if (tx->malformed)
		tx_event(w, f, &tx->tx, d, DHCP_EVENT_MALFORMED_OPTIONS);
	note_host(w, tx);
	return res;
}

/* ---- records ---- */

static void dhcp_configure(const struct worker *w, void *memory)
{
	struct dhcp_config *c = memory;

	if (w->config)
		c->extended = config_map_bool(&w->config->eve_types, "dhcp.extended", false);
}

static void write_address(struct recorder *r, enum field_id f, const uint8_t *bytes)
{
	struct addr a = {0};

	memcpy(a.b, bytes, 4);
	rec_addr(r, f, &a, 4);
}

static void write_addresses(struct recorder *r, enum field_id array, enum field_id one,
			    struct bytes data)
{
	struct cursor c = cursor_of(data.data, data.len);

	rec_open(r, array);
	for (unsigned i = 0; i < DHCP_ADDRESSES_MAX && cursor_left(&c) >= 4; i++)
		write_address(r, one, cursor_take(&c, 4));
	rec_close(r);
}

static void write_parameters(struct recorder *r, struct bytes data)
{
	static const char *const names[256] = {
		[1] = "subnet_mask",       [3] = "router",           [6] = "dns_server",
		[15] = "domain",           [35] = "arp_timeout",     [42] = "ntp_server",
		[66] = "tftp_server_name", [150] = "tftp_server_ip",
	};

	rec_open(r, F_dhcp_params);
	for (uint32_t i = 0; i < data.len; i++)
		if (names[data.data[i]])
			rec_text(r, F_dhcp_param, names[data.data[i]]);
	rec_close(r);
}

static void write_seconds(struct recorder *r, enum field_id f, struct bytes data)
{
	if (data.len == 4)
		rec_uint(r, f, get_be32(data.data));
}

/* What stands in every record. */
static void write_option(struct recorder *r, const struct option *o)
{
	switch (o->code) {
	case OPTION_CLIENT_ID:
		if (o->data.len > 1)
			rec_bytes(r, F_dhcp_client_id, o->data.data + 1, o->data.len - 1);
		break;
	case OPTION_RENEWAL_TIME:
		write_seconds(r, F_dhcp_renewal_time, o->data);
		break;
	case OPTION_HOST_NAME:
		if (o->data.len)
			rec_bytes(r, F_dhcp_hostname, o->data.data, o->data.len);
		break;
	case OPTION_TYPE:
		if (o->data.len)
			rec_text(r, F_dhcp_dhcp_type,
				 type_names[o->data.data[0] < DHCP_TYPES ? o->data.data[0] : 0]);
		break;
	}
}

/* What stands in extended ones only. */
static void write_more(struct recorder *r, const struct option *o)
{
	switch (o->code) {
	case OPTION_LEASE_TIME:
		write_seconds(r, F_dhcp_lease_time, o->data);
		break;
	case OPTION_REBINDING_TIME:
		write_seconds(r, F_dhcp_rebinding_time, o->data);
		break;
	case OPTION_SUBNET_MASK:
		if (o->data.len == 4)
			write_address(r, F_dhcp_subnet_mask, o->data.data);
		break;
	case OPTION_REQUESTED_IP:
		if (o->data.len == 4)
			write_address(r, F_dhcp_requested_ip, o->data.data);
		break;
	case OPTION_PARAMETERS:
		write_parameters(r, o->data);
		break;
	case OPTION_DNS_SERVERS:
		write_addresses(r, F_dhcp_dns_servers, F_dhcp_dns_server, o->data);
		break;
	case OPTION_ROUTERS:
		write_addresses(r, F_dhcp_routers, F_dhcp_router, o->data);
		break;
	case OPTION_VENDOR_CLASS:
		if (o->data.len)
			rec_bytes(r, F_dhcp_vendor_class_identifier, o->data.data, o->data.len);
		break;
	}
}

static void write_message(struct recorder *r, const struct dhcp_tx *d, bool extended)
{
	struct bytes hardware = hardware_address(d);
	struct cursor c = options_of(d);
	struct option o;
	uint8_t op = opcode_of(d);

	rec_open(r, F_dhcp_dhcp);
	rec_text(r, F_dhcp_type,
		 op == BOOTP_REQUEST ? "request"
		 : op == BOOTP_REPLY ? "reply"
				     : "<unknown>");
	rec_uint(r, F_dhcp_id, xid_of(d));
	rec_bytes(r, F_dhcp_client_mac, hardware.data, hardware.len);
	write_address(r, F_dhcp_assigned_ip, your_address(d));
	if (extended) {
		write_address(r, F_dhcp_client_ip, client_address(d));
		if (op == BOOTP_REPLY) {
			write_address(r, F_dhcp_relay_ip, field(d, 24));
			write_address(r, F_dhcp_next_server_ip, field(d, 20));
		}
	}
	while (next_option(&c, &o)) {
		write_option(r, &o);
		if (extended)
			write_more(r, &o);
	}
	rec_close(r);
}

static void dhcp_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	const struct dhcp_config *c = app_config(w, APP_dhcp);
	struct recorder *r;

	if (!c->extended && dhcp_of(tx)->type != DHCP_ACK)
		return;
	r = emit_flow(w, RECORD_dhcp, f, dhcp_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	write_message(r, dhcp_of(tx), c->extended);
	emit_end(w);
}

static void dhcp_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct dhcp_config *c = app_config(w, APP_dhcp);

	write_message(r, dhcp_of(tx), c->extended);
}

/* ---- values ---- */

static bool get_seconds(struct tx *tx, enum direction d, uint8_t code, uint64_t *out)
{
	uint32_t seconds;

	if (dhcp_of(tx)->direction != d || !find_seconds(dhcp_of(tx), code, &seconds))
		return false;
	*out = seconds;
	return true;
}

static bool get_lease(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      uint64_t *out)
{
	return get_seconds(tx, d, OPTION_LEASE_TIME, out);
}

static bool get_rebinding(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  uint64_t *out)
{
	return get_seconds(tx, d, OPTION_REBINDING_TIME, out);
}

static bool get_renewal(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			uint64_t *out)
{
	return get_seconds(tx, d, OPTION_RENEWAL_TIME, out);
}

static const struct proto_value dhcp_values[] = {
	{.name = "dhcp.leasetime", .to_server = 1, .to_client = 1, .get = get_lease},
	{.name = "dhcp.rebinding_time", .to_server = 1, .to_client = 1, .get = get_rebinding},
	{.name = "dhcp.renewal_time", .to_server = 1, .to_client = 1, .get = get_renewal},
	{.name = NULL},
};

const struct proto proto_dhcp = {
	.name = "dhcp",
	.id = APP_dhcp,
	.over_udp = 1,
	.done = {1, 1},
	.max_transactions = DHCP_TRANSACTIONS_MAX,
	.too_many_event = DHCP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = dhcp_probe,
	.udp_least = DHCP_HEADER_BYTES,
	.udp_ports = {DHCP_SERVER_PORT, DHCP_CLIENT_PORT},
	.config_bytes = sizeof(struct dhcp_config),
	.configure = dhcp_configure,
	.parse = dhcp_parse,
	.tx_free = dhcp_tx_free,
	.log = dhcp_log,
	.alert_context = dhcp_alert_context,
	.events = dhcp_events,
	.values = dhcp_values,
};
