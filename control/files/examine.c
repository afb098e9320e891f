/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/files/examine.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/analysis/pool.h"
#include "control/base/say.h"
#include "control/files/file_record.h"
#include "control/files/quarantine.h"
#include "dataplane/event/ring.h"

#define SEEN_SLOTS 65536u /* a power of two */
#define SEEN_SECONDS 3600
#define RING_WAIT_NS 1000000
#define RING_TURNS_MAX 2000 /* two seconds, live; else as long as it takes */
#define HEX 65
#define PATH_ROOM 128

/* A content that was looked into and found harmless. */
struct seen {
	uint8_t sha256[32];
	int64_t until_s; /* 0: empty */
};

struct examining {
	struct examining *next;
	uint64_t id;
	char name[PENDING_NAME_MAX], hex[HEX];
};

struct examine {
	const struct config *config;
	const struct boot *boot;
	struct pool *pool;
	struct pending pending;
	struct ring ring;
	int store;
	uint64_t next_id;
	struct examining *open;
	struct seen *seen;
	uint8_t *record; /* room for one */
	struct files_figures figures; /* its own of them */
};

struct examine *examine_new(const struct config *c, const struct boot *b)
{
	struct examine *e = calloc(1, sizeof(*e));
	int err = -ENOMEM;

	if (!e)
		return NULL;
	e->config = c;
	e->boot = b;
	e->pending.dir = -1;
	e->seen = calloc(SEEN_SLOTS, sizeof(*e->seen));
	e->record = malloc(RECORD_MAX_BYTES);
	if (e->seen && e->record)
		err = ring_attach(&e->ring, b->file_ring_fd);
	if (err)
		say("files cannot be analysed: %s", strerror(-err));
	else
		e->pool = pool_start(c, b->purpose == BOOT_LIVE ? (unsigned)c->file_analysis_queue : 0, b->indicators_fd);
	if (!e->pool) {
		examine_free(e);
		return NULL;
	}
	return e;
}

void examine_free(struct examine *e)
{
	if (!e)
		return;
	pool_stop(e->pool);
	pending_close(&e->pending);
	if (e->ring.shared)
		ring_detach(&e->ring);
	while (e->open) {
		struct examining *x = e->open;

		e->open = x->next;
		free(x);
	}
	free(e->seen);
	free(e->record);
	free(e);
}

struct pending *examine_pending(struct examine *e)
{
	return &e->pending;
}

/* ---- what was seen ---- */

static struct seen *seen_slot(struct examine *e, const uint8_t sha256[32])
{
	uint32_t i;

	memcpy(&i, sha256, sizeof(i));
	return &e->seen[i & (SEEN_SLOTS - 1)];
}

bool examine_wants(struct examine *e, const uint8_t sha256[32])
{
	const struct seen *s = seen_slot(e, sha256);

	if (s->until_s > (int64_t)time(NULL) && memcmp(s->sha256, sha256, 32) == 0) {
		e->figures.seen_again++;
		return false;
	}
	return true;
}

static void remember_harmless(struct examine *e, const char *hex)
{
	uint8_t sha256[32];
	struct seen *s;

	for (unsigned i = 0; i < 32; i++) {
		unsigned byte = 0;

		sscanf(hex + 2 * i, "%2x", &byte);
		sha256[i] = (uint8_t)byte;
	}
	s = seen_slot(e, sha256);
	memcpy(s->sha256, sha256, 32);
	s->until_s = (int64_t)time(NULL) + SEEN_SECONDS;
}

bool examine_has_room(const struct examine *e)
{
	return pool_has_room(e->pool);
}

/* ---- orders ---- */

static void add(struct examine *e, const char *name, const char *hex)
{
	struct record_head *record = pending_record(&e->pending, name);
	struct examining *x = calloc(1, sizeof(*x));
	struct text file_name = {0}, mail = {0};
	struct pool_order o = {.id = ++e->next_id, .file = pending_file(&e->pending, name), .declared = "", .mail = &mail};

	e->figures.seen++;
	if (record)
		o.mailed = file_record_read(record, &file_name, &mail);
	o.name = text_cstr(&file_name);
	if (!x || o.file < 0 || !pool_submit(e->pool, &o)) {
		e->figures.skipped++;
		pending_drop(&e->pending, name);
		free(x);
	} else {
		x->id = o.id;
		snprintf(x->name, sizeof(x->name), "%s", name);
		snprintf(x->hex, sizeof(x->hex), "%s", hex);
		x->next = e->open;
		e->open = x;
	}
	text_free(&file_name);
	text_free(&mail);
	free(record);
}

void examine_add(struct examine *e, const char *name, const char *sha256_hex)
{
	add(e, name, sha256_hex);
}

