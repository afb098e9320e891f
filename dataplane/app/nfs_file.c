/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NFS: what is remembered of calls and handles, and the files that are read and written. See nfs.h.
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/nfs.h"

static bool same(struct bytes a, struct bytes b)
{
	return a.len == b.len && a.data && b.data && memcmp(a.data, b.data, a.len) == 0;
}

/* ---- calls ---- */

void nfs_call_free(struct worker *w, struct nfs_call *c)
{
	text_free(w, &c->name);
	text_free(w, &c->handle);
	*c = (struct nfs_call){0};
}

struct nfs_call *nfs_call_find(struct nfs_state *s, uint32_t xid)
{
	for (unsigned i = 0; i < NFS_CALLS_MAX; i++)
		if (s->calls[i].version && s->calls[i].xid == xid)
			return &s->calls[i];
	return NULL;
}

struct nfs_call *nfs_call_add(struct nfs_message *m, uint8_t kind)
{
	struct nfs_call *c = nfs_call_find(m->s, m->xid);

	if (!c)
		c = &m->s->calls[m->s->next_call++ % NFS_CALLS_MAX];
	nfs_call_free(m->w, c);
	c->xid = m->xid;
	c->version = (uint8_t)m->version;
	c->procedure = m->procedure;
	c->kind = kind;
	return c;
}

/* ---- names of handles ---- */

void nfs_name_add(struct nfs_message *m, struct bytes handle, struct bytes name)
{
	struct nfs_state *s = m->s;
	struct nfs_name *n = NULL;

	if (!handle.len || !name.data)
		return;
	for (unsigned i = 0; i < NFS_NAMES_MAX && !n; i++)
		if (same(text_bytes(&s->names[i].handle), handle))
			n = &s->names[i];
	if (!n)
		n = &s->names[s->next_name++ % NFS_NAMES_MAX];
	if (!text_set(m->w, &n->handle, handle) || !text_set(m->w, &n->name, name))
		text_free(m->w, &n->handle);
}

struct bytes nfs_name_of(const struct nfs_state *s, struct bytes handle)
{
	for (unsigned i = 0; handle.len && i < NFS_NAMES_MAX; i++)
		if (same(text_bytes(&s->names[i].handle), handle))
			return text_bytes(&s->names[i].name);
	return (struct bytes){NULL, 0};
}

void nfs_calls_free(struct worker *w, struct nfs_state *s)
{
	for (unsigned i = 0; i < NFS_CALLS_MAX; i++)
		nfs_call_free(w, &s->calls[i]);
	for (unsigned i = 0; i < NFS_NAMES_MAX; i++) {
		text_free(w, &s->names[i].handle);
		text_free(w, &s->names[i].name);
	}
	text_free(w, &s->way[TO_SERVER].handle);
	text_free(w, &s->way[TO_CLIENT].handle);
}

/* ---- files ---- */

static void file_done(struct worker *w, struct nfs_tx *t, enum file_state state)
{
	chunks_close(w, &t->body, state);
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = NFS_DONE;
}

/* The file of the handle that goes that way and is not over. Of too many the oldest ends. */
static struct nfs_tx *file_find(struct worker *w, struct flow *f, enum direction d, struct bytes handle)
{
	struct nfs_tx *oldest = NULL;
	unsigned count = 0;

	for (struct tx *tx = f->app->first; tx; tx = tx->next) {
		struct nfs_tx *t = nfs_of(tx);

		if (!t->is_file || !t->body.file)
			continue;
		if (t->way == d && same(text_bytes(&t->handle), handle))
			return t;
		if (!oldest)
			oldest = t;
		count++;
	}
	if (count >= NFS_FILES_MAX) {
		file_done(w, oldest, FILE_TRUNCATED);
		f->app->dirty = 1;
	}
	return NULL;
}

static struct nfs_tx *file_new(struct nfs_message *m, uint32_t procedure, struct bytes handle)
{
	struct bytes name = nfs_name_of(m->s, handle);
	struct nfs_tx *t = nfs_tx_new(m);

	if (!t)
		return NULL;
	t->procedure = procedure;
	t->is_file = t->first = true;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = NFS_BEGUN;
	t->way = (uint8_t)m->d;
	text_set(m->w, &t->name, name.data ? name : (struct bytes){(const uint8_t *)"", 0});
	text_set(m->w, &t->handle, handle);
	t->body.file = file_open(m->w, m->f, &t->tx, m->d, t->name.data, t->name.len);
	return t;
}

static void file_end(struct worker *w, struct nfs_tx *t, uint32_t xid)
{
	t->last = true;
	t->last_xid = xid;
	file_done(w, t, FILE_CLOSED);
}

void nfs_file_data(struct nfs_message *m, uint32_t procedure, struct bytes handle, uint64_t offset, uint32_t len,
		   bool last)
{
	struct nfs_way *way = &m->s->way[m->d];
	struct nfs_tx *t = file_find(m->w, m->f, m->d, handle);
	uint32_t there = (uint32_t)cursor_left(&m->body);

	if (there > len)
		there = len;
	if (!t)
		t = file_new(m, procedure, handle);
	else
		t->chunk_count++;
	if (!t)
		return;
	/* Seen from its middle on: the part before is a hole. */
	chunks_add(m->w, &t->body, offset, m->body.p, there);
	if (there == len && last)
		file_end(m->w, t, m->xid);
	if (there == len || len - there > m->cut)
		return;
	way->data_left = len - there;
	way->data_at = offset + there;
	way->data_last = last;
	t->last_xid = m->xid;
	if (!text_set(m->w, &way->handle, handle))
		way->data_left = 0;
}

void nfs_file_more(struct worker *w, struct flow *f, struct nfs_state *s, enum direction d, const uint8_t *data,
		   uint32_t len)
{
	struct nfs_way *way = &s->way[d];
	struct nfs_tx *t = file_find(w, f, d, text_bytes(&way->handle));

	if (t && data)
		chunks_add(w, &t->body, way->data_at, data, len);
	else if (t)
		chunks_miss(w, &t->body, way->data_at, len);
	way->data_at += len;
	way->data_left -= len;
	if (t && !way->data_left && way->data_last)
		file_end(w, t, t->last_xid);
	f->app->dirty = f->app->changed[d] = 1;
}

void nfs_file_commit(struct nfs_message *m, struct bytes handle)
{
	struct nfs_tx *t = handle.len ? file_find(m->w, m->f, TO_SERVER, handle) : NULL;

	if (t)
		file_end(m->w, t, m->xid);
}
