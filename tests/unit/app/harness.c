/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See harness.h.
 */
#include "tests/unit/app/harness.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/app/expect.h"
#include "dataplane/app/range.h"
#include "dataplane/app/sctp.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/contact.h"
#include "dataplane/engine/emit.h"

static struct harness *harness_of(struct worker *w)
{
	return (struct harness *)(void *)((char *)w - offsetof(struct harness, w));
}

/* ---- other folders' functions ---- */

void *worker_memory(struct worker *w, size_t bytes, size_t align)
{
	void *p = NULL;

	if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, bytes ? bytes : 1))
		return NULL;
	return memset(p, 0, bytes);
}

void worker_memory_free(struct worker *w, void *memory)
{
	free(memory);
}

void flow_reverse(struct worker *w, struct flow *f)
{
	struct addr a = f->client;
	uint16_t port = f->client_port;

	f->client = f->server;
	f->server = a;
	f->client_port = f->server_port;
	f->server_port = port;
	harness_of(w)->reversals++;
}

void stream_stop(struct worker *w, struct flow *f)
{
	harness_of(w)->stream_stops++;
}

void stream_stored(struct worker *w, struct flow *f)
{
}

void packet_drop(struct packet *p, enum drop_reason reason)
{
	p->verdict = VERDICT_DROP;
	p->drop = (uint8_t)reason;
}

void flow_exception(struct worker *w, struct packet *p, unsigned policy, enum exception_target cause,
		    enum drop_reason reason)
{
	harness_of(w)->exceptions++;
}

void detect_tx_free(struct worker *w, struct tx *tx)
{
	tx->detect[0] = tx->detect[1] = NULL;
}

static struct recorder *begin(struct worker *w, enum record_type type, const struct flow *f,
			      uint64_t tx_id, unsigned direction)
{
	struct record_head head = {.type = (uint16_t)type, .tx_id = tx_id, .flow_id = 1};

	if (direction == TO_CLIENT)
		head.flags |= RECORD_TO_CLIENT;
	rec_begin(&w->recorder, w->record_memory, RECORD_MAX_BYTES, &head);
	return &w->recorder;
}

void emit_tunnel(struct recorder *r, const struct packet *p)
{
	(void)r;
	(void)p;
}

struct recorder *emit_packet(struct worker *w, enum record_type type, const struct packet *p)
{
	return begin(w, type, p->flow, RECORD_NO_TX, p->direction);
}

struct recorder *emit_flow(struct worker *w, enum record_type type, const struct flow *f,
			   enum direction d, uint64_t tx_id, const struct packet *p)
{
	return begin(w, type, f, tx_id, d);
}

struct recorder *emit_bare(struct worker *w, enum record_type type)
{
	return begin(w, type, NULL, RECORD_NO_TX, TO_SERVER);
}

void contact_add(struct worker *w, struct flow *f, const struct contact *c)
{
	struct harness *h = harness_of(w);
	size_t room = HARNESS_CONTACTS_BYTES - h->contacts_len;
	char client[ADDR_TEXT_MAX], port[8] = "";
	int n;

	if (c->client)
		addr_format(c->client, c->client_version, client);
	if (c->port)
		snprintf(port, sizeof(port), " :%u", c->port);
	n = snprintf(h->contacts + h->contacts_len, room, "%u %.*s%s%s%s\n", c->kind, (int)c->len,
		     (const char *)c->value, c->client ? " for " : "", c->client ? client : "", port);
	if (n > 0 && (size_t)n < room)
		h->contacts_len += (size_t)n;
}

void emit_contact(struct worker *w, struct flow *f, unsigned kind, const void *value, size_t len)
{
	const struct contact c = {.kind = kind, .value = value, .len = len};

	contact_add(w, f, &c);
}

/* ---- records as JSON ---- */

static void __attribute__((format(printf, 2, 3))) put(struct harness *h, const char *format, ...)
{
	size_t room = HARNESS_OUT_BYTES - h->out_len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(h->out + h->out_len, room, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < room)
		h->out_len += (size_t)n;
	else
		h->out_len = 0; /* start again: nobody looks at so much */
}

static void put_bytes(struct harness *h, const struct value *v)
{
	for (uint32_t i = 0; i < v->body.len; i++) {
		uint8_t b = v->body.data[i];

		if (v->kind == KIND_HEX)
			put(h, "%02x", b);
		else if (v->kind == KIND_HEXCOLON)
			put(h, "%s%02x", i ? ":" : "", b);
		else if (b == '"' || b == '\\' || b < ' ' || b > '~')
			put(h, "\\u%04x", b);
		else
			put(h, "%c", b);
	}
}

