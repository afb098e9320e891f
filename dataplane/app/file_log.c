/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files in records: their own (fileinfo), their end in the bulk ring, in alerts, and their hashes as contacts.
 * Runs in the worker.
 */
#include "dataplane/app/file.h"
#include "dataplane/base/hex.h"

#include "dataplane/engine/contact.h"
#include "dataplane/engine/emit.h"

static bool is_kept(const struct file *file)
{
	return file->store_id && file->flags & FILE_STORE && !(file->flags & FILE_STORE_LOST);
}

/* The record says stored; until then an alert says storing. */
static bool is_stored(const struct file *file)
{
	return file->flags & FILE_LOGGED && is_kept(file);
}

static const char *const state_names[] = {"UNKNOWN", "CLOSED", "TRUNCATED", "ERROR"};

static void record_members(struct recorder *r, const struct file *file, const struct tx *tx)
{
	rec_bytes(r, F_fileinfo_filename, file->name, file->name_len);
	if (file->sid_count) {
		rec_open(r, F_fileinfo_sid);
		for (unsigned i = 0; i < file->sid_count; i++)
			rec_uint(r, F_fileinfo_sid_one, file->sids[i]);
		rec_close(r);
	}
	if (file->magic)
		rec_bytes(r, F_fileinfo_magic, file->magic, file->magic_len);
	rec_bool(r, F_fileinfo_gaps, file->flags & FILE_HAS_GAPS);
	if (file->flags & FILE_ENCRYPTED)
		rec_bool(r, F_fileinfo_encrypted, true);
	rec_text(r, F_fileinfo_state, state_names[file->state]);
	if (file->has_hash & FILE_WANT_MD5)
		rec_bytes(r, F_fileinfo_md5, file->md5, sizeof(file->md5));
	if (file->has_hash & FILE_WANT_SHA1)
		rec_bytes(r, F_fileinfo_sha1, file->sha1, sizeof(file->sha1));
	if (file->has_hash & FILE_WANT_SHA256)
		rec_bytes(r, F_fileinfo_sha256, file->sha256, sizeof(file->sha256));
	rec_bool(r, F_fileinfo_stored, is_stored(file));
	if (is_stored(file))
		rec_uint(r, F_fileinfo_file_id, file->store_id);
	else if (is_kept(file))
		rec_bool(r, F_fileinfo_storing, true);
	rec_uint(r, F_fileinfo_size, file->size);
	if (file->flags & FILE_HAS_RANGE) {
		rec_uint(r, F_fileinfo_start, file->range_start);
		rec_uint(r, F_fileinfo_end, file->range_end);
	}
	rec_uint(r, F_fileinfo_tx_id, tx->id);
}

static void contact_hex(struct worker *w, struct flow *f, unsigned kind, const uint8_t *digest,
			unsigned len)
{
	char text[64];

	hex_put(text, digest, len);
	emit_contact(w, f, kind, text, 2 * len);
}

static void record_file(struct worker *w, struct flow *f, struct tx *tx, const struct file *file,
			const struct packet *p)
{
	const struct proto *proto = f->app ? f->app->proto : NULL;
	struct recorder *r;

	r = emit_flow(w, RECORD_fileinfo, f, (enum direction)file->direction, tx->id, p);
	if (proto && proto->alert_context)
		proto->alert_context(w, f, tx, r);
	rec_open(r, F_fileinfo_fileinfo);
	record_members(r, file, tx);
	rec_close(r);
}

/* Ends the file in the bulk ring: to be kept, or not. Before the record for people, which says stored
 * only when this had room. */
static void store_end(struct worker *w, struct flow *f, struct tx *tx, struct file *file,
		      const struct packet *p)
{
	bool keep = is_stored(file);

	record_file(w, f, tx, file, p);
	if (!keep)
		rec_uint(&w->recorder, F_fileinfo_file_id, file->store_id);
	if (!emit_end_bulk(w))
		file->flags |= FILE_STORE_LOST;
}

static void file_log_one(struct worker *w, struct flow *f, struct tx *tx, struct file *file,
			 const struct packet *p)
{
	file->flags |= FILE_LOGGED;
	if (file->store_id)
		store_end(w, f, tx, file, p);
	record_file(w, f, tx, file, p);
	emit_end(w);
	if (file->state != FILE_CLOSED)
		return; /* a hash of a part names nothing */
	if (file->has_hash & FILE_WANT_MD5)
		contact_hex(w, f, CONTACT_FILE_MD5, file->md5, sizeof(file->md5));
	if (file->has_hash & FILE_WANT_SHA1)
		contact_hex(w, f, CONTACT_FILE_SHA1, file->sha1, sizeof(file->sha1));
	if (file->has_hash & FILE_WANT_SHA256)
		contact_hex(w, f, CONTACT_FILE_SHA256, file->sha256, sizeof(file->sha256));
}

/* Rules look at a direction in its own packets, and may want the file kept; on a tap its bytes come
 * with packets of the other. The record waits for the next packet of the file's direction. */
static bool undecided(const struct tx *tx, int d, const struct packet *p)
{
	return !tx->ended && p && p->direction != d;
}

bool file_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	bool all = true;

	for (int d = 0; d < 2; d++) {
		for (struct file *file = tx->files[d]; file; file = file->next) {
			if (file->state == FILE_OPEN || file->flags & (FILE_LOGGED | FILE_HIDDEN))
				continue;
			if (undecided(tx, d, p))
				all = false;
			else
				file_log_one(w, f, tx, file, p);
		}
	}
	return all;
}

/* A file that ranges still add to is not the transaction's own. */
static bool is_shown(const struct file *file)
{
	return !(file->flags & FILE_HIDDEN) && !file->joins;
}

void file_alert_context(struct recorder *r, struct tx *tx)
{
	bool open = false, news = false;

	/* Those that have had their record are old news where there is a later one. */
	for (int d = 0; d < 2; d++)
		for (struct file *file = tx->files[d]; file; file = file->next)
			news |= is_shown(file) && !(file->flags & FILE_LOGGED);
	for (int d = 0; d < 2; d++) {
		for (struct file *file = tx->files[d]; file; file = file->next) {
			if (!is_shown(file) || (news && file->flags & FILE_LOGGED))
				continue;
			if (!open)
				rec_open(r, F_top_files);
			open = true;
			rec_open(r, F_top_file);
			record_members(r, file, tx);
			rec_close(r);
		}
	}
	if (open)
		rec_close(r);
}
