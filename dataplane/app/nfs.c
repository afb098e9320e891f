/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NFS: finding it, records of a stream, remote procedure calls. See nfs.h. Of a record with file data
 * the beginning is read once it is there, the data as it comes; other records are waited for. After
 * missing bytes a record begins where one could. A record in several fragments is put together: no
 * implementation sends one, but who hides may. Runs in the worker that owns the flow.
 */
#include "dataplane/app/nfs.h"

#define PROGRAM 100003
#define NFS_PORT 2049
#define RPC_CALL_BYTES 40   /* with empty credentials */
#define UDP_CALL_BYTES 48   /* … and arguments: without any it could be of any program */
#define RPC_REPLY_BYTES 12
#define MARK_BYTES 4
#define LAST_FRAGMENT 0x80000000u
#define AUTH_UNIX 1
#define AUTH_GSS 6
#define AUTH_BYTES_MAX 400  /* RFC 5531, 8.2 */

static const char *const nfs_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/nfs.def"
#undef EVENT
	NULL,
};

struct bytes nfs_opaque(struct cursor *c, uint32_t max)
{
	uint32_t len = cursor_be32(c);
	struct bytes out = {NULL, 0};

	if (c->bad || len > max) {
		c->bad = true;
		return out;
	}
	out = (struct bytes){cursor_take(c, len), len};
	cursor_skip(c, -len & 3u);
	if (c->bad)
		out = (struct bytes){NULL, 0};
	return out;
}

/* ---- finding it ---- */

/* Could a call or reply begin here? What is not there speaks not against it. */
static bool plausible(const uint8_t *b, uint32_t len)
{
	if (len < 8)
		return true;
	if (get_be32(b + 4) == 1)
		return len < RPC_REPLY_BYTES || get_be32(b + 8) <= 1;
	if (get_be32(b + 4) != 0)
		return false;
	return (len < 12 || get_be32(b + 8) == 2) && (len < 16 || get_be32(b + 12) == PROGRAM) &&
	       (len < 20 || (get_be32(b + 16) >= 2 && get_be32(b + 16) <= 4)) &&
	       (len < 24 || get_be32(b + 20) <= 24);
}

/* The first bytes of a record, out of its fragments. Returns how many. */
static uint32_t first_bytes(uint8_t out[24], const uint8_t *b, uint32_t len)
{
	uint32_t n = 0;

	for (uint32_t at = 0; n < 24 && at + MARK_BYTES <= len;) {
		uint32_t mark = get_be32(b + at), part = mark & ~LAST_FRAGMENT;

		at += MARK_BYTES;
		if (part > len - at)
			part = len - at;
		if (part > 24 - n)
			part = 24 - n;
		memcpy(out + n, b + at, part);
		n += part;
		if (mark & LAST_FRAGMENT || part < (mark & ~LAST_FRAGMENT))
			break;
		at += part;
	}
	return n;
}

/* *n: how many of the record's first bytes are there. */
static bool mark_plausible(const uint8_t *b, uint32_t len, uint8_t first[24], uint32_t *n)
{
	uint32_t bytes;

	*n = 0;
	if (len < MARK_BYTES)
		return true;
	bytes = get_be32(b) & ~LAST_FRAGMENT;
	if (bytes > NFS_RECORD_MAX || (get_be32(b) & LAST_FRAGMENT && bytes < RPC_REPLY_BYTES))
		return false;
	*n = first_bytes(first, b, len);
	return plausible(first, *n);
}

static enum probe_result nfs_probe(const struct probe_input *in)
{
	const uint8_t *b = in->data;
	uint32_t len = in->len, n;
	uint8_t first[24];

	if (in->ip_proto != 6) {
		if (!plausible(b, len) || len < 8)
			return PROBE_NO;
		if (get_be32(b + 4) == 1)
			return in->known ? PROBE_YES : PROBE_NO;
		return len >= UDP_CALL_BYTES && get_be32(b + 16) < 4 ? PROBE_YES : PROBE_NO;
	}
	if (!mark_plausible(b, len, first, &n))
		return PROBE_NO;
	if (n < 8)
		return PROBE_MORE;
	if (get_be32(first + 4) == 1) /* a reply says not to which program */
		return in->known || (in->midstream && in->server_port == NFS_PORT) ? PROBE_YES : PROBE_NO;
	return n < 24 ? PROBE_MORE : PROBE_YES;
}

