/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A folder of MISP events (a MISP feed): manifest.json names each event with the time of its last
 * change, UUID.json holds it. They are taken in the order of time and UUID, at most EVENTS_MAX in one
 * fetch; the next goes on where that one ended. The position is the time that was taken in to its
 * end, or the time and UUID of the last event that was.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/intel/fetch_private.h"

#define EVENTS_MAX 50000

static void file_url(char *url, size_t size, const char *base, const char *file)
{
	size_t n = strlen(base);
	const char *manifest = strstr(base, "/manifest.json");

	if (manifest)
		n = (size_t)(manifest - base) + 1;
	snprintf(url, size, "%.*s%s%s", (int)n, base, n && base[n - 1] == '/' ? "" : "/", file);
}

/* Only what names a file beside the manifest. */
static bool is_uuid(const char *s)
{
	return strlen(s) == 36 && strspn(s, "0123456789abcdefABCDEF-") == 36;
}

static uint64_t time_of(const json_t *event)
{
	const json_t *t = json_object_get(event, "timestamp");

	if (json_is_string(t))
		return strtoull(json_string_value(t), NULL, 10);
	return json_is_integer(t) && json_integer_value(t) > 0 ? (uint64_t)json_integer_value(t) : 0;
}

struct event {
	uint64_t at;
	char uuid[37];
};

struct events {
	struct event *list;
	size_t count;
};

static int compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	int d = (x->at > y->at) - (x->at < y->at);

	return d ? d : strcmp(x->uuid, y->uuid);
}

/* "1700000000", "1700000000 UUID" */
static struct event read_position(const char *position)
{
	struct event e = {.uuid = "~"}; /* behind every UUID */
	char *end;

	e.at = strtoull(position, &end, 10);
	if (*end == ' ' && is_uuid(end + 1))
		snprintf(e.uuid, sizeof(e.uuid), "%s", end + 1);
	return e;
}

/* The manifest's events behind the position, in order. 0; -ENOMEM; -EPROTO: it is none. */
static int read_manifest(struct slice bytes, const char *position, struct events *out)
{
	const struct event last = read_position(position);
	json_t *manifest = json_loadb(bytes.data, bytes.len, 0, NULL), *event;
	const char *uuid;
	int err = json_is_object(manifest) ? 0 : -EPROTO;

	*out = (struct events){0};
	if (!err && json_object_size(manifest))
		out->list = calloc(json_object_size(manifest), sizeof(*out->list));
	if (!err && json_object_size(manifest) && !out->list)
		err = -ENOMEM;
	json_object_foreach(manifest, uuid, event) {
		struct event e = {.at = time_of(event)};

		if (err || !is_uuid(uuid))
			continue;
		memcpy(e.uuid, uuid, sizeof(e.uuid));
		if (compare(&e, &last) > 0)
			out->list[out->count++] = e;
	}
	json_decref(manifest);
	if (out->count)
		qsort(out->list, out->count, sizeof(*out->list), compare);
	return err;
}

static int fetch_event(struct fetching *f, const char *uuid)
{
	char url[4096], file[48];
	struct courier_answer a;
	struct slice bytes;
	int err;

	snprintf(file, sizeof(file), "%s.json", uuid);
	file_url(url, sizeof(url), f->feed->url, file);
	err = fetch_ask(f, url, "application/json", false, &a, &bytes);
	if (!err)
		err = fetch_read(f, FEED_MISP, bytes);
	fetch_unmap(bytes);
	/* An event that was taken back, and still stands in the manifest, is not in the way of others. */
	if (err == -EIO && (a.http == 404 || a.http == 410)) {
		f->error[0] = '\0';
		err = intel_change_refused(f->change, 0, (struct slice){file, strlen(file)},
					   "is named by the manifest, but is not there");
	}
	return err;
}

int fetch_misp(struct fetching *f)
{
	struct courier_answer a;
	struct events events = {0};
	struct slice bytes;
	char url[4096];
	size_t most;
	int err;

	file_url(url, sizeof(url), f->feed->url, "manifest.json");
	err = fetch_ask(f, url, "application/json", false, &a, &bytes);
	if (!err)
		err = read_manifest(bytes, f->state.position, &events);
	if (err == -EPROTO)
		snprintf(f->error, sizeof(f->error), "%.400s is not a MISP manifest", url);
	fetch_unmap(bytes);
	f->same = !events.count;
	f->more = events.count > EVENTS_MAX;
	most = f->more ? EVENTS_MAX : events.count;
	for (size_t i = 0; i < most && !err; i++)
		err = fetch_event(f, events.list[i].uuid);
	if (!err && most)
		snprintf(f->state.position, sizeof(f->state.position), "%" PRIu64 "%s%s",
			 events.list[most - 1].at, f->more ? " " : "",
			 f->more ? events.list[most - 1].uuid : "");
	free(events.list);
	return err;
}
