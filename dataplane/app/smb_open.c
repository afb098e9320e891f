/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMB: open files and pipes, shares, reads that wait for their response. Bytes of a file come in any
 * order; what comes early is held, at most SMB_HELD_BYTES in SMB_HELD_COUNT pieces, before what is
 * missing counts as a hole. Runs in the worker that owns the flow.
 */
#include "dataplane/app/smb.h"

/* ---- pieces that came early ---- */

static void held_free(struct smb_state *s, struct smb_way *way, struct smb_held *h)
{
	way->held = h->next;
	way->held_count--;
	way->held_bytes -= h->len;
	s->held_bytes -= h->len;
	heap_free(&s->w->heap, h->data);
	heap_free(&s->w->heap, h);
}

static void held_free_all(struct smb_state *s, struct smb_way *way)
{
	while (way->held)
		held_free(s, way, way->held);
}

/* More of a piece that ends where the bytes begin. */
static bool held_extend(struct smb_state *s, struct smb_held *h, const uint8_t *data, uint32_t len)
{
	if (h->len + len > h->cap) {
		uint32_t cap = h->cap * 2;
		uint8_t *bigger;

		while (cap < h->len + len)
			cap *= 2;
		bigger = heap_realloc(&s->w->heap, h->data, cap);
		if (!bigger)
			return false;
		h->data = bigger;
		h->cap = cap;
	}
	memcpy(h->data + h->len, data, len);
	h->len += len;
	return true;
}

static bool held_add(struct smb_state *s, struct smb_way *way, uint64_t offset, const uint8_t *data,
		     uint32_t len)
{
	struct smb_held **at = &way->held, *before = NULL, *h;

	if (way->held_bytes + len > SMB_HELD_BYTES || s->held_bytes + len > SMB_HELD_ALL_BYTES)
		return false;
	while (*at && (*at)->offset <= offset) {
		before = *at;
		at = &before->next;
	}
	if (before && before->offset + before->len == offset) {
		if (!held_extend(s, before, data, len))
			return false;
		way->held_bytes += len;
		s->held_bytes += len;
		return true;
	}
	if (way->held_count == SMB_HELD_COUNT)
		return false;
	h = heap_zalloc(&s->w->heap, sizeof(*h));
	if (!h)
		return false;
	h->data = heap_dup(&s->w->heap, data, len);
	if (!h->data) {
		heap_free(&s->w->heap, h);
		return false;
	}
	h->offset = offset;
	h->len = h->cap = len;
	h->next = *at;
	*at = h;
	way->held_count++;
	way->held_bytes += len;
	s->held_bytes += len;
	return true;
}

/* ---- files ---- */

static void append(struct smb_state *s, struct smb_way *way, uint64_t offset, const uint8_t *data,
		   uint32_t len)
{
	uint64_t seen = way->at - offset;

	if (seen >= len)
		return;
	file_append(s->w, way->body, data + seen, len - (uint32_t)seen);
	way->at += len - seen;
}

/* What is held and not early any more. all: what is missing in front of it is a hole. */
static void held_flush(struct smb_state *s, struct smb_way *way, bool all)
{
	while (way->held && (all || way->held->offset <= way->at)) {
		struct smb_held *h = way->held;

		if (h->offset > way->at) {
			file_gap(s->w, way->body, h->offset - way->at);
			way->at = h->offset;
		}
		append(s, way, h->offset, h->data, h->len);
		held_free(s, way, h);
	}
}

bool smb_file_begin(struct smb_state *s, struct smb_open *o, enum direction d,
		    const struct smb_head *h)
{
	static const char unknown[] = "<unknown>";
	struct smb_way *way = &o->way[d];
	struct bytes name = o->name.len ? o->name : (struct bytes){(const uint8_t *)unknown, 9};
	struct smb_tx *t;

	if (way->tx)
		return way->body != NULL;
	t = smb_tx_new(s, h, SMB_FILE);
	if (!t)
		return false;
	way->tx = t;
	t->open = o;
	t->file_direction = (uint8_t)d;
	memcpy(t->fid, o->fid, sizeof(t->fid));
	smb_copy(s, &t->name, name);
	smb_copy(s, &t->name2, o->share);
	t->answered = true;
	t->tx.progress[d] = 1;
	t->tx.progress[direction_other(d)] = 2;
	way->at = 0;
	way->body = file_open(s->w, s->f, &t->tx, d, name.data, name.len);
	return way->body != NULL;
}