/* ---- transactions ---- */

struct nfs_tx *nfs_tx_new(struct nfs_message *m)
{
	struct nfs_tx *t = nfs_of(tx_new(m->w, m->f, sizeof(*t)));

	if (t) {
		t->version = (uint8_t)m->version;
		t->xid = m->xid;
		t->auth = m->auth;
		t->uid = m->uid;
		t->gid = m->gid;
		text_set(m->w, &t->machine, m->machine);
	}
	return t;
}

struct nfs_tx *nfs_call_tx(struct nfs_message *m, uint32_t procedure, struct bytes name, struct bytes handle)
{
	struct nfs_tx *t = nfs_tx_new(m);

	if (!t)
		return NULL;
	t->procedure = procedure;
	t->tx.progress[TO_SERVER] = NFS_DONE;
	text_set(m->w, &t->name, name);
	text_set(m->w, &t->handle, handle);
	return t;
}

void nfs_reply_tx(struct nfs_message *m, uint32_t status, struct bytes handle)
{
	for (struct tx *tx = m->f->app->first; tx; tx = tx->next) {
		struct nfs_tx *t = nfs_of(tx);

		if (t->is_file || t->xid != m->xid || tx->progress[TO_CLIENT] == NFS_DONE)
			continue;
		t->rpc_status = m->rpc_status;
		t->status = status;
		tx->progress[TO_CLIENT] = NFS_DONE;
		if (!t->handle.len && handle.data)
			text_set(m->w, &t->handle, handle);
		return;
	}
}

/* About the newest transaction; without one there is nothing to say it of. */
void nfs_event_set(struct nfs_message *m, unsigned event)
{
	if (m->f->app->last)
		tx_event(m->w, m->f, m->f->app->last, m->d, event);
}

/* ---- remote procedure calls ---- */

/* RFC 5531, 8.2 and RFC 2203, 5 */
static void take_credentials(struct nfs_message *m)
{
	struct bytes body;
	struct cursor c;

	m->auth = cursor_be32(&m->body);
	body = nfs_opaque(&m->body, AUTH_BYTES_MAX);
	c = cursor_of(body.data, body.len);
	if (m->auth == AUTH_UNIX) {
		cursor_be32(&c); /* stamp */
		m->machine = nfs_opaque(&c, 255);
		m->uid = cursor_be32(&c);
		m->gid = cursor_be32(&c);
	} else if (m->auth == AUTH_GSS) {
		cursor_be32(&c); /* version */
		m->gss_procedure = cursor_be32(&c);
		cursor_be32(&c); /* sequence */
		m->gss_service = cursor_be32(&c);
	}
	cursor_be32(&m->body); /* verifier */
	nfs_opaque(&m->body, AUTH_BYTES_MAX);
}

static void take_call(struct nfs_message *m)
{
	uint32_t version = cursor_be32(&m->body), program = cursor_be32(&m->body);

	m->version = cursor_be32(&m->body);
	m->procedure = cursor_be32(&m->body);
	if (m->body.bad || version != 2 || program != PROGRAM)
		return;
	if (m->version < 2 || m->version > 4) {
		nfs_event_set(m, NFS_EVENT_NONEXISTING_VERSION);
		return;
	}
	take_credentials(m);
	if (m->body.bad) {
		nfs_event_set(m, NFS_EVENT_MALFORMED_DATA);
		return;
	}
	if (m->version == 4)
		nfs4_call(m);
	else
		nfs3_call(m);
}

static void take_reply(struct nfs_message *m)
{
	struct nfs_call *call = nfs_call_find(m->s, m->xid);

	if (!call)
		return;
	m->version = call->version;
	m->rpc_status = cursor_be32(&m->body);
	if (!m->rpc_status) {
		cursor_be32(&m->body);
		nfs_opaque(&m->body, AUTH_BYTES_MAX); /* verifier */
		m->accepted = cursor_be32(&m->body);
	}
	if (m->body.bad)
		nfs_event_set(m, NFS_EVENT_MALFORMED_DATA);
	else if (call->version == 4)
		nfs4_reply(m, call);
	else
		nfs3_reply(m, call);
	nfs_call_free(m->w, call);
}

