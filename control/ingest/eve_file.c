/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ingest/eve_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/base/folder.h"
#include "control/base/say.h"
#include "control/store/bytes.h"

#define OFFSET_KEY_MAX (4 + 8 + 4096)

static int add_output(struct eve_outputs *o, const struct config *c, const char *name)
{
	struct eve_output *out = &o->item[o->count];
	const char *file = c->eve_file;
	char path[160];

	if (o->count == EVE_OUTPUTS_MAX) {
		say("eve.files: more than %d files", EVE_OUTPUTS_MAX);
		return -EINVAL;
	}
	if (name) {
		snprintf(path, sizeof(path), "%s.file", name);
		file = config_map_get(&c->eve_files, path);
		snprintf(path, sizeof(path), "%s.json", name);
		if (!file)
			file = path;
	}
	out->options = eve_options_new(c, name, o->live);
	out->name = strdup(file);
	if (!out->options || !out->name)
		return -ENOMEM;
	out->same = o->count;
	for (unsigned i = 0; i < o->count; i++) {
		if (eve_options_same_lines(o->item[i].options, out->options)) {
			out->same = i;
			break;
		}
	}
	o->count++;
	return 0;
}

/* The names in eve.files.NAME.…, each once. */
static int add_further(struct eve_outputs *o, const struct config *c)
{
	for (size_t i = 0; i < c->eve_files.count; i++) {
		const char *key = c->eve_files.keys[i], *dot = strchr(key, '.');
		size_t n = dot ? (size_t)(dot - key) : strlen(key);
		bool seen = false;
		char name[96];
		int err;

		for (size_t k = 0; k < i && !seen; k++)
			seen = strncmp(c->eve_files.keys[k], key, n) == 0 &&
			       (c->eve_files.keys[k][n] == '.' || !c->eve_files.keys[k][n]);
		if (seen || n >= sizeof(name))
			continue;
		memcpy(name, key, n);
		name[n] = '\0';
		err = add_output(o, c, name);
		if (err)
			return err;
	}
	return 0;
}

static int add_fast(struct eve_outputs *o, const struct config *c)
{
	struct eve_output *out = &o->item[o->count];

	if (o->count == EVE_OUTPUTS_MAX) {
		say("eve.files and fast_log: more than %d files", EVE_OUTPUTS_MAX);
		return -EINVAL;
	}
	out->options = eve_options_new(c, NULL, o->live);
	out->name = strdup(c->fast_log_file);
	out->fast = true;
	out->same = o->count++;
	if (!out->options || !out->name)
		return -ENOMEM;
	for (int t = 0; t < RECORD_COUNT; t++)
		out->options->enabled[t] = t == RECORD_alert;
	out->options->stats = false;
	return 0;
}

int eve_outputs_init(struct eve_outputs *o, const struct config *c, bool live)
{
	int err;

	*o = (struct eve_outputs){.live = live};
	err = add_output(o, c, NULL);
	if (!err && c->eve_enabled)
		err = add_further(o, c);
	if (!err && c->eve_enabled && c->fast_log)
		err = add_fast(o, c);
	if (err)
		eve_outputs_fini(o);
	return err;
}

void eve_outputs_fini(struct eve_outputs *o)
{
	for (unsigned i = 0; i < o->count; i++) {
		eve_options_free(o->item[i].options);
		free(o->item[i].name);
	}
	o->count = 0;
}

static size_t offset_key(uint8_t *key, uint64_t boot_id, const char *path)
{
	size_t n = strlen(path);

	if (n > 4096)
		n = 4096;
	memcpy(key, "eve/", 4);
	put_be64(key + 4, boot_id);
	memcpy(key + 12, path, n);
	return 12 + n;
}

/* The stored offset of a file with this inode; -1: none. */
static int64_t stored_offset(struct store *s, uint64_t boot_id, const char *path, uint64_t inode)
{
	uint8_t key[OFFSET_KEY_MAX];
	struct text value = {0};
	int64_t offset = -1;

	if (store_get(s, STORE_meta, key, offset_key(key, boot_id, path), NULL, &value) == 1 &&
	    value.len == 16 && read_be64(value.data) == inode)
		offset = (int64_t)read_be64(value.data + 8);
	text_free(&value);
	return offset;
}

static int open_by_name(struct eve_file *f)
{
	struct stat st;

	f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (f->fd < 0 || fstat(f->fd, &st) != 0)
		return -errno;
	f->inode = st.st_ino;
	f->offset = f->committed = (uint64_t)st.st_size;
	return 0;
}

static int record_now(struct eve_file *f, struct store *s, uint64_t boot_id)
{
	uint8_t key[OFFSET_KEY_MAX], value[16];

	put_be64(value, f->inode);
	put_be64(value + 8, f->offset);
	return store_put(s, STORE_meta, key, offset_key(key, boot_id, f->path), value,
			 sizeof(value));
}

/* Cuts off what was never committed. A file that this boot did not know yet is recorded before
 * anything is written to it, so that it can be cut back to what it is now. */
static int cut_back(struct eve_file *f, struct store *s, uint64_t boot_id)
{
	int64_t offset = stored_offset(s, boot_id, f->path, f->inode);

	if (offset < 0)
		return record_now(f, s, boot_id);
	if ((uint64_t)offset > f->offset) {
		say("%s is shorter than what was written to it: it misses %llu bytes, which are "
		    "in the store",
		    f->path, (unsigned long long)((uint64_t)offset - f->offset));
		return 0;
	}
	if (ftruncate(f->fd, offset) != 0)
		return -errno;
	f->offset = f->committed = (uint64_t)offset;
	return 0;
}