void smb_file_data(struct smb_state *s, struct smb_open *o, enum direction d, uint64_t offset,
		   const uint8_t *data, uint32_t len)
{
	struct smb_way *way = &o->way[d];

	if (!way->body || !len)
		return;
	if (offset > way->at && !held_add(s, way, offset, data, len)) {
		held_flush(s, way, true);
		if (offset > way->at) {
			file_gap(s->w, way->body, offset - way->at);
			way->at = offset;
		}
	}
	if (offset <= way->at) {
		append(s, way, offset, data, len);
		held_flush(s, way, false);
	}
	/* all of it was read: rules and records need not wait for the close, which may be far away */
	if (d == TO_CLIENT && o->size && way->at == o->size)
		file_close(s->w, way->body, FILE_CLOSED);
	s->f->app->dirty = s->f->app->changed[d] = 1;
}

static void way_end(struct smb_state *s, struct smb_way *way, bool whole)
{
	if (way->body) {
		held_flush(s, way, true);
		file_close(s->w, way->body, whole ? FILE_CLOSED : FILE_TRUNCATED);
	}
	if (way->tx) {
		way->tx->open = NULL;
		smb_tx_done_both(s, way->tx);
	}
	held_free_all(s, way);
	heap_free(&s->w->heap, way->pending);
	*way = (struct smb_way){0};
}

/* ---- the list of what is open ---- */

static void open_unlink(struct smb_state *s, struct smb_open *o)
{
	if (o->prev)
		o->prev->next = o->next;
	else
		s->opens = o->next;
	if (o->next)
		o->next->prev = o->prev;
}

static void open_first(struct smb_state *s, struct smb_open *o)
{
	o->prev = NULL;
	o->next = s->opens;
	if (o->next)
		o->next->prev = o;
	s->opens = o;
}

struct smb_open *smb_open_find(struct smb_state *s, const uint8_t *fid)
{
	for (struct smb_open *o = s->opens; o; o = o->next) {
		if (memcmp(o->fid, fid, SMB_FID_BYTES) != 0)
			continue;
		open_unlink(s, o);
		open_first(s, o);
		return o;
	}
	return NULL;
}

/* The name is in the request that opens the file. */
static void early_name(struct smb_state *s, struct smb_open *o)
{
	uint64_t message;

	memcpy(&message, o->fid, sizeof(message));
	for (struct tx *tx = s->f->app->last; tx; tx = tx->prev)
		if (smb_of(tx)->kind == SMB_CREATE && smb_of(tx)->head.message == message) {
			smb_copy(s, &o->name, smb_of(tx)->name);
			return;
		}
}

struct smb_open *smb_open_get(struct smb_state *s, const uint8_t *fid, const struct smb_head *h)
{
	struct smb_open *o = smb_open_find(s, fid);
	const struct smb_tree *tree;

	if (o)
		return o;
	if (s->open_count == SMB_OPENS_MAX) {
		struct smb_open *last = s->opens;

		while (last->next)
			last = last->next;
		smb_open_close(s, last, false);
	}
	o = heap_zalloc(&s->w->heap, sizeof(*o));
	if (!o)
		return NULL;
	memcpy(o->fid, fid, SMB_FID_BYTES);
	if (smb_fid_is_early(fid))
		early_name(s, o);
	o->association.response_skip = 8;
	tree = smb_tree_find(s, h);
	if (tree) {
		o->pipe = tree->pipe;
		o->file = !tree->pipe;
		smb_copy(s, &o->share, tree->name);
	}
	open_first(s, o);
	s->open_count++;
	return o;
}

/* Calls of a pipe that nobody will answer any more. */
static void calls_end(struct smb_state *s, const struct smb_open *o)
{
	for (struct tx *tx = s->f->app->first; tx; tx = tx->next)
		if (smb_of(tx)->kind == SMB_CALL &&
		    memcmp(smb_of(tx)->fid, o->fid, SMB_FID_BYTES) == 0)
			smb_tx_done_both(s, smb_of(tx));
}

