/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/intel/sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_PAIRS 65536
#define FIRST_BYTES (1u << 20)

/* A pair in memory: both lengths, key, value. */
struct pair {
	uint64_t prefix; /* first bytes of the key, as a number that sorts like them */
	uint32_t at, key_len;
	uint32_t value_len, order;
};

struct head {
	uint32_t key_len, value_len;
};

/* A sorted part of the file, and what of it is in memory. */
struct run {
	uint64_t at, end; /* in the file: not yet read */
	uint8_t *buffer;
	size_t from, to, cap;
	struct head head; /* of the pair it stands on */
	unsigned number;
};

struct sorter {
	const char *dir;
	uint8_t *bytes;
	size_t len, cap;
	struct pair *pairs;
	size_t count, room;
	uint64_t total;
	int fd;
	uint64_t file_end;
	struct run *runs;
	unsigned run_count, heap_count;
	unsigned *heap;
	size_t next;  /* in memory, when nothing was written */
	bool started; /* the run at the top was given out and is to be moved */
};

struct sorter *sorter_new(const char *dir)
{
	struct sorter *s = calloc(1, sizeof(*s));

	if (s) {
		s->dir = dir;
		s->fd = -1;
	}
	return s;
}

void sorter_free(struct sorter *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->run_count; i++)
		free(s->runs[i].buffer);
	if (s->fd >= 0)
		close(s->fd);
	free(s->runs);
	free(s->heap);
	free(s->bytes);
	free(s->pairs);
	free(s);
}

uint64_t sorter_count(const struct sorter *s)
{
	return s->total;
}

static uint64_t prefix_of(const uint8_t *key, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v = v << 8 | (i < len ? key[i] : 0);
	return v;
}

static int compare_keys(const void *a, size_t a_len, const void *b, size_t b_len)
{
	int d = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return d ? d : (a_len > b_len) - (a_len < b_len);
}

static int compare_pairs(const void *a, const void *b, void *arg)
{
	const struct pair *x = a, *y = b;
	const uint8_t *bytes = arg;
	int d;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	d = compare_keys(bytes + x->at, x->key_len, bytes + y->at, y->key_len);
	return d ? d : (x->order > y->order) - (x->order < y->order);
}

static int write_all(struct sorter *s, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = pwrite(s->fd, data, len, (off_t)s->file_end);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == ENOSPC ? -ENOSPC : -EIO;
		data += n;
		len -= (size_t)n;
		s->file_end += (uint64_t)n;
	}
	return 0;
}

