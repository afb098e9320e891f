/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What becomes of one record: EVE lines, a row of the store, a contact, the begin or end of a
 * capture. Ingest thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/say.h"
#include "control/contact/contacts.h"
#include "control/hosts/hosts.h"
#include "control/ingest/fast.h"
#include "control/ingest/ingest_private.h"
#include "control/ingest/stats.h"
#include "control/store/event_row.h"

char *capture_folder(const char *eve_dir, const char *path)
{
	struct text out = {0};
	const char *p = path;

	text_str(&out, eve_dir);
	while (*p) {
		size_t n = strcspn(p, "/");

		/* Neither out of the folder nor to its top. */
		if (n && !(n == 1 && p[0] == '.') && !(n == 2 && p[0] == '.' && p[1] == '.')) {
			text_char(&out, '/');
			text_bytes(&out, p, n);
		}
		p += n + (p[n] == '/');
	}
	text_char(&out, '\0');
	return out.failed ? (text_free(&out), NULL) : (char *)out.data;
}

static struct eve_sink *sink_of(struct ingest *in, unsigned worker)
{
	return in->worker[worker].sink ? in->worker[worker].sink : in->sink;
}

static int begin_capture(struct ingest *in, unsigned worker, const struct record_head *head)
{
	struct ingest_worker *w = &in->worker[worker];
	struct value path, index;
	char *folder;

	if (in->purpose != BOOT_INSPECT_EACH)
		return 0;
	if (!record_find(head, F_capture_begin_path, &path) || !path.body.len)
		return 0;
	/* One that began and did not end: its worker died. */
	if (w->sink && !w->finished) {
		w->finished = w->sink;
		w->sink = NULL;
	}
	/* Two captures within one commit: what the first one holds is committed before. */
	if (w->finished)
		return -EAGAIN;
	place_free(&w->at);
	w->at.path = strndup((const char *)path.body.data, path.body.len);
	w->at.in_capture = true;
	w->at.capture = record_find(head, F_capture_begin_index, &index) ? (uint32_t)index.n : 0;
	if (!in->setup.config->eve_enabled)
		return w->at.path ? 0 : -ENOMEM;
	folder = w->at.path ? capture_folder(in->setup.config->eve_dir, w->at.path) : NULL;
	if (!folder)
		return -ENOMEM;
	w->sink = eve_sink_open(&in->outputs, folder, in->setup.store, in->boot_id, true);
	free(folder);
	return w->sink ? 0 : -errno;
}

static void end_capture(struct ingest *in, unsigned worker, const struct record_head *head)
{
	struct ingest_worker *w = &in->worker[worker];
	struct counters c;
	struct value v;

	if (record_find(head, F_capture_end_error, &v) && v.body.len)
		say("%.*s", (int)v.body.len, (const char *)v.body.data);
	if (in->purpose != BOOT_INSPECT_EACH || !w->at.in_capture)
		return;
	if (record_find(head, F_capture_end_counters, &v) && v.body.len == sizeof(c)) {
		memcpy(&c, v.body.data, sizeof(c));
		ingest_stats(in, w->sink, &c, head->ts_ns);
	}
	w->finished = w->sink;
	w->sink = NULL;
	w->at.in_capture = false;
	place_free(&w->at);
}

/* Appends the lines of one record to all files that want it. Returns the main file's line, which
 * is made even if that file does not want it, when the store does. */
static struct slice put_lines(struct ingest *in, unsigned worker, const struct record_head *head,
			      bool for_store)
{
	struct eve_sink *sink = sink_of(in, worker);
	const char *capture = in->worker[worker].at.path ? in->worker[worker].at.path : in->capture;
	bool made[EVE_OUTPUTS_MAX] = {0};

	for (unsigned i = 0; i < in->outputs.count; i++) {
		const struct eve_output *o = &in->outputs.item[i];
		struct text *line = &in->line[o->same];
		bool wanted = eve_wants(o->options, head) &&
			      (i > 0 || in->setup.config->eve_enabled);

		if (!wanted && !(i == 0 && for_store))
			continue;
		if (!made[o->same]) {
			text_clear(line);
			made[o->same] = true;
			if (o->fast)
				fast_write(line, head);
			else if (!eve_write(line, o->options, head, capture))
				atomic_fetch_add(&in->figures.malformed, 1);
			text_char(line, '\n');
		}
		if (wanted && sink)
			text_bytes(&sink->file[i].pending, line->data, line->len);
	}
	if (!for_store || !in->line[0].len)
		return (struct slice){0};
	return (struct slice){in->line[0].data, in->line[0].len - 1};
}