static void take_leftover(void *arg, const char *name)
{
	struct examine *e = arg;
	uint8_t room[65536], sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int fd = pending_file(&e->pending, name);
	char hex[HEX] = "";
	ssize_t n = -1;

	if (ctx && fd >= 0 && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
		while ((n = read(fd, room, sizeof(room))) > 0)
			EVP_DigestUpdate(ctx, room, (size_t)n);
	if (n == 0 && EVP_DigestFinal_ex(ctx, sum, NULL) == 1)
		for (unsigned i = 0; i < 32; i++)
			snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	EVP_MD_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	if (*hex)
		add(e, name, hex);
	else
		pending_drop(&e->pending, name);
}

int examine_begin(struct examine *e, int store)
{
	int err = pending_open(&e->pending, store);

	e->store = store;
	if (err)
		say("files cannot be analysed: %s (file_store.dir)", strerror(-err));
	else
		pending_each(&e->pending, take_leftover, e);
	return err;
}

/* ---- results ---- */

static bool put_record(struct examine *e, const struct record_head *record)
{
	void *room;

	for (unsigned turn = 0; !(room = ring_reserve(&e->ring, record->length, 0)); turn++) {
		const struct timespec pause = {.tv_nsec = RING_WAIT_NS};

		if (e->boot->purpose == BOOT_LIVE && turn == RING_TURNS_MAX) {
			e->figures.lost++;
			return false;
		}
		nanosleep(&pause, NULL);
	}
	memcpy(room, record, record->length);
	((struct record_head *)room)->seq = ++e->ring.shared->last_seq;
	ring_commit(&e->ring, record->length);
	return true;
}

static void write_report(struct examine *e, const struct examining *x, const char *report, size_t len)
{
	char path[PATH_ROOM], temporary[PATH_ROOM];
	int fd;

	snprintf(path, sizeof(path), "%.2s/%s.analysis.json", x->hex, x->hex);
	snprintf(temporary, sizeof(temporary), "tmp/%s.analysis", x->hex);
	fd = openat(e->store, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return;
	if (write(fd, report, len) != (ssize_t)len || renameat(e->store, temporary, e->store, path) != 0)
		say("the report on a file cannot be written: %s", strerror(errno));
	close(fd);
}

/* What a verdict asks for; what was kept or not before. */
static void act(struct examine *e, const struct examining *x, const struct pool_result *r, struct file_verdict *v)
{
	char path[PATH_ROOM];
	int err;

	snprintf(path, sizeof(path), "%.2s/%s", x->hex, x->hex);
	if (r->verdict >= e->config->file_analysis_keep && !quarantine_has(e->store, x->hex)) {
		err = pending_keep(&e->pending, x->name, e->store, path);
		e->figures.kept += err == 0;
	}
	v->stored = faccessat(e->store, path, F_OK, 0) == 0;
	if (v->stored && e->config->file_analysis_quarantine && r->verdict >= e->config->file_analysis_quarantine) {
		err = quarantine_put(e->store, x->hex);
		if (err)
			say("a file cannot be put into quarantine: %s", strerror(-err));
		e->figures.quarantined += err == 0;
	}
	v->quarantined = quarantine_has(e->store, x->hex);
	if (v->stored || v->quarantined)
		write_report(e, x, r->report, r->report_len);
}

static void on_result(void *arg, const struct pool_result *r)
{
	struct examine *e = arg;
	struct examining **at = &e->open, *x;
	struct file_verdict v = {.verdict = r->verdict};
	struct record_head *seen;

	while (*at && (*at)->id != r->id)
		at = &(*at)->next;
	x = *at;
	if (!x)
		return;
	*at = x->next;
	act(e, x, r, &v);
	if (r->verdict < e->config->file_analysis_alert) {
		remember_harmless(e, x->hex);
	} else if ((seen = pending_record(&e->pending, x->name))) {
		json_error_t error;

		v.sha256_hex = x->hex;
		v.report = json_loadb(r->report, r->report_len, 0, &error);
		if (file_record_write(e->record, seen, &v))
			e->figures.alerts += put_record(e, (const struct record_head *)(const void *)e->record);
		json_decref(v.report);
		free(seen);
	}
	pending_drop(&e->pending, x->name);
	free(x);
}

int examine_turn(struct examine *e, int wait_ms)
{
	return pool_turn(e->pool, wait_ms, on_result, e);
}

void examine_indicators(struct examine *e, int image)
{
	pool_indicators(e->pool, image);
	memset(e->seen, 0, SEEN_SLOTS * sizeof(*e->seen)); /* what was harmless may be known now */
}

unsigned examine_open(const struct examine *e)
{
	return pool_open_orders(e->pool);
}

void examine_tell(const struct examine *e, struct files_figures *f)
{
	const struct pool_figures *p = pool_figures(e->pool);

	f->seen = e->figures.seen;
	f->seen_again = e->figures.seen_again;
	f->skipped = e->figures.skipped;
	f->alerts = e->figures.alerts;
	f->kept = e->figures.kept;
	f->quarantined = e->figures.quarantined;
	f->lost = e->figures.lost;
	f->analysed = p->analysed;
	f->crashed = p->crashed;
	f->late = p->late;
	f->memory = p->memory;
	f->cpu_us = p->cpu_us;
	f->waiting = p->waiting;
	f->running = p->running;
}
