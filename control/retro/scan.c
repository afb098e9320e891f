/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/retro/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control/ingest/ingest.h"
#include "control/intel/intel.h"
#include "control/retro/finding.h"
#include "control/retro/run.h"

#define LOOK_EVERY 256           /* indicators between looks at stop, store and backlog */
#define BACKLOG_BYTES (4u << 20) /* in the rings: ingestion goes first */
#define REFUSED_SHOWN 1000

struct scan {
	struct desk *d;
	struct job *j;
	const struct scan_options *o;
	struct contact_session *session;
	struct finding_writer *writer; /* NULL: rows are given, not kept */
	uint64_t indicators;
	/* scan_list */
	struct text *rows, refused;
	uint64_t given, loaded, row_count;
};

/* Between indicators: whether to go on, and whether ingestion needs the machine more. */
static int look_around(struct scan *s)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	if (++s->indicators % LOOK_EVERY)
		return 0;
	while (s->d->ingest && ingest_backlog(s->d->ingest) > BACKLOG_BYTES &&
	       !atomic_load(&s->j->stop) && !store_wanted(s->d->store))
		nanosleep(&pause, NULL);
	s->j->done = s->indicators;
	if (atomic_load(&s->j->stop))
		return -ECANCELED;
	return store_wanted(s->d->store) ? -EAGAIN : 0;
}

/* Looks one up; rows are empty when nobody was there. */
static int look_up(struct scan *s, const struct contact_want *want, struct contact_result *r,
		   struct retro_rows *rows)
{
	int err = contacts_session_find(s->session, want, &s->o->window, r);

	if (err <= 0)
		return err;
	err = contact_result_finish(r);
	return err ? err : retro_rows_make(rows, r);
}

static int scan_verdict(void *arg, const struct intel_verdict *v)
{
	struct scan *s = arg;
	struct contact_want want = {
		.kind = v->kind,
		.key = {(const uint8_t *)v->key.data + 1, v->key.len - 1}, /* without the kind */
		.below = v->below,
	};
	struct contact_result r = {0};
	struct retro_rows rows = {0};
	int err = look_around(s);

	if (err || !v->bad)
		return err;
	err = look_up(s, &want, &r, &rows);
	for (size_t i = 0; i < rows.count && !err; i++)
		err = finding_put(s->writer, v, &r, &rows, i);
	retro_rows_free(&rows);
	contact_result_free(&r);
	return err;
}

/* What allows may be wider than the indicator: then nothing that it matches is bad. */
int scan_known(struct desk *d, struct job *j, const struct scan_options *o, struct text *out)
{
	struct scan s = {.d = d, .j = j, .o = o};
	struct finding_stats stats = {0};
	struct intel_counts counts = {0};
	struct run run;
	int err = intel_counts(d->intel, &counts);

	j->done = 0;
	j->total = o->since_version ? 0 : counts.indicators;
	if (!err)
		err = run_begin(&run, d, o);
	if (err)
		return err;
	err = contacts_session_new(&s.session, d->contacts);
	if (!err)
		err = finding_writer_new(&s.writer, d, run.number);
	if (!err)
		err = intel_each(d->intel, o->kind, o->since_version, scan_verdict, &s);
	if (s.writer) {
		int end = finding_writer_end(s.writer, &stats);

		err = err ? err : end;
	}
	contacts_session_free(s.session);
	run.indicators = s.indicators;
	run.findings = stats.found;
	run.fresh = stats.fresh;
	j->done = s.indicators;
	j->total = s.indicators;
	run_end(&run, d, o, err, out);
	return err;
}

/* ---- a list that is not kept ---- */

static int scan_entry(void *arg, const struct intel_entry *e)
{
	struct scan *s = arg;
	char value[VALUE_BYTES_MAX + 1];
	uint8_t *key = malloc(INTEL_KEY_MAX);
	struct contact_result r = {0};
	struct retro_rows rows = {0};
	struct contact_want want;
	struct text normal = {0};
	int err = key ? look_around(s) : -ENOMEM;

	s->given++;
	snprintf(value, sizeof(value), "%.*s", (int)e->value.len, (const char *)e->value.data);
	if (!err && (s->o->kind && e->kind != s->o->kind)) {
		s->loaded++;
		free(key);
		return 0;
	}
	if (!err && contact_want_of(e->kind, value, e->below, &want, key) == 0 &&
	    indicator_normal(e->kind, value, &normal)) {
		s->loaded++;
		err = look_up(s, &want, &r, &rows);
	}
	for (size_t i = 0; i < rows.count && !err; i++) {
		json_comma(s->rows);
		text_char(s->rows, '{');
		retro_row_put(s->rows, s->d, &r, &rows.row[i], rows.hits, e->kind,
			      (struct slice){normal.data, normal.len});
		if (i == 0)
			json_key_bool(s->rows, "first_client", true);
		text_char(s->rows, '}');
		s->row_count++;
	}
	retro_rows_free(&rows);
	contact_result_free(&r);
	text_free(&normal);
	free(key);
	return err;
}

static int scan_refused(void *arg, uint64_t where, struct slice item, const char *reason)
{
	struct scan *s = arg;

	if (s->given++ - s->loaded > REFUSED_SHOWN)
		return 0;
	json_comma(&s->refused);
	text_char(&s->refused, '{');
	json_key_uint(&s->refused, "line", where);
	json_key(&s->refused, "item");
	json_put_string(&s->refused, item.data, item.len < 200 ? item.len : 200);
	json_key_cstr(&s->refused, "reason", reason);
	text_char(&s->refused, '}');
	return 0;
}

int scan_list(struct desk *d, struct job *j, const struct scan_options *o,
	      const struct feed_options *format, struct slice list, struct text *out)
{
	struct text rows = {0};
	struct scan s = {.d = d, .j = j, .o = o, .rows = &rows};
	struct feed_sink sink = {&s, scan_entry, scan_refused};
	char why[256] = "";
	int err = contacts_session_new(&s.session, d->contacts);

	text_char(&s.refused, '[');
	text_char(&rows, '[');
	if (!err)
		err = feed_read(format, list, &sink, why);
	contacts_session_free(s.session);
	if (err == -EPROTO && why[0])
		snprintf(j->error, sizeof(j->error), "%s", why);
	text_char(out, '{');
	json_key_uint(out, "given", s.given);
	json_key_uint(out, "loaded", s.loaded);
	json_key_uint(out, "refused_count", s.given - s.loaded);
	json_key_uint(out, "findings", s.row_count);
	json_key(out, "refused");
	text_bytes(out, s.refused.data, s.refused.len);
	text_char(out, ']');
	json_key(out, "rows");
	text_bytes(out, rows.data, rows.len);
	text_str(out, "]}");
	if (rows.failed || s.refused.failed)
		err = err ? err : -ENOMEM;
	text_free(&rows);
	text_free(&s.refused);
	return err;
}