static void open_free(struct smb_state *s, struct smb_open *o, bool whole)
{
	for (unsigned d = 0; d < 2; d++) {
		if (s->side[d].open == o)
			s->side[d].open = NULL;
		way_end(s, &o->way[d], whole);
	}
	open_unlink(s, o);
	s->open_count--;
	heap_free(&s->w->heap, (void *)(uintptr_t)o->name.data);
	heap_free(&s->w->heap, (void *)(uintptr_t)o->share.data);
	dcerpc_association_free(s->w, &o->association);
	heap_free(&s->w->heap, o);
}

void smb_open_close(struct smb_state *s, struct smb_open *o, bool whole)
{
	if (!o->file)
		calls_end(s, o);
	open_free(s, o, whole || o->closing);
}

static bool reads_wait(const struct smb_state *s, const uint8_t *fid)
{
	for (uint32_t i = 0; s->reads && i < SMB_READS_MAX; i++)
		if (s->reads[i].message && memcmp(s->reads[i].fid, fid, SMB_FID_BYTES) == 0)
			return true;
	return false;
}

void smb_open_close_asked(struct smb_state *s, struct smb_open *o)
{
	if (smb_fid_is_early(o->fid) || reads_wait(s, o->fid))
		o->closing = true;
	else
		smb_open_close(s, o, true);
}

void smb_open_close_answered(struct smb_state *s, const uint8_t *fid)
{
	struct smb_open *o = smb_open_find(s, fid);

	if (o && o->closing)
		smb_open_close(s, o, true);
}

/* Whatever has the early number gets the true one. */
static void fid_settle(struct smb_state *s, const uint8_t *early, const uint8_t *fid)
{
	for (uint32_t i = 0; s->reads && i < SMB_READS_MAX; i++)
		if (memcmp(s->reads[i].fid, early, SMB_FID_BYTES) == 0)
			memcpy(s->reads[i].fid, fid, SMB_FID_BYTES);
	for (struct tx *tx = s->f->app->first; tx; tx = tx->next)
		if (memcmp(smb_of(tx)->fid, early, SMB_FID_BYTES) == 0)
			memcpy(smb_of(tx)->fid, fid, SMB_FID_BYTES);
}

struct smb_open *smb_open_settle(struct smb_state *s, const uint8_t *fid, const struct smb_tx *create)
{
	struct smb_open *o = smb_open_find(s, fid);
	uint8_t early[SMB_FID_BYTES];

	if (o)
		smb_open_close(s, o, false);
	smb_fid_early(early, create->head.message);
	o = s->early ? smb_open_find(s, early) : NULL;
	if (s->early)
		fid_settle(s, early, fid);
	if (o)
		memcpy(o->fid, fid, SMB_FID_BYTES);
	else
		o = smb_open_get(s, fid, &create->head);
	if (!o)
		return NULL;
	smb_copy(s, &o->name, create->name);
	o->size = create->create ? create->create->size : 0;
	return o;
}

void smb_opens_free(struct smb_state *s)
{
	while (s->opens)
		open_free(s, s->opens, false);
}

/* ---- pipes ---- */

bool smb_pipe_like(const uint8_t *data, uint32_t len)
{
	struct dcerpc_header h;

	return len >= DCERPC_HEADER_BYTES && dcerpc_header_read(&h, data);
}

static struct smb_tx *call_for(struct smb_state *s, struct smb_open *o, enum direction d,
			       const struct smb_head *h, const struct dcerpc_header *rpc)
{
	struct smb_tx *t;

	for (struct tx *tx = s->f->app->last; tx; tx = tx->prev) {
		t = smb_of(tx);
		if (t->kind == SMB_CALL && memcmp(t->fid, o->fid, SMB_FID_BYTES) == 0 &&
		    dcerpc_call_fits(t->call, rpc, d))
			return t;
	}
	if (d == TO_CLIENT)
		return NULL;
	t = smb_tx_new(s, h, SMB_CALL);
	if (!t)
		return NULL;
	memcpy(t->fid, o->fid, SMB_FID_BYTES);
	t->call = heap_zalloc(&s->w->heap, sizeof(*t->call));
	if (!t->call) {
		t->kind = SMB_GENERIC;
		return NULL;
	}
	t->call->call_id = rpc->call_id;
	t->call->stub_bytes = &s->stub_bytes;
	return t;
}