static void take_message(struct worker *w, struct flow *f, struct nfs_state *s, enum direction d,
			 const uint8_t *data, uint32_t len, uint32_t cut)
{
	struct nfs_message m = {.w = w, .f = f, .s = s, .d = d, .body = cursor_of(data, len), .cut = cut};
	uint32_t type;

	m.xid = cursor_be32(&m.body);
	type = cursor_be32(&m.body);
	if (d == TO_SERVER && type == 0)
		take_call(&m);
	else if (d == TO_CLIENT && type == 1)
		take_reply(&m);
}

/* ---- the stream ---- */

/* Bytes of the record that are waited for before it is read. More of it may follow then only where it is
 * file data. */
static uint32_t head_bytes(struct nfs_state *s, const uint8_t *b, uint32_t len, uint32_t record)
{
	uint32_t kept = record < NFS_RECORD_KEPT ? record : NFS_RECORD_KEPT;
	const struct nfs_call *call;
	bool data;

	if (record <= NFS_HEAD_BYTES || len < 24)
		return len < 24 && record > 24 ? 24 : kept;
	if (get_be32(b + 4) == 1) {
		call = nfs_call_find(s, get_be32(b));
		data = call && call->kind == NFS_READ;
	} else { /* nothing else that clients send is that long */
		data = true;
	}
	return data ? NFS_HEAD_BYTES : kept;
}

/* Where after missing bytes a record could begin. */
static uint32_t skip_lost(const uint8_t *b, uint32_t len)
{
	uint32_t at = 0, n;
	uint8_t first[24];

	while (at < len && !(mark_plausible(b + at, len - at, first, &n) && len - at >= MARK_BYTES + 8))
		at++;
	return at;
}

/* Of a record that has been read; how many bytes. */
static uint32_t take_rest(struct worker *w, struct flow *f, struct nfs_state *s, enum direction d,
			  const uint8_t *data, uint32_t len)
{
	struct nfs_way *way = &s->way[d];
	uint32_t n = len < way->record_left ? len : way->record_left;
	uint32_t of_file = n < way->data_left ? n : way->data_left;

	if (of_file)
		nfs_file_more(w, f, s, d, data, of_file);
	way->record_left -= n;
	if (!way->record_left)
		way->data_left = 0;
	return n;
}

static void joined_free(struct worker *w, struct nfs_way *way)
{
	text_free(w, &way->joined);
	way->joined_bytes = 0;
	way->joining = way->rest = false;
}

/* A fragment begins, of a record of more than one. */
static void fragment_begin(struct worker *w, struct nfs_way *way, uint32_t bytes, bool rest)
{
	if (bytes > NFS_RECORD_MAX - way->joined_bytes) {
		joined_free(w, way);
		way->lost = true;
		return;
	}
	way->joining = true;
	way->rest = rest;
	way->record_left = bytes;
	way->joined_bytes += bytes;
}

/* More of the fragment in hand. Bytes taken. */
static uint32_t fragment_take(struct worker *w, struct nfs_way *way, const uint8_t *data, uint32_t len)
{
	uint32_t n = len < way->record_left ? len : way->record_left, room = NFS_RECORD_KEPT - way->joined.len;

	if (n && room)
		text_append(w, &way->joined, (struct bytes){data, n < room ? n : room});
	way->record_left -= n;
	return n;
}

/* All fragments are there. File data beyond what is kept is missing. */
static void joined_take(struct worker *w, struct flow *f, struct nfs_state *s, enum direction d)
{
	struct nfs_way *way = &s->way[d];

	if (way->joined.data)
		take_message(w, f, s, d, way->joined.data, way->joined.len, way->joined_bytes - way->joined.len);
	if (way->data_left)
		nfs_file_more(w, f, s, d, NULL, way->data_left);
	way->data_left = 0;
	joined_free(w, way);
}

/* A record begins at data. Bytes taken; 0: *need of them must be there. */
static uint32_t take_record(struct worker *w, struct flow *f, struct nfs_state *s, enum direction d,
			    const uint8_t *data, uint32_t len, uint32_t *need)
{
	struct nfs_way *way = &s->way[d];
	uint32_t record, head;

	*need = MARK_BYTES;
	if (len < MARK_BYTES)
		return 0;
	record = get_be32(data) & ~LAST_FRAGMENT;
	if (record > NFS_RECORD_MAX) {
		joined_free(w, way);
		way->lost = true;
		return 1;
	}
	if (way->rest || !(get_be32(data) & LAST_FRAGMENT)) {
		fragment_begin(w, way, record, !(get_be32(data) & LAST_FRAGMENT));
		return MARK_BYTES;
	}
	head = head_bytes(s, data + MARK_BYTES, len - MARK_BYTES, record);
	*need = MARK_BYTES + head;
	if (len < *need)
		return 0;
	way->record_left = record - head;
	take_message(w, f, s, d, data + MARK_BYTES, head, record - head);
	return MARK_BYTES + head;
}

