/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/retro/refit_tally.h"

#include <stdlib.h>

#include "control/retro/refit.h"

static void add_host(struct tally *t, const char *text)
{
	struct tally_host h = {0};

	h.ip_version = text ? (uint8_t)addr_parse(text, &h.addr) : 0;
	if (!h.ip_version)
		return;
	for (uint32_t i = 0; i < t->hosts; i++)
		if (t->host[i].ip_version == h.ip_version && addr_equal(&t->host[i].addr, &h.addr))
			return;
	if (!t->host)
		t->host = calloc(REFIT_HOSTS_MAX, sizeof(*t->host));
	if (!t->host || t->hosts == REFIT_HOSTS_MAX)
		t->hosts_more++;
	else
		t->host[t->hosts++] = h;
}

static void add_sample(struct tally *t, const json_t *event, uint64_t *room)
{
	char *text = json_dumps(event, JSON_COMPACT);

	if (text && strlen(text) <= REFIT_SAMPLE_BYTES_MAX && strlen(text) <= *room) {
		*room -= strlen(text);
		if (t->samples.len)
			text_char(&t->samples, ',');
		text_str(&t->samples, text);
		t->sample_count++;
	}
	free(text);
}

void tally_add(struct tally *t, uint64_t ts_ns, const json_t *event, uint32_t samples,
	       uint64_t *room)
{
	if (!t->count || ts_ns < t->first_ns)
		t->first_ns = ts_ns;
	if (ts_ns > t->last_ns)
		t->last_ns = ts_ns;
	t->count++;
	add_host(t, json_string_value(json_object_get(event, "src_ip")));
	add_host(t, json_string_value(json_object_get(event, "dest_ip")));
	if (t->sample_count < samples)
		add_sample(t, event, room);
}

void tally_free(struct tally *t)
{
	free(t->host);
	text_free(&t->samples);
}

static int by_weight(const void *a, const void *b)
{
	const struct tally_row *x = a, *y = b;

	if (x->order != y->order)
		return x->order > y->order ? -1 : 1;
	if (x->tally->count != y->tally->count)
		return x->tally->count > y->tally->count ? -1 : 1;
	return strcmp(x->title, y->title);
}

static void write_hosts(struct text *out, const struct tally *t)
{
	char room[ADDR_TEXT_MAX];

	json_key(out, "hosts");
	text_char(out, '[');
	for (uint32_t i = 0; i < t->hosts; i++) {
		json_comma(out);
		json_put_cstr(out, addr_format_long(&t->host[i].addr, t->host[i].ip_version, room));
	}
	text_char(out, ']');
	if (t->hosts_more)
		json_key_uint(out, "hosts_more", t->hosts_more);
}

static void write_row(struct text *out, const struct tally_row *row)
{
	const struct tally *t = row->tally;

	json_key_cstr(out, "rule", row->title);
	json_key_cstr(out, "id", row->id);
	json_key_cstr(out, "level", row->level);
	json_key_cstr(out, "kind", row->kind);
	json_key_cstr(out, "file", row->file);
	json_key_uint(out, "line", row->line);
	json_key(out, "tags");
	text_char(out, '[');
	for (uint32_t i = 0; i < row->tag_count; i++) {
		json_comma(out);
		json_put_cstr(out, row->tags[i]);
	}
	text_char(out, ']');
	json_key_uint(out, "count", t->count);
	json_key_time(out, "first", t->first_ns);
	json_key_time(out, "last", t->last_ns);
	write_hosts(out, t);
	json_key(out, "samples");
	text_char(out, '[');
	text_bytes(out, t->samples.data, t->samples.len);
	text_char(out, ']');
	out->failed |= t->samples.failed;
}

void tally_write(struct text *out, struct tally_row *rows, uint32_t count)
{
	qsort(rows, count, sizeof(*rows), by_weight);
	text_char(out, '[');
	for (uint32_t i = 0; i < count; i++) {
		json_comma(out);
		text_char(out, '{');
		write_row(out, &rows[i]);
		text_char(out, '}');
	}
	text_char(out, ']');
}