/* What a bind asked for, kept beside the transaction: the pipe may be closed when it is written. */
static void interfaces_keep(struct smb_state *s, struct smb_tx *t, const struct smb_open *o)
{
	const struct dcerpc_association *a = &o->association;
	uint32_t from = 0;

	if (t->call->request_type != DCERPC_BIND && t->call->request_type != DCERPC_ALTER_CONTEXT)
		return;
	while (from < a->count && a->interfaces[from].batch != t->call->batch)
		from++;
	heap_free(&s->w->heap, t->interfaces);
	t->interface_count = a->count - from;
	t->interfaces = t->interface_count ? heap_dup(&s->w->heap, a->interfaces + from,
						      t->interface_count * sizeof(*t->interfaces))
					   : NULL;
	if (!t->interfaces)
		t->interface_count = 0;
}

static void fragment_take(struct smb_state *s, struct smb_open *o, enum direction d,
			  const struct smb_head *h, const struct dcerpc_header *rpc,
			  const uint8_t *data, uint32_t len)
{
	struct smb_tx *t;

	if (d == TO_SERVER && rpc->auth_bytes)
		dcerpc_logon_take(s->w, &o->association, rpc, data, len);
	if (rpc->type >= DCERPC_AUTH3)
		return;
	t = call_for(s, o, d, h, rpc);
	if (!t)
		return;
	if (dcerpc_call_take(s->w, &o->association, t->call, rpc, d, data, len)) {
		interfaces_keep(s, t, o);
		smb_tx_done(s, t, d);
	}
}

/* As many whole fragments as there are. Bytes taken; UINT32_MAX: no fragment begins here. */
static uint32_t fragments_take(struct smb_state *s, struct smb_open *o, enum direction d,
			       const struct smb_head *h, const uint8_t *data, uint32_t len)
{
	uint32_t at = 0;

	while (len - at >= DCERPC_HEADER_BYTES) {
		struct dcerpc_header rpc;

		if (!dcerpc_header_read(&rpc, data + at))
			return UINT32_MAX;
		if (rpc.fragment_bytes > len - at)
			break;
		fragment_take(s, o, d, h, &rpc, data + at, rpc.fragment_bytes);
		at += rpc.fragment_bytes;
	}
	return at;
}

static bool pending_add(struct smb_state *s, struct smb_way *way, const uint8_t *data, uint32_t len)
{
	if (way->pending_len + len > way->pending_cap) {
		uint32_t cap = way->pending_cap ? way->pending_cap : 1024;
		uint8_t *bigger;

		while (cap < way->pending_len + len)
			cap *= 2;
		bigger = heap_realloc(&s->w->heap, way->pending, cap);
		if (!bigger)
			return false;
		way->pending = bigger;
		way->pending_cap = cap;
	}
	memcpy(way->pending + way->pending_len, data, len);
	way->pending_len += len;
	return true;
}

bool smb_pipe_data(struct smb_state *s, struct smb_open *o, enum direction d,
		   const struct smb_head *h, const uint8_t *data, uint32_t len)
{
	struct smb_way *way = &o->way[d];
	uint32_t taken;

	/* What begins a fragment begins anew: the rest of the one before was lost. */
	if (way->pending_len && smb_pipe_like(data, len) &&
	    (data[3] & DCERPC_FIRST_FRAGMENT || data[2] == DCERPC_BIND))
		way->pending_len = 0;
	if (!way->pending_len) {
		taken = fragments_take(s, o, d, h, data, len);
		if (taken == UINT32_MAX)
			return false;
		return taken == len || pending_add(s, way, data + taken, len - taken);
	}
	if (!pending_add(s, way, data, len)) {
		way->pending_len = 0;
		return true;
	}
	taken = fragments_take(s, o, d, h, way->pending, way->pending_len);
	if (taken == UINT32_MAX) {
		way->pending_len = 0;
		return true;
	}
	if (taken) {
		memmove(way->pending, way->pending + taken, way->pending_len - taken);
		way->pending_len -= taken;
	}
	return true;
}