static char *join(const char *folder, const char *name)
{
	char *path;

	if (name[0] == '/')
		return strdup(name);
	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static int open_file(struct eve_file *f, const char *folder, const char *name, struct store *s,
		     uint64_t boot_id, bool fresh)
{
	int err;

	f->path = join(folder, name);
	if (!f->path)
		return -ENOMEM;
	err = open_by_name(f);
	if (err)
		return err;
	if (!fresh)
		return cut_back(f, s, boot_id);
	if (ftruncate(f->fd, 0) != 0)
		return -errno;
	f->offset = f->committed = 0;
	f->touched = true; /* its length is stored with the first commit, even if it is 0 */
	return 0;
}

struct eve_sink *eve_sink_open(const struct eve_outputs *o, const char *folder, struct store *s,
			       uint64_t boot_id, bool fresh)
{
	struct eve_sink *sink = calloc(1, sizeof(*sink));
	int err = folder_make(folder, 0755);

	if (!sink || !(sink->folder = strdup(folder)))
		err = -ENOMEM;
	for (unsigned i = 0; i < o->count && !err; i++) {
		struct eve_file *f = &sink->file[i];

		f->fd = -1;
		sink->count++;
		err = open_file(f, folder, o->item[i].name, s, boot_id, fresh);
		if (err)
			say("%s cannot be written: %s", f->path ? f->path : o->item[i].name,
			    strerror(-err));
	}
	if (err) {
		if (!sink || !sink->count)
			say("%s cannot be made: %s", folder, strerror(-err));
		eve_sink_close(sink);
		errno = -err;
		return NULL;
	}
	return sink;
}

void eve_sink_close(struct eve_sink *sink)
{
	if (!sink)
		return;
	for (unsigned i = 0; i < sink->count; i++) {
		if (sink->file[i].fd >= 0)
			close(sink->file[i].fd);
		free(sink->file[i].path);
		text_free(&sink->file[i].pending);
	}
	free(sink->folder);
	free(sink);
}

static int write_file(struct eve_file *f)
{
	size_t done = 0;

	if (f->pending.failed)
		return -ENOMEM;
	while (done < f->pending.len) {
		ssize_t n = write(f->fd, f->pending.data + done, f->pending.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
		f->offset += (size_t)n;
	}
	if (done)
		f->touched = true;
	text_clear(&f->pending);
	return 0;
}

int eve_sink_write(struct eve_sink *sink)
{
	int err = 0;

	for (unsigned i = 0; i < sink->count && !err; i++) {
		err = write_file(&sink->file[i]);
		if (err)
			say("%s cannot be written: %s; records stay in the ring and are written "
			    "when it can be",
			    sink->file[i].path, strerror(-err));
	}
	return err;
}

void eve_sink_record(struct eve_sink *sink, struct store *s, struct store_batch *b,
		     uint64_t boot_id)
{
	uint8_t key[OFFSET_KEY_MAX], value[16];

	for (unsigned i = 0; i < sink->count; i++) {
		struct eve_file *f = &sink->file[i];

		if (!f->touched)
			continue;
		put_be64(value, f->inode);
		put_be64(value + 8, f->offset);
		store_batch_put(s, b, STORE_meta, key, offset_key(key, boot_id, f->path), value,
				sizeof(value));
	}
}

void eve_sink_committed(struct eve_sink *sink)
{
	for (unsigned i = 0; i < sink->count; i++) {
		sink->file[i].committed = sink->file[i].offset;
		sink->file[i].touched = false;
	}
}

int eve_sink_rollback(struct eve_sink *sink, struct store *s, uint64_t boot_id)
{
	for (unsigned i = 0; i < sink->count; i++) {
		struct eve_file *f = &sink->file[i];
		int64_t offset = stored_offset(s, boot_id, f->path, f->inode);

		text_clear(&f->pending);
		f->touched = false;
		if (offset < 0 || (uint64_t)offset > f->offset)
			offset = (int64_t)f->committed;
		if (ftruncate(f->fd, offset) != 0)
			return -errno;
		f->offset = f->committed = (uint64_t)offset;
	}
	return 0;
}

int eve_sink_rotate(struct eve_sink *sink, struct store *s, uint64_t boot_id)
{
	for (unsigned i = 0; i < sink->count; i++) {
		struct eve_file *f = &sink->file[i], fresh = {.path = f->path};
		int err = open_by_name(&fresh);

		if (!err)
			err = record_now(&fresh, s, boot_id);
		if (err) {
			say("%s cannot be opened anew: %s; the old file is still written",
			    f->path, strerror(-err));
			if (fresh.fd >= 0)
				close(fresh.fd);
			return err;
		}
		close(f->fd);
		f->fd = fresh.fd;
		f->inode = fresh.inode;
		f->offset = f->committed = fresh.offset;
	}
	return 0;
}

void eve_offsets_forget(struct store *s, struct store_batch *b, uint64_t boot_id)
{
	uint8_t from[12] = "eve/", to[12] = "eve/";

	put_be64(to + 4, boot_id);
	store_batch_delete_range(s, b, STORE_meta, from, 4, to, 12);
	if (boot_id != UINT64_MAX) {
		put_be64(from + 4, boot_id + 1);
		store_batch_delete_range(s, b, STORE_meta, from, 12, "eve0", 4);
	}
}