static void put_member(struct harness *h, const struct value *v)
{
	struct value part = {.kind = KIND_TEXT};
	struct bytes text;

	if (!value_member(v, &part.body, &text))
		abort();
	put(h, "\"");
	put_bytes(h, &part);
	put(h, "\":\"");
	part.body = text;
	put_bytes(h, &part);
	put(h, "\"");
}

static void put_value(struct harness *h, const struct value *v)
{
	char text[ADDR_TEXT_MAX];
	struct addr a = {0};

	switch (v->kind) {
	case KIND_UINT:
	case KIND_HIDDEN:
	case KIND_TIME:
		put(h, "%" PRIu64, v->n);
		break;
	case KIND_INT:
		put(h, "%" PRId64, (int64_t)v->n);
		break;
	case KIND_BOOL:
		put(h, "%s", v->n ? "true" : "false");
		break;
	case KIND_ADDR:
		memcpy(a.b, v->body.data, v->body.len < 16 ? v->body.len : 16);
		put(h, "\"%s\"", addr_format_long(&a, v->body.len == 4 ? 4 : 6, text));
		break;
	case KIND_MEMBER:
		put_member(h, v);
		break;
	default:
		put(h, "\"");
		put_bytes(h, v);
		put(h, "\"");
		break;
	}
}

void emit_end(struct worker *w)
{
	struct harness *h = harness_of(w);
	const struct record_head *head = (const void *)w->record_memory;
	struct value_reader reader;
	bool first = true, array[64] = {false};
	unsigned depth = 0;
	struct value v;

	rec_end(&w->recorder);
	put(h, "{\"event_type\":\"%s\"", record_rows[head->type].name);
	put(h, ",\"direction\":\"%s\"", head->flags & RECORD_TO_CLIENT ? "to_client" : "to_server");
	if (head->tx_id != RECORD_NO_TX)
		put(h, ",\"tx_id\":%" PRIu64, head->tx_id);
	first = false;
	value_reader_init(&reader, head);
	while (value_next(&reader, &v)) {
		if (v.close) {
			put(h, "%s", array[depth] ? "]" : "}");
			depth--;
			first = false;
			continue;
		}
		put(h, "%s", first ? "" : ",");
		if (!array[depth] && field_rows[v.field].key[0])
			put(h, "\"%s\":", field_rows[v.field].key);
		first = false;
		if (v.kind == KIND_OBJECT || v.kind == KIND_ARRAY) {
			put(h, "%s", v.kind == KIND_ARRAY ? "[" : "{");
			array[++depth % 64] = v.kind == KIND_ARRAY;
			first = true;
			continue;
		}
		put_value(h, &v);
	}
	put(h, "}\n");
}

/* Bulk records stand among the others, as lines. */
bool emit_end_bulk(struct worker *w)
{
	if (harness_of(w)->bulk_is_full)
		return false;
	emit_end(w);
	return true;
}