static void put_row(struct ingest *in, unsigned worker, const struct record_head *head,
		    struct slice json)
{
	bool alert = record_rows[head->type].record_class == CLASS_ALERT;
	const char *name = record_rows[head->type].name;
	struct event_row row = {
		.ip_version = head->ip_version,
		.sport = head->flags & RECORD_HAS_PORTS ? head->sport : 0,
		.dport = head->flags & RECORD_HAS_PORTS ? head->dport : 0,
		.flow_id = head->flow_id,
		.src = head->src,
		.dst = head->dst,
		.type = {name, strlen(name)},
		.json = json,
	};
	uint8_t key[EVENT_KEY_BYTES];
	struct value sid;

	if (head->type == RECORD_alert && record_find(head, F_alert_signature_id, &sid))
		row.sid = (uint32_t)sid.n;
	text_clear(&in->row);
	event_value(&in->row, &row);
	if (worker == OWN_WORKER)
		event_key(key, head->ts_ns, EVENT_WORKER_CONTROL, in->boot_id, ++in->stats_seq);
	else
		event_key(key, head->ts_ns, (uint8_t)worker, in->boot_id, head->seq);
	if (!in->row.failed)
		store_batch_put(in->setup.store, in->batch, alert ? STORE_alert : STORE_event, key,
				sizeof(key), in->row.data, in->row.len);
}

void ingest_stats(struct ingest *in, struct eve_sink *sink, const struct counters *c,
		  uint64_t ts_ns)
{
	uint64_t uptime_s = (monotonic_ns() - in->started_ns) / 1000000000u;
	const struct stats_about about = {
		.config = in->setup.config,
		.status = in->setup.counters ? &in->setup.counters->status : NULL,
		.no_zeros = in->outputs.item[0].options->stats_no_zeros,
	};
	struct event_row row = {.type = {"stats", 5}};
	uint8_t key[EVENT_KEY_BYTES];
	struct text *line = &in->line[0];

	text_clear(line);
	stats_record(line, c, &about, ts_ns, uptime_s, in->outputs.item[0].options->host);
	for (unsigned i = 0; i < in->outputs.count && sink; i++) {
		if (!in->outputs.item[i].options->stats ||
		    (i == 0 && !in->setup.config->eve_enabled))
			continue;
		text_bytes(&sink->file[i].pending, line->data, line->len);
		text_char(&sink->file[i].pending, '\n');
	}
	if (in->setup.config->store_events) {
		row.json = (struct slice){line->data, line->len};
		text_clear(&in->row);
		event_value(&in->row, &row);
		event_key(key, ts_ns, EVENT_WORKER_CONTROL, in->boot_id, ++in->stats_seq);
		store_batch_put(in->setup.store, in->batch, STORE_event, key, sizeof(key),
				in->row.data, in->row.len);
	}
	in->uncommitted++;
}

int ingest_record(struct ingest *in, unsigned worker, const struct record_head *head)
{
	bool alert = record_rows[head->type].record_class == CLASS_ALERT, stored;
	struct slice json;

	atomic_fetch_add_explicit(&in->figures.type[head->type], 1, memory_order_relaxed);
	if (worker != OWN_WORKER && head->ts_ns > in->figures.newest_packet_ns)
		in->figures.newest_packet_ns = head->ts_ns;
	switch (head->type) {
	case RECORD_capture_begin:
		return begin_capture(in, worker, head);
	case RECORD_capture_end:
		end_capture(in, worker, head);
		return 0;
	case RECORD_contact:
		if (in->setup.contacts && contacts_stage(in->setup.contacts, head) != 0)
			return -EAGAIN;
		in->figures.contacts++;
		return 0;
	case RECORD_host:
		if (in->setup.hosts && hosts_stage(in->setup.hosts, head) != 0)
			return -EAGAIN;
		return 0;
	case RECORD_top:
		in->figures.malformed++;
		return 0;
	default:
		break;
	}
	if (alert)
		in->figures.alerts++;
	stored = alert || in->setup.config->store_events;
	json = put_lines(in, worker, head, stored);
	if (stored && json.len)
		put_row(in, worker, head, json);
	return 0;
}
