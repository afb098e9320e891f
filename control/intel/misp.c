/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A folder of MISP events (a MISP feed): manifest.json names each event with the time of its last
 * change, UUID.json holds it. The position is the newest time that was taken in.
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
	return err;
}

int fetch_misp(struct fetching *f)
{
	uint64_t since = strtoull(f->state.position, NULL, 10), newest = since, taken = 0;
	struct courier_answer a;
	struct slice bytes;
	const char *uuid;
	char url[4096];
	json_t *manifest = NULL, *event;
	int err;

	file_url(url, sizeof(url), f->feed->url, "manifest.json");
	err = fetch_ask(f, url, "application/json", false, &a, &bytes);
	if (!err)
		manifest = json_loadb(bytes.data, bytes.len, 0, NULL);
	fetch_unmap(bytes);
	if (!err && !json_is_object(manifest)) {
		err = -EPROTO;
		snprintf(f->error, sizeof(f->error), "%.400s is not a MISP manifest", url);
	}
	json_object_foreach(manifest, uuid, event) {
		uint64_t at = time_of(event);

		if (err || at <= since || !is_uuid(uuid) || taken++ >= EVENTS_MAX)
			continue;
		err = fetch_event(f, uuid);
		newest = at > newest ? at : newest;
	}
	json_decref(manifest);
	f->same = !taken;
	if (!err)
		snprintf(f->state.position, sizeof(f->state.position), "%" PRIu64, newest);
	return err;
}
