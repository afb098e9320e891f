/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What detection calls of the other stages, for tests: a protocol "http" whose transaction is a
 * struct of texts, a stream that is what the test says, alerts collected by sid.
 */
#include "tests/unit/detect/fake.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/app/service.h"
#include "dataplane/app/file.h"
#include "dataplane/app/tls.h"
#include "dataplane/engine/emit.h"

struct fake fake;

static bool get_text(const char *text, struct buffer_view *out)
{
	if (!text)
		return false;
	*out = (struct buffer_view){(const uint8_t *)text, (uint32_t)strlen(text), 0, true};
	return true;
}

static bool get_uri(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned i,
		    struct buffer_view *out)
{
	return get_text(((struct fake_tx *)tx)->uri, out);
}

static bool get_host(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned i,
		     struct buffer_view *out)
{
	return get_text(((struct fake_tx *)tx)->host, out);
}

/* Several instances. */
static bool get_header(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned i,
		       struct buffer_view *out)
{
	return i < 2 && get_text(((struct fake_tx *)tx)->headers[i], out);
}

static const struct proto_buffer buffers[] = {
	{.name = "http.uri", .to_server = 1, .get = get_uri},
	{.name = "http.host", .to_server = 2, .get = get_host},
	{.name = "http.request_header", .flags = BUFFER_MULTI, .to_server = 2, .get = get_header},
	{.name = NULL},
};

static const struct proto http = {.name = "http", .id = APP_http, .over_tcp = 1, .done = {3, 3},
				  .buffers = buffers};

const struct proto *const app_protos[APP_PROTO_COUNT] = {[APP_http] = &http};

void *worker_memory(struct worker *w, size_t bytes, size_t align)
{
	void *at = aligned_alloc(align, (bytes + align - 1) / align * align);

	if (at)
		memset(at, 0, bytes);
	return at;
}

void worker_memory_free(struct worker *w, void *memory)
{
	free(memory);
}

void emit_tunnel(struct recorder *r, const struct packet *p)
{
	(void)r;
	(void)p;
}

const char *const app_event_names[APP_EVENT_COUNT] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/applayer.def"
#undef EVENT
};

struct recorder *emit_packet(struct worker *w, enum record_type type, const struct packet *p)
{
	static const struct record_head head;

	rec_begin(&w->recorder, w->record_memory, RECORD_MAX_BYTES, &head);
	return &w->recorder;
}

struct recorder *emit_flow(struct worker *w, enum record_type type, const struct flow *f, enum direction d,
			   uint64_t tx_id, const struct packet *p)
{
	return NULL;
}

void emit_end(struct worker *w)
{
	struct value v;

	rec_end(&w->recorder);
	if (record_find((const struct record_head *)w->recorder.at, F_alert_signature_id, &v) &&
	    fake.alert_count < FAKE_ALERTS_MAX)
		fake.alerts[fake.alert_count++] = (uint32_t)v.n;
}

enum tcp_state stream_state(const struct flow *f)
{
	return TCP_STATE_ESTABLISHED;
}

uint64_t stream_size(const struct flow *f, enum direction d)
{
	return fake.stream_len[d] + 1;
}

bool stream_raw_peek(struct worker *w, struct flow *f, enum direction d, struct stream_raw *out)
{
	*out = (struct stream_raw){(const uint8_t *)fake.stream, fake.stream_due,
				   fake.stream_fresh, fake.stream_offset, false};
	return fake.stream_due > 0;
}

unsigned stream_raw_parts(struct worker *w, struct flow *f, enum direction d,
			  struct stream_raw out[STREAM_RAW_PARTS])
{
	return stream_raw_peek(w, f, d, out) ? 1 : 0;
}

bool stream_raw_early(struct worker *w, const struct packet *p, struct stream_raw *out)
{
	return false;
}

bool stream_raw_look(struct worker *w, struct flow *f, enum direction d, struct stream_raw *out)
{
	return stream_raw_peek(w, f, d, out);
}

void stream_raw_inspected(struct worker *w, struct flow *f, enum direction d)
{
	fake.stream_due = 0;
	if (!fake.stream_next)
		return;
	fake.stream = fake.stream_next;
	fake.stream_next = NULL;
	fake.stream_due = (uint32_t)strlen(fake.stream);
	fake.stream_fresh = 0;
}

void stream_raw_off(struct worker *w, struct flow *f, enum direction d)
{
	fake.raw_off++;
}

void stream_raw_flush(struct flow *f, enum direction d)
{
}

struct packet *flow_pseudo_packet(struct worker *w, struct flow *f, enum direction d)
{
	static struct packet made;

	(void)w;
	made = (struct packet){.flags = PACKET_IP | PACKET_PSEUDO, .flow = f, .direction = (uint8_t)d,
			       .src = d == TO_SERVER ? f->client : f->server,
			       .dst = d == TO_SERVER ? f->server : f->client,
			       .sport = d == TO_SERVER ? f->client_port : f->server_port,
			       .dport = d == TO_SERVER ? f->server_port : f->client_port,
			       .ip_version = f->ip_version, .ip_proto = f->ip_proto};
	return &made;
}

void flow_record_brief(struct recorder *r, const struct flow *f)
{
}

void packet_drop(struct packet *p, enum drop_reason reason)
{
	p->verdict = VERDICT_DROP;
	p->drop = (uint8_t)reason;
}

void tls_store(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
}

void packet_checksum_make(struct packet *p)
{
	fake.checksums++;
}

void file_store_want(struct worker *w, struct flow *f, struct file *file, uint32_t sid)
{
	file->flags |= FILE_STORE;
}

void app_buffer_wanted(struct worker *w, enum app_proto proto, const char *buffer)
{
	(void)w;
	(void)proto;
	(void)buffer;
}

void file_want(struct worker *w, unsigned wants)
{
}

void file_inspected(struct worker *w, struct tx *tx, enum direction d)
{
}

void file_alert_context(struct recorder *r, struct tx *tx)
{
}

void service_record_target(struct recorder *r, const struct flow *f)
{
}

void app_record(struct recorder *r, const struct flow *f)
{
}