/* Written to a pipe, but no call: a transaction all the same, with an event. */
static void pipe_odd(struct smb_state *s, const struct smb_head *h, struct bytes data)
{
	struct smb_tx *t;

	if (data.len < DCERPC_HEADER_BYTES || data.data[2] <= DCERPC_TYPE_LAST)
		return;
	t = smb_tx_new(s, h, SMB_GENERIC);
	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	tx_event(s->w, s->f, &t->tx, TO_SERVER, SMB_EVENT_MALFORMED_DATA);
}

void smb_data_take(struct smb_state *s, struct smb_open *o, enum direction d,
		   const struct smb_head *h, uint64_t offset, struct bytes data)
{
	if (o->pipe || (!o->file && smb_pipe_like(data.data, data.len))) {
		if (!smb_pipe_data(s, o, d, h, data.data, data.len) && d == TO_SERVER)
			pipe_odd(s, h, data);
	} else if (smb_file_begin(s, o, d, h)) {
		smb_file_data(s, o, d, offset, data.data, data.len);
	}
}

bool smb_data_begin(struct smb_state *s, enum direction d, const struct smb_head *h,
		    const struct smb_data *what, uint32_t header, const uint8_t *data, uint32_t len,
		    uint32_t whole)
{
	struct smb_open *o = what->open;

	return o && !o->pipe && what->start >= header && what->start <= len &&
	       what->len <= whole - what->start &&
	       (o->file || !smb_pipe_like(data + what->start, len - what->start)) &&
	       smb_file_begin(s, o, d, h);
}

/* ---- shares ---- */

struct smb_tree *smb_tree_find(struct smb_state *s, const struct smb_head *h)
{
	for (uint32_t i = 0; i < s->tree_count; i++)
		if (s->trees[i].tree == h->tree && s->trees[i].session == h->session)
			return &s->trees[i];
	return NULL;
}

void smb_tree_set(struct smb_state *s, const struct smb_head *h, const struct smb_tx *t)
{
	struct smb_tree *tree = smb_tree_find(s, h);

	if (!tree) {
		if (s->tree_count < SMB_TREES_MAX) {
			tree = &s->trees[s->tree_count++];
		} else {
			tree = &s->trees[s->tree_next];
			s->tree_next = (s->tree_next + 1) % SMB_TREES_MAX;
		}
	}
	heap_free(&s->w->heap, (void *)(uintptr_t)tree->name.data);
	*tree = (struct smb_tree){.tree = h->tree, .session = h->session, .pipe = t->pipe};
	smb_copy(s, &tree->name, t->name);
}

void smb_trees_free(struct smb_state *s)
{
	for (uint32_t i = 0; i < s->tree_count; i++)
		heap_free(&s->w->heap, (void *)(uintptr_t)s->trees[i].name.data);
}

/* ---- reads ---- */

void smb_read_note(struct smb_state *s, const struct smb_head *h, const uint8_t *fid,
		   uint64_t offset)
{
	struct smb_read *read;

	if (!s->reads)
		s->reads = heap_zalloc(&s->w->heap, SMB_READS_MAX * sizeof(*s->reads));
	if (!s->reads)
		return;
	read = &s->reads[s->read_next];
	s->read_next = (s->read_next + 1) % SMB_READS_MAX;
	*read = (struct smb_read){.message = h->message + 1, .offset = offset, .tree = h->tree,
				  .session = h->session};
	memcpy(read->fid, fid, SMB_FID_BYTES);
}

bool smb_read_take(struct smb_state *s, const struct smb_head *h, struct smb_read *out)
{
	for (uint32_t i = 0; s->reads && i < SMB_READS_MAX; i++) {
		struct smb_read *read = &s->reads[(s->read_next + SMB_READS_MAX - 1 - i) % SMB_READS_MAX];

		if (read->message != h->message + 1)
			continue;
		*out = *read;
		read->message = 0;
		return true;
	}
	return false;
}