static int new_run(struct sorter *s)
{
	struct run *more = realloc(s->runs, (s->run_count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	s->runs = more;
	s->runs[s->run_count] = (struct run){.at = s->file_end, .number = s->run_count};
	s->run_count++;
	return 0;
}

static int open_unnamed(const char *dir)
{
	char path[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	/* Some file systems have no files without a name. */
	snprintf(path, sizeof(path), "%s/intel-XXXXXX.tmp", dir);
	fd = mkostemps(path, 4, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* Sorts what is in memory and writes it behind the runs before it. */
static int spill(struct sorter *s)
{
	uint8_t *out = malloc(SORTER_READ_BYTES);
	size_t used = 0;
	int err = out ? 0 : -ENOMEM;

	if (!err && s->fd < 0) {
		s->fd = open_unnamed(s->dir);
		err = s->fd < 0 ? s->fd : 0;
	}
	if (!err)
		err = new_run(s);
	if (!err)
		qsort_r(s->pairs, s->count, sizeof(*s->pairs), compare_pairs, s->bytes);
	for (size_t i = 0; i < s->count && !err; i++) {
		const struct pair *p = &s->pairs[i];
		struct head h = {p->key_len, p->value_len};
		size_t n = (size_t)p->key_len + p->value_len;

		if (used + sizeof(h) + n > SORTER_READ_BYTES) {
			err = write_all(s, out, used);
			used = 0;
		}
		memcpy(out + used, &h, sizeof(h));
		memcpy(out + used + sizeof(h), s->bytes + p->at, n);
		used += sizeof(h) + n;
	}
	if (!err)
		err = write_all(s, out, used);
	if (!err)
		s->runs[s->run_count - 1].end = s->file_end;
	free(out);
	s->count = s->len = 0;
	return err;
}

static int make_room(struct sorter *s, size_t n)
{
	if (s->len + n > s->cap) {
		size_t cap = s->cap ? s->cap * 2 : FIRST_BYTES;
		uint8_t *more;

		while (cap < s->len + n)
			cap *= 2;
		more = realloc(s->bytes, cap);
		if (!more)
			return -ENOMEM;
		s->bytes = more;
		s->cap = cap;
	}
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : FIRST_PAIRS / 64;
		struct pair *more = realloc(s->pairs, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->pairs = more;
		s->room = room;
	}
	return 0;
}

int sorter_add(struct sorter *s, struct slice key, struct slice value)
{
	size_t n = key.len + value.len;
	int err = 0;

	if (n > SORTER_READ_BYTES / 2)
		return -EINVAL;
	if (s->len + s->count * sizeof(struct pair) + n > SORTER_RUN_BYTES)
		err = spill(s);
	if (!err)
		err = make_room(s, n);
	if (err)
		return err;
	s->pairs[s->count] =
		(struct pair){prefix_of(key.data, key.len), (uint32_t)s->len, (uint32_t)key.len,
			      (uint32_t)value.len, (uint32_t)s->count};
	memcpy(s->bytes + s->len, key.data, key.len);
	if (value.len)
		memcpy(s->bytes + s->len + key.len, value.data, value.len);
	s->len += n;
	s->count++;
	s->total++;
	return 0;
}

/* The whole pair in the buffer: 1; 0: the run is over; or -errno. */
static int run_fill(struct sorter *s, struct run *r)
{
	for (;;) {
		size_t have = r->to - r->from;
		ssize_t n;

		if (have >= sizeof(struct head)) {
			memcpy(&r->head, r->buffer + r->from, sizeof(struct head));
			if (have >= sizeof(struct head) + r->head.key_len + r->head.value_len)
				return 1;
		}
		if (r->at == r->end)
			return have ? -EIO : 0;
		memmove(r->buffer, r->buffer + r->from, have);
		r->from = 0;
		r->to = have;
		n = (ssize_t)(r->end - r->at < r->cap - have ? r->end - r->at : r->cap - have);
		n = pread(s->fd, r->buffer + have, (size_t)n, (off_t)r->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		r->at += (uint64_t)n;
		r->to += (size_t)n;
	}
}

static bool run_before(const struct run *a, const struct run *b)
{
	int d = compare_keys(a->buffer + a->from + sizeof(struct head), a->head.key_len,
			     b->buffer + b->from + sizeof(struct head), b->head.key_len);

	return d ? d < 0 : a->number < b->number;
}

static void sink(struct sorter *s, unsigned i)
{
	for (;;) {
		unsigned least = i;

		for (unsigned c = 2 * i + 1; c <= 2 * i + 2 && c < s->heap_count; c++)
			if (run_before(&s->runs[s->heap[c]], &s->runs[s->heap[least]]))
				least = c;
		if (least == i)
			return;
		unsigned swap = s->heap[i];

		s->heap[i] = s->heap[least];
		s->heap[least] = swap;
		i = least;
	}
}

int sorter_sort(struct sorter *s)
{
	int err = 0;

	if (!s->run_count) {
		if (s->count)
			qsort_r(s->pairs, s->count, sizeof(*s->pairs), compare_pairs, s->bytes);
		return 0;
	}
	if (s->count)
		err = spill(s);
	free(s->bytes);
	free(s->pairs);
	s->bytes = NULL;
	s->pairs = NULL;
	s->heap = err ? NULL : calloc(s->run_count, sizeof(*s->heap));
	if (!err && !s->heap)
		err = -ENOMEM;
	for (unsigned i = 0; i < s->run_count && !err; i++) {
		s->runs[i].cap = SORTER_READ_BYTES;
		s->runs[i].buffer = malloc(SORTER_READ_BYTES);
		err = s->runs[i].buffer ? run_fill(s, &s->runs[i]) : -ENOMEM;
		if (err == 1) {
			s->heap[s->heap_count++] = i;
			err = 0;
		}
	}
	for (unsigned i = s->heap_count; i-- > 0 && !err;)
		sink(s, i);
	return err;
}

int sorter_next(struct sorter *s, struct slice *key, struct slice *value)
{
	struct run *r;
	int err;

	if (!s->run_count) {
		const struct pair *p;

		if (s->next == s->count)
			return 0; /* also when there never was one: pairs is NULL */
		p = &s->pairs[s->next++];
		*key = (struct slice){s->bytes + p->at, p->key_len};
		*value = (struct slice){s->bytes + p->at + p->key_len, p->value_len};
		return 1;
	}
	if (s->started && s->heap_count) {
		r = &s->runs[s->heap[0]];
		r->from += sizeof(struct head) + r->head.key_len + r->head.value_len;
		err = run_fill(s, r);
		if (err < 0)
			return err;
		if (!err)
			s->heap[0] = s->heap[--s->heap_count];
		sink(s, 0);
	}
	s->started = true;
	if (!s->heap_count)
		return 0;
	r = &s->runs[s->heap[0]];
	*key = (struct slice){r->buffer + r->from + sizeof(struct head), r->head.key_len};
	*value = (struct slice){(const uint8_t *)key->data + key->len, r->head.value_len};
	return 1;
}