/* "host 10.0.0.1 mac aa:bb:… name x user y source 6 lease 60" */
void emit_host(struct worker *w, const struct host_fact *fact)
{
	struct harness *h = harness_of(w);
	char text[ADDR_TEXT_MAX];
	const uint8_t *m = fact->mac;

	put(h, "host %s", fact->ip_version ? addr_format(&fact->ip, fact->ip_version, text) : "-");
	if (fact->has_mac)
		put(h, " mac %02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	if (fact->name.len)
		put(h, " name %.*s", (int)fact->name.len, (const char *)fact->name.data);
	if (fact->user.len)
		put(h, " user %.*s", (int)fact->user.len, (const char *)fact->user.data);
	put(h, " source %u", fact->source);
	if (fact->lease_s)
		put(h, " lease %u", fact->lease_s);
	put(h, "\n");
}

/* ---- driving ---- */

static void flow_begin(struct harness *h, uint8_t ip_proto, uint16_t server_port)
{
	memset(&h->flow, 0, sizeof(h->flow));
	memset(&h->packet, 0, sizeof(h->packet));
	h->offset[0] = h->offset[1] = 0;
	h->window_len[0] = h->window_len[1] = 0;
	h->flow.ip_proto = ip_proto;
	h->flow.ip_version = 4;
	h->flow.client_port = 40000;
	h->flow.server_port = server_port;
	h->flow.client.b[0] = 10;
	h->flow.server.b[0] = 192;
	h->packet.flow = &h->flow;
	h->packet.ip_proto = ip_proto;
	harness_clear(h);
}

struct harness *harness_new(uint8_t ip_proto, uint16_t server_port, const char *const *settings)
{
	struct harness *h = aligned_alloc(_Alignof(struct harness), sizeof(*h));
	struct config *c = config_new();
	char error[256];

	if (!h || !c)
		abort();
	memset(h, 0, sizeof(*h));
	for (; settings && *settings; settings++) {
		char path[256];
		const char *eq = strchr(*settings, '=');

		snprintf(path, sizeof(path), "%.*s", (int)(eq - *settings), *settings);
		if (config_set(c, path, eq + 1, error, sizeof(error)) != 0)
			abort();
	}
	h->w.config = c;
	h->w.first_file_id = h->w.file_id_step = 1;
	h->w.counters = &h->counters;
	h->w.record_memory = aligned_alloc(64, RECORD_MAX_BYTES);
	if (heap_init(&h->w.heap, 64u << 20) != 0 || app_worker_new(&h->w) != 0)
		abort();
	h->out = malloc(HARNESS_OUT_BYTES);
	h->contacts = malloc(HARNESS_CONTACTS_BYTES);
	flow_begin(h, ip_proto, server_port);
	return h;
}

static void flow_free(struct harness *h)
{
	app_flow_free(&h->w, &h->flow);
	heap_free(&h->w.heap, flow_cold(&h->flow)->notes);
	flow_cold(&h->flow)->notes = NULL;
}

void harness_reset(struct harness *h, uint16_t server_port)
{
	if (h->flow.app)
		harness_finish(h);
	flow_free(h);
	range_worker_reset(&h->w);
	if (h->w.heap.used_bytes != expect_held_bytes(&h->w))
		abort();
	flow_begin(h, h->flow.ip_proto, server_port);
}

void harness_next_flow(struct harness *h, uint16_t server_port)
{
	if (h->flow.app)
		harness_finish(h);
	flow_free(h);
	flow_begin(h, h->flow.ip_proto, server_port);
}

void harness_free(struct harness *h)
{
	if (h->flow.app)
		harness_finish(h);
	flow_free(h);
	app_worker_free(&h->w);
	if (h->w.heap.used_bytes)
		abort();
	heap_fini(&h->w.heap);
	config_free((struct config *)h->w.config);
	free(h->w.record_memory);
	free(h->datagram);
	free(h->out);
	free(h->contacts);
	free(h);
}

/* What the raw window still has: each other time all, or nothing. */
const uint8_t *stream_kept(const struct flow *f, enum direction d, uint64_t offset, uint32_t len)
{
	const struct harness *h = (const void *)((const uint8_t *)f - offsetof(struct harness, flow));

	return h->rests % 2 && offset + len <= h->window_len[d] ? h->window[d] + offset : NULL;
}

/* At any time the session may be put away, and goes on as it was. */
static void rest_and_wake(struct harness *h)
{
	uint8_t packed[APP_PACKED_MAX], *end;

	if (!h->flow.app || !app_may_pack(&h->flow))
		return;
	app_shrink(&h->w, &h->flow);
	end = app_pack(&h->w, &h->flow, packed);
	app_put_away(&h->w, &h->flow);
	if (h->flow.app || end > packed + sizeof(packed) || app_unpack(&h->w, &h->flow, packed) != end || !h->flow.app)
		abort();
	h->rests++;
}

void harness_done(struct harness *h)
{
	app_packet_done(&h->w, &h->flow, &h->packet);
	free(h->datagram);
	h->datagram = NULL;
	rest_and_wake(h);
}

void harness_tcp_open(struct harness *h, enum direction d, const void *data, size_t len)
{
	/* own memory of the exact size, so that a sanitizer sees a step beyond it */
	void *copy = malloc(len ? len : 1);
	struct app_input in = {
		.data = copy,
		.len = (uint32_t)len,
		.flags = h->offset[d] == 0 ? INPUT_START : 0,
		.offset = h->offset[d],
	};

	memcpy(copy, data, len);
	if (h->offset[d] == h->window_len[d] && h->window_len[d] + len <= sizeof(h->window[d])) {
		memcpy(h->window[d] + h->window_len[d], data, len);
		h->window_len[d] += (uint32_t)len;
	}
	h->packet.direction = (uint8_t)d;
	h->offset[d] += len;
	app_stream(&h->w, &h->flow, &h->packet, d, &in);
	free(copy);
}

void harness_tcp(struct harness *h, enum direction d, const void *data, size_t len)
{
	harness_tcp_open(h, d, data, len);
	harness_done(h);
}

void harness_tcp_steps(struct harness *h, enum direction d, const void *data, size_t len, size_t step)
{
	for (size_t at = 0; at < len; at += step)
		harness_tcp(h, d, (const uint8_t *)data + at, len - at < step ? len - at : step);
}

void harness_gap_open(struct harness *h, enum direction d, uint32_t len)
{
	struct app_input in = {.len = len, .flags = INPUT_GAP, .offset = h->offset[d]};

	h->packet.direction = (uint8_t)d;
	h->offset[d] += len;
	app_stream(&h->w, &h->flow, &h->packet, d, &in);
}

void harness_gap(struct harness *h, enum direction d, uint32_t len)
{
	harness_gap_open(h, d, len);
	harness_done(h);
}

static void end_with(struct harness *h, enum direction d, uint32_t flags)
{
	struct app_input in = {.data = (const uint8_t *)"", .flags = flags, .offset = h->offset[d]};

	h->packet.direction = (uint8_t)d;
	app_stream(&h->w, &h->flow, &h->packet, d, &in);
}

void harness_end_open(struct harness *h, enum direction d)
{
	end_with(h, d, INPUT_END);
}

void harness_cut(struct harness *h, enum direction d)
{
	end_with(h, d, INPUT_END | INPUT_CUT);
	harness_done(h);
}

void harness_end(struct harness *h, enum direction d)
{
	harness_end_open(h, d);
	harness_done(h);
}

void harness_udp_open(struct harness *h, enum direction d, const void *data, size_t len)
{
	free(h->datagram);
	h->datagram = malloc(len ? len : 1);
	memcpy(h->datagram, data, len);
	h->packet.direction = (uint8_t)d;
	h->packet.payload = h->datagram;
	h->packet.payload_len = (uint32_t)len;
	app_datagram(&h->w, &h->packet);
}

void harness_udp(struct harness *h, enum direction d, const void *data, size_t len)
{
	harness_udp_open(h, d, data, len);
	harness_done(h);
}

void harness_sctp_open(struct harness *h, enum direction d, const void *data, size_t len)
{
	free(h->datagram);
	h->datagram = malloc(len);
	memcpy(h->datagram, data, len);
	h->packet.direction = (uint8_t)d;
	h->packet.l4 = h->datagram;
	h->packet.payload = h->datagram + 12;
	h->packet.payload_len = (uint32_t)len - 12;
	app_sctp(&h->w, &h->packet);
}

void harness_sctp(struct harness *h, enum direction d, const void *data, size_t len)
{
	harness_sctp_open(h, d, data, len);
	harness_done(h);
}

void harness_finish(struct harness *h)
{
	if (h->flow.ip_proto == 6) {
		harness_end(h, TO_SERVER);
		harness_end(h, TO_CLIENT);
	}
	app_flow_end(&h->w, &h->flow, &h->packet);
	flow_free(h);
}

/* ---- looking ---- */

unsigned harness_count(const struct harness *h, const char *text)
{
	unsigned n = 0;

	for (const char *at = h->out; (at = strstr(at, text)); at += strlen(text))
		n++;
	return n;
}

void harness_clear(struct harness *h)
{
	h->out_len = 0;
	h->out[0] = '\0';
	h->contacts_len = 0;
	h->contacts[0] = '\0';
}

const struct proto_buffer *harness_buffer(const struct proto *proto, const char *name)
{
	for (const struct proto_buffer *b = proto->buffers; b && b->name; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}

const struct proto_value *harness_value(const struct proto *proto, const char *name)
{
	for (const struct proto_value *v = proto->values; v && v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

const char *harness_text(struct harness *h, enum direction d, const char *buffer, unsigned instance)
{
	static char text[1 << 17];
	const struct proto_buffer *b;
	struct buffer_view view;

	if (!h->flow.app || !h->flow.app->proto || !h->flow.app->last)
		return NULL;
	b = harness_buffer(h->flow.app->proto, buffer);
	if (!b || !b->get(&h->w, &h->flow, h->flow.app->last, d, instance, &view))
		return NULL;
	memcpy(text, view.data, view.len < sizeof(text) - 1 ? view.len : sizeof(text) - 1);
	text[view.len < sizeof(text) - 1 ? view.len : sizeof(text) - 1] = '\0';
	return text;
}

uint8_t *unhex(const char *text, size_t *len)
{
	uint8_t *out = malloc(strlen(text) / 2 + 1);
	unsigned b;
	int used;

	*len = 0;
	while (*text) {
		if (*text == ' ' || *text == '\n') {
			text++;
			continue;
		}
		if (sscanf(text, "%2x%n", &b, &used) != 1 || used != 2)
			abort();
		out[(*len)++] = (uint8_t)b;
		text += 2;
	}
	return out;
}

bool harness_flawed(struct harness *h, const char *record, const char *event)
{
	char type[64];

	snprintf(type, sizeof(type), "\"event_type\":\"%s\"", record);
	harness_done(h);
	return harness_count(h, "\"event_type\":\"anomaly\"") == 1 && harness_count(h, event) == 1 &&
	       harness_count(h, type) == (strcmp(event, "malformed_data") != 0) && h->flow.app->live == 0;
}