static struct parse_result parse_stream(struct worker *w, struct flow *f, struct nfs_state *s, enum direction d,
					const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct nfs_way *way = &s->way[d];
	uint32_t at = 0;

	while (at < in->len) {
		const uint8_t *data = in->data + at;
		uint32_t left = in->len - at, n;

		if (way->record_left) {
			at += way->joining ? fragment_take(w, way, data, left) : take_rest(w, f, s, d, data, left);
			continue;
		}
		if (way->joining && !way->rest)
			joined_take(w, f, s, d);
		if (way->lost) {
			n = skip_lost(data, left);
			way->lost = n == left;
			at += n;
			continue;
		}
		n = take_record(w, f, s, d, data, left, &res.need);
		if (!n) {
			res.status = PARSE_MORE;
			res.consumed = at;
			return res;
		}
		at += n;
	}
	if (way->joining && !way->rest && !way->record_left)
		joined_take(w, f, s, d);
	res.need = 0;
	return res;
}

static void take_gap(struct worker *w, struct flow *f, struct nfs_state *s, enum direction d, uint32_t len)
{
	struct nfs_way *way = &s->way[d];
	uint32_t n = 0;

	if (way->joining) {
		joined_free(w, way);
		way->record_left = 0;
	} else if (way->record_left) {
		n = take_rest(w, f, s, d, NULL, len);
	}
	way->lost |= n < len;
}

static struct parse_result nfs_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in)
{
	if (f->ip_proto == 6 && !(in->flags & INPUT_GAP))
		return parse_stream(w, f, state, d, in);
	if (in->flags & INPUT_GAP)
		take_gap(w, f, state, d, in->len);
	else
		take_message(w, f, state, d, in->data, in->len, 0);
	return (struct parse_result){.status = PARSE_OK};
}

static void nfs_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct nfs_state *s = state;

	nfs_calls_free(w, s);
	joined_free(w, &s->way[TO_SERVER]);
	joined_free(w, &s->way[TO_CLIENT]);
}

static void nfs_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct nfs_tx *t = nfs_of(tx);

	text_free(w, &t->machine);
	text_free(w, &t->name);
	text_free(w, &t->name_to);
	text_free(w, &t->handle);
	chunks_free(w, &t->body);
}

/* ---- rules ---- */

static bool value_procedure(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = nfs_of(tx)->procedure;
	return true;
}

static bool value_version(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = nfs_of(tx)->version;
	return true;
}

#define BOTH .to_server = 1, .to_client = 1

static const struct proto_buffer nfs_buffers[] = {
	{.name = "file.data", .flags = BUFFER_MULTI | BUFFER_STREAMING, BOTH, .get = file_view},
	{.name = "file.name", .flags = BUFFER_MULTI, BOTH, .get = file_name_view},
	{.name = "file.magic", .flags = BUFFER_MULTI | BUFFER_STREAMING, BOTH, .get = file_magic_view},
	{.name = NULL},
};

static const struct proto_value nfs_values[] = {
	{.name = "nfs_procedure", .to_server = 1, .get = value_procedure},
	{.name = "nfs.version", .to_server = 1, .get = value_version},
	{.name = NULL},
};

const struct proto proto_nfs = {
	.name = "nfs",
	.id = APP_nfs,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {NFS_DONE, NFS_DONE},
	.max_pending_bytes = MARK_BYTES + NFS_RECORD_KEPT,
	.max_transactions = NFS_TRANSACTIONS_MAX,
	.too_many_event = NFS_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = nfs_probe,
	.udp_least = UDP_CALL_BYTES,
	.state_bytes = sizeof(struct nfs_state),
	.state_clear = nfs_state_clear,
	.parse = nfs_parse,
	.tx_free = nfs_tx_free,
	.log = nfs_log,
	.alert_context = nfs_alert_context,
	.events = nfs_events,
	.buffers = nfs_buffers,
	.values = nfs_values,
};
